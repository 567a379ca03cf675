import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Signer, signer } from '../support/access-keys.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { HuaweiCloudSdk, type SdkOptions } from '../support/huaweicloud-sdk.js';
import { TestService } from '../support/service.js';

const REGION = 'eu-test';

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let alice: Signer;
  let gateway: string;
  let publishIds: string[];
  let apiId: string;
  let sdk: HuaweiCloudSdk | undefined;
  const start = (options: Partial<SdkOptions> = {}) =>
    (sdk = HuaweiCloudSdk.start({ endpoint: service.baseUrl, ...alice.key, ...options }));
  /** Method and path of every request since the last mark. */
  const requests = (from: number) =>
    service.logs
      .slice(from)
      .flatMap((line) => line.split('\n'))
      .filter((line) => line.includes('"msg":"request"'))
      .map((line) => JSON.parse(line) as { method: string; path: string })
      .map(({ method, path }) => `${method} ${path}`);

  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test, { SIGNET_REGION: REGION });
    alice = await signer(service);
    gateway = await alice.client.gateway();
    ({ publishIds, apiId } = await alice.client.publishedApi(gateway));
  });
  afterEach(() => sdk?.stop());
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  /** Calls the nine operations, each with exactly one request. */
  async function nineOperations(client: HuaweiCloudSdk, name: string): Promise<void> {
    const at = `/v2/{project_id}/apigw/instances/${gateway}`;
    const created = await client.send('POST', `${at}/signs`, {
      data: { name, sign_type: 'basic', sign_key: 'a_key', sign_secret: 'secret-0#@$%' },
    });
    expect(created).toMatchObject({ httpStatusCode: 201, name, sign_secret: 'secret-0#@$%' });
    const { id } = created;
    const updated = await client.send('PUT', `${at}/signs/${id}`, { data: { name: `${name}_密钥` } });
    expect(updated).toMatchObject({ httpStatusCode: 200, name: `${name}_密钥`, sign_key: 'a_key' });
    const query = { offset: 0, limit: 20, name: `${name}_密` };
    expect(await client.send('GET', `${at}/signs`, { query })).toMatchObject({ httpStatusCode: 200, total: 1, signs: [{ id }] });
    const bound = await client.send('POST', `${at}/sign-bindings`, { data: { sign_id: id, publish_ids: publishIds } });
    expect(bound).toMatchObject({ httpStatusCode: 201, bindings: [{ sign_id: id }] });
    const ofKey = { query: { sign_id: id, limit: 5 } };
    expect(await client.send('GET', `${at}/sign-bindings/binded-apis`, ofKey)).toMatchObject({ httpStatusCode: 200, size: 1 });
    expect(await client.send('GET', `${at}/sign-bindings/unbinded-apis`, ofKey)).toMatchObject({ httpStatusCode: 200, apis: [] });
    const ofApi = await client.send('GET', `${at}/sign-bindings/binded-signs`, { query: { api_id: apiId } });
    expect(ofApi).toMatchObject({ httpStatusCode: 200, bindings: [{ sign_id: id, sign_secret: 'secret-0#@$%' }] });
    expect(await client.send('DELETE', `${at}/sign-bindings/${bound.bindings[0].id}`)).toEqual({ httpStatusCode: 204 });
    expect(await client.send('DELETE', `${at}/signs/${id}`)).toEqual({ httpStatusCode: 204 });
  }

  describe('the unmodified client of Huawei Cloud, with an access key', () => {
    it('calls the nine operations with a project id, with one request each', async () => {
      const from = service.logs.length;
      await nineOperations(start({ projectId: alice.client.projectId }), 'with_project');
      expect(requests(from)).toHaveLength(9);
    });

    it('calls the nine operations with a temporary key and its security token', async () => {
      const identity = { methods: ['token'], token: { duration_seconds: 21_600 } };
      const { body } = await alice.client.post('/v3.0/OS-CREDENTIAL/securitytokens', { auth: { identity } });
      await nineOperations(start({ projectId: alice.client.projectId, ...body.credential }), 'temporary');
    });

    it('finds its project by the name of its region, by a GET with a body, and calls the nine operations', async () => {
      const regional = await signer(service, { project: `${REGION}-1` });
      const from = service.logs.length;
      const client = start({ ...regional.key, region: `${REGION}-1` });
      const url = '/v2/{project_id}/apigw/instances';
      expect(await client.send('GET', url)).toMatchObject({ httpStatusCode: 200, instances: [] });
      expect(await client.send('GET', url)).toMatchObject({ httpStatusCode: 200 });
      const list = `GET /v2/${regional.client.projectId}/apigw/instances`;
      expect(requests(from)).toEqual(['GET /v3/projects', list, list]);
    });

    it('creates the project of its region if it does not exist, as an administrator', async () => {
      const admin = await signer(service, { role: 'APIG Administrator' });
      const from = service.logs.length;
      const client = start({ ...admin.key, region: REGION });
      expect(await client.send('GET', '/v2/{project_id}/apigw/instances')).toMatchObject({ httpStatusCode: 200, total: 0 });
      const [projects, regions, domains, create, list] = requests(from);
      expect([projects, regions, domains, create]).toEqual([
        'GET /v3/projects',
        'GET /v3/regions',
        'GET /v3/auth/domains',
        'POST /v3/projects',
      ]);
      expect(list).toMatch(/^GET \/v2\/[0-9a-f]{32}\/apigw\/instances$/);
      const made = await send('/v3/projects', admin);
      expect(made.map(({ name }: { name: string }) => name)).toContain(REGION);
    });

    it('acts for its domain with a global credential, which looks the domain up', async () => {
      const from = service.logs.length;
      const client = start({ kind: 'global', region: REGION });
      expect(await client.send('GET', '/v3/projects')).toMatchObject({ httpStatusCode: 200, projects: [{ id: alice.client.projectId }] });
      expect(requests(from)).toEqual(['GET /v3/auth/domains', 'GET /v3/projects']);
    });

    it('reads the code, message and request id of the errors for a wrong secret, a foreign project and an unknown key', async () => {
      const at = (project: string) => `/v2/${project}/apigw/instances/${gateway}/signs`;
      const { projectId } = alice.client;
      const wrong = start({ projectId, secret: 'x'.repeat(40) });
      const refused = await wrong.send('GET', at(projectId));
      expect(refused).toMatchObject({ httpStatusCode: 401, errorCode: 'APIG.1002', requestId: expect.stringMatching(/^[0-9a-f]{32}$/) });
      wrong.stop();
      const client = start({ projectId });
      expect(await client.send('GET', at('0'.repeat(32)))).toMatchObject({ httpStatusCode: 403, errorCode: 'APIG.1005' });
      expect(await client.send('DELETE', `${at(projectId)}/${'0'.repeat(32)}`)).toMatchObject({
        httpStatusCode: 404,
        errorCode: 'APIG.3017',
      });
    });

    it('is refused without a project and a region, because it signs another path than it sends', async () => {
      const client = start();
      expect(await client.send('GET', '/v2/{project_id}/apigw/instances')).toMatchObject({ httpStatusCode: 401, errorCode: 'APIC.7102' });
    });
  });

  const send = async (path: string, { client }: Signer) => (await client.get(path)).body.projects;
});
