import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Database } from '../../src/platform/database/database.js';
import { invalid, missing, words } from '../support/apig-errors.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const RELEASE = 'DEFAULT_ENVIRONMENT_RELEASE_ID';
const UNKNOWN = '0123456789abcdef0123456789abcdef';
const ID = /^[0-9a-f]{32}$/;
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let group: string;
  let made = 0;
  const under = (id: string, path: string) => `/v2/{project}/apigw/instances/${id}${path}`;
  const at = (path: string) => under(gateway, path);
  const mock = (fields: Record<string, unknown> = {}) => {
    const name = `api_${made++}`;
    return {
      name,
      type: 1,
      req_protocol: 'HTTPS',
      req_method: 'GET',
      req_uri: `/${name}`,
      auth_type: 'NONE',
      backend_type: 'MOCK',
      group_id: group,
      ...fields,
    };
  };
  const backend = { req_protocol: 'HTTP', req_method: 'GET', req_uri: '/get_user', timeout: 5000, url_domain: 'backend.example' };
  const http = (fields: Record<string, unknown> = {}) => mock({ backend_type: 'HTTP', backend_api: backend, ...fields });
  const create = (fields: Record<string, unknown> = {}) => client.post(at('/apis'), mock(fields));
  const rows = (sql: string, params: (string | number)[]) => service.app.get(Database).rows<any>(sql, params);
  beforeAll(async () => {
    test = await createTestDatabase(engine);
    service = await TestService.start(test);
    client = await service.client({ project: 'home' });
    gateway = await client.gateway();
    group = (await client.post(at('/api-groups'), { name: 'group' })).body.id;
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe('POST …/apis', () => {
    it('returns the whole API, which is published nowhere', async () => {
      const { status, body } = await client.post(
        at('/apis'),
        mock({ name: 'whole', req_uri: '/users/{id}', tags: ['b', 'a', 'b'], remark: '"quoted" 🔑' }),
      );
      expect(status).toBe(201);
      expect(body).toMatchObject({
        id: expect.stringMatching(ID),
        name: 'whole',
        type: 1,
        version: '',
        req_protocol: 'HTTPS',
        req_method: 'GET',
        req_uri: '/users/{id}',
        auth_type: 'NONE',
        auth_opt: { app_code_auth_type: 'DISABLE' },
        cors: false,
        match_mode: 'NORMAL',
        backend_type: 'MOCK',
        remark: '"quoted" 🔑',
        tags: ['b', 'a'],
        group_id: group,
        group_name: 'group',
        group_version: 'V1',
        status: 1,
        arrange_necessary: 2,
        register_time: expect.stringMatching(/\.\d{9}Z$/),
        mock_info: { id: expect.stringMatching(ID), status: 1 },
        req_params: [],
        backend_params: [],
        policy_https: [],
        policy_mocks: [],
        policy_functions: [],
        run_env_id: '',
        run_env_name: '',
        publish_id: '',
        publish_time: '',
        api_group_info: { id: group, name: 'group', sl_domain: `${group}.apic.local`, register_time: expect.stringMatching(SECONDS) },
      });
      const read = await client.get(at(`/apis/${body.id}`));
      expect(read.status).toBe(200);
      const times = { register_time: expect.stringMatching(SECONDS), update_time: expect.stringMatching(SECONDS) };
      expect(read.body).toEqual({ ...body, ...times, mock_info: { ...body.mock_info, ...times } });
    });

    it('accepts the API of the acceptance configuration, and gives each of its parts an id that it keeps', async () => {
      const channel = (await client.post(at('/vpc-channels'), { name: 'acceptance', port: 80, members: [{ ecs_id: 'ecs', weight: 30 }] }))
        .body;
      const through = { vpc_channel_status: 1, vpc_channel_info: { vpc_channel_id: channel.id } };
      const input = http({
        name: 'acceptance',
        req_protocol: 'HTTP',
        auth_type: 'APP',
        req_uri: '/user_info/{user_age}',
        unknown_field: { dropped: true },
        backend_api: {
          req_protocol: 'HTTP',
          req_method: 'GET',
          req_uri: '/getUserAge/{userAge}',
          timeout: 30000,
          retry_count: '-1',
          ...through,
        },
        req_params: [{ name: 'user_age', type: 'NUMBER', location: 'PATH', required: 1, max_num: 200, min_num: 0 }],
        backend_params: [{ origin: 'REQUEST', name: 'userAge', location: 'PATH', value: 'user_age' }],
        policy_https: [
          {
            name: 'policy_1',
            effect_mode: 'ANY',
            req_protocol: 'HTTP',
            req_method: 'GET',
            req_uri: '/getUserAge/{userAge}',
            timeout: 30000,
            retry_count: '1',
            ...through,
            conditions: [{ condition_origin: 'param', req_param_name: 'user_age', condition_type: 'exact', condition_value: '28' }],
            backend_params: [{ origin: 'REQUEST', name: 'userAge', location: 'PATH', value: 'user_age' }],
          },
        ],
      });
      const { status, body } = await client.post(at('/apis'), input);
      expect([status, body.unknown_field]).toEqual([201, undefined]);
      expect(body.backend_api).toMatchObject({ ...(input as any).backend_api, id: expect.stringMatching(ID), status: 1 });
      const [param] = body.req_params;
      expect(param).toMatchObject({ id: expect.stringMatching(ID), name: 'user_age', max_num: 200 });
      expect(body.backend_params[0]).toMatchObject({ id: expect.stringMatching(ID), req_param_id: param.id });
      expect(body.policy_https[0]).toMatchObject({
        id: expect.stringMatching(ID),
        conditions: [{ id: expect.stringMatching(ID), req_param_id: param.id }],
      });

      const again = (await client.put(at(`/apis/${body.id}`), { ...input, remark: 'changed' })).body;
      const ids = (api: any) => [
        api.backend_api.id,
        api.req_params[0].id,
        api.backend_params[0].id,
        api.policy_https[0].id,
        api.policy_https[0].conditions[0].id,
      ];
      expect(ids(again)).toEqual(ids(body));
      expect((await client.delete(at(`/vpc-channels/${channel.id}`))).body.error_code).toBe('APIG.3414');
      const byChannel = await client.get(at('/apis?vpc_channel_name=cceptanc'));
      expect(byChannel.body).toMatchObject({ total: 1, apis: [{ id: body.id }] });
      expect((await client.get(at('/apis?vpc_channel_name=cceptanc&precise_search=vpc_channel_name'))).body.total).toBe(0);
    });

    it('accepts a FUNCTION backend, and ignores backends of other types', async () => {
      const func_info = { function_urn: 'urn:fss:f', invocation_type: 'sync', network_type: 'V1', timeout: 5000 };
      const { status, body } = await client.post(
        at('/apis'),
        mock({ backend_type: 'FUNCTION', func_info, backend_api: { junk: 1 }, mock_info: null }),
      );
      expect([status, body.func_info.function_urn, body.backend_api, body.mock_info]).toEqual([201, 'urn:fss:f', undefined, undefined]);
    });

    it('writes one audit row and one change', async () => {
      const { id, name } = (await create()).body;
      expect(
        await rows('SELECT action, resource_type AS type, resource_name AS name FROM audit_events WHERE resource_id = ?', [id]),
      ).toEqual([{ action: 'CreateApi', type: 'Api', name }]);
      expect(await rows('SELECT kind, op FROM changes WHERE target_id = ?', [id])).toEqual([{ kind: 'api', op: 'created' }]);
    });

    it('stores half a surrogate pair, a NUL and variation selectors', async () => {
      const { status, body } = await create({ remark: '\ufe0f'.repeat(255), body_remark: 'x\ud800y\u0000z' });
      expect([status, body.body_remark]).toEqual([201, 'x\ufffdy\u0000z']);
      expect((await client.get(at(`/apis/${body.id}`))).body.body_remark).toBe('x\ufffdy\u0000z');
    });

    it('accepts every path that the contract allows', async () => {
      const segment = fc.oneof(
        fc.string({ unit: fc.constantFrom(...'aZ09-_.~%*:@'), minLength: 1, maxLength: 12 }),
        fc.constantFrom('{id}', '{user_id}', 'x{a}'),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(segment, { minLength: 1, maxLength: 6 }), async (segments) => {
          const req_uri = `/${made}/${segments.join('/')}`;
          const { status, body } = await create({ req_uri });
          expect([status, body.req_uri]).toEqual([201, req_uri]);
        }),
        { numRuns: 20 },
      );
    });

    it.each(['name', 'type', 'req_protocol', 'req_method', 'req_uri', 'auth_type', 'backend_type', 'group_id'])(
      'answers 400 without %s',
      async (field) => {
        const { status, body } = await create({ [field]: undefined });
        expect([status, body]).toEqual([400, missing(field)]);
      },
    );

    it.each<[string, unknown]>([
      ['name', 'a b'],
      ['type', 3],
      ['type', '1'],
      ['req_protocol', 'FTP'],
      ['req_method', 'get'],
      ['req_uri', 'no/slash'],
      ['req_uri', '/white space'],
      ['req_uri', '/un{balanced'],
      ['req_uri', `/${'a'.repeat(512)}`],
      ['auth_type', 'BASIC'],
      ['backend_type', 'FTP'],
      ['match_mode', 'EXACT'],
      ['cors', 'true'],
      ['version', 'v'.repeat(17)],
      ['remark', 'r'.repeat(256)],
      ['tags', 'a'],
      ['tags', ['']],
      ['tags', Array.from({ length: 11 }, (_, i) => `t${i}`)],
      ['mock_info', []],
      ['mock_info', 'text'],
      ['req_params', {}],
      ['req_params', [null]],
      ['auth_opt.app_code_auth_type', { app_code_auth_type: 'QUERY' }],
    ])('answers 400 and names %s for the value %j', async (parameter, value) => {
      const { status, body } = await create({ [parameter.split('.')[0]!]: value });
      expect([status, body]).toEqual([400, invalid(parameter)]);
    });

    const param = { name: 'p', type: 'STRING', location: 'QUERY' };
    const policy = {
      name: 'pol',
      effect_mode: 'ALL',
      req_protocol: 'HTTP',
      req_method: 'GET',
      req_uri: '/',
      conditions: [{ condition_origin: 'source' }],
    };
    it.each<[string, Record<string, unknown>]>([
      ['backend_api', { backend_api: undefined }],
      ['backend_api.req_uri', { backend_api: { ...backend, req_uri: undefined } }],
      ['backend_api.timeout', { backend_api: { ...backend, timeout: undefined } }],
      ['backend_api.url_domain', { backend_api: { ...backend, url_domain: undefined } }],
      ['backend_api.vpc_channel_info', { backend_api: { ...backend, vpc_channel_status: 1 } }],
      ['backend_api.vpc_channel_info.vpc_channel_id', { backend_api: { ...backend, vpc_channel_status: 1, vpc_channel_info: {} } }],
      ['func_info', { backend_type: 'FUNCTION' }],
      ['func_info.function_urn', { backend_type: 'FUNCTION', func_info: { invocation_type: 'sync', network_type: 'V1', timeout: 1 } }],
      ['authorizer_id', { auth_type: 'AUTHORIZER' }],
      ['req_params[1].location', { req_params: [param, { ...param, location: undefined }] }],
      ['backend_params[0].value', { backend_params: [{ origin: 'CONSTANT', name: 'x', location: 'HEADER' }] }],
      ['policy_https[0].conditions', { policy_https: [{ ...policy, conditions: undefined }] }],
      ['policy_https[0].conditions[0].condition_origin', { policy_https: [{ ...policy, conditions: [{}] }] }],
    ])('answers 400 APIG.2001 and names %s if it is missing', async (parameter, fields) => {
      const { status, body } = await client.post(at('/apis'), http(fields));
      expect([status, body]).toEqual([400, missing(parameter)]);
    });

    it.each<[string, Record<string, unknown>]>([
      ['backend_api', { backend_api: [] }],
      ['backend_api.timeout', { backend_api: { ...backend, timeout: 600_001 } }],
      ['backend_api.retry_count', { backend_api: { ...backend, retry_count: '11' } }],
      ['backend_api.req_method', { backend_api: { ...backend, req_method: 'FETCH' } }],
      ['req_params[0].name', { req_params: [{ ...param, name: 'n'.repeat(33) }] }],
      ['req_params[0].required', { req_params: [{ ...param, required: 3 }] }],
      ['backend_params[0].origin', { backend_params: [{ origin: 'BODY', name: 'x', location: 'HEADER', value: 'y' }] }],
      ['policy_https[0].effect_mode', { policy_https: [{ ...policy, effect_mode: 'SOME' }] }],
      [
        'policy_https[0].conditions[0].condition_type',
        { policy_https: [{ ...policy, conditions: [{ condition_origin: 'param', condition_type: 'regex' }] }] },
      ],
    ])('answers 400 APIG.2011 and names %s if it breaks its rule', async (parameter, fields) => {
      const { status, body } = await client.post(at('/apis'), http(fields));
      expect([status, body]).toEqual([400, invalid(parameter)]);
    });

    it('answers 400 for a repeated parameter or policy, and for a mapping to a parameter that does not exist', async () => {
      expect((await client.post(at('/apis'), http({ req_params: [param, param] }))).body).toEqual(
        words('APIG.3209', 'The parameter name already exists.'),
      );
      expect((await client.post(at('/apis'), http({ policy_https: [policy, policy] }))).body).toEqual(
        words('APIG.3210', 'The backend policy name already exists.'),
      );
      const mapped = [{ origin: 'REQUEST', name: 'x', location: 'HEADER', value: 'absent' }];
      expect((await client.post(at('/apis'), http({ backend_params: mapped }))).body.error_code).toBe('APIG.2028');
    });

    it('answers 400 for a name, or a method and path, that another API of the group has', async () => {
      const { name, req_uri } = (await create()).body;
      const sameName = await create({ name });
      expect([sameName.status, sameName.body]).toEqual([400, words('APIG.3202', `The API name already exists, api_name:${name}`)]);
      const samePath = await create({ req_uri });
      expect([samePath.status, samePath.body]).toEqual([400, words('APIG.3301', 'The API already exists.')]);
      expect((await create({ name, req_uri })).body.error_code).toBe('APIG.3202');
      expect((await create({ req_uri, req_method: 'POST' })).status).toBe(201);
      const other = (await client.post(at('/api-groups'), { name: 'another' })).body.id;
      expect((await create({ name, req_uri, group_id: other })).status).toBe(201);
    });

    it('never answers 500, whatever is sent', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.jsonValue(),
          fc.jsonValue(),
          fc.constantFrom('backend_api', 'req_params', 'policy_https', 'tags', 'auth_opt', 'name', 'remark'),
          async (a, b, field) => {
            expect((await client.post(at('/apis'), http({ [field]: a, version: b }))).status).toBeLessThan(500);
          },
        ),
        { numRuns: 40 },
      );
    });

    it('answers 404 for an unknown group, channel or gateway', async () => {
      expect((await create({ group_id: UNKNOWN })).body).toEqual(words('APIG.3001', `API group ${UNKNOWN} does not exist`));
      const foreign = await service.client();
      const theirs = await foreign.gateway();
      const theirGroup = (await foreign.post(under(theirs, '/api-groups'), { name: 'theirs' })).body.id;
      expect((await create({ group_id: theirGroup })).body).toEqual(words('APIG.3001', `API group ${theirGroup} does not exist`));
      const theirChannel = (await foreign.post(under(theirs, '/vpc-channels'), { name: 'theirs' })).body.id;
      for (const id of [UNKNOWN, theirChannel]) {
        const backend_api = { ...backend, vpc_channel_status: 1, vpc_channel_info: { vpc_channel_id: id } };
        expect((await client.post(at('/apis'), http({ backend_api }))).body).toEqual(
          words('APIG.3023', `The VPC channel does not exist,id:${id}`),
        );
      }
      expect((await foreign.post(at('/apis'), mock())).body).toEqual(words('APIG.3030', `The instance does not exist;id:${gateway}`));
    });

    it('answers 403 beyond the quota of the edition, which concurrent creations cannot exceed', async () => {
      const small = await (await service.client()).gateway({ spec_id: 'BASIC' });
      const [{ project }] = await rows('SELECT project_id AS project FROM instances WHERE id = ?', [small]);
      const owner = await ownerOf(project);
      const group_id = (await owner.post(under(small, '/api-groups'), { name: 'full' })).body.id;
      await insertApis(project, small, group_id, 248);
      const answers = await Promise.all(Array.from({ length: 5 }, () => owner.post(under(small, '/apis'), mock({ group_id }))));
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(2);
      expect(answers.find(({ status }) => status !== 201)?.body).toEqual(
        words('APIG.3102', 'The number of APIs exceeds the maximum allowed limit.'),
      );
    });

    it('answers 403 beyond 1000 APIs in a group, also for an API that moves into it', async () => {
      const group_id = (await client.post(at('/api-groups'), { name: 'crowded' })).body.id;
      await insertApis(client.projectId, gateway, group_id, 1000);
      const full = words('APIG.3125', 'The number of APIs in the API group exceeds the maximum allowed limit.');
      expect((await create({ group_id })).body).toEqual(full);
      const input = mock();
      const { id } = (await client.post(at('/apis'), input)).body;
      expect((await client.put(at(`/apis/${id}`), { ...input, group_id })).body).toEqual(full);
      expect((await client.get(at(`/apis?group_id=${group_id}&limit=1000`))).body).toMatchObject({ total: 1000, size: 500 });
    });

    it('answers 403 beyond 50 parameters, 5 policies and 5 conditions', async () => {
      const req_params = Array.from({ length: 51 }, (_, i) => ({ name: `p${i}`, type: 'STRING', location: 'QUERY' }));
      expect((await create({ req_params })).body.error_code).toBe('APIG.3111');
      const conditions = [{ condition_origin: 'source', condition_value: '10.0.0.1' }];
      const policy_mocks = Array.from({ length: 6 }, (_, i) => ({ name: `policy_${i}`, effect_mode: 'ALL', conditions }));
      expect((await create({ policy_mocks })).body.error_code).toBe('APIG.3113');
      const many = Array.from({ length: 6 }, () => conditions[0]);
      expect((await create({ policy_mocks: [{ name: 'many', effect_mode: 'ALL', conditions: many }] })).body.error_code).toBe('APIG.3114');
    });

    it('answers 403 for a reader who writes', async () => {
      const reader = await service.client({ project: 'home', role: READ_ONLY });
      expect((await reader.post(at('/apis'), mock())).status).toBe(403);
      expect((await reader.get(at('/apis'))).status).toBe(200);
    });
  });

  describe('GET …/apis', () => {
    it('answers 200 with the newest first, and applies each filter', async () => {
      const shelf = await client.gateway();
      const inShelf = async (name: string, fields: Record<string, unknown> = {}) => {
        shelfGroup ??= (await client.post(under(shelf, '/api-groups'), { name: 'shelf' })).body.id;
        return (await client.post(under(shelf, '/apis'), mock({ name, req_uri: `/${name}`, group_id: shelfGroup, ...fields }))).body
          .id as string;
      };
      let shelfGroup: string | undefined;
      const list = async (query: string) => (await client.get(under(shelf, `/apis?${query}`))).body;
      const names = async (query: string) => (await list(query)).apis.map(({ name }: { name: string }) => name);
      expect(await list('')).toEqual({ total: 0, size: 0, apis: [] });
      const alpha = await inShelf('alpha', { req_method: 'POST', auth_type: 'APP' });
      const beta = await inShelf('beta', { type: 2, req_protocol: 'HTTP' });
      await client.post(under(shelf, '/apis/action'), { action: 'online', env_id: RELEASE, api_id: alpha });
      expect(await names('')).toEqual(['beta', 'alpha']);
      expect(await names(`id=${alpha}`)).toEqual(['alpha']);
      expect(await names('name=lph')).toEqual(['alpha']);
      expect(await names('name=lph&precise_search=name,req_uri')).toEqual([]);
      expect(await names('req_uri=%2Falph')).toEqual(['alpha']);
      expect(await names('req_uri=%2Falph&precise_search=req_uri')).toEqual([]);
      expect(await names('req_uri=%2Falpha&precise_search=req_uri')).toEqual(['alpha']);
      expect(await names('req_method=POST')).toEqual(['alpha']);
      expect(await names('req_protocol=HTTP')).toEqual(['beta']);
      expect(await names('auth_type=APP')).toEqual(['alpha']);
      expect(await names('type=2')).toEqual(['beta']);
      expect(await list('type=x')).toEqual(invalid('type', 'APIG.2012'));
      expect(await names(`group_id=${UNKNOWN}`)).toEqual([]);
      expect(await names(`group_id=${shelfGroup}&return_data_mode=detail&unheard_of=1`)).toEqual(['beta', 'alpha']);
      expect(await names(`env_id=${RELEASE}`)).toEqual(['alpha']);
      expect(await names('vpc_channel_name=none')).toEqual([]);
      expect(await names('limit=1&offset=1')).toEqual(['alpha']);
      expect(await list('offset=2')).toEqual({ total: 2, size: 0, apis: [] });
      expect((await list(`id=${alpha}`)).apis[0]).toEqual((await client.get(under(shelf, `/apis/${alpha}`))).body);
      expect(beta).toMatch(ID);
    });

    it("answers 404 with the contract's message for an unknown API and for one of another gateway or project", async () => {
      const { id } = (await create()).body;
      const other = await client.gateway();
      expect((await client.get(under(other, `/apis/${id}`))).body).toEqual(words('APIG.3002', `API ${id} does not exist`));
      expect((await client.get(at(`/apis/${UNKNOWN}`))).body).toEqual(words('APIG.3002', `API ${UNKNOWN} does not exist`));
      const foreign = await service.client();
      for (const answer of [
        await foreign.get(at(`/apis/${id}`)),
        await foreign.get(at('/apis')),
        await foreign.put(at(`/apis/${id}`), mock()),
        await foreign.delete(at(`/apis/${id}`)),
        await foreign.post(at('/apis/check'), { type: 'name', name: 'any' }),
      ]) {
        expect([answer.status, answer.body]).toEqual([404, words('APIG.3030', `The instance does not exist;id:${gateway}`)]);
      }
    });
  });

  describe('PUT …/apis/{api_id}', () => {
    it('answers 200, replaces the definition, and shows where the API is online', async () => {
      const input = mock({ tags: ['old'], remark: 'old' });
      const { id } = (await client.post(at('/apis'), input)).body;
      const { publish_id } = (await client.post(at('/apis/action'), { action: 'online', env_id: RELEASE, api_id: id })).body;
      const { status, body } = await client.put(at(`/apis/${id}`), { ...input, remark: undefined, tags: undefined, req_method: 'ANY' });
      expect(status).toBe(200);
      expect(body).toMatchObject({ id, req_method: 'ANY', remark: '', tags: [], run_env_id: RELEASE, run_env_name: 'RELEASE', publish_id });
      expect((await client.get(at(`/apis/runtime/${id}`))).body).toMatchObject({ req_method: 'GET', tags: ['old'] });
    });

    it('answers 400 for an existing name or path, and 404 for an unknown API, group or channel', async () => {
      const [one, two] = [mock(), mock()];
      await client.post(at('/apis'), one);
      const { id } = (await client.post(at('/apis'), two)).body;
      expect((await client.put(at(`/apis/${id}`), { ...two, name: one.name })).body.error_code).toBe('APIG.3202');
      expect((await client.put(at(`/apis/${id}`), { ...two, req_uri: one.req_uri })).body.error_code).toBe('APIG.3301');
      expect((await client.put(at(`/apis/${id}`), { ...two, group_id: UNKNOWN })).body.error_code).toBe('APIG.3001');
      expect((await client.put(at(`/apis/${UNKNOWN}`), two)).body).toEqual(words('APIG.3002', `API ${UNKNOWN} does not exist`));
      expect((await client.put(at(`/apis/${id}`), two)).status).toBe(200);
    });
  });

  describe('DELETE …/apis/{api_id}', () => {
    it('answers 204, then 404', async () => {
      const { id } = (await create()).body;
      expect((await client.delete(at(`/apis/${id}`))).status).toBe(204);
      expect((await client.delete(at(`/apis/${id}`))).body).toEqual(words('APIG.3002', `API ${id} does not exist`));
    });

    it('answers 409 while the API is online, then 204, and also deletes its offline publications, versions and bindings', async () => {
      const { apiId, publishIds } = await client.publishedApi(gateway);
      const sign = (await client.post(at('/signs'), { name: 'of_deleted' })).body;
      await client.post(at('/sign-bindings'), { sign_id: sign.id, publish_ids: publishIds });
      const { status, body } = await client.delete(at(`/apis/${apiId}`));
      expect([status, body]).toEqual([409, words('APIG.3416', 'The API cannot be deleted because it has been published')]);
      await client.post(at('/apis/action'), { action: 'offline', env_id: RELEASE, api_id: apiId });
      expect((await client.get(at(`/sign-bindings/binded-apis?sign_id=${sign.id}`))).body.total).toBe(1);
      expect((await client.delete(at(`/apis/${apiId}`))).status).toBe(204);
      expect((await client.get(at(`/sign-bindings/binded-apis?sign_id=${sign.id}`))).body.total).toBe(0);
      for (const table of ['publications', 'api_versions']) {
        expect(await rows(`SELECT COUNT(*) AS rest FROM ${table} WHERE api_id = ?`, [apiId])).toEqual([{ rest: 0 }]);
      }
    });
  });

  describe('POST …/apis/check', () => {
    it('answers 204 for a free name or path, and 400 for an existing one', async () => {
      const { id, name, req_uri } = (await create()).body;
      const check = (body: unknown) => client.post(at('/apis/check'), body);
      expect((await check({ type: 'name', name: 'unheard_of' })).status).toBe(204);
      expect((await check({ type: 'name', name })).body).toEqual(words('APIG.3202', `The API name already exists, api_name:${name}`));
      expect((await check({ type: 'name', name, api_id: id })).status).toBe(204);
      expect((await check({ type: 'name', name, group_id: UNKNOWN })).status).toBe(204);
      expect((await check({ type: 'path', req_method: 'GET', req_uri })).body.error_code).toBe('APIG.3301');
      expect((await check({ type: 'path', req_method: 'PUT', req_uri })).status).toBe(204);
      expect((await check({ type: 'path', req_uri })).body).toEqual(missing('req_method'));
      expect((await check({ type: 'else' })).body).toEqual(invalid('type'));
    });
  });

  /** A client in the project, for tests that have only the project's id. */
  async function ownerOf(projectId: string): Promise<Client> {
    const [{ name }] = await rows('SELECT name FROM projects WHERE id = ?', [projectId]);
    return service.client({ project: name });
  }

  /** Inserts more rows than HTTP requests could create in reasonable time. */
  async function insertApis(projectId: string, instanceId: string, groupId: string, count: number): Promise<void> {
    const columns =
      'id, project_id, instance_id, group_id, name, type, req_protocol, req_method, req_uri, auth_type, remark, definition, created_at, updated_at';
    const definition =
      '{"backend_type":"MOCK","req_params":[],"backend_params":[],"policy_https":[],"policy_mocks":[],"policy_functions":[],"tags":[]}';
    await service.app.get(Database).transaction(async (tx) => {
      for (let from = 0; from < count; from += 50) {
        const ids = Array.from(
          { length: Math.min(50, count - from) },
          (_, i) => `${groupId.slice(0, 24)}${String(from + i).padStart(8, '0')}`,
        );
        await tx.run(
          `INSERT INTO apis (${columns}) VALUES ${ids.map(() => "(?, ?, ?, ?, ?, 1, 'HTTPS', 'GET', ?, 'NONE', '', ?, 0, 0)").join(', ')}`,
          ids.flatMap((id) => [id, projectId, instanceId, groupId, id, `/${id}`, definition]),
        );
      }
    });
  }
});
