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
  /** A channel of addresses with the groups `blue` and `green`. */
  const channel = async (fields: object = {}): Promise<string> => {
    const member_groups = [{ member_group_name: 'blue' }, { member_group_name: 'green' }];
    const { body } = await client.post(at(''), { name: `channel_${n++}`, port: 80, member_type: 'ip', member_groups, ...fields });
    return body.id;
  };
  const of = async (id: string, query = ''): Promise<any[]> => (await client.get(at(`/${id}/members?${query}`))).body.members;
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

  describe('members with invalid Unicode or without a port:', () => {
    it('halves of surrogate pairs are replaced on arrival, so two such addresses are one member, and sending it again changes nothing', async () => {
      const id = await channel({ members: [{ host: '\ud800' }, { host: '\ud801' }] });
      expect((await of(id)).map(({ host }) => host)).toEqual(['\ufffd']);
      for (const status of [201, 201])
        expect((await client.post(at(`/${id}/members`), { members: [{ host: 'q\ud800' }] })).status).toBe(status);
      expect((await of(id)).map(({ host }) => host)).toEqual(['\ufffd', 'q\ufffd']);
    });

    it('a member without a port gets the first port that is set for its channel, and stays one member', async () => {
      const fields = { name: `channel_${n++}`, member_type: 'ip' };
      const { body } = await client.post(at(''), { ...fields, members: [{ host: 'h' }] });
      await client.put(at(`/${body.id}`), { ...fields, port: 80 });
      await client.post(at(`/${body.id}/members`), { members: [{ host: 'h', port: 80 }] });
      expect((await of(body.id)).map(({ host, port }) => [host, port])).toEqual([['h', 80]]);
      await client.put(at(`/${body.id}`), { ...fields, port: 81 });
      expect((await of(body.id, 'limit=5')).map(({ port }) => port)).toEqual([80]);
    });

    it('a channel with members cannot be changed into one that refers to other channels', async () => {
      const id = await channel({ members: [{ host: 'h' }] });
      const answer = await client.put(at(`/${id}`), { name: `channel_${n++}`, port: 80, member_type: 'ip', vpc_channel_type: 'reference' });
      expect([answer.status, answer.body.error_code]).toEqual([403, 'APIG.3471']);
      expect((await client.get(at(`/${id}`))).body.vpc_channel_type).toBe('builtin');
    });
  });

  describe('POST …/members', () => {
    it('answers 201 with all members, where a member of a group has the group’s id', async () => {
      const id = await channel({ members: [{ host: '192.0.2.1' }] });
      const { status, body } = await client.post(at(`/${id}/members`), {
        members: [{ member_group_name: 'blue', port: 8080, host: '192.0.2.2' }],
      });
      const groups = (await client.get(at(`/${id}`))).body.member_groups;
      expect([status, body.total, body.size]).toEqual([201, 2, 2]);
      expect(body.members[1]).toEqual({
        id: expect.stringMatching(ID),
        vpc_channel_id: id,
        host: '192.0.2.2',
        ecs_id: '192.0.2.2',
        ecs_name: '192.0.2.2',
        port: 8080,
        weight: 0,
        is_backup: false,
        status: 1,
        member_group_name: 'blue',
        member_group_id: groups[0].member_group_id,
        health_status: 'unknown',
        create_time: SECONDS,
      });
    });

    it('answers 201 for the id and name of an existing member, and changes the given fields of that member', async () => {
      const id = await channel();
      const sent = { member_group_name: 'blue', port: 80, host: '192.0.2.2' };
      const added = await client.post(at(`/${id}/members`), { members: [{ ...sent, weight: 7, is_backup: true }] });
      const [member] = added.body.members;
      const again = { ...sent, ecs_id: member.ecs_id, ecs_name: member.ecs_name, status: 2 };
      const changed = await client.post(at(`/${id}/members`), { members: [again] });
      expect([changed.status, changed.body.members]).toEqual([201, [{ ...member, status: 2 }]]);
      const onPort = await client.post(at(`/${id}/members`), { members: [{ ...again, port: 0 }] });
      expect(onPort.body.members).toHaveLength(1);
    });

    it('answers 201 for one address in two groups, on two ports and without a group', async () => {
      const id = await channel();
      const host = '192.0.2.9';
      const members = [{ host }, { host, port: 81 }, { host, member_group_name: 'blue' }, { host, member_group_name: 'green' }];
      expect((await client.post(at(`/${id}/members`), { members })).body.total).toBe(4);
      expect((await client.post(at(`/${id}/members`), { members })).body.total).toBe(4);
    });

    it('answers 201 and identifies a cloud server by its id instead of an address', async () => {
      const id = await channel({ member_type: 'ecs' });
      const sent = { member_group_name: 'green', port: 80, ecs_id: 'e-1', ecs_name: 'node-1' };
      const { body } = await client.post(at(`/${id}/members`), { members: [sent] });
      expect(body.members).toMatchObject([{ ...sent, host: 'e-1' }]);
      const again = await client.post(at(`/${id}/members`), { members: [{ ...sent, host: 'e-1', status: 2 }] });
      expect(again.body.members).toEqual([{ ...body.members[0], status: 2 }]);
    });

    it.each<[object, object]>([
      [{}, missing('members')],
      [{ members: null }, missing('members')],
      [{ members: [] }, invalid('members')],
      [{ members: [null] }, invalid('members')],
      [{ members: [{}] }, missing('members[0].host')],
      [{ members: [{ host: '' }] }, missing('members[0].host')],
      [{ members: [{ host: 'h'.repeat(256) }] }, invalid('members[0].host')],
      [{ members: [{ host: 'h', port: 65_536 }] }, invalid('members[0].port')],
      [{ members: [{ host: 'h', status: 3 }] }, invalid('members[0].status')],
      [{ members: [{ host: 'h', member_group_name: 'red' }] }, invalid('members[0].member_group_name')],
      [
        { members: [{ host: 'h' }, { host: 'i', weight: 10_001 }] },
        named('APIG.2004', 'The parameter value is outside the allowable range', 'members[1].weight'),
      ],
      [{ members: Array.from({ length: 251 }, (_, i) => ({ host: `h${i}` })) }, invalid('members')],
    ])('answers 400 for %.60j, and writes nothing', async (body, answer) => {
      const id = await channel();
      const added = await client.post(at(`/${id}/members`), body);
      expect([added.status, added.body]).toEqual([400, answer]);
      const replaced = await client.put(at(`/${id}/members`), body);
      // An empty list adds nothing, but a replacement by an empty list deletes all members.
      const empty = JSON.stringify(body) === '{"members":[]}';
      expect([replaced.status, replaced.body]).toEqual(empty ? [200, { total: 0, size: 0, members: [] }] : [400, answer]);
      expect(await of(id)).toEqual([]);
    });

    it('answers 403 beyond 200 members, and adds none', async () => {
      const id = await channel();
      const crowd = (from: number, to: number) => ({ members: Array.from({ length: to - from }, (_, i) => ({ host: `h${from + i}` })) });
      expect((await client.post(at(`/${id}/members`), crowd(0, 199))).status).toBe(201);
      const refused = await client.post(at(`/${id}/members`), crowd(199, 201));
      expect([refused.status, refused.body.error_code]).toEqual([403, 'APIG.3110']);
      expect((await client.post(at(`/${id}/members`), crowd(198, 200))).body.total).toBe(200);
    });
  });

  it('GET …/members lists the oldest first, by group, by name and by page', async () => {
    const id = await channel();
    const members = ['blue', 'blue', 'green'].map((member_group_name, i) => ({ member_group_name, host: `node-${i}` }));
    await client.post(at(`/${id}/members`), { members: [...members, { host: 'alone' }] });
    const [blue] = (await client.get(at(`/${id}`))).body.member_groups;
    const hosts = async (query: string) => (await of(id, query)).map(({ host }) => host);
    expect(await hosts('')).toEqual(['node-0', 'node-1', 'node-2', 'alone']);
    expect(await hosts('member_group_name=lu')).toEqual(['node-0', 'node-1']);
    expect(await hosts('member_group_name=lu&precise_search=member_group_name')).toEqual([]);
    expect(await hosts('limit=100&member_group_name=blue&precise_search=member_group_name&offset=1')).toEqual(['node-1']);
    expect(await hosts(`member_group_id=${blue.member_group_id}`)).toEqual(['node-0', 'node-1']);
    expect(await hosts(`member_group_id=${UNKNOWN}`)).toEqual([]);
    expect(await hosts('name=ode-1')).toEqual(['node-1']);
    expect(await hosts('name=node-1,&precise_search=name')).toEqual([]);
    const page = await client.get(at(`/${id}/members?limit=1&offset=3`));
    expect(page.body).toMatchObject({ total: 4, size: 1, members: [{ host: 'alone' }] });
    expect((await client.get(at(`/${id}/members?limit=100&offset=100`))).body).toEqual({ total: 4, size: 0, members: [] });
  });

  describe('PUT …/members', () => {
    it('answers 200 and replaces all members; a member that is sent again keeps its id and loses omitted fields', async () => {
      const id = await channel({
        members: [
          { host: 'stays', weight: 5 },
          { host: 'goes', member_group_name: 'blue' },
        ],
      });
      const [stays] = await of(id);
      const { status, body } = await client.put(at(`/${id}/members`), { members: [{ host: 'stays' }, { host: 'new' }] });
      expect([status, body]).toMatchObject([200, { total: 2, members: [{ ...stays, weight: 0 }, { host: 'new' }] }]);
      expect((await client.put(at(`/${id}/members`), { members: [] })).body).toEqual({ total: 0, size: 0, members: [] });
    });

    it('answers 200 for a group’s name, replaces only the members of that group, and ignores members of other groups', async () => {
      const members = ['blue', 'green'].map((member_group_name) => ({ host: `old-${member_group_name}`, member_group_name }));
      const id = await channel({ members });
      const sent = ['blue', 'green'].map((member_group_name) => ({ host: `new-${member_group_name}`, member_group_name }));
      const { body } = await client.put(at(`/${id}/members`), { members: sent, member_group_name: 'blue' });
      expect(body.members.map(({ host }: { host: string }) => host)).toEqual(['old-green', 'new-blue']);
      const unknown = await client.put(at(`/${id}/members`), { members: [], member_group_name: 'red' });
      expect([unknown.status, unknown.body]).toEqual([400, invalid('member_group_name')]);
    });
  });

  it('DELETE …/members/{id} answers 204, and 404 the second time', async () => {
    const id = await channel({ members: [{ host: 'one' }, { host: 'two' }] });
    const [one, two] = await of(id);
    expect((await client.delete(at(`/${id}/members/${one.id}`))).status).toBe(204);
    expect(await of(id)).toEqual([two]);
    const gone = await client.delete(at(`/${id}/members/${one.id}`));
    expect([gone.status, gone.body]).toEqual([404, words('APIG.3024', `The VPC instance does not exist,id:${one.id}`)]);
  });

  it('POST …/members/batch-disable and batch-enable answer 204, or 404 for an unknown member, and then change nothing', async () => {
    const id = await channel({ members: [{ host: 'one' }, { host: 'two' }] });
    const ids = (await of(id)).map((member) => member.id);
    const statuses = async () => (await of(id)).map(({ status }) => status);
    const answer = await client.post(at(`/${id}/members/batch-disable`), { member_ids: ids });
    expect([answer.status, answer.text, await statuses()]).toEqual([204, '', [2, 2]]);
    expect((await client.post(at(`/${id}/members/batch-enable`), { member_ids: [ids[1], ids[1]] })).status).toBe(204);
    expect(await statuses()).toEqual([2, 1]);
    const unknown = await client.post(at(`/${id}/members/batch-enable`), { member_ids: [ids[0], UNKNOWN] });
    expect([unknown.status, unknown.body]).toEqual([404, words('APIG.3024', `The VPC instance does not exist,id:${UNKNOWN}`)]);
    expect(await statuses()).toEqual([2, 1]);
    expect((await client.post(at(`/${id}/members/batch-enable`), {})).status).toBe(204);
    for (const member_ids of ['x', [1], Array.from({ length: 251 }, () => 'x')])
      expect((await client.post(at(`/${id}/members/batch-enable`), { member_ids })).body).toEqual(invalid('member_ids'));
  });

  it('every change writes an audit row', async () => {
    const id = await channel({ members: [{ host: 'one' }] });
    const [{ id: member }] = (await of(id)) as [{ id: string }];
    await client.post(at(`/${id}/members`), { members: [{ host: 'one', weight: 3 }] });
    await client.put(at(`/${id}/members`), { members: [{ host: 'one', weight: 4 }] });
    await client.post(at(`/${id}/members/batch-disable`), { member_ids: [member] });
    await client.post(at(`/${id}/members/batch-enable`), { member_ids: [member] });
    await client.delete(at(`/${id}/members/${member}`));
    const administrator = await service.client({ project: 'home', role: 'APIG Administrator' });
    const { body } = await administrator.get(`/signet/v1/audit?instance_id=${gateway}&resource_id=${id}`);
    expect(body.events.map(({ action, detail }: { action: string; detail: object | null }) => [action, detail])).toEqual([
      ['DeleteBackendInstance', { member_ids: [member] }],
      ['BatchEnableMembers', { member_ids: [member] }],
      ['BatchDisableMembers', { member_ids: [member] }],
      ['UpdateBackendInstances', { member_ids: [member] }],
      ['AddingBackendInstances', { member_ids: [member] }],
      ['CreateVpcChannel', null],
    ]);
  });

  it('every write answers 403 to a reader, and every operation 404 for an unknown or foreign channel', async () => {
    const id = await channel({ members: [{ host: 'one' }] });
    const [{ id: member }] = (await of(id)) as [{ id: string }];
    const calls = (caller: Client, channelId: string) => [
      caller.get(at(`/${channelId}/members`)),
      caller.post(at(`/${channelId}/members`), { members: [{ host: 'h' }] }),
      caller.put(at(`/${channelId}/members`), { members: [] }),
      caller.post(at(`/${channelId}/members/batch-disable`), { member_ids: [member] }),
      caller.post(at(`/${channelId}/members/batch-enable`), { member_ids: [member] }),
      caller.delete(at(`/${channelId}/members/${member}`)),
    ];
    const reader = await service.client({ project: 'home', role: READ_ONLY });
    expect((await Promise.all(calls(reader, id))).map(({ status }) => status)).toEqual([200, 403, 403, 403, 403, 403]);
    for (const answer of await Promise.all(calls(client, UNKNOWN)))
      expect([answer.status, answer.body]).toEqual([404, words('APIG.3023', `The VPC channel does not exist,id:${UNKNOWN}`)]);
    for (const answer of await Promise.all(calls(await service.client(), id)))
      expect([answer.status, answer.body]).toEqual([404, words('APIG.3030', `The instance does not exist;id:${gateway}`)]);
    const other = await channel({ members: [{ host: 'theirs' }] });
    expect((await client.delete(at(`/${other}/members/${member}`))).body.error_code).toBe('APIG.3024');
    expect(await of(id)).toHaveLength(1);
  });
});
