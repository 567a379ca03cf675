import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { invalid, words } from '../support/apig-errors.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Answer, type Client, READ_ONLY, TestService } from '../support/service.js';

const RELEASE = 'DEFAULT_ENVIRONMENT_RELEASE_ID';
const UNKNOWN = '0123456789abcdef0123456789abcdef';
const ID = /^[0-9a-f]{32}$/;
const NANOSECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/;
/** The format of `published_at` that Terraform requires. */
const TERRAFORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}?(Z|([+-]\d{2}:\d{2}))$/;

onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let foreign: Client;
  let gateway: string;
  let group: string;
  let staging: string;
  let made = 0;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const rows = (sql: string, params: (string | number)[]) => service.app.get(Database).rows<any>(sql, params);
  const input = (fields: Record<string, unknown> = {}) => {
    const name = `api_${made++}`;
    const fixed = { type: 1, req_protocol: 'HTTPS', req_method: 'GET', auth_type: 'NONE', backend_type: 'MOCK', group_id: group };
    return { name, req_uri: `/${name}`, ...fixed, ...fields };
  };
  const create = async (fields: Record<string, unknown> = {}): Promise<string> => (await client.post(at('/apis'), input(fields))).body.id;
  const act = (action: string, api_id: string, env_id = RELEASE, remark?: string) =>
    client.post(at('/apis/action'), { action, api_id, env_id, remark });
  const history = async (apiId: string, query = '') => (await client.get(at(`/apis/publish/${apiId}?${query}`))).body;
  const revision = async () => (await rows('SELECT revision FROM change_counters WHERE scope_id = ?', [gateway]))[0].revision as number;
  beforeAll(async () => {
    test = await createTestDatabase(engine);
    service = await TestService.start(test);
    client = await service.client({ project: 'home' });
    foreign = await service.client();
    gateway = await client.gateway();
    group = (await client.post(at('/api-groups'), { name: 'group' })).body.id;
    staging = (await client.post(at('/envs'), { name: 'staging' })).body.id;
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe('POST …/apis/action', () => {
    it('publishes an API, and returns times with nine digits of a second', async () => {
      const apiId = await create({ name: 'published' });
      const { status, body } = await act('online', apiId, RELEASE, 'first');
      expect(status).toBe(201);
      expect(body).toEqual({
        publish_id: expect.stringMatching(ID),
        api_id: apiId,
        api_name: 'published',
        env_id: RELEASE,
        remark: 'first',
        publish_time: expect.stringMatching(NANOSECONDS),
        version_id: expect.stringMatching(ID),
      });
      expect(await rows('SELECT action, detail FROM audit_events WHERE resource_id = ? AND action <> ?', [apiId, 'CreateApi'])).toEqual([
        { action: 'OnlineApi', detail: JSON.stringify({ env_id: RELEASE, publish_id: body.publish_id, version_id: body.version_id }) },
      ]);
      expect(await rows('SELECT kind, op FROM changes WHERE target_id = ?', [body.publish_id])).toEqual([
        { kind: 'publication', op: 'created' },
      ]);
    });

    it('takes an API offline, also with an object as the body, and does nothing the second time', async () => {
      const apiId = await create();
      const online = (await act('online', apiId)).body;
      const { status, body } = await act('offline', apiId);
      expect([status, body]).toEqual([201, { ...online, publish_time: expect.stringMatching(NANOSECONDS) }]);
      const before = await revision();
      const again = await act('offline', apiId);
      expect([again.status, again.body, await revision()]).toEqual([201, body, before]);
    });

    it('keeps the publish_id and its bound key while the API goes offline and online', async () => {
      const apiId = await create();
      const first = (await act('online', apiId)).body;
      const sign = (await client.post(at('/signs'), { name: 'stays_bound' })).body;
      expect((await client.post(at('/sign-bindings'), { sign_id: sign.id, publish_ids: [first.publish_id] })).status).toBe(201);
      await act('offline', apiId);
      const bound = async () => (await client.get(at(`/sign-bindings/binded-apis?sign_id=${sign.id}`))).body.bindings;
      const unbound = async () => (await client.get(at(`/sign-bindings/unbinded-apis?sign_id=${UNKNOWN}`))).body;
      expect(await bound()).toMatchObject([{ publish_id: first.publish_id, api_id: apiId }]);
      expect(await unbound()).toEqual(words('APIG.3017', `Signature key ${UNKNOWN} does not exist`));
      const second = (await act('online', apiId)).body;
      expect([second.publish_id, second.version_id === first.version_id]).toEqual([first.publish_id, false]);
      expect(await bound()).toMatchObject([{ publish_id: first.publish_id }]);
      expect((await act('online', apiId)).body.publish_id).toBe(first.publish_id);
    });

    it('joins the environments, names, ids and times of online publications with |, all in the same order', async () => {
      const apiId = await create();
      const inStaging = (await act('online', apiId, staging)).body;
      const inRelease = (await act('online', apiId)).body;
      const api = (await client.get(at(`/apis/${apiId}`))).body;
      expect(api.run_env_id.split('|')).toEqual([staging, RELEASE]);
      expect(api.run_env_name).toBe('staging|RELEASE');
      expect(api.publish_id).toBe(`${inStaging.publish_id}|${inRelease.publish_id}`);
      expect(api.publish_time.split('|')).toEqual([expect.stringMatching(TERRAFORM), expect.stringMatching(TERRAFORM)]);
      await act('offline', apiId, staging);
      expect((await client.get(at(`/apis/${apiId}`))).body).toMatchObject({
        run_env_id: RELEASE,
        run_env_name: 'RELEASE',
        publish_id: inRelease.publish_id,
      });
      await act('online', apiId, staging);
      expect((await client.get(at(`/apis?id=${apiId}`))).body.apis[0].run_env_name).toBe('staging|RELEASE');
    });

    it('leaves one publication and consecutive revisions when ten requests publish the same API at once', async () => {
      const apiId = await create();
      const before = await revision();
      const answers = await Promise.all(Array.from({ length: 10 }, () => act('online', apiId)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
      expect(new Set(answers.map(({ body }) => body.publish_id)).size).toBe(1);
      expect(await rows('SELECT COUNT(*) AS held FROM publications WHERE api_id = ?', [apiId])).toEqual([{ held: 1 }]);
      const revisions = await rows('SELECT revision, op FROM changes WHERE scope_id = ? AND revision > ? ORDER BY revision', [
        gateway,
        before,
      ]);
      expect(revisions).toEqual(Array.from({ length: 10 }, (_, i) => ({ revision: before + 1 + i, op: i === 0 ? 'created' : 'updated' })));
      const { api_versions } = await history(apiId);
      expect(api_versions.filter(({ status }: { status: number }) => status === 1)).toHaveLength(1);
    });

    it('answers 400 for an invalid action or remark, and for a missing id', async () => {
      const apiId = await create();
      expect((await act('publish', apiId)).body).toEqual(invalid('action'));
      expect((await act('online', apiId, RELEASE, 'r'.repeat(256))).body).toEqual(invalid('remark'));
      expect((await client.post(at('/apis/action'), { action: 'online', env_id: RELEASE })).body.error_code).toBe('APIG.2001');
    });

    it('answers 403 for a reader, for both actions', async () => {
      const apiId = await create();
      const reader = await service.client({ project: 'home', role: READ_ONLY });
      for (const action of ['online', 'offline']) {
        expect((await reader.post(at('/apis/action'), { action, env_id: RELEASE, api_id: apiId })).status).toBe(403);
        expect((await reader.post(at(`/apis/publish?action=${action}`), { env_id: RELEASE, apis: [apiId] })).status).toBe(403);
      }
    });

    it('answers 404 for an unknown API, environment, publication and gateway', async () => {
      const apiId = await create();
      expect((await act('online', UNKNOWN)).body).toEqual(words('APIG.3002', `API ${UNKNOWN} does not exist`));
      expect((await act('offline', UNKNOWN)).body).toEqual(words('APIG.3002', `API ${UNKNOWN} does not exist`));
      expect((await act('online', apiId, UNKNOWN)).body).toEqual(words('APIG.3003', `Environment ${UNKNOWN} does not exist`));
      expect((await act('offline', apiId)).body).toEqual(words('APIG.3015', 'The API publication record does not exist.'));
      const answer = await foreign.post(at('/apis/action'), { action: 'online', env_id: RELEASE, api_id: apiId });
      expect([answer.status, answer.body]).toEqual([404, words('APIG.3030', `The instance does not exist;id:${gateway}`)]);
    });

    it("answers 404 for another project's API, with the message for an unknown one", async () => {
      const apiId = await create();
      const theirs = await foreign.gateway();
      const answer = await foreign.post(`/v2/{project}/apigw/instances/${theirs}/apis/action`, {
        action: 'online',
        env_id: RELEASE,
        api_id: apiId,
      });
      expect([answer.status, answer.body]).toEqual([404, words('APIG.3002', `API ${apiId} does not exist`)]);
    });
  });

  describe('POST …/apis/publish', () => {
    const batch = (action: string, body: Record<string, unknown>): Promise<Answer> =>
      client.post(at(`/apis/publish?action=${action}`), body);

    it('answers 200, publishes the existing APIs in one write, and names the APIs that do not exist', async () => {
      const [one, two] = [await create({ name: 'batch_one' }), await create({ name: 'batch_two' })];
      const before = await revision();
      const { status, body } = await batch('online', { apis: [two, UNKNOWN, one, two], env_id: RELEASE, remark: 'all' });
      expect(status).toBe(200);
      expect(body.success).toMatchObject([
        { api_id: two, api_name: 'batch_two', env_id: RELEASE, remark: 'all', publish_time: expect.stringMatching(NANOSECONDS) },
        { api_id: one, api_name: 'batch_one' },
      ]);
      expect(body.failure).toEqual([{ api_id: UNKNOWN, api_name: '', ...words('APIG.3002', `Api ${UNKNOWN} not found`) }]);
      expect(await revision()).toBe(before + 1);
      expect(await rows('SELECT COUNT(*) AS written FROM audit_events WHERE scope_id = ? AND seq > ?', [gateway, before])).toEqual([
        { written: 1 },
      ]);
      const offline = (await batch('offline', { apis: [one, two, UNKNOWN], env_id: RELEASE })).body;
      expect(offline.success.map((entry: any) => entry.publish_id)).toEqual([body.success[1].publish_id, body.success[0].publish_id]);
      expect(offline.failure).toHaveLength(1);
    });

    it('answers 200 with only failures, and writes nothing', async () => {
      const before = await revision();
      const apiId = await create({ name: 'never_online' });
      const { status, body } = await batch('offline', { apis: [apiId], env_id: RELEASE });
      const reason = words('APIG.3015', 'The API publication record does not exist.');
      expect([status, body]).toEqual([200, { success: [], failure: [{ api_id: apiId, api_name: 'never_online', ...reason }] }]);
      expect(await revision()).toBe(before + 1);
    });

    it('answers 200 for all APIs of a group', async () => {
      const group_id = (await client.post(at('/api-groups'), { name: 'batched' })).body.id;
      expect((await batch('online', { group_id, env_id: RELEASE })).body).toEqual({ success: [], failure: [] });
      const ids = [await create({ group_id }), await create({ group_id })];
      const { body } = await batch('online', { group_id, env_id: RELEASE });
      expect(body.success.map((entry: any) => entry.api_id)).toEqual(ids);
      expect((await batch('online', { group_id: UNKNOWN, env_id: RELEASE })).body).toEqual(
        words('APIG.3001', `API group ${UNKNOWN} does not exist`),
      );
    });

    it('answers 400 for an invalid or a missing action, each with its own message, and for an invalid list', async () => {
      const bad = words('APIG.2011', 'Invalid parameter value: parameter action should be "online" or "offline"');
      const body = { apis: [UNKNOWN], env_id: RELEASE };
      for (const query of ['?action=up', '', '?action=']) {
        const answer = await client.post(at(`/apis/publish${query}`), body);
        expect([answer.status, answer.body]).toEqual([400, bad]);
      }
      expect((await batch('online', { env_id: RELEASE })).body.error_code).toBe('APIG.2001');
      for (const apis of [[], 'x', [1], Array.from({ length: 1001 }, () => UNKNOWN)]) {
        expect((await batch('online', { apis, env_id: RELEASE })).body).toEqual(invalid('apis'));
      }
      expect((await batch('online', { apis: [UNKNOWN] })).body.error_code).toBe('APIG.2001');
    });

    it('answers 404 for an unknown environment and gateway', async () => {
      expect((await batch('online', { apis: [UNKNOWN], env_id: UNKNOWN })).body).toEqual(
        words('APIG.3003', `Environment ${UNKNOWN} does not exist`),
      );
      expect((await foreign.post(at('/apis/publish?action=online'), { apis: [UNKNOWN], env_id: RELEASE })).body.error_code).toBe(
        'APIG.3030',
      );
    });

    it('answers 200 for 1000 APIs, also the second time, and leaves one publication and the newest versions of each', async () => {
      const group_id = (await client.post(at('/api-groups'), { name: 'thousand' })).body.id;
      await insertApis(group_id, 1000);
      const ids = (await rows('SELECT id FROM apis WHERE group_id = ?', [group_id])).map(({ id }) => id as string);
      const first = await batch('online', { apis: ids, env_id: RELEASE });
      const second = await batch('online', { apis: ids, env_id: RELEASE });
      expect([first.body.success.length, second.body.success.length]).toEqual([1000, 1000]);
      const publishIds = (answer: Answer) => answer.body.success.map((entry: any) => entry.publish_id);
      expect(publishIds(second)).toEqual(publishIds(first));
      const [{ held }] = await rows(
        'SELECT COUNT(*) AS held FROM publications p JOIN api_versions v ON v.id = p.version_id AND v.api_id = p.api_id JOIN apis a ON a.id = p.api_id WHERE a.group_id = ? AND p.online = 1',
        [group_id],
      );
      expect(held).toBe(1000);
      const versions = new Map(second.body.success.map((entry: any) => [entry.publish_id, entry.version_id]));
      for (const row of await rows(
        'SELECT p.id, p.version_id AS version FROM publications p JOIN apis a ON a.id = p.api_id WHERE a.group_id = ?',
        [group_id],
      )) {
        expect(versions.get(row.id)).toBe(row.version);
      }
      expect((await batch('offline', { group_id, env_id: RELEASE })).body.success).toHaveLength(1000);
    });
  });

  describe('GET …/apis/publish/{api_id}', () => {
    it('answers 200 with versions newest first, of which one per environment is in effect, and none for an offline API', async () => {
      const apiId = await create();
      expect(await history(apiId)).toEqual({ total: 0, size: 0, api_versions: [] });
      const first = (await act('online', apiId, RELEASE, 'one')).body;
      const second = (await act('online', apiId, RELEASE, 'two')).body;
      const third = (await act('online', apiId, staging, 'three')).body;
      const { total, size, api_versions } = await history(apiId);
      expect([total, size]).toEqual([3, 3]);
      expect(api_versions[1]).toEqual({
        version_id: second.version_id,
        version_no: expect.stringMatching(/^\d{14}$/),
        api_id: apiId,
        env_id: RELEASE,
        env_name: 'RELEASE',
        remark: 'two',
        publish_time: expect.stringMatching(TERRAFORM),
        status: 1,
      });
      const seen = api_versions.map((version: any) => [version.version_id, version.status]);
      expect(seen).toEqual([
        [third.version_id, 1],
        [second.version_id, 1],
        [first.version_id, 2],
      ]);
      expect((await history(apiId, `env_id=${RELEASE}`)).total).toBe(2);
      expect((await history(apiId, 'env_name=stag')).api_versions).toMatchObject([{ version_id: third.version_id }]);
      expect((await history(apiId, 'env_name=STAG')).total).toBe(0);
      expect((await history(apiId, 'limit=1&offset=1')).api_versions).toMatchObject([{ version_id: second.version_id }]);
      await act('offline', apiId);
      expect((await history(apiId, `env_id=${RELEASE}`)).api_versions.map(({ status }: { status: number }) => status)).toEqual([2, 2]);
    });

    it('answers 200 with at most ten versions of an API in an environment', async () => {
      const apiId = await create();
      const first = (await act('online', apiId)).body;
      const other = (await act('online', apiId, staging)).body;
      let last = first;
      for (let i = 0; i < 11; i++) last = (await act('online', apiId)).body;
      const { total, api_versions } = await history(apiId, `env_id=${RELEASE}`);
      expect([total, api_versions[0].version_id, api_versions[0].status]).toEqual([10, last.version_id, 1]);
      expect((await client.get(at(`/apis/versions/${first.version_id}`))).body.error_code).toBe('APIG.3022');
      expect((await client.get(at(`/apis/versions/${other.version_id}`))).status).toBe(200);
    });

    it('answers 404 for an unknown API and gateway', async () => {
      expect(await history(UNKNOWN)).toEqual(words('APIG.3002', `API ${UNKNOWN} does not exist`));
      expect((await foreign.get(at(`/apis/publish/${UNKNOWN}`))).body.error_code).toBe('APIG.3030');
    });
  });

  describe('PUT …/apis/publish/{api_id}', () => {
    it('answers 200, puts an older version into effect and keeps the publish_id, also while the API is offline', async () => {
      const definition = input();
      const apiId = (await client.post(at('/apis'), definition)).body.id;
      const first = (await act('online', apiId)).body;
      await client.put(at(`/apis/${apiId}`), { ...definition, req_method: 'POST' });
      await act('online', apiId);
      expect((await client.get(at(`/apis/runtime/${apiId}`))).body.req_method).toBe('POST');
      const { status, body } = await client.put(at(`/apis/publish/${apiId}`), { version_id: first.version_id });
      expect(status).toBe(200);
      const { publish_id, version_id } = first;
      expect(body).toEqual({ publish_id, api_id: apiId, env_id: RELEASE, version_id, publish_time: expect.stringMatching(NANOSECONDS) });
      expect((await client.get(at(`/apis/runtime/${apiId}`))).body).toMatchObject({ req_method: 'GET', version_id, publish_id });
      const before = await revision();
      expect((await client.put(at(`/apis/publish/${apiId}`), { version_id })).status).toBe(200);
      expect(await revision()).toBe(before);
      await act('offline', apiId);
      expect((await client.put(at(`/apis/publish/${apiId}`), { version_id })).status).toBe(200);
      expect((await client.get(at(`/apis/${apiId}`))).body.publish_id).toBe(publish_id);
    });

    it('never deletes the version in effect, however old it is', async () => {
      const apiId = await create();
      const first = (await act('online', apiId)).body;
      for (let i = 0; i < 9; i++) await act('online', apiId);
      await client.put(at(`/apis/publish/${apiId}`), { version_id: first.version_id });
      expect((await client.get(at(`/apis/runtime/${apiId}`))).body.version_id).toBe(first.version_id);
      expect((await history(apiId)).api_versions).toHaveLength(10);
    });

    it("answers 404 for an unknown version, another API's version and an unknown API", async () => {
      const [one, two] = [await create(), await create()];
      const { version_id } = (await act('online', two)).body;
      for (const id of [UNKNOWN, version_id]) {
        const { status, body } = await client.put(at(`/apis/publish/${one}`), { version_id: id });
        expect([status, body]).toEqual([404, words('APIG.3022', `The API version does not exist,id:${id}`)]);
      }
      expect((await client.put(at(`/apis/publish/${UNKNOWN}`), { version_id })).body.error_code).toBe('APIG.3002');
      expect((await client.put(at(`/apis/publish/${one}`), {})).body.error_code).toBe('APIG.2001');
    });
  });

  describe('the operations on a version', () => {
    it('answer 200 with the frozen definition, whatever changed in the API since then', async () => {
      const definition = input({ tags: ['frozen'], remark: 'said "so" 🔑' });
      const apiId = (await client.post(at('/apis'), definition)).body.id;
      const { version_id, publish_id } = (await act('online', apiId, staging)).body;
      await client.put(at(`/apis/${apiId}`), { ...definition, tags: [], remark: 'other' });
      const version = (await client.get(at(`/apis/versions/${version_id}`))).body;
      expect(version).toMatchObject({
        id: apiId,
        name: definition.name,
        tags: ['frozen'],
        remark: 'said "so" 🔑',
        group_id: group,
        run_env_id: staging,
        run_env_name: 'staging',
        publish_id,
        version_id,
        publish_time: expect.stringMatching(TERRAFORM),
        sl_domain: `${group}.apic.local`,
      });
      expect((await client.get(at(`/apis/runtime/${apiId}?env_id=${staging}`))).body).toEqual(version);
    });

    it('answer 204 and take the API offline where the version is in effect, and do nothing for another version', async () => {
      const apiId = await create();
      const old = (await act('online', apiId)).body;
      const { version_id } = (await act('online', apiId)).body;
      const before = await revision();
      expect((await client.delete(at(`/apis/versions/${old.version_id}`))).status).toBe(204);
      expect(await revision()).toBe(before);
      expect((await client.delete(at(`/apis/versions/${version_id}`))).status).toBe(204);
      expect((await client.get(at(`/apis/${apiId}`))).body.publish_id).toBe('');
      expect((await history(apiId)).total).toBe(2);
    });

    it('answer 404 for unknown ids and for an API that is not online', async () => {
      const apiId = await create();
      const noVersion = words('APIG.3022', `The API version does not exist,id:${UNKNOWN}`);
      expect((await client.get(at(`/apis/versions/${UNKNOWN}`))).body).toEqual(noVersion);
      expect((await client.delete(at(`/apis/versions/${UNKNOWN}`))).body).toEqual(noVersion);
      expect((await client.get(at(`/apis/runtime/${apiId}`))).body).toEqual(
        words('APIG.3015', 'The API publication record does not exist.'),
      );
      expect((await client.get(at(`/apis/runtime/${UNKNOWN}`))).body.error_code).toBe('APIG.3002');
      expect((await client.get(at(`/apis/runtime/${apiId}?env_id=${UNKNOWN}`))).body.error_code).toBe('APIG.3003');
      const { version_id } = (await act('online', apiId)).body;
      for (const answer of [
        await foreign.get(at(`/apis/versions/${version_id}`)),
        await foreign.delete(at(`/apis/versions/${version_id}`)),
        await foreign.get(at(`/apis/runtime/${apiId}`)),
      ]) {
        expect([answer.status, answer.body]).toEqual([404, words('APIG.3030', `The instance does not exist;id:${gateway}`)]);
      }
    });
  });

  /** Inserts more rows than HTTP requests could create in reasonable time. */
  async function insertApis(groupId: string, count: number): Promise<void> {
    const columns =
      'id, project_id, instance_id, group_id, name, type, req_protocol, req_method, req_uri, auth_type, remark, definition, created_at, updated_at';
    const definition =
      '{"backend_type":"MOCK","req_params":[],"backend_params":[],"policy_https":[],"policy_mocks":[],"policy_functions":[],"tags":[]}';
    await service.app.get(Database).transaction(async (tx) => {
      for (let from = 0; from < count; from += 50) {
        const ids = Array.from({ length: 50 }, (_, i) => `${groupId.slice(0, 24)}${String(from + i).padStart(8, '0')}`);
        await tx.run(
          `INSERT INTO apis (${columns}) VALUES ${ids.map(() => "(?, ?, ?, ?, ?, 1, 'HTTPS', 'GET', ?, 'NONE', '', ?, 0, 0)").join(', ')}`,
          ids.flatMap((id) => [id, client.projectId, gateway, groupId, id, `/${id}`, definition]),
        );
      }
    });
  }
});
