import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { invalid, missing, words } from '../support/apig-errors.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const UNKNOWN = '0123456789abcdef0123456789abcdef';
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const NANOSECONDS = /\.\d{9}Z$/;
const NOT_THERE = words('APIG.3007', 'The configuration does not exist.');

/** The nineteen error types with the status of their default response (docs/contracts/apig.md §3.9). */
const STATUS: Record<string, number | undefined> = {
  AUTH_FAILURE: 401,
  AUTH_HEADER_MISSING: 401,
  AUTHORIZER_FAILURE: 500,
  AUTHORIZER_CONF_FAILURE: 500,
  AUTHORIZER_IDENTITIES_FAILURE: 401,
  BACKEND_UNAVAILABLE: 502,
  BACKEND_TIMEOUT: 504,
  THROTTLED: 429,
  UNAUTHORIZED: 401,
  ACCESS_DENIED: 403,
  NOT_FOUND: 404,
  REQUEST_PARAMETERS_FAILURE: 400,
  DEFAULT_4XX: undefined,
  DEFAULT_5XX: undefined,
  THIRD_AUTH_FAILURE: 401,
  THIRD_AUTH_IDENTITIES_FAILURE: 401,
  THIRD_AUTH_CONF_FAILURE: 500,
  ORCHESTRATION_FAILURE: undefined,
  ORCHESTRATION_PARAMETER_NOT_FOUND: undefined,
};

onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let group: string;
  const under = (id: string, path: string) => `/v2/{project}/apigw/instances/${id}${path}`;
  const at = (path: string, of = group) => under(gateway, `/api-groups/${of}/gateway-responses${path}`);
  const create = async (name: string, responses?: object, of = group): Promise<any> => {
    const answer = await client.post(at('', of), { name, responses });
    expect([answer.status, answer.body.error_msg]).toEqual([201, undefined]);
    return answer.body;
  };
  const newGroup = async (name: string): Promise<string> => (await client.post(under(gateway, '/api-groups'), { name })).body.id;
  const list = async (of = group): Promise<any> => (await client.get(at('', of))).body;
  beforeAll(async () => {
    test = await createTestDatabase(engine);
    service = await TestService.start(test);
    client = await service.client({ project: 'home' });
    gateway = await client.gateway();
  });
  let counter = 0;
  beforeEach(async () => {
    group = await newGroup(`group_${counter++}`);
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe('a new group', () => {
    it('has only the built-in response, with the default of every error type', async () => {
      const { total, size, responses } = await list(await newGroup('fresh'));
      const time = expect.stringMatching(SECONDS);
      const id = expect.stringMatching(/^[0-9a-f]{32}$/);
      expect([total, size, responses]).toEqual([1, 1, [{ id, name: 'default', default: true, create_time: time, update_time: time }]]);
    });

    it('refuses with 409 to delete or rename the built-in response, whose content can be changed', async () => {
      const of = await newGroup('built_in');
      const [{ id }] = (await list(of)).responses;
      const gone = await client.delete(at(`/${id}`, of));
      expect([gone.status, gone.body]).toEqual([409, words('APIG.3491', 'The default response cannot be deleted.')]);
      const renamed = await client.put(at(`/${id}`, of), { name: 'mine' });
      expect([renamed.status, renamed.body]).toEqual([409, words('APIG.3492', 'The default response name cannot be modified.')]);
      const changed = await client.put(at(`/${id}`, of), { name: 'default', responses: { NOT_FOUND: { body: 'none' } } });
      expect([changed.status, changed.body.default, changed.body.responses.NOT_FOUND]).toEqual([
        200,
        true,
        { body: 'none', status: 404, default: false },
      ]);
    });
  });

  describe('POST …/gateway-responses', () => {
    it('answers 201 with all nineteen error types, the given ones with default false, and every read returns the same', async () => {
      const given = { body: '{"code": "$context.error.code"}\n', status: 430, headers: [{ key: 'X-Reason', value: 'too many' }] };
      const { status, body } = await client.post(at(''), { name: 'mine-1_A', responses: { THROTTLED: given, DEFAULT_5XX: { body: '' } } });
      expect(status).toBe(201);
      expect(body).toMatchObject({ name: 'mine-1_A', default: false, create_time: expect.stringMatching(NANOSECONDS) });
      expect(Object.keys(body.responses).sort()).toEqual(Object.keys(STATUS).sort());
      for (const [type, code] of Object.entries(STATUS))
        expect([type, body.responses[type]]).toEqual([
          type,
          type === 'THROTTLED'
            ? { ...given, default: false }
            : type === 'DEFAULT_5XX'
              ? { body: '', default: false }
              : { ...(code !== undefined && { status: code }), body: expect.stringContaining('$context.error.code'), default: true },
        ]);
      const read = await client.get(at(`/${body.id}`));
      expect([read.status, read.body.responses]).toEqual([200, body.responses]);
      expect(read.body.create_time).toMatch(SECONDS);
      expect((await list()).responses[0]).toEqual({ ...read.body, responses: undefined });
    });

    it('answers 201 without a map, and for a status of 0, which counts as left out', async () => {
      expect((await create('bare')).responses.THROTTLED).toMatchObject({ status: 429, default: true });
      const { responses } = await create('zero', { THROTTLED: { body: '{}', status: 0, headers: null } });
      expect(responses.THROTTLED).toEqual({ body: '{}', status: 429, default: false });
    });

    it.each([
      ['name', { name: '' }],
      ['name', { name: 'a'.repeat(65) }],
      ['name', { name: 'a b' }],
      ['name', { name: 'ä' }],
      ['name', { name: 7 }],
      ['responses', { responses: [] }],
      ['responses', { responses: 'x' }],
      ['responses', { responses: { TEAPOT: { body: '{}' } } }],
      ['responses.THROTTLED', { responses: { THROTTLED: 'x' } }],
      ['responses.THROTTLED', { responses: { THROTTLED: [] } }],
      ['responses.THROTTLED.body', { responses: { THROTTLED: { body: {} } } }],
      ['responses.THROTTLED.body', { responses: { THROTTLED: { body: 'x'.repeat(20_481) } } }],
      ...[199, 444, 600, 430.5, '430', true].map((status) => [
        'responses.THROTTLED.status',
        { responses: { THROTTLED: { body: '{}', status } } },
      ]),
      ['responses.THROTTLED.headers', { responses: { THROTTLED: { body: '{}', headers: Array(11).fill({ key: 'a', value: 'b' }) } } }],
      ['responses.THROTTLED.headers[0].key', { responses: { THROTTLED: { body: '{}', headers: [{ key: 'a b', value: 'b' }] } } }],
      ['responses.THROTTLED.headers[0].value', { responses: { THROTTLED: { body: '{}', headers: [{ key: 'a', value: 'b\r\nc: d' }] } } }],
    ] as [string, object][])('answers 400 APIG.2011, names %s and creates nothing (case %#)', async (field, fault) => {
      const before = (await list()).total;
      const { status, body } = await client.post(at(''), { name: 'bad', ...fault });
      expect([status, body]).toEqual([400, invalid(field)]);
      expect((await list()).total).toBe(before);
    });

    it('answers 400 APIG.2001 without a name or a body', async () => {
      expect((await client.post(at(''), {})).body).toEqual(missing('name'));
      expect((await client.post(at(''), { name: 'bad', responses: { THROTTLED: { status: 430 } } })).body).toEqual(
        missing('responses.THROTTLED.body'),
      );
    });

    it('answers 400 APIG.3216 for a name that the group has, including `default`, and accepts a name of another group', async () => {
      await create('taken');
      for (const name of ['taken', 'default']) {
        const { status, body } = await client.post(at(''), { name });
        expect([status, body]).toEqual([400, words('APIG.3216', 'The response name already exists.')]);
      }
      await create('taken', {}, await newGroup('payments'));
      await create('Taken', {}, await newGroup('cases'));
    });

    it('answers 403 APIG.3136 beyond ten responses in addition to the built-in one', async () => {
      const full = await newGroup('full');
      for (let i = 0; i < 10; i++) await create(`r_${i}`, {}, full);
      const { status, body } = await client.post(at('', full), { name: 'one_more' });
      expect([status, body]).toEqual([403, words('APIG.3136', 'The number of responses exceeds the maximum allowed limit.')]);
      expect((await list(full)).total).toBe(11);
    });
  });

  describe('PUT …/gateway-responses/{response_id}', () => {
    it('answers 200, replaces all fields, and resets omitted error types to their defaults', async () => {
      const made = await create('before', { THROTTLED: { body: 'a', status: 430 }, NOT_FOUND: { body: 'b' } });
      const { status, body } = await client.put(at(`/${made.id}`), { name: 'after', responses: { NOT_FOUND: { body: 'c', status: 410 } } });
      expect([status, body.id, body.name]).toEqual([200, made.id, 'after']);
      expect(body.responses.NOT_FOUND).toEqual({ body: 'c', status: 410, default: false });
      expect(body.responses.THROTTLED).toMatchObject({ status: 429, default: true });
      expect((await client.put(at(`/${made.id}`), { name: 'after' })).body.responses.NOT_FOUND).toMatchObject({
        status: 404,
        default: true,
      });
    });

    it('answers 400 for an existing name and for an invalid value, and changes nothing', async () => {
      await create('held');
      const made = await create('wants', { THROTTLED: { body: 'a' } });
      expect((await client.put(at(`/${made.id}`), { name: 'held' })).body.error_code).toBe('APIG.3216');
      const bad = await client.put(at(`/${made.id}`), { name: 'wants', responses: { THROTTLED: { body: 'a', status: 444 } } });
      expect(bad.body).toEqual(invalid('responses.THROTTLED.status'));
      expect((await client.get(at(`/${made.id}`))).body.responses).toEqual(made.responses);
    });
  });

  describe('each operation on …/gateway-responses/{response_id}/{response_type}', () => {
    it('answers 200 and shows, sets or resets one error type, and leaves all others', async () => {
      const { id } = await create('single', { NOT_FOUND: { body: 'kept' } });
      const set = await client.put(at(`/${id}/THROTTLED`), { body: 'slow down', status: 430 });
      const THROTTLED = { body: 'slow down', status: 430, default: false };
      expect([set.status, set.body]).toEqual([200, { THROTTLED }]);
      expect((await client.get(at(`/${id}/THROTTLED`))).body).toEqual({ THROTTLED });
      expect((await client.get(at(`/${id}`))).body.responses).toMatchObject({ THROTTLED, NOT_FOUND: { body: 'kept' } });
      const reset = await client.delete(at(`/${id}/THROTTLED`));
      expect([reset.status, reset.text]).toEqual([204, '']);
      expect((await client.get(at(`/${id}/THROTTLED`))).body).toEqual({
        THROTTLED: { status: 429, body: expect.any(String), default: true },
      });
      expect((await client.get(at(`/${id}/NOT_FOUND`))).body.NOT_FOUND.body).toBe('kept');
    });

    it('answers 404 for an unknown error type, and 400 naming the field for an invalid value', async () => {
      const { id } = await create('single_bad');
      for (const type of ['TEAPOT', 'throttled', 'constructor', '__proto__'])
        for (const answer of [
          await client.get(at(`/${id}/${type}`)),
          await client.put(at(`/${id}/${type}`), { body: '{}' }),
          await client.delete(at(`/${id}/${type}`)),
        ])
          expect([answer.status, answer.body]).toEqual([404, NOT_THERE]);
      expect((await client.put(at(`/${id}/THROTTLED`), {})).body).toEqual(missing('body'));
      expect((await client.put(at(`/${id}/THROTTLED`), { body: '{}', status: 444 })).body).toEqual(invalid('status'));
    });
  });

  describe('DELETE …/gateway-responses/{response_id}', () => {
    it('answers 204, after which every operation answers 404 and the name is free again', async () => {
      const { id } = await create('reborn');
      const gone = await client.delete(at(`/${id}`));
      expect([gone.status, gone.text]).toEqual([204, '']);
      for (const answer of await every(at(`/${id}`))) expect([answer.status, answer.body]).toEqual([404, NOT_THERE]);
      await create('reborn');
    });

    it('has the same effect as the deletion of the group', async () => {
      const of = await newGroup('short_lived');
      await create('lost', {}, of);
      expect((await client.delete(under(gateway, `/api-groups/${of}`))).status).toBe(204);
      const sql = 'SELECT COUNT(*) AS n FROM gateway_responses WHERE group_id = ?';
      expect(await service.app.get(Database).rows(sql, [of])).toEqual([{ n: 0 }]);
    });
  });

  it('a response of another group, an unknown response, an unknown group and a foreign project get 404', async () => {
    const { id } = await create('mine_only');
    const other = await newGroup('other');
    for (const each of [id, UNKNOWN])
      for (const answer of await every(at(`/${each}`, other))) expect([answer.status, answer.body]).toEqual([404, NOT_THERE]);
    for (const answer of [
      ...(await every(at(`/${id}`, UNKNOWN))),
      await client.get(at('', UNKNOWN)),
      await client.post(at('', UNKNOWN), { name: 'x' }),
    ])
      expect([answer.status, answer.body]).toEqual([404, words('APIG.3001', `API group ${UNKNOWN} does not exist`)]);
    const foreign = await service.client();
    const gone = words('APIG.3030', `The instance does not exist;id:${gateway}`);
    for (const answer of await every(at(`/${id}`), foreign)) expect(answer.body).toEqual(gone);
    expect((await client.get(at(`/${id}`))).body.name).toBe('mine_only');
  });

  it('a reader gets 403 for writes and 200 for reads', async () => {
    const { id } = await create('readable');
    const reader = await service.client({ project: 'home', role: READ_ONLY });
    const [get, put, remove, getType, putType, removeType] = await every(at(`/${id}`), reader);
    for (const answer of [put, remove, putType, removeType, await reader.post(at(''), { name: 'nope' })])
      expect(answer?.body.error_code).toBe('APIG.1005');
    for (const answer of [get, getType, await reader.get(at(''))]) expect(answer?.status).toBe(200);
  });

  it('every change writes one audit row and one change of the group', async () => {
    const of = await newGroup('audited');
    const { id } = await create('audited', {}, of);
    await client.put(at(`/${id}`, of), { name: 'audited' });
    await client.put(at(`/${id}/THROTTLED`, of), { body: '{}' });
    await client.delete(at(`/${id}/THROTTLED`, of));
    await client.delete(at(`/${id}`, of));
    const { rows } = { rows: (sql: string) => service.app.get(Database).rows<any>(sql, [id]) };
    const lines = await rows('SELECT action, resource_type AS type, detail FROM audit_events WHERE resource_id = ? ORDER BY seq');
    expect(lines.map(({ action }) => action)).toEqual([
      'CreateGatewayResponse',
      ...Array(3).fill('UpdateGatewayResponse'),
      'DeleteGatewayResponse',
    ]);
    for (const { type, detail } of lines) expect([type, JSON.parse(detail)]).toEqual(['GatewayResponse', { group_id: of }]);
    const changes = await service.app.get(Database).rows<any>('SELECT op FROM changes WHERE target_id = ? ORDER BY revision', [of]);
    expect(changes.map(({ op }) => op)).toEqual(['created', ...Array(5).fill('updated')]);
  });

  /** The operations on one response. */
  const every = async (path: string, who = client) => [
    await who.get(path),
    await who.put(path, { name: 'default' }),
    await who.delete(path),
    await who.get(`${path}/THROTTLED`),
    await who.put(`${path}/THROTTLED`, { body: '{}' }),
    await who.delete(`${path}/THROTTLED`),
  ];
});
