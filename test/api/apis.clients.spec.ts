import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject, ReferenceObject, SchemaObject } from '@nestjs/swagger';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';

/**
 * The fields that the contract's documents and its SDKs list for an API, by object. The fields that they call unsupported are left out:
 * `roma_app_id`, `roma_app_name`, `domain_name`, `ld_api_id`.
 */
const DOCUMENTED: Record<string, string> = {
  ApiInput:
    'name type version req_protocol req_method req_uri auth_type auth_opt cors match_mode backend_type remark group_id body_remark ' +
    'result_normal_sample result_failure_sample authorizer_id tags response_id content_type is_send_fg_body_base64 trace_enabled ' +
    'sampling_strategy sampling_param tag mock_info func_info backend_api req_params backend_params policy_mocks policy_functions policy_https',
  AuthOpt: 'app_code_auth_type',
  MockInfo: 'remark result_content version authorizer_id status_code header',
  FuncInfo: 'function_urn remark invocation_type network_type version alias_urn timeout authorizer_id req_protocol',
  BackendApi:
    'authorizer_id url_domain req_protocol remark req_method version req_uri timeout enable_client_ssl retry_count enable_sm_channel ' +
    'member_group_url_infos vpc_channel_info vpc_channel_status',
  MockHeader: 'name value',
  VpcChannelInfo: 'vpc_channel_id vpc_channel_proxy_host',
  MemberGroupUrlInfo: 'member_group_id req_protocol req_method req_uri',
  ReqParam:
    'name type location default_value sample_value required valid_enable remark enumerations min_num max_num min_size max_size regular ' +
    'json_schema pass_through orchestrations',
  BackendParam: 'origin name remark location value',
  Condition:
    'req_param_name sys_param_name cookie_param_name frontend_authorizer_param_name condition_type condition_origin condition_value ' +
    'mapped_param_name mapped_param_location',
  PolicyMock: 'result_content effect_mode name backend_params conditions authorizer_id status_code header',
  PolicyFunction:
    'function_urn invocation_type network_type version alias_urn timeout req_protocol effect_mode name backend_params conditions authorizer_id',
  PolicyHttp:
    'url_domain req_protocol req_method req_uri timeout retry_count enable_sm_channel member_group_url_infos effect_mode name backend_params ' +
    'conditions authorizer_id vpc_channel_info vpc_channel_status enable_client_ssl',
};
const BACKENDS = {
  HTTP: ['backend_api', 'policy_https'],
  GRPC: ['backend_api', 'policy_https'],
  MOCK: ['mock_info', 'policy_mocks'],
  FUNCTION: ['func_info', 'policy_functions'],
} as const;
const OF_BACKENDS = new Set<string>(Object.values(BACKENDS).flat());

type Json = Record<string, any>;

onBothDatabases((engine) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let group: string;
  let channel: string;
  let at: (path: string) => string;
  let schemas: Record<string, SchemaObject>;
  let made = 0;

  beforeAll(async () => {
    database = await createTestDatabase(engine);
    service = await TestService.start(database);
    client = await service.client();
    const gateway = await client.gateway();
    at = (path) => `/v2/{project}/apigw/instances/${gateway}${path}`;
    group = (await client.post(at('/api-groups'), { name: 'orders' })).body.id;
    channel = (await client.post(at('/vpc-channels'), { name: 'pool', port: 80, members: [{ host: '192.0.2.1', weight: 1 }] })).body.id;
    schemas = ((await client.get('/openapi.json')).body as OpenAPIObject).components!.schemas as Record<string, SchemaObject>;
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const api = (fields: Json): Json => ({
    type: 1,
    group_id: group,
    name: `api_${made++}`,
    req_protocol: 'HTTP',
    req_method: 'GET',
    req_uri: `/orders/${made}/{number}`,
    auth_type: 'NONE',
    match_mode: 'NORMAL',
    ...fields,
  });
  /** Creates an API. @returns the API as get and list show it, which is the same in both */
  async function created(body: Json): Promise<Json> {
    const answer = await client.post(at('/apis'), body);
    expect([answer.status, answer.status === 201 ? '' : answer.text]).toEqual([201, '']);
    return read(answer.body.id);
  }
  async function read(id: string): Promise<Json> {
    const first = await client.get(at(`/apis/${id}`));
    const second = await client.get(at(`/apis/${id}`));
    expect(second.text).toBe(first.text);
    expect((await client.get(at(`/apis?id=${id}`))).body.apis).toEqual([first.body]);
    return first.body;
  }

  describe('an API that a client writes and reads', () => {
    /** Values of fields for which the type in the document is not enough to make a valid value. */
    const given = (): Json => ({
      name: `field_${made++}`,
      group_id: group,
      req_uri: `/every/${made++}`,
      vpc_channel_id: channel,
      retry_count: '3',
      is_send_fg_body_base64: false,
      origin: 'CONSTANT',
      auth_type: 'APP',
    });
    const resolve = (schema: SchemaObject | ReferenceObject): { name?: string; schema: SchemaObject } => {
      if ('allOf' in schema && schema.allOf) return resolve(schema.allOf[0]!);
      if (!('$ref' in schema)) return { schema };
      const name = schema.$ref.split('/').pop()!;
      return { name, schema: schemas[name]! };
    };
    /** A value for a field that differs from its default, made from the OpenAPI document alone. */
    function valueOf(field: string, of: SchemaObject | ReferenceObject, seen: Set<string>): unknown {
      const { name, schema } = resolve(of);
      if (name !== undefined) return objectOf(name, seen);
      const own = given();
      if (field in own) return own[field];
      if (schema.enum) return schema.enum.filter((value) => value !== schema.default && value !== '' && value !== 4).at(-1);
      if (schema.type === 'array') return [valueOf(field, schema.items!, seen)];
      if (schema.type === 'boolean') return true;
      if (schema.type === 'integer') return Math.max(schema.minimum ?? 0, 7) + 200;
      return 'a text';
    }
    function objectOf(name: string, seen: Set<string>, leaveOut: ReadonlySet<string> = new Set()): Json {
      seen.add(name);
      const { properties = {} } = schemas[name]!;
      const fields = Object.entries(properties).filter(([field]) => !leaveOut.has(field));
      return Object.fromEntries(fields.map(([field, schema]) => [field, valueOf(field, schema, seen)]));
    }
    const everyField = (backend_type: keyof typeof BACKENDS, seen: Set<string>): Json => {
      const others = new Set([...OF_BACKENDS].filter((field) => !(BACKENDS[backend_type] as readonly string[]).includes(field)));
      return { ...objectOf('ApiInput', seen, others), backend_type };
    };

    it('has every field that the documents list', () => {
      const fieldsOf = (name: string) => Object.keys(schemas[name]!.properties!).sort();
      for (const [name, fields] of Object.entries(DOCUMENTED)) expect([name, fieldsOf(name)]).toEqual([name, fields.split(' ').sort()]);
    });

    it.each(Object.keys(BACKENDS) as (keyof typeof BACKENDS)[])('comes back with every field, for a %s backend', async (backend) => {
      const seen = new Set<string>();
      const body = everyField(backend, seen);
      const answer = await created(body);
      expect(answer).toMatchObject(body);
      const changed = { ...everyField(backend, seen), remark: '' };
      expect((await client.put(at(`/apis/${answer['id']}`), changed)).status).toBe(200);
      expect(await read(answer['id'])).toMatchObject(changed);
    });

    it('contains every object of the contract in these tests', () => {
      const seen = new Set<string>();
      for (const backend of Object.keys(BACKENDS) as (keyof typeof BACKENDS)[]) everyField(backend, seen);
      expect([...seen].sort()).toEqual(Object.keys(DOCUMENTED).sort());
    });

    it('does not change when the answer is written back', async () => {
      for (const backend of Object.keys(BACKENDS) as (keyof typeof BACKENDS)[]) {
        const plain = backend === 'HTTP' || backend === 'GRPC' ? { backend_api: web } : {};
        const func = backend === 'FUNCTION' ? { func_info: { ...fn, network_type: '' } } : {};
        for (const body of [everyField(backend, new Set()), api({ backend_type: backend, ...plain, ...func })]) {
          const before = await created(body);
          expect((await client.put(at(`/apis/${before['id']}`), before)).status).toBe(200);
          const strip = (value: unknown) => JSON.parse(JSON.stringify(value, (key, part) => (key === 'update_time' ? undefined : part)));
          expect(strip(await read(before['id']))).toEqual(strip(before));
        }
      }
    });

    it('has its system parameters verbatim', async () => {
      const values = ['$context.sourceIp', '$context.authorizer.frontend.user', '$context.authorizer.backend.id'];
      const backend_params = values.map((value, i) => ({ origin: 'SYSTEM', name: `p${i}`, location: 'HEADER', value, remark: `of ${i}` }));
      const answer = await created(api({ backend_type: 'MOCK', backend_params }));
      expect(answer['backend_params']).toMatchObject(backend_params);
    });
  });

  const web = { url_domain: '192.0.2.9:80', req_protocol: 'HTTP', req_method: 'GET', req_uri: '/o/{n}', timeout: 5000 };
  const fn = { function_urn: 'urn:fss:f', invocation_type: 'sync', network_type: 'V1', timeout: 5000 };
  const conditions = [{ condition_origin: 'param', req_param_name: 'number', condition_type: 'exact', condition_value: '28' }];
  const policy = { name: 'special', req_protocol: 'HTTP', req_method: 'GET', req_uri: '/o/{id}', effect_mode: 'ANY', conditions };
  const noChannel = { vpc_channel_id: '', vpc_channel_proxy_host: '' };

  describe('fields that a client reads without checking that they exist:', () => {
    it('a backend and a policy without a channel show a channel with empty fields, and the documented defaults', async () => {
      const answer = await created(api({ backend_type: 'HTTP', backend_api: web, policy_https: [policy] }));
      const defaults = { retry_count: '-1', enable_client_ssl: false, vpc_channel_status: 2, vpc_channel_info: noChannel };
      expect(answer['backend_api']).toMatchObject({ ...web, ...defaults });
      expect(answer['policy_https']).toMatchObject([{ ...policy, ...defaults, timeout: 5000, url_domain: '' }]);
      expect(answer['auth_opt']).toEqual({ app_code_auth_type: 'DISABLE' });
    });

    it('a given channel comes back, with an empty host if none was given', async () => {
      const through = { vpc_channel_status: 1, vpc_channel_info: { vpc_channel_id: channel } };
      const backend = { ...web, url_domain: undefined };
      const answer = await created(
        api({ backend_type: 'HTTP', backend_api: { ...backend, ...through }, policy_https: [{ ...policy, ...through }] }),
      );
      const info = { vpc_channel_id: channel, vpc_channel_proxy_host: '' };
      expect(answer['backend_api']).toMatchObject({ vpc_channel_status: 1, vpc_channel_info: info });
      expect(answer['policy_https']).toMatchObject([{ vpc_channel_status: 1, vpc_channel_info: info }]);
    });

    it('an API shows its group’s domains and debugging domain as the group itself does', async () => {
      const { id: group_id } = (await client.post(at('/api-groups'), { name: 'with_domains' })).body;
      const body = api({ backend_type: 'MOCK', group_id });
      expect((await created(body))['api_group_info']).toMatchObject({ url_domains: [], sl_domain_access_enabled: true });
      expect((await client.post(at(`/api-groups/${group_id}/domains`), { url_domain: 'orders.example' })).status).toBe(201);
      const setting = { sl_domain_access_enabled: false };
      expect((await client.put(at(`/api-groups/${group_id}/sl-domain-access-settings`), setting)).status).toBe(204);
      const { url_domains } = (await client.get(at(`/api-groups/${group_id}`))).body;
      expect(url_domains).toMatchObject([{ domain: 'orders.example' }]);
      const { apis } = (await client.get(at(`/apis?group_id=${group_id}`))).body;
      const changed = await client.put(at(`/apis/${apis[0].id}`), body);
      for (const { api_group_info } of [apis[0], changed.body, await read(apis[0].id)]) {
        expect(api_group_info).toMatchObject({ id: group_id, url_domains, ...setting });
      }
      const another = await client.post(at('/apis'), api({ backend_type: 'MOCK', group_id }));
      expect(another.body.api_group_info).toMatchObject({ url_domains, ...setting });
    });

    it('an API has only the backend of its type, whatever else was sent or stored before', async () => {
      const all = {
        mock_info: { status_code: 201 },
        func_info: fn,
        backend_api: web,
        policy_https: [policy],
        policy_mocks: [{ ...policy }],
      };
      const { id } = await created(api({ backend_type: 'HTTP', ...all }));
      for (const [backend_type, [own]] of Object.entries(BACKENDS)) {
        const body = api({ backend_type, ...all });
        expect((await client.put(at(`/apis/${id}`), body)).status).toBe(200);
        const answer = await read(id);
        const blocks = ['mock_info', 'func_info', 'backend_api'].filter((block) => block in answer);
        expect([backend_type, blocks]).toEqual([backend_type, [own]]);
        expect([answer['policy_https'].length, answer['policy_mocks'].length]).toEqual([
          own === 'backend_api' ? 1 : 0,
          own === 'mock_info' ? 1 : 0,
        ]);
      }
    });
  });

  describe('the API that the acceptance test creates', () => {
    const mapped = { origin: 'REQUEST', name: 'id', location: 'PATH', value: 'number' };
    const toChannel = () => ({ vpc_channel_status: 1, vpc_channel_info: { vpc_channel_id: channel, vpc_channel_proxy_host: '' } });

    it('in the provider huaweicloud comes back as sent, is found by its name, and loses the fields that a PUT omits', async () => {
      const call = { req_protocol: 'HTTP', req_method: 'GET', req_uri: '/o/{id}', timeout: 30000, retry_count: '-1' };
      const body = api({
        cors: false,
        auth_type: 'APP',
        auth_opt: { app_code_auth_type: 'DISABLE' },
        remark: 'one order',
        result_normal_sample: 'ok',
        result_failure_sample: 'no',
        is_send_fg_body_base64: true,
        req_params: [
          {
            ...{ type: 'NUMBER', name: 'number', required: 1, location: 'PATH', pass_through: 2 },
            ...{ sample_value: '', valid_enable: 0, max_num: 200 },
          },
        ],
        backend_type: 'HTTP',
        backend_params: [mapped],
        backend_api: { ...call, enable_client_ssl: false, ...toChannel() },
        policy_https: [
          { name: 'special', ...call, effect_mode: 'ANY', url_domain: '', ...toChannel(), conditions, backend_params: [mapped] },
        ],
      });
      const answer = await created(body);
      const asRead = { ...body, req_params: [{ ...body['req_params'][0], valid_enable: 2 }] };
      expect(answer).toMatchObject(asRead);
      const page = (offset: number) => client.get(at(`/apis?limit=500&name=${body['name']}&offset=${offset}`));
      expect((await page(0)).body.apis.filter(({ name }: Json) => name === body['name'])).toEqual([answer]);
      expect((await page(500)).body.apis).toEqual([]);

      const { remark, policy_https, ...rest } = asRead as Json;
      expect([remark, policy_https.length]).toEqual(['one order', 1]);
      expect((await client.put(at(`/apis/${answer['id']}`), rest)).status).toBe(200);
      expect(await read(answer['id'])).toMatchObject({ ...rest, remark: '', policy_https: [] });
    });

    it('in the provider opentelekomcloud has every field that this provider dereferences, with and without a channel', async () => {
      const name = { name: 'n', type: 'NUMBER', location: 'PATH', required: 1, valid_enable: 2, pass_through: 2, max_num: 0, min_num: 0 };
      const call = { req_protocol: 'HTTP', req_method: 'GET', req_uri: '/o/{n}', timeout: 5000, retry_count: '-1' };
      const own = { name: 'special', effect_mode: 'ANY', conditions: [{ ...conditions[0], req_param_name: 'n' }], ...call };
      const body = api({
        backend_type: 'HTTP',
        req_params: [name],
        backend_params: [{ origin: 'REQUEST', name: 'n', location: 'PATH', value: 'n' }],
        backend_api: { ...call, url_domain: '192.0.2.9:80', enable_client_ssl: false, vpc_channel_status: 2 },
        policy_https: [
          { ...own, url_domain: '', ...toChannel() },
          { ...own, name: 'plain', url_domain: 'host.example', vpc_channel_status: 2, req_protocol: '' },
        ],
      });
      const answer = await created(body);
      expect(answer['auth_opt']).toEqual({ app_code_auth_type: 'DISABLE' });
      expect(answer['backend_api']).toMatchObject({ ...body['backend_api'], vpc_channel_info: noChannel });
      expect(answer['policy_https']).toMatchObject([body['policy_https'][0], { ...body['policy_https'][1], vpc_channel_info: noChannel }]);
    });
  });

  describe('values that a client left out:', () => {
    it('zeros and empty texts from golangsdk count as the defaults', async () => {
      const answer = await created(
        api({
          backend_type: 'MOCK',
          cors: false,
          auth_opt: { app_code_auth_type: '' },
          is_send_fg_body_base64: true,
          req_params: [
            {
              type: 'NUMBER',
              name: 'number',
              required: 1,
              location: 'PATH',
              pass_through: 2,
              sample_value: '',
              valid_enable: 0,
              max_num: 200,
            },
            { type: 'STRING', name: 'q', location: 'QUERY', required: 0, max_size: 0, min_size: 0 },
          ],
          mock_info: { status_code: 0, result_content: 'hi' },
          policy_mocks: [{ name: 'special', status_code: 0, effect_mode: 'ANY', conditions, result_content: 'ho' }],
        }),
      );
      expect(answer['mock_info']).toMatchObject({ status_code: 200, result_content: 'hi' });
      expect(answer['policy_mocks']).toMatchObject([{ status_code: 200, result_content: 'ho' }]);
      expect(answer['req_params']).toMatchObject([
        { valid_enable: 2, required: 1, max_num: 200, sample_value: '', orchestrations: [] },
        { valid_enable: 2, required: 2 },
      ]);
      expect(answer['req_params'][1]).not.toHaveProperty('max_size');
      expect(answer['policy_mocks'][0].conditions).toMatchObject([
        { req_param_id: answer['req_params'][0].id, req_param_location: 'PATH' },
      ]);
    });

    it('a minimum and a maximum of 0 from gophertelekomcloud count as left out', async () => {
      const range = { max_num: 0, min_num: 0 };
      const req_params = [{ name: 'n', type: 'NUMBER', location: 'PATH', required: 1, valid_enable: 2, pass_through: 2, ...range }];
      const [param] = (await created(api({ backend_type: 'HTTP', backend_api: web, req_params })))['req_params'];
      expect([param.max_num, param.min_num]).toEqual([undefined, undefined]);
    });

    it('a mandatory field accepts the empty text that a client sends for an unset value, and returns it', async () => {
      const answer = await created(api({ backend_type: 'HTTP', backend_api: { ...web, req_method: '' } }));
      expect(answer['backend_api'].req_method).toBe('');
      const unset = { network_type: '', alias_urn: '', version: '', req_protocol: '' };
      const func = await created(
        api({
          backend_type: 'FUNCTION',
          func_info: { ...fn, ...unset },
          policy_functions: [{ name: 'special', effect_mode: 'ALL', conditions, function_urn: 'urn', invocation_type: 'sync', ...unset }],
        }),
      );
      expect(func['func_info']).toMatchObject(unset);
      expect(func['policy_functions'][0]).toMatchObject({ alias_urn: '', version: '', req_protocol: '', timeout: 5000 });
      const missing = await client.post(at('/apis'), api({ backend_type: 'HTTP', backend_api: { ...web, req_method: undefined } }));
      expect([missing.status, missing.body.error_code, missing.body.error_msg]).toEqual([
        400,
        'APIG.2001',
        expect.stringContaining('backend_api.req_method'),
      ]);
    });

    it('null counts as a list that was left out', async () => {
      const lists = ['tags', 'req_params', 'backend_params', 'policy_https', 'policy_mocks', 'policy_functions'];
      const answer = await created(api({ backend_type: 'MOCK', ...Object.fromEntries(lists.map((list) => [list, null])) }));
      for (const list of lists) expect([list, answer[list]]).toEqual([list, []]);
    });

    it('a backend that goes through a channel still requires the channel', async () => {
      for (const vpc_channel_status of [1, 4]) {
        const body = api({ backend_type: 'HTTP', backend_api: { ...web, vpc_channel_status, vpc_channel_info: noChannel } });
        const { status, body: error } = await client.post(at('/apis'), body);
        expect([status, error.error_code, error.error_msg]).toEqual([
          400,
          'APIG.2011',
          expect.stringContaining('backend_api.vpc_channel_info.vpc_channel_id'),
        ]);
      }
    });

    it('a PUT resets the fields that it omits', async () => {
      const full = api({
        backend_type: 'HTTP',
        backend_api: { ...web, retry_count: '3', enable_client_ssl: true },
        remark: 'one order',
        body_remark: 'b',
        result_normal_sample: 'ok',
        result_failure_sample: 'no',
        response_id: 'r',
        content_type: 'text/plain',
        is_send_fg_body_base64: false,
        trace_enabled: true,
        sampling_strategy: 'fixed',
        sampling_param: '10',
        cors: true,
        match_mode: 'SWA',
        tags: ['a'],
        tag: 'a',
        auth_opt: { app_code_auth_type: 'HEADER' },
        req_params: [{ name: 'number', type: 'NUMBER', location: 'PATH', valid_enable: 1, max_num: 9 }],
        backend_params: [{ origin: 'REQUEST', name: 'n', location: 'PATH', value: 'number' }],
        policy_https: [policy],
      });
      const { id } = await created(full);
      const { type, group_id, name, req_protocol, req_method, req_uri, auth_type, backend_type } = full;
      const bare = { type, group_id, name, req_protocol, req_method, req_uri, auth_type, backend_type, backend_api: web };
      expect((await client.put(at(`/apis/${id}`), bare)).status).toBe(200);
      const answer = await read(id);
      const fresh = await created({ ...bare, name: 'never_had_more', req_uri: '/never' });
      const own = new Set(['id', 'name', 'req_uri', 'register_time', 'update_time']);
      const settings = (of: Json) => JSON.parse(JSON.stringify(of, (key, value) => (own.has(key) ? undefined : value))) as Json;
      expect(settings(answer)).toEqual(settings(fresh));
    });
  });

  describe('POST …/apis/check', () => {
    it('answers 400 APIG.2011 without a type', async () => {
      for (const body of [{}, { name: 'free_name' }, { type: null, name: 'free_name' }, { type: '', name: 'free_name' }]) {
        const answer = await client.post(at('/apis/check'), body);
        expect([answer.status, answer.body.error_code, answer.body.error_msg]).toEqual([
          400,
          'APIG.2011',
          'Invalid parameter value,parameterName:type. Please refer to the support documentation',
        ]);
      }
    });

    it('compares only what its type names', async () => {
      const { name, req_uri, req_method } = await created(api({ backend_type: 'MOCK' }));
      const path = { req_method, req_uri, match_mode: 'NORMAL', group_id: group };
      const codes = [];
      for (const body of [
        { type: 'name', name: 'free_name', ...path },
        { type: 'path', name, ...path, req_uri: '/free' },
        { type: 'name', name },
        { type: 'path', ...path },
      ]) {
        const answer = await client.post(at('/apis/check'), body);
        codes.push([answer.status, answer.body?.error_code, answer.text === '']);
      }
      expect(codes).toEqual([
        [204, undefined, true],
        [204, undefined, true],
        [400, 'APIG.3202', false],
        [400, 'APIG.3301', false],
      ]);
    });
  });

  describe('the publication of an API', () => {
    it('has a body in the answer to every action, and a history in the form that a provider reads', async () => {
      const { id } = await created(api({ backend_type: 'MOCK' }));
      const env_id = (await client.post(at('/envs'), { name: 'stage_a', remark: '' })).body.id as string;
      const act = (action: string, remark?: string) =>
        client.post(at('/apis/action'), { action, env_id, api_id: id, ...(remark && { remark }) });
      const history = async () => (await client.get(at(`/apis/publish/${id}?env_id=${env_id}`))).body.api_versions as Json[];
      const first = await act('online', 'first');
      const second = await act('online', 'second');
      expect([first.status, second.status, second.body.publish_id]).toEqual([201, 201, first.body.publish_id]);
      expect(await history()).toMatchObject([
        { version_id: second.body.version_id, remark: 'second', status: 1, env_id, env_name: 'stage_a', api_id: id },
        { version_id: first.body.version_id, remark: 'first', status: 2 },
      ]);
      for (const { publish_time } of await history()) expect(publish_time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      const { publish_id, run_env_id } = await read(id);
      expect([publish_id, run_env_id]).toEqual([first.body.publish_id, env_id]);
      const switched = await client.put(at(`/apis/publish/${id}`), { version_id: first.body.version_id });
      expect([switched.status, switched.body.publish_id]).toEqual([200, first.body.publish_id]);
      expect((await history()).map(({ version_id, status }) => [version_id, status])).toEqual([
        [second.body.version_id, 2],
        [first.body.version_id, 1],
      ]);
      const offline = await act('offline');
      expect([offline.status, offline.body]).toMatchObject([201, { publish_id: first.body.publish_id, api_id: id, env_id }]);
      expect((await history()).map(({ status }) => status)).toEqual([2, 2]);
      expect((await client.delete(at(`/apis/${id}`))).status).toBe(204);
      const gone = await client.get(at(`/apis/publish/${id}?env_id=${env_id}`));
      expect([gone.status, gone.body.error_code]).toEqual([404, 'APIG.3002']);
    });
  });
});
