import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const ID = /^[0-9a-f]{32}$/;
const UNKNOWN = '0123456789abcdef0123456789abcdef';
const words = (error_code: string, error_msg: string) => ({ error_code, error_msg });
const invalid = (parameter: string) =>
  words('APIG.2011', `Invalid parameter value,parameterName:${parameter}. Please refer to the support documentation`);

onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  const under = (id: string, path: string) => `/v2/{project}/apigw/instances/${id}${path}`;
  const at = (path: string) => under(gateway, path);
  const input = (name: string, fields: Record<string, unknown> = {}) => ({
    name,
    port: 8080,
    balance_strategy: 1,
    member_type: 'ecs',
    type: 2,
    members: [
      { ecs_id: 'ecs-1', ecs_name: 'one', weight: 30 },
      { ecs_id: 'ecs-2', ecs_name: 'two', weight: 70 },
    ],
    vpc_health_config: {
      protocol: 'http',
      path: '/',
      port: 8080,
      threshold_normal: 2,
      threshold_abnormal: 2,
      time_interval: 60,
      http_code: '200',
      timeout: 30,
    },
    ...fields,
  });
  const create = async (name: string): Promise<any> => (await client.post(at('/vpc-channels'), input(name))).body;
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

  describe('POST …/vpc-channels', () => {
    it('201 gives back what came in', async () => {
      const { status, body } = await client.post(at('/vpc-channels'), input('channel_1'));
      expect(status).toBe(201);
      const { members, vpc_health_config, ...plain } = input('channel_1') as any;
      expect(body).toEqual({
        ...plain,
        id: expect.stringMatching(ID),
        status: 1,
        create_time: expect.stringMatching(/\.\d{9}Z$/),
        member_groups: [],
        members: members.map((member: object) => ({ ...member, id: expect.stringMatching(ID), vpc_channel_id: body.id })),
        vpc_health_config: { ...vpc_health_config, vpc_channel_id: body.id },
      });
      const read = await client.get(at(`/vpc-channels/${body.id}`));
      expect([read.status, read.body]).toEqual([200, { ...body, create_time: expect.stringMatching(/:\d\dZ$/) }]);
    });

    it('400 for a taken name and for values of the wrong type', async () => {
      await create('taken');
      const taken = await client.post(at('/vpc-channels'), input('taken'));
      expect([taken.status, taken.body]).toEqual([400, words('APIG.3208', 'The VPC channel name already exists.')]);
      expect((await client.post(at('/vpc-channels'), input('-'))).body).toEqual(invalid('name'));
      expect((await client.post(at('/vpc-channels'), input('fine', { port: '80' }))).body).toEqual(invalid('port'));
      expect((await client.post(at('/vpc-channels'), input('fine', { members: [{ weight: 'x' }] }))).body).toEqual(
        invalid('members[0].weight'),
      );
      expect((await client.post(at('/vpc-channels'), input('fine', { vpc_health_config: [] }))).body).toEqual(invalid('vpc_health_config'));
    });

    it('403 past 200 channels and for a reader', async () => {
      const full = await client.gateway();
      for (let i = 0; i < 200; i++) await client.post(under(full, '/vpc-channels'), { name: `channel_${i}` });
      expect((await client.post(under(full, '/vpc-channels'), { name: 'channel_200' })).body).toEqual(
        words('APIG.3109', 'The number of VPC channels exceeds the maximum allowed limit.'),
      );
      const reader = await service.client({ project: 'home', role: READ_ONLY });
      expect((await reader.post(at('/vpc-channels'), input('nope'))).status).toBe(403);
      expect((await reader.get(at('/vpc-channels'))).status).toBe(200);
    });
  });

  it('GET …/vpc-channels 200 newest first, by name and by page', async () => {
    const shelf = await client.gateway();
    const list = async (query: string) => (await client.get(under(shelf, `/vpc-channels?${query}`))).body;
    expect(await list('')).toEqual({ total: 0, size: 0, vpc_channels: [] });
    for (const name of ['alpha', 'beta']) await client.post(under(shelf, '/vpc-channels'), { name });
    const names = async (query: string) => (await list(query)).vpc_channels.map(({ name }: { name: string }) => name);
    expect(await names('')).toEqual(['beta', 'alpha']);
    expect(await names('name=lph')).toEqual(['alpha']);
    expect(await names('name=lph&precise_search=name')).toEqual([]);
    expect(await names('limit=1&offset=1')).toEqual(['alpha']);
  });

  describe('PUT, DELETE and members', () => {
    it('200 replaces all but the members, unless they are named; a member that stays keeps its id', async () => {
      const { id, members } = await create('changing');
      const kept = await client.put(at(`/vpc-channels/${id}`), { name: 'changed', port: 9090 });
      expect([kept.status, kept.body]).toMatchObject([200, { id, name: 'changed', port: 9090, members }]);
      expect(kept.body.balance_strategy).toBeUndefined();
      const named = await client.put(at(`/vpc-channels/${id}`), { name: 'changed', members: [{ ecs_id: 'ecs-2', weight: 1 }] });
      expect(named.body.members).toEqual([{ id: members[1].id, vpc_channel_id: id, ecs_id: 'ecs-2', weight: 1 }]);
    });

    it('201 adds members and gives those that are there new values; 200 lists them', async () => {
      const { id, members } = await create('growing');
      const added = await client.post(at(`/vpc-channels/${id}/members`), {
        members: [{ ecs_id: 'ecs-1', weight: 1 }, { host: '192.0.2.1' }],
      });
      expect([added.status, added.body.total]).toEqual([201, 3]);
      expect(added.body.members[0]).toMatchObject({ id: members[0].id, weight: 1 });
      const page = await client.get(at(`/vpc-channels/${id}/members?limit=1&offset=2`));
      expect([page.status, page.body]).toMatchObject([200, { total: 3, size: 1, members: [{ host: '192.0.2.1', vpc_channel_id: id }] }]);
      expect((await client.post(at(`/vpc-channels/${id}/members`), { members: [] })).body).toEqual(invalid('members'));
      const crowd = Array.from({ length: 198 }, (_, i) => ({ host: `192.0.2.1:${i}` }));
      expect((await client.post(at(`/vpc-channels/${id}/members`), { members: crowd })).body.error_code).toBe('APIG.3110');
    });

    it('204, then 404; 403 while an API refers to it', async () => {
      const { id } = await create('used');
      const { groupId } = await client.publishedApi(gateway);
      const backend_api = {
        req_protocol: 'HTTP',
        req_method: 'GET',
        req_uri: '/',
        timeout: 1,
        vpc_channel_status: 1,
        vpc_channel_info: { vpc_channel_id: id },
      };
      const fixed = { type: 1, req_protocol: 'HTTP', req_method: 'GET', req_uri: '/used', auth_type: 'NONE', backend_type: 'HTTP' };
      const api = (await client.post(at('/apis'), { name: 'user', ...fixed, group_id: groupId, backend_api })).body;
      const refused = await client.delete(at(`/vpc-channels/${id}`));
      expect([refused.status, refused.body]).toEqual([403, words('APIG.3414', 'The VPC channel is already being used by another API.')]);
      await client.delete(at(`/apis/${api.id}`));
      expect((await client.delete(at(`/vpc-channels/${id}`))).status).toBe(204);
      expect((await client.delete(at(`/vpc-channels/${id}`))).body).toEqual(words('APIG.3023', `The VPC channel does not exist,id:${id}`));
    });

    it('404 for a missing channel, and for every operation of another project', async () => {
      const { id } = await create('hidden');
      const none = words('APIG.3023', `The VPC channel does not exist,id:${UNKNOWN}`);
      expect((await client.get(at(`/vpc-channels/${UNKNOWN}`))).body).toEqual(none);
      expect((await client.put(at(`/vpc-channels/${UNKNOWN}`), input('nobody'))).body).toEqual(none);
      expect((await client.get(at(`/vpc-channels/${UNKNOWN}/members`))).body).toEqual(none);
      const foreign = await service.client();
      for (const answer of [
        await foreign.get(at(`/vpc-channels/${id}`)),
        await foreign.get(at('/vpc-channels')),
        await foreign.post(at('/vpc-channels'), input('intruder')),
        await foreign.put(at(`/vpc-channels/${id}`), input('intruder')),
        await foreign.delete(at(`/vpc-channels/${id}`)),
        await foreign.post(at(`/vpc-channels/${id}/members`), { members: [{ host: '192.0.2.1' }] }),
      ]) {
        expect([answer.status, answer.body]).toEqual([404, words('APIG.3030', `The instance does not exist;id:${gateway}`)]);
      }
    });
  });
});
