import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { invalid, missing, named, words } from '../support/apig-errors.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const ID = /^[0-9a-f]{32}$/;
const UNKNOWN = '0123456789abcdef0123456789abcdef';
const SECONDS = expect.stringMatching(/T\d\d:\d\d:\d\dZ$/);

onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let n = 0;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}/vpc-channels${path}`;
  const channel = async (fields: object = {}): Promise<string> =>
    (await client.post(at(''), { name: `channel_${n++}`, port: 80, member_type: 'ip', ...fields })).body.id;
  const add = async (id: string, ...member_groups: object[]): Promise<any[]> => {
    const { status, body } = await client.post(at(`/${id}/member-groups`), { member_groups });
    expect(status).toBe(201);
    return body.member_groups;
  };
  beforeAll(async () => {
    test = await createTestDatabase(engine);
    service = await TestService.start(test);
    client = await service.client({ project: 'home' });
    gateway = await client.gateway();
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe('POST …/member-groups', () => {
    it('answers 201 with the groups in the order of the request, without omitted fields, and with a weight of 0', async () => {
      const id = await channel({ member_groups: [{ member_group_name: 'older' }] });
      const whole = {
        member_group_name: 'whole',
        member_group_remark: 'of a test',
        member_group_weight: 0,
        microservice_version: 'v1',
        microservice_port: 0,
        microservice_labels: [{ label_name: 'a', label_value: 'b' }],
        reference_vpc_channel_id: await channel(),
      };
      const sent = [whole, { member_group_name: 'bare' }];
      const { status, body } = await client.post(at(`/${id}/member-groups`), { member_groups: sent });
      expect([status, body]).toEqual([
        201,
        {
          total: 2,
          size: 2,
          member_groups: sent.map((group) => ({
            ...group,
            member_group_id: expect.stringMatching(ID),
            create_time: SECONDS,
            update_time: SECONDS,
          })),
        },
      ]);
      const { member_group_id } = body.member_groups[0];
      expect((await client.get(at(`/${id}/member-groups/${member_group_id}`))).body).toEqual(body.member_groups[0]);
    });

    it('answers 201 for an existing name, and replaces the group, which keeps its id and members', async () => {
      const id = await channel();
      const [group] = await add(id, { member_group_name: 'same', member_group_weight: 5, member_group_remark: 'first' });
      await client.post(at(`/${id}/members`), { members: [{ host: 'h', member_group_name: 'same' }] });
      const [again] = await add(id, { member_group_name: 'same', member_group_weight: 6 }, { member_group_name: 'same' });
      expect(again).toEqual({ ...group, member_group_remark: undefined, member_group_weight: 6, update_time: SECONDS });
      expect((await client.get(at(`/${id}/members`))).body.total).toBe(1);
    });

    it.each<[object, object]>([
      [{}, missing('member_groups')],
      [{ member_groups: [] }, invalid('member_groups')],
      [{ member_groups: [{}] }, missing('member_groups[0].member_group_name')],
      [{ member_groups: [{ member_group_name: '1st' }] }, invalid('member_groups[0].member_group_name')],
      [{ member_groups: [{ member_group_name: 'abc', microservice_port: 65_536 }] }, invalid('member_groups[0].microservice_port')],
      [
        { member_groups: [{ member_group_name: 'abc', microservice_labels: [{ label_name: 'a' }] }] },
        missing('member_groups[0].microservice_labels[0].label_value'),
      ],
      [
        { member_groups: [{ member_group_name: 'abc', member_group_weight: 101 }] },
        named('APIG.2004', 'The parameter value is outside the allowable range', 'member_groups[0].member_group_weight'),
      ],
    ])('answers 400 for %j', async (body, answer) => {
      const id = await channel();
      const refused = await client.post(at(`/${id}/member-groups`), body);
      expect([refused.status, refused.body]).toEqual([400, answer]);
    });

    it('answers 404 for a reference to an unknown channel, and writes nothing', async () => {
      const id = await channel();
      const elsewhere = await client.gateway();
      const theirs = await client.post(`/v2/{project}/apigw/instances/${elsewhere}/vpc-channels`, { name: 'theirs', port: 80 });
      for (const reference_vpc_channel_id of [UNKNOWN, theirs.body.id]) {
        const member_groups = [{ member_group_name: 'good' }, { member_group_name: 'bad', reference_vpc_channel_id }];
        const refused = await client.post(at(`/${id}/member-groups`), { member_groups });
        expect([refused.status, refused.body]).toEqual([
          404,
          words('APIG.3023', `The VPC channel does not exist,id:${reference_vpc_channel_id}`),
        ]);
      }
      expect((await client.get(at(`/${id}/member-groups`))).body.total).toBe(0);
    });

    it('answers 403 beyond 200 groups', async () => {
      const id = await channel();
      const crowd = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ member_group_name: `group_${from + i}` }));
      await add(id, ...crowd(0, 200));
      await add(id, ...crowd(0, 200));
      const refused = await client.post(at(`/${id}/member-groups`), { member_groups: crowd(200, 201) });
      expect([refused.status, refused.body.error_code]).toEqual([403, 'APIG.3110']);
    });
  });

  it('GET …/member-groups lists the oldest first, by name and by page', async () => {
    const id = await channel();
    await add(id, { member_group_name: 'alpha' }, { member_group_name: 'beta' }, { member_group_name: 'alphabet' });
    const names = async (query: string) =>
      (await client.get(at(`/${id}/member-groups?${query}`))).body.member_groups.map((group: any) => group.member_group_name);
    expect(await names('')).toEqual(['alpha', 'beta', 'alphabet']);
    expect(await names('member_group_name=lpha&limit=1&offset=1')).toEqual(['alphabet']);
    expect(await names('member_group_name=alpha&precise_search=member_group_name')).toEqual(['alpha']);
    expect((await client.get(at(`/${id}/member-groups?limit=1`))).body).toMatchObject({ total: 3, size: 1 });
  });

  describe('PUT …/member-groups/{id}', () => {
    it('answers 200 and replaces all fields, and members stay in the renamed group', async () => {
      const id = await channel();
      const [group] = await add(id, { member_group_name: 'before', member_group_weight: 5, member_group_remark: 'first' });
      await client.post(at(`/${id}/members`), { members: [{ host: 'h', member_group_name: 'before' }] });
      const sent = { member_group_name: 'after', member_group_weight: 0 };
      const { status, body } = await client.put(at(`/${id}/member-groups/${group.member_group_id}`), sent);
      expect([status, body]).toEqual([
        200,
        { ...sent, member_group_id: group.member_group_id, create_time: group.create_time, update_time: SECONDS },
      ]);
      expect((await client.get(at(`/${id}/member-groups/${group.member_group_id}`))).body).toEqual(body);
      expect((await client.get(at(`/${id}/members`))).body.members).toMatchObject([
        { member_group_name: 'after', member_group_id: group.member_group_id },
      ]);
    });

    it('answers 400 for the name of another group or values out of range, and 404 for an unknown group', async () => {
      const [id, other] = [await channel(), await channel()];
      const [one] = await add(id, { member_group_name: 'one' }, { member_group_name: 'two' });
      const put = async (channelId: string, groupId: string, body: object) => {
        const answer = await client.put(at(`/${channelId}/member-groups/${groupId}`), body);
        return [answer.status, answer.body];
      };
      expect(await put(id, one.member_group_id, { member_group_name: 'two' })).toEqual([400, invalid('member_group_name')]);
      expect(await put(id, one.member_group_id, {})).toEqual([400, missing('member_group_name')]);
      expect(await put(id, one.member_group_id, { member_group_name: 'one', member_group_weight: -1 })).toEqual([
        400,
        named('APIG.2004', 'The parameter value is outside the allowable range', 'member_group_weight'),
      ]);
      const none = (group: string) => [404, words('APIG.3024', `The VPC instance does not exist,id:${group}`)];
      expect(await put(id, UNKNOWN, { member_group_name: 'one' })).toEqual(none(UNKNOWN));
      expect(await put(other, one.member_group_id, { member_group_name: 'one' })).toEqual(none(one.member_group_id));
    });
  });

  it('DELETE …/member-groups/{id} answers 204 and deletes the group’s members, and answers 404 the second time', async () => {
    const id = await channel();
    const [goes] = await add(id, { member_group_name: 'goes' }, { member_group_name: 'stays' });
    const members = ['goes', 'stays'].map((member_group_name) => ({ host: 'h', member_group_name }));
    await client.post(at(`/${id}/members`), { members });
    expect((await client.delete(at(`/${id}/member-groups/${goes.member_group_id}`))).status).toBe(204);
    expect((await client.get(at(`/${id}/members`))).body.members).toMatchObject([{ member_group_name: 'stays' }]);
    for (const gone of [
      await client.get(at(`/${id}/member-groups/${goes.member_group_id}`)),
      await client.delete(at(`/${id}/member-groups/${goes.member_group_id}`)),
    ])
      expect([gone.status, gone.body.error_code]).toEqual([404, 'APIG.3024']);
  });

  it('every change writes an audit row', async () => {
    const id = await channel();
    const [{ member_group_id }] = (await add(id, { member_group_name: 'one' })) as [{ member_group_id: string }];
    await client.put(at(`/${id}/member-groups/${member_group_id}`), { member_group_name: 'two' });
    const health = { protocol: 'TCP', threshold_normal: 1, threshold_abnormal: 1, time_interval: 1, timeout: 1 };
    await client.put(at(`/${id}/health-config`), health);
    await client.delete(at(`/${id}/member-groups/${member_group_id}`));
    const administrator = await service.client({ project: 'home', role: 'APIG Administrator' });
    const { body } = await administrator.get(`/signet/v1/audit?instance_id=${gateway}&resource_id=${id}`);
    expect(body.events.map(({ action }: { action: string }) => action)).toEqual([
      'DeleteMemberGroup',
      'UpdateHealthCheck',
      'UpdateMemberGroup',
      'CreateMemberGroup',
      'CreateVpcChannel',
    ]);
  });

  it('every write answers 403 to a reader, and every operation 404 for an unknown or foreign channel', async () => {
    const id = await channel();
    const [{ member_group_id }] = (await add(id, { member_group_name: 'one' })) as [{ member_group_id: string }];
    const calls = (caller: Client, channelId: string) => [
      caller.get(at(`/${channelId}/member-groups`)),
      caller.get(at(`/${channelId}/member-groups/${member_group_id}`)),
      caller.post(at(`/${channelId}/member-groups`), { member_groups: [{ member_group_name: 'two' }] }),
      caller.put(at(`/${channelId}/member-groups/${member_group_id}`), { member_group_name: 'two' }),
      caller.delete(at(`/${channelId}/member-groups/${member_group_id}`)),
    ];
    const reader = await service.client({ project: 'home', role: READ_ONLY });
    expect((await Promise.all(calls(reader, id))).map(({ status }) => status)).toEqual([200, 200, 403, 403, 403]);
    for (const answer of await Promise.all(calls(client, UNKNOWN)))
      expect([answer.status, answer.body]).toEqual([404, words('APIG.3023', `The VPC channel does not exist,id:${UNKNOWN}`)]);
    for (const answer of await Promise.all(calls(await service.client(), id)))
      expect([answer.status, answer.body]).toEqual([404, words('APIG.3030', `The instance does not exist;id:${gateway}`)]);
  });
});
