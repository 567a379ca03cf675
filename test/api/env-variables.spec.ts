import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { invalid, missing, words } from '../support/apig-errors.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const RELEASE = 'DEFAULT_ENVIRONMENT_RELEASE_ID';
const UNKNOWN = '0123456789abcdef0123456789abcdef';
const notThere = (id: string) => words('APIG.3011', `The environment variable does not exist, id: ${id}`);

onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let group: string;
  let env: string;
  const under = (id: string, path: string) => `/v2/{project}/apigw/instances/${id}${path}`;
  const at = (path: string) => under(gateway, path);
  const body = (variable_name: string, more: object = {}) => ({
    variable_name,
    variable_value: '/a',
    env_id: env,
    group_id: group,
    ...more,
  });
  const create = async (name: string, more: object = {}): Promise<any> => {
    const answer = await client.post(at('/env-variables'), body(name, more));
    expect([answer.status, answer.body.error_msg]).toEqual([201, undefined]);
    return answer.body;
  };
  const newGroup = async (name: string): Promise<string> => (await client.post(at('/api-groups'), { name })).body.id;
  const newEnv = async (name: string): Promise<string> => (await client.post(at('/envs'), { name })).body.id;
  const names = (answer: { body: any }) => answer.body.variables.map((row: { variable_name: string }) => row.variable_name);
  beforeAll(async () => {
    test = await createTestDatabase(engine);
    service = await TestService.start(test);
    client = await service.client({ project: 'home' });
    gateway = await client.gateway();
    [group, env] = [await newGroup('orders'), await newEnv('stage_a')];
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe('POST …/env-variables', () => {
    it('answers 201 with the variable, and every read returns it unchanged', async () => {
      const { status, body: made } = await client.post(at('/env-variables'), body('base-path', { variable_value: '/stage/a_b-1.2:80' }));
      const id = expect.stringMatching(/^[0-9a-f]{32}$/);
      const whole = { id, variable_name: 'base-path', variable_value: '/stage/a_b-1.2:80', env_id: env, group_id: group };
      expect([status, made]).toEqual([201, whole]);
      const { status: read, body: one } = await client.get(at(`/env-variables/${made.id}`));
      expect([read, one]).toEqual([200, made]);
      expect((await client.get(at(`/env-variables?group_id=${group}&variable_name=base-path`))).body).toEqual({
        total: 1,
        size: 1,
        variables: [made],
      });
    });

    it('answers 201 for the shortest and the longest permitted name and value', async () => {
      const mine = { group_id: await newGroup('lengths') };
      await create('abc', { ...mine, variable_value: '/' });
      await create(`Z${'9'.repeat(31)}`, { ...mine, variable_value: 'x'.repeat(255) });
    });

    it('answers 201 for the same name in another environment, in another group, or in another case', async () => {
      await create('shared');
      await create('shared', { env_id: RELEASE });
      await create('shared', { group_id: await newGroup('payments') });
      await create('Shared');
    });

    it('answers 400 APIG.3303 for a name that the group already has in that environment', async () => {
      await create('taken');
      const { status, body: refusal } = await client.post(at('/env-variables'), body('taken', { variable_value: '/b' }));
      expect([status, refusal]).toEqual([400, words('APIG.3303', 'The environment variable already exists.')]);
    });

    it.each([
      ['variable_name', ['ab', `a${'b'.repeat(32)}`, '1ab', '-ab', '_ab', 'a b', 'a.b', 'äbc', 'abc\n', 7, ['abc'], {}]],
      ['variable_value', ['', 'x'.repeat(256), 'a b', 'a#b', 'ä', '/a\n', 1, true, ['/a'], {}]],
      ['env_id', ['', 'x'.repeat(65), 1, {}, [env]]],
      ['group_id', ['', 'x'.repeat(65), 1, {}, [group]]],
    ])('answers 400 APIG.2011 and names %s', async (field, values) => {
      for (const value of values)
        expect([value, (await client.post(at('/env-variables'), body('bad', { [field]: value }))).body]).toEqual([value, invalid(field)]);
    });

    it.each(['variable_name', 'variable_value', 'env_id', 'group_id'])('answers 400 APIG.2001 without %s', async (field) => {
      const { status, body: refusal } = await client.post(at('/env-variables'), body('missing', { [field]: undefined }));
      expect([status, refusal]).toEqual([400, missing(field)]);
    });

    it('answers 404 for an unknown group or environment, or one of another gateway', async () => {
      const other = await client.gateway();
      const theirGroup = (await client.post(under(other, '/api-groups'), { name: 'theirs' })).body.id;
      const theirEnv = (await client.post(under(other, '/envs'), { name: 'theirs' })).body.id;
      for (const group_id of [UNKNOWN, theirGroup]) {
        const { status, body: refusal } = await client.post(at('/env-variables'), body('lost', { group_id }));
        expect([status, refusal]).toEqual([404, words('APIG.3001', `API group ${group_id} does not exist`)]);
      }
      for (const env_id of [UNKNOWN, theirEnv]) {
        const { status, body: refusal } = await client.post(at('/env-variables'), body('lost', { env_id }));
        expect([status, refusal]).toEqual([404, words('APIG.3003', `Environment ${env_id} does not exist`)]);
      }
    });

    it('answers 403 APIG.3106 beyond fifty in one environment of a group', async () => {
      const full = await newGroup('full');
      for (let i = 0; i < 50; i++) await create(`var_${i}`, { group_id: full });
      const { status, body: refusal } = await client.post(at('/env-variables'), body('one_more', { group_id: full }));
      expect([status, refusal]).toEqual([403, words('APIG.3106', 'The number of variables exceeds the maximum allowed limit.')]);
      await create('one_more', { group_id: full, env_id: RELEASE });
    });

    it('answers 403 for a reader, who may only read', async () => {
      const { id } = await create('readable');
      const reader = await service.client({ project: 'home', role: READ_ONLY });
      expect((await reader.post(at('/env-variables'), body('nope'))).body.error_code).toBe('APIG.1005');
      expect((await reader.put(at(`/env-variables/${id}`), { variable_value: '/b' })).body.error_code).toBe('APIG.1005');
      expect((await reader.delete(at(`/env-variables/${id}`))).body.error_code).toBe('APIG.1005');
      expect((await reader.get(at(`/env-variables/${id}`))).status).toBe(200);
      expect((await reader.get(at(`/env-variables?group_id=${group}`))).status).toBe(200);
    });
  });

  describe('GET …/env-variables', () => {
    it('answers 200 with the newest first, filters by environment and by part of the name or the whole name, and pages', async () => {
      const group_id = await newGroup('listed');
      for (const name of ['alpha', 'alpha_2', 'beta']) await create(name, { group_id });
      await create('alpha', { group_id, env_id: RELEASE });
      const list = (query: string) => client.get(at(`/env-variables?group_id=${group_id}&${query}`));
      expect(names(await list(''))).toEqual(['alpha', 'beta', 'alpha_2', 'alpha']);
      expect(names(await list(`env_id=${RELEASE}`))).toEqual(['alpha']);
      expect((await list(`env_id=${UNKNOWN}`)).body).toEqual({ total: 0, size: 0, variables: [] });
      expect(names(await list('variable_name=pha_'))).toEqual(['alpha_2']);
      expect(names(await list('variable_name=ALPHA'))).toEqual([]);
      for (const parameter of ['name', 'variable_name'])
        expect(names(await list(`env_id=${env}&variable_name=alpha&precise_search=${parameter}`))).toEqual(['alpha']);
      expect((await list('limit=1&offset=1')).body).toMatchObject({ total: 4, size: 1, variables: [{ variable_name: 'beta' }] });
      expect((await list('offset=x')).body).toEqual(invalid('offset', 'APIG.2012'));
    });

    it('answers 400 without a group, and 404 for an unknown group', async () => {
      expect((await client.get(at('/env-variables'))).body).toEqual(missing('group_id'));
      expect((await client.get(at(`/env-variables?group_id=${UNKNOWN}`))).body.error_code).toBe('APIG.3001');
    });
  });

  describe('PUT …/env-variables/{env_variable_id}', () => {
    it('answers 200, changes the value, and ignores all other fields', async () => {
      const made = await create('changed');
      const answer = await client.put(at(`/env-variables/${made.id}`), {
        ...body('other', { env_id: RELEASE }),
        variable_value: '/stage/b',
      });
      expect([answer.status, answer.body]).toEqual([200, { ...made, variable_value: '/stage/b' }]);
      expect((await client.get(at(`/env-variables/${made.id}`))).body).toEqual({ ...made, variable_value: '/stage/b' });
    });

    it('answers 400 and names variable_value if it is invalid, and keeps the old value', async () => {
      const made = await create('unchanged');
      for (const variable_value of ['', 'a b', 'x'.repeat(256), 1])
        expect((await client.put(at(`/env-variables/${made.id}`), { variable_value })).body).toEqual(invalid('variable_value'));
      expect((await client.put(at(`/env-variables/${made.id}`), {})).body).toEqual(missing('variable_value'));
      expect((await client.get(at(`/env-variables/${made.id}`))).body).toEqual(made);
    });
  });

  describe('DELETE …/env-variables/{env_variable_id}', () => {
    it('answers 204, and 404 the second time, and frees the name at once', async () => {
      const { id } = await create('reborn');
      const gone = await client.delete(at(`/env-variables/${id}`));
      expect([gone.status, gone.text]).toEqual([204, '']);
      for (const call of [client.get(at(`/env-variables/${id}`)), client.delete(at(`/env-variables/${id}`))]) {
        const { status, body: refusal } = await call;
        expect([status, refusal]).toEqual([404, notThere(id)]);
      }
      expect((await create('reborn', { variable_value: '/b' })).variable_value).toBe('/b');
    });
  });

  it("every operation answers 404 for another project's gateway and another gateway's variable, with the message for an unknown one", async () => {
    const { id } = await create('mine_only');
    const other = await client.gateway();
    for (const each of [id, UNKNOWN])
      for (const answer of [
        await client.get(under(other, `/env-variables/${each}`)),
        await client.put(under(other, `/env-variables/${each}`), { variable_value: '/b' }),
        await client.delete(under(other, `/env-variables/${each}`)),
      ])
        expect([answer.status, answer.body]).toEqual([404, notThere(each)]);
    const foreign = await service.client();
    const gone = words('APIG.3030', `The instance does not exist;id:${gateway}`);
    expect((await foreign.get(at(`/env-variables?group_id=${group}`))).body).toEqual(gone);
    expect((await foreign.post(at('/env-variables'), body('intruder'))).body).toEqual(gone);
    expect((await client.get(at(`/env-variables/${id}`))).body.variable_value).toBe('/a');
  });

  it('the deletion of an environment deletes its variables and no others', async () => {
    const [env_id, group_id] = [await newEnv('short_lived'), await newGroup('long_lived')];
    const { id } = await create('lost', { env_id, group_id });
    await create('kept', { group_id });
    expect((await client.delete(at(`/envs/${env_id}`))).status).toBe(204);
    expect((await client.get(at(`/env-variables/${id}`))).body).toEqual(notThere(id));
    expect(names(await client.get(at(`/env-variables?group_id=${group_id}`)))).toEqual(['kept']);
    expect(await audited(env_id)).toMatchObject([{ action: 'CreateEnvironment' }, { action: 'DeleteEnvironment', variables: 1 }]);
  });

  it('the deletion of a group deletes its variables', async () => {
    const group_id = await newGroup('short_lived');
    const { id } = await create('lost', { group_id });
    expect((await client.delete(at(`/api-groups/${group_id}`))).status).toBe(204);
    expect((await client.get(at(`/env-variables/${id}`))).body).toEqual(notThere(id));
    expect(await audited(group_id)).toMatchObject([{ action: 'CreateApiGroup' }, { action: 'DeleteApiGroup', variables: 1 }]);
  });

  it('`#name#` in the address and the path of a backend is returned as sent, whether or not such a variable exists', async () => {
    const backend_api = { req_protocol: 'HTTP', req_method: 'GET', req_uri: '/#base-path#/{n}', url_domain: '#host#:80', timeout: 1000 };
    const api = { name: 'with_variables', type: 1, req_protocol: 'HTTP', req_method: 'GET', req_uri: '/v', auth_type: 'NONE' };
    const made = await client.post(at('/apis'), { ...api, backend_type: 'HTTP', group_id: group, backend_api });
    expect(made.status).toBe(201);
    expect((await client.get(at(`/apis/${made.body.id}`))).body.backend_api).toMatchObject({
      req_uri: '/#base-path#/{n}',
      url_domain: '#host#:80',
    });
    await client.post(at('/apis/action'), { action: 'online', env_id: env, api_id: made.body.id });
    expect((await client.get(at(`/apis/runtime/${made.body.id}?env_id=${env}`))).body.backend_api.req_uri).toBe('/#base-path#/{n}');
  });

  it('every change writes one audit row and one change of the group', async () => {
    const group_id = await newGroup('audited');
    const { id } = await create('audited', { group_id });
    await client.put(at(`/env-variables/${id}`), { variable_value: '/b' });
    await client.delete(at(`/env-variables/${id}`));
    const line = { type: 'EnvironmentVariable', name: 'audited', group_id, env_id: env };
    expect(await audited(id)).toEqual([
      { action: 'CreateEnvironmentVariable', ...line },
      { action: 'UpdateEnvironmentVariable', ...line },
      { action: 'DeleteEnvironmentVariable', ...line },
    ]);
    const sql = 'SELECT kind, op FROM changes WHERE target_id = ? ORDER BY revision';
    const updated = { kind: 'group', op: 'updated' };
    expect(await service.app.get(Database).rows(sql, [group_id])).toEqual([{ kind: 'group', op: 'created' }, updated, updated, updated]);
  });

  const audited = async (id: string) => {
    const sql = 'SELECT action, resource_type AS type, resource_name AS name, detail FROM audit_events WHERE resource_id = ? ORDER BY seq';
    const rows = await service.app.get(Database).rows<{ detail: string | null }>(sql, [id]);
    return rows.map(({ detail, ...row }) => ({ ...row, ...(detail !== null && (JSON.parse(detail) as object)) }));
  };
});
