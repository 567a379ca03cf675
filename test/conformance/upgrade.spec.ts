import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { send } from '../support/access-keys.js';
import { createEmptyDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { signet } from '../support/process.js';
import type { Pair } from '../support/raw-signer.js';
import { keepRelease, releasedDatabase, releases } from '../support/released.js';
import { Client, TestService } from '../support/service.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

/** The content of the database of a release, and the answers that its service gave. */
interface Facts {
  project: string;
  gateway: string;
  /** This key is bound to two publications. */
  key: string;
  deletedKey: { id: string; receipt: string };
  accessKey: Pair;
  apiKey: string;
  endpoint: { id: string; keys: string[] };
  /** The answers by path, with `{project}` in place of the project's id. */
  answers: Record<string, unknown>;
  webhookAnswers: Record<string, unknown>;
}

/** The stored data gets older every day, and must not be pruned. */
const ENV = { ...WEBHOOK_ENV, SIGNET_RETENTION: 'receipts=36500d,webhook-messages=3650d' };

/** The answer for a gateway contains the version of the service. */
const withoutVersion = (body: object) => Object.fromEntries(Object.entries(body).filter(([field]) => field !== 'instance_version'));

/** One row of each kind that a migration must preserve. */
async function fill(service: TestService): Promise<Facts> {
  const admin = await Client.admin(service.baseUrl);
  const made = async (path: string, body: unknown, status = 201) => {
    const answer = await admin.post(path, body);
    if (answer.status !== status) throw new Error(`POST ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  const gateway = await admin.gateway({ instance_name: 'kept' });
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const env = await made(at('/envs'), { name: 'stage' });
  const api = await admin.publishedApi(gateway, { envIds: ['DEFAULT_ENVIRONMENT_RELEASE_ID', env.id] });
  await made(at('/env-variables'), { group_id: api.groupId, env_id: env.id, variable_name: 'base', variable_value: '/a' });
  const keys: string[] = [];
  for (const sign_type of ['hmac', 'basic', 'aes']) {
    const sign_algorithm = sign_type === 'aes' ? 'aes-128-cfb' : undefined;
    keys.push((await made(at('/signs'), { name: `key_${sign_type}`, sign_type, sign_algorithm })).id as string);
  }
  const [key, deleted] = [keys[0]!, keys[1]!];
  await made(at('/sign-bindings'), { sign_id: key, publish_ids: api.publishIds });
  const { headers, status } = await admin.delete(at(`/signs/${deleted}`));
  if (status !== 204) throw new Error(`the key was not deleted: ${status}`);
  await made(`/signet/v1/instances/${gateway}/gateway-tokens`, { role: 'gateway', name: 'node' });
  const { credential } = await made('/v3.0/OS-CREDENTIAL/credentials', { credential: { description: 'kept' } });
  const webhooks = await WebhookClient.of(admin);
  const endpoint = await webhooks.endpoint({ url: 'https://example.com/kept' });
  const second = (await webhooks.post(`/v1/endpoints/${endpoint.id}/signing-keys`)).body.data.id as string;
  const answers: Record<string, unknown> = {};
  for (const path of [
    `/v2/{project}/apigw/instances/${gateway}`,
    at('/signs?limit=500'),
    at(`/sign-bindings/binded-apis?sign_id=${key}`),
    at('/envs'),
    at('/env-variables'),
    at('/api-groups'),
    at('/apis'),
    at(`/apis/${api.apiId}`),
    headers.get('signet-receipt')!,
    '/v3.0/OS-CREDENTIAL/credentials',
  ])
    answers[path] = withoutVersion((await admin.get(path)).body);
  const webhookAnswers: Record<string, unknown> = {};
  for (const path of [`/v1/endpoints/${endpoint.id}`, `/v1/endpoints/${endpoint.id}/signing-keys`])
    webhookAnswers[path] = (await webhooks.get(path)).body.data;
  return {
    project: admin.projectId,
    gateway,
    key,
    deletedKey: { id: deleted, receipt: headers.get('signet-receipt')! },
    accessKey: { access: credential.access, secret: credential.secret },
    apiKey: webhooks.key,
    endpoint: { id: endpoint.id, keys: [second, endpoint.signing_key_id] },
    answers,
    webhookAnswers,
  };
}

const kept = process.env['KEEP_RELEASE'];
// This runs when a release is made (docs/release.md).
if (kept)
  onBothDatabases((name) => {
    it(`the database of ${kept} is stored`, async () => {
      const test = await createEmptyDatabase(name);
      const service = await TestService.start(test, ENV);
      const facts = await fill(service).finally(() => service.stop());
      await keepRelease(kept, test, facts);
      await test.drop();
    });
  });
else
  describe.each(releases())('a database of %s', (version) => {
    onBothDatabases((name) => {
      let test: TestDatabase;
      let facts: Facts;
      let service: TestService;
      let admin: Client;
      let webhooks: WebhookClient;
      beforeAll(async () => {
        ({ test, facts } = await releasedDatabase<Facts>(version, name));
        service = await TestService.start(test, ENV);
        admin = await Client.admin(service.baseUrl);
        webhooks = new WebhookClient(service.baseUrl, facts.apiKey);
      });
      afterAll(async () => {
        await service?.stop();
        await test?.drop();
      });
      const at = (path: string) => `/v2/{project}/apigw/instances/${facts.gateway}${path}`;

      it('answers every read as the service of that release did, including secrets and a complete receipt', async () => {
        expect(admin.projectId).toBe(facts.project);
        for (const [path, body] of Object.entries(facts.answers))
          expect([path, (await admin.get(path)).body]).toMatchObject([path, body as object]);
        for (const [path, data] of Object.entries(facts.webhookAnswers))
          expect([path, (await webhooks.get(path)).body.data]).toMatchObject([path, data as object]);
      });

      it('accepts its access key', async () => {
        const target = `/v2/${facts.project}/apigw/instances`;
        expect((await send(service.baseUrl, facts.accessKey, { target })).status).toBe(200);
      });

      it('has keys that can be deleted with receipts, at gateways and for webhooks', async () => {
        const { status, headers } = await admin.delete(at(`/signs/${facts.key}`));
        expect(status).toBe(204);
        expect((await admin.get(headers.get('signet-receipt')!)).body).toMatchObject({ complete: true });
        expect((await admin.get(at(`/sign-bindings/binded-apis?sign_id=${facts.key}`))).body.error_code).toBe('APIG.3017');
        const key = `/v1/endpoints/${facts.endpoint.id}/signing-keys`;
        expect((await webhooks.delete(`${key}/${facts.endpoint.keys[1]}`)).status).toBe(204);
        expect((await webhooks.delete(`${key}/${facts.endpoint.keys[0]}`)).body.error.code).toBe('CANNOT_DELETE_LAST_SIGNING_KEY');
      });

      it('has an intact audit trail, which continues', async () => {
        const { code, stdout } = await signet(['admin', 'audit', 'verify'], test.env);
        expect([code, stdout]).toEqual([0, expect.stringContaining('intact')]);
      });
    });
  });
