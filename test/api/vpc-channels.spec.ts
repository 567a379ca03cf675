import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { invalid, words } from '../support/apig-errors.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const ID = /^[0-9a-f]{32}$/;
const UNKNOWN = '0123456789abcdef0123456789abcdef';

onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let n = 0;
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
    it('answers 201 with the input, and with defaults for omitted fields', async () => {
      const { status, body } = await client.post(at('/vpc-channels'), input('channel_1'));
      expect(status).toBe(201);
      const { members, vpc_health_config, ...plain } = input('channel_1') as any;
      const seconds = expect.stringMatching(/:\d\dZ$/);
      expect(body).toEqual({
        ...plain,
        id: expect.stringMatching(ID),
        vpc_channel_type: 'builtin',
        status: 1,
        create_time: expect.stringMatching(/\.\d{9}Z$/),
        member_groups: [],
        members: members.map((member: { ecs_id: string }) => ({
          ...member,
          id: expect.stringMatching(ID),
          vpc_channel_id: body.id,
          host: member.ecs_id,
          port: 8080,
          is_backup: false,
          status: 1,
          member_group_name: '',
          member_group_id: '',
          health_status: 'unknown',
          create_time: seconds,
        })),
        vpc_health_config: {
          ...vpc_health_config,
          id: expect.stringMatching(ID),
          vpc_channel_id: body.id,
          status: 1,
          create_time: seconds,
        },
      });
      const read = await client.get(at(`/vpc-channels/${body.id}`));
      expect([read.status, read.body]).toEqual([200, { ...body, create_time: seconds }]);
      expect((await client.get(at(`/vpc-channels?id=${body.id}`))).body.vpc_channels).toEqual([read.body]);
    });

    it('answers 201 with a server’s address also as its id and name, a weight of 0, and the channel’s port in place of 0', async () => {
      const members = [
        { host: '192.0.2.5', weight: 0, is_backup: false, status: 0, port: 0 },
        { host: '192.0.2.6', port: 81 },
      ];
      const { body } = await client.post(at('/vpc-channels'), { name: 'of_addresses', port: 80, member_type: 'ip', members });
      expect(body.members).toMatchObject([
        { host: '192.0.2.5', ecs_id: '192.0.2.5', ecs_name: '192.0.2.5', weight: 0, is_backup: false, status: 1, port: 80 },
        { host: '192.0.2.6', ecs_id: '192.0.2.6', ecs_name: '192.0.2.6', weight: 0, is_backup: false, status: 1, port: 81 },
      ]);
    });

    it.each([
      [{}, { type: 2, vpc_channel_type: 'builtin', member_type: 'ecs' }],
      [{ type: 0 }, { type: 2, vpc_channel_type: 'builtin' }],
      [{ type: 2 }, { type: 2, vpc_channel_type: 'builtin' }],
      [{ type: 3 }, { type: 3, vpc_channel_type: 'microservice' }],
      [{ vpc_channel_type: 'builtin' }, { type: 2, vpc_channel_type: 'builtin' }],
      [{ vpc_channel_type: 'microservice' }, { type: 3, vpc_channel_type: 'microservice' }],
      [{ vpc_channel_type: 'reference' }, { type: 2, vpc_channel_type: 'reference' }],
      [
        { vpc_channel_type: 'microservice', type: 3 },
        { type: 3, vpc_channel_type: 'microservice' },
      ],
      [
        { vpc_channel_type: '', member_type: '' },
        { type: 2, vpc_channel_type: 'builtin', member_type: 'ecs' },
      ],
    ])('answers 201 and returns %j as %j', async (sent, answered) => {
      const { status, body } = await client.post(at('/vpc-channels'), { name: `kind_${n++}`, port: 80, ...sent });
      expect([status, body]).toMatchObject([201, answered]);
    });

    it('answers 201 without the groups, health check or microservice that the request omits', async () => {
      const bare = { name: 'bare', port: 80, balance_strategy: 1, members: null, member_groups: null, vpc_health_config: null };
      const { status, body } = await client.post(at('/vpc-channels'), bare);
      expect([status, body]).toMatchObject([201, { members: [], member_groups: [] }]);
      expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['vpc_health_config']));
      expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['microservice_info']));
    });

    it('answers 201 with only the given fields of a TCP health check, and accepts a status of 0 from Go clients', async () => {
      const tcp = { protocol: 'TCP', threshold_normal: 1, threshold_abnormal: 1, time_interval: 1, timeout: 1 };
      const sent = { ...tcp, port: 0, status: 0, enable_client_ssl: false };
      const { body } = await client.post(at('/vpc-channels'), { name: 'by_tcp', port: 80, vpc_health_config: sent });
      expect(body.vpc_health_config).toEqual({
        ...sent,
        status: 1,
        id: expect.stringMatching(ID),
        vpc_channel_id: body.id,
        create_time: expect.stringMatching(/:\d\dZ$/),
      });
    });

    it('answers 201, returns a microservice unchanged, and keeps a channel from deletion while a group refers to it', async () => {
      const cce_info = {
        cluster_id: 'c-1',
        namespace: 'default',
        workload_type: 'deployment',
        app_name: 'a',
        label_key: 'k',
        label_value: 'v',
      };
      const microservice_info = { service_type: 'CCE', cce_info };
      const of = await client.post(at('/vpc-channels'), { name: 'of_cce', port: 80, vpc_channel_type: 'microservice', microservice_info });
      expect([of.status, of.body.microservice_info]).toEqual([201, microservice_info]);
      const target = await create('target');
      const group = { member_group_name: 'refers', member_group_weight: 0, reference_vpc_channel_id: target.id };
      const referring = { name: 'referring', port: 82, vpc_channel_type: 'reference', member_groups: [group] };
      const { status, body } = await client.post(at('/vpc-channels'), referring);
      expect([status, body.member_groups]).toEqual([
        201,
        [
          {
            ...group,
            member_group_id: expect.stringMatching(ID),
            create_time: expect.stringMatching(/:\d\dZ$/),
            update_time: expect.stringMatching(/:\d\dZ$/),
          },
        ],
      ]);
      const refused = await client.delete(at(`/vpc-channels/${target.id}`));
      expect([refused.status, refused.body.error_code]).toEqual([403, 'APIG.3414']);
      const member = await client.post(at(`/vpc-channels/${body.id}/members`), { members: [{ ecs_id: 'e' }] });
      expect([member.status, member.body]).toEqual([
        403,
        words('APIG.3471', 'The operation cannot be performed on this type of VPC channel.'),
      ]);
      expect((await client.delete(at(`/vpc-channels/${body.id}`))).status).toBe(204);
      expect((await client.delete(at(`/vpc-channels/${target.id}`))).status).toBe(204);
    });

    const health = { protocol: 'TCP', threshold_normal: 1, threshold_abnormal: 1, time_interval: 1, timeout: 1 };
    it.each<[string, object]>([
      ['name', { name: '-' }],
      ['port', { port: '80' }],
      ['port', { port: 65_536 }],
      ['balance_strategy', { balance_strategy: 5 }],
      ['member_type', { member_type: 'host' }],
      ['type', { type: 1 }],
      ['vpc_channel_type', { vpc_channel_type: 'other' }],
      ['vpc_channel_type', { vpc_channel_type: 'builtin', type: 3 }],
      ['members', { members: {} }],
      ['members[0].weight', { members: [{ ecs_id: 'e', weight: 'x' }] }],
      ['members[0].status', { members: [{ ecs_id: 'e', status: 3 }] }],
      ['members[0].port', { members: [{ ecs_id: 'e', port: -1 }] }],
      ['members[0].is_backup', { members: [{ ecs_id: 'e', is_backup: 'no' }] }],
      ['members[1].member_group_name', { members: [{ ecs_id: 'e' }, { ecs_id: 'f', member_group_name: 'nobody' }] }],
      ['member_groups[0].member_group_name', { member_groups: [{ member_group_name: 'x' }] }],
      ['member_groups[0].microservice_port', { member_groups: [{ member_group_name: 'abc', microservice_port: -1 }] }],
      ['vpc_health_config', { vpc_health_config: [] }],
      ['vpc_health_config.protocol', { vpc_health_config: { ...health, protocol: 'UDP' } }],
      ['vpc_health_config.threshold_normal', { vpc_health_config: { ...health, threshold_normal: 0 } }],
      ['vpc_health_config.time_interval', { vpc_health_config: { ...health, time_interval: 301 } }],
      ['vpc_health_config.timeout', { vpc_health_config: { ...health, timeout: 31 } }],
      ['vpc_health_config.method', { vpc_health_config: { ...health, method: 'POST' } }],
      ['microservice_info.service_type', { microservice_info: { service_type: 'NACOS' } }],
    ])('answers 400, names %s for %j, and writes nothing', async (field, fields) => {
      const { status, body } = await client.post(at('/vpc-channels'), input('refused', fields as Record<string, unknown>));
      expect([status, body]).toEqual([400, invalid(field)]);
      expect((await client.get(at('/vpc-channels?name=refused'))).body.total).toBe(0);
    });

    it.each<[string, string, object]>([
      ['APIG.2001', 'members[0].ecs_id', { members: [{ weight: 1 }] }],
      ['APIG.2001', 'members[0].host', { member_type: 'ip', members: [{ weight: 1 }] }],
      ['APIG.2001', 'vpc_health_config.protocol', { vpc_health_config: {} }],
      ['APIG.2001', 'member_groups[0].member_group_name', { member_groups: [{}] }],
      [
        'APIG.2004',
        'members[1].weight',
        {
          members: [
            { ecs_id: 'e', weight: 10_000 },
            { ecs_id: 'f', weight: 10_001 },
          ],
        },
      ],
      ['APIG.2004', 'members[0].weight', { members: [{ ecs_id: 'e', weight: -1 }] }],
      ['APIG.2004', 'member_groups[0].member_group_weight', { member_groups: [{ member_group_name: 'abc', member_group_weight: 101 }] }],
    ])('answers 400 %s and names %s for %j, also in a PUT', async (code, field, fields) => {
      const answer = {
        error_code: code,
        error_msg: expect.stringContaining(`,parameterName:${field}. Please refer to the support documentation`),
      };
      const made = await client.post(at('/vpc-channels'), input('refused', fields as Record<string, unknown>));
      expect([made.status, made.body]).toEqual([400, answer]);
      const { id } = await create(`kept_${n++}`);
      const before = (await client.get(at(`/vpc-channels/${id}`))).body;
      const changed = await client.put(at(`/vpc-channels/${id}`), input('refused', fields as Record<string, unknown>));
      expect([changed.status, changed.body]).toEqual([400, answer]);
      expect((await client.get(at(`/vpc-channels/${id}`))).body).toEqual(before);
    });

    it('answers 400 for an existing name, and 404 for a reference to an unknown channel', async () => {
      await create('taken');
      const taken = await client.post(at('/vpc-channels'), input('taken'));
      expect([taken.status, taken.body]).toEqual([400, words('APIG.3208', 'The VPC channel name already exists.')]);
      const member_groups = [{ member_group_name: 'abc', reference_vpc_channel_id: UNKNOWN }];
      const missing = await client.post(at('/vpc-channels'), input('refers', { member_groups }));
      expect([missing.status, missing.body]).toEqual([404, words('APIG.3023', `The VPC channel does not exist,id:${UNKNOWN}`)]);
    });

    it('answers 403 beyond 200 channels and for a reader', async () => {
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

  it('GET …/vpc-channels lists the newest first, filtered by name, page by page', async () => {
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

  it('GET …/vpc-channels filters by type, by member and by group', async () => {
    const shelf = await client.gateway();
    const made = async (name: string, fields: object): Promise<any> =>
      (await client.post(under(shelf, '/vpc-channels'), { name, port: 80, member_type: 'ip', ...fields })).body;
    const blue = await made('blue_pool', {
      member_groups: [{ member_group_name: 'blue' }],
      members: [{ host: '192.0.2.1', member_group_name: 'blue' }, { host: '192.0.2.2' }],
    });
    await made('plain_pool', { members: [{ host: '192.0.2.1', port: 81 }] });
    await made('services', { vpc_channel_type: 'microservice', member_groups: [{ member_group_name: 'blueish' }] });
    const names = async (query: string) =>
      (await client.get(under(shelf, `/vpc-channels?${query}`))).body.vpc_channels.map(({ name }: { name: string }) => name);
    expect(await names('vpc_channel_type=microservice')).toEqual(['services']);
    expect(await names('member_host=192.0.2.1')).toEqual(['plain_pool', 'blue_pool']);
    expect(await names('member_host=192.0.2.1&member_port=81')).toEqual(['plain_pool']);
    expect(await names('member_host=192.0.2.')).toEqual([]);
    expect(await names('member_group_name=blu')).toEqual(['services', 'blue_pool']);
    expect(await names('member_group_name=blue&precise_search=member_group_name')).toEqual(['blue_pool']);
    expect(await names(`member_group_id=${blue.member_groups[0].member_group_id}`)).toEqual(['blue_pool']);
    expect(await names('member_port=&vpc_channel_type=&member_group_id=')).toHaveLength(3);
    for (const query of ['member_port=x', 'vpc_channel_type=other']) {
      const { status, body } = await client.get(under(shelf, `/vpc-channels?${query}`));
      expect([status, body.error_code]).toEqual([400, 'APIG.2012']);
    }
  });

  describe('PUT or DELETE of a channel', () => {
    const withGroups = async (name: string): Promise<any> => {
      const member_groups = [{ member_group_name: 'first' }, { member_group_name: 'second', member_group_remark: 'of a test' }];
      const members = [
        { ecs_id: 'ecs-1', ecs_name: 'one', weight: 30, member_group_name: 'first' },
        { ecs_id: 'ecs-2', ecs_name: 'two', weight: 70, member_group_name: 'second' },
      ];
      const { status, body } = await client.post(at('/vpc-channels'), input(name, { member_groups, members }));
      expect(status).toBe(201);
      return body;
    };

    it.each([{}, { members: null, member_groups: null }])(
      'answers 200 and replaces all but the groups and the members with %j',
      async (nothing) => {
        const { id, members, member_groups } = await withGroups(`changing_${n++}`);
        const name = `changed_${n++}`;
        const kept = await client.put(at(`/vpc-channels/${id}`), { name, port: 9090, ...nothing });
        expect([kept.status, kept.body]).toMatchObject([200, { id, name, port: 9090, members, member_groups }]);
        expect([kept.body.balance_strategy, kept.body.vpc_health_config]).toEqual([undefined, undefined]);
        expect((await client.get(at(`/vpc-channels/${id}`))).body).toEqual(kept.body);
      },
    );

    it('answers 200 and replaces the members, where a repeated member keeps its id and the first of two equal ones counts', async () => {
      const { id, members } = await withGroups('naming');
      const again = { ecs_id: 'ecs-2', member_group_name: 'second' };
      const named = await client.put(
        at(`/vpc-channels/${id}`),
        input('naming', {
          members: [
            { ...again, weight: 1 },
            { ...again, weight: 2 },
          ],
        }),
      );
      expect(named.body.members).toEqual([{ ...members[1], ecs_name: 'ecs-2', weight: 1 }]);
      expect(named.body.member_groups).toHaveLength(2);
    });

    it('answers 200 for empty lists, which delete groups and members, and the deletion of a group deletes its members', async () => {
      const { id, members, member_groups } = await withGroups('emptying');
      const [first] = member_groups;
      const one = await client.put(at(`/vpc-channels/${id}`), {
        name: 'emptying',
        port: 8080,
        member_groups: [{ member_group_name: 'first' }],
      });
      expect(one.body.member_groups).toMatchObject([{ member_group_id: first.member_group_id }]);
      expect(one.body.members).toEqual([members[0]]);
      const none = await client.put(at(`/vpc-channels/${id}`), { name: 'emptying', members: [] });
      expect(none.body).toMatchObject({ members: [], member_groups: [{ member_group_name: 'first' }] });
      const bare = await client.put(at(`/vpc-channels/${id}`), { name: 'emptying', member_groups: [] });
      expect(bare.body).toMatchObject({ members: [], member_groups: [] });
    });

    it('answers 200 and sets or replaces only the health check, which keeps its id', async () => {
      const { id, vpc_health_config } = await create('probed');
      const health = { protocol: 'HTTPS', path: '/up', threshold_normal: 1, threshold_abnormal: 1, time_interval: 1, timeout: 1 };
      const set = await client.put(at(`/vpc-channels/${id}/health-config`), health);
      expect([set.status, set.body]).toEqual([
        200,
        { ...health, status: 1, id: vpc_health_config.id, vpc_channel_id: id, create_time: vpc_health_config.create_time },
      ]);
      expect((await client.get(at(`/vpc-channels/${id}`))).body.vpc_health_config).toEqual(set.body);
      expect((await client.put(at(`/vpc-channels/${id}/health-config`), {})).body.error_code).toBe('APIG.2001');
      const bare = await client.post(at('/vpc-channels'), { name: 'unprobed', port: 80 });
      expect((await client.put(at(`/vpc-channels/${bare.body.id}/health-config`), health)).status).toBe(200);
    });

    it('answers 403 while an API refers to the channel, then 204, then 404', async () => {
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
      // An id inside a text is no reference.
      await client.post(at('/apis'), {
        name: 'text',
        ...fixed,
        backend_type: 'MOCK',
        group_id: groupId,
        result_normal_sample: `"${id}"`,
        response_id: id,
      });
      expect((await client.get(at('/apis?vpc_channel_name=used'))).body.total).toBe(0);
      expect((await client.delete(at(`/vpc-channels/${id}`))).status).toBe(204);
      expect((await client.delete(at(`/vpc-channels/${id}`))).body).toEqual(words('APIG.3023', `The VPC channel does not exist,id:${id}`));
    });

    it('answers 404 for an unknown channel, and for every operation of another project', async () => {
      const { id } = await create('hidden');
      const none = words('APIG.3023', `The VPC channel does not exist,id:${UNKNOWN}`);
      expect((await client.get(at(`/vpc-channels/${UNKNOWN}`))).body).toEqual(none);
      expect((await client.put(at(`/vpc-channels/${UNKNOWN}`), input('nobody'))).body).toEqual(none);
      expect((await client.put(at(`/vpc-channels/${UNKNOWN}/health-config`), input('x').vpc_health_config)).body).toEqual(none);
      const foreign = await service.client();
      for (const answer of [
        await foreign.get(at(`/vpc-channels/${id}`)),
        await foreign.get(at('/vpc-channels')),
        await foreign.post(at('/vpc-channels'), input('intruder')),
        await foreign.put(at(`/vpc-channels/${id}`), input('intruder')),
        await foreign.delete(at(`/vpc-channels/${id}`)),
      ]) {
        expect([answer.status, answer.body]).toEqual([404, words('APIG.3030', `The instance does not exist;id:${gateway}`)]);
      }
    });
  });
});
