import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { invalid, words } from '../support/apig-errors.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const RELEASE = 'DEFAULT_ENVIRONMENT_RELEASE_ID';
const UNKNOWN = '0123456789abcdef0123456789abcdef';

onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  const under = (id: string, path: string) => `/v2/{project}/apigw/instances/${id}${path}`;
  const at = (path: string) => under(gateway, path);
  const names = ({ body }: { body: any }): string[] => body.envs.map(({ name }: { name: string }) => name);
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

  describe('POST …/envs', () => {
    it('answers 201 with the environment', async () => {
      const { status, body } = await client.post(at('/envs'), { name: 'DEV_1', remark: 'for trials' });
      expect(status).toBe(201);
      expect(body).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        name: 'DEV_1',
        remark: 'for trials',
        create_time: expect.stringMatching(/\.\d{9}Z$/),
      });
    });

    it.each([['ab'], ['1abc'], ['a-b-c'], ['a b'], ['汉字汉字'], ['a'.repeat(65)], [7]])(
      'answers 400 APIG.2012 for the name %p',
      async (name) => {
        const { status, body } = await client.post(at('/envs'), { name });
        expect([status, body]).toEqual([400, invalid('name', 'APIG.2012')]);
      },
    );

    it('answers 400 for a name that exists, including RELEASE', async () => {
      for (const name of ['RELEASE', 'taken']) {
        await client.post(at('/envs'), { name });
        const { status, body } = await client.post(at('/envs'), { name });
        expect([status, body]).toEqual([400, words('APIG.3205', 'The environment name already exists.')]);
      }
    });

    it('answers 403 beyond ten environments, including RELEASE', async () => {
      const full = await client.gateway();
      for (let i = 0; i < 9; i++) expect((await client.post(under(full, '/envs'), { name: `env_${i}` })).status).toBe(201);
      const { status, body } = await client.post(under(full, '/envs'), { name: 'env_9' });
      expect([status, body]).toEqual([403, words('APIG.3104', 'The number of environments exceeds the maximum allowed limit.')]);
    });

    it('answers 403 for a reader', async () => {
      const reader = await service.client({ project: 'home', role: READ_ONLY });
      expect((await reader.post(at('/envs'), { name: 'nope' })).status).toBe(403);
      expect((await reader.get(at('/envs'))).status).toBe(200);
    });
  });

  describe('GET …/envs', () => {
    it('answers 200 with RELEASE first and all others newest first, and filters by part of the name', async () => {
      const shelf = await client.gateway();
      for (const name of ['old_env', 'new_env']) await client.post(under(shelf, '/envs'), { name });
      const list = (query: string) => client.get(under(shelf, `/envs?${query}`));
      expect(names(await list(''))).toEqual(['RELEASE', 'new_env', 'old_env']);
      expect((await list('')).body.envs[0]).toEqual({
        id: RELEASE,
        name: 'RELEASE',
        remark: expect.any(String),
        create_time: expect.stringMatching(/\d\dZ$/),
      });
      expect(names(await list('name=w_e'))).toEqual(['new_env']);
      expect(names(await list('limit=1&offset=2'))).toEqual(['old_env']);
      expect((await list('offset=3')).body).toEqual({ total: 3, size: 0, envs: [] });
    });
  });

  describe('PUT …/envs/{env_id}', () => {
    it('answers 200 and replaces name and remark, and clears the remark if it is omitted', async () => {
      const { id } = (await client.post(at('/envs'), { name: 'renamed', remark: 'first' })).body;
      const { status, body } = await client.put(at(`/envs/${id}`), { name: 'renamed_2' });
      expect([status, body]).toMatchObject([200, { id, name: 'renamed_2', remark: '' }]);
    });

    it('answers 400 APIG.2011 for an invalid name and for an existing one', async () => {
      const { id } = (await client.post(at('/envs'), { name: 'stays' })).body;
      expect((await client.put(at(`/envs/${id}`), { name: '-' })).body).toEqual(invalid('name', 'APIG.2011'));
      expect((await client.put(at(`/envs/${id}`), { name: 'RELEASE' })).body.error_code).toBe('APIG.3205');
    });

    it('answers 403 for a new name of RELEASE, whose remark may change', async () => {
      const renamed = await client.put(at(`/envs/${RELEASE}`), { name: 'PRODUCTION' });
      expect([renamed.status, renamed.body]).toEqual([
        403,
        words('APIG.1103', 'No permissions to perform operations on this environment.'),
      ]);
      expect((await client.put(at(`/envs/${RELEASE}`), { name: 'RELEASE', remark: 'live' })).body).toMatchObject({
        id: RELEASE,
        remark: 'live',
      });
    });

    it('answers 404 with the same message for an unknown environment and for one of another gateway', async () => {
      const { id } = (await client.post(at('/envs'), { name: 'elsewhere' })).body;
      const other = await client.gateway();
      for (const envId of [id, UNKNOWN]) {
        const { status, body } = await client.put(under(other, `/envs/${envId}`), { name: 'elsewhere' });
        expect([status, body]).toEqual([404, words('APIG.3003', `Environment ${envId} does not exist`)]);
      }
    });
  });

  describe('DELETE …/envs/{env_id}', () => {
    it('answers 204, and 404 the second time', async () => {
      const { id } = (await client.post(at('/envs'), { name: 'short_lived' })).body;
      expect((await client.delete(at(`/envs/${id}`))).status).toBe(204);
      expect((await client.delete(at(`/envs/${id}`))).body).toEqual(words('APIG.3003', `Environment ${id} does not exist`));
    });

    it('answers 403 for RELEASE, and for an environment with an online API', async () => {
      expect((await client.delete(at(`/envs/${RELEASE}`))).body.error_code).toBe('APIG.1103');
      const { id } = (await client.post(at('/envs'), { name: 'busy' })).body;
      await client.publishedApi(gateway, { envIds: [id] });
      const { status, body } = await client.delete(at(`/envs/${id}`));
      expect([status, body]).toEqual([403, words('APIG.3418', 'The environment contains published APIs.')]);
    });

    it('answers 204 and also deletes offline publications with their bindings and versions', async () => {
      const { id } = (await client.post(at('/envs'), { name: 'left_over' })).body;
      const { apiId, publishIds } = await client.publishedApi(gateway, { envIds: [id] });
      const sign = (await client.post(at('/signs'), { name: 'left_over_key' })).body;
      expect((await client.post(at('/sign-bindings'), { sign_id: sign.id, publish_ids: publishIds })).status).toBe(201);
      await client.post(at('/apis/action'), { action: 'offline', env_id: id, api_id: apiId });
      expect((await client.delete(at(`/envs/${id}`))).status).toBe(204);
      expect((await client.get(at(`/sign-bindings/binded-apis?sign_id=${sign.id}`))).body.total).toBe(0);
      expect((await client.get(at(`/apis/publish/${apiId}`))).body).toEqual({ total: 0, size: 0, api_versions: [] });
      const { rows } = { rows: (sql: string, params: string[]) => service.app.get(Database).rows(sql, params) };
      expect(
        await rows('SELECT kind, op FROM changes WHERE target_id IN (?, ?) ORDER BY revision DESC, ordinal LIMIT 2', [id, publishIds[0]!]),
      ).toEqual([
        { kind: 'environment', op: 'deleted' },
        { kind: 'publication', op: 'deleted' },
      ]);
    });

    it('leaves no publication in a deleted environment, even if one is published at the same time', async () => {
      const { apiId } = await client.publishedApi(gateway);
      for (let round = 0; round < 8; round++) {
        const { id } = (await client.post(at('/envs'), { name: `raced_${round}` })).body;
        const [deleted, published] = await Promise.all([
          client.delete(at(`/envs/${id}`)),
          client.post(at('/apis/action'), { action: 'online', env_id: id, api_id: apiId }),
        ]);
        expect([
          [204, 404],
          [403, 201],
        ]).toContainEqual([deleted.status, published.status]);
        if (published.status === 404) expect(published.body).toEqual(words('APIG.3003', `Environment ${id} does not exist`));
        else {
          await client.post(at('/apis/action'), { action: 'offline', env_id: id, api_id: apiId });
          expect((await client.delete(at(`/envs/${id}`))).status).toBe(204);
        }
      }
    });

    it("answers 404 for another project's gateway, with the same message for each operation", async () => {
      const foreign = await service.client();
      const gone = words('APIG.3030', `The instance does not exist;id:${gateway}`);
      expect((await foreign.get(at('/envs'))).body).toEqual(gone);
      expect((await foreign.post(at('/envs'), { name: 'intruder' })).body).toEqual(gone);
      expect((await foreign.put(at(`/envs/${RELEASE}`), { name: 'intruder' })).body).toEqual(gone);
      expect((await foreign.delete(at(`/envs/${RELEASE}`))).body).toEqual(gone);
    });
  });
});
