import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { AuditTrailService } from '../../src/platform/audit/audit-trail.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const NOWHERE = '0123456789abcdef0123456789abcdef';
const KEYS = {
  hmac: { sign_type: 'hmac', sign_key: 'canary-hmac-key', sign_secret: 'canary-hmac-secret-of-exactly-40-chars-xy' },
  basic: { sign_type: 'basic', sign_key: 'canary_basic_user', sign_secret: 'canary-short' },
  aes128: { sign_type: 'aes', sign_algorithm: 'aes-128-cfb', sign_key: 'canary-aes-key-1', sign_secret: 'canary-aes-vec-1' },
  aes256: {
    sign_type: 'aes',
    sign_algorithm: 'aes-256-cfb',
    sign_key: 'canary-aes-key-of-32-charact-zzz',
    sign_secret: 'canary-aes-vec-2',
  },
};

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let project: string;
  let client: Client;
  let reader: Client;
  let gateway: string;
  let apiId: string;
  let publishIds: string[];
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const own = (path: string) => `/signet/v1/instances/${gateway}${path}`;
  const mask = (mask_secrets: boolean) => client.put(own('/settings'), { mask_secrets });
  const create = async (fields: object) =>
    (await client.post(at('/signs'), { name: `key_${randomBytes(4).toString('hex')}`, ...fields })).body as {
      id: string;
      name: string;
      sign_secret: string;
    };

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, { SIGNET_LIMITS: 'instances=100' });
    project = `p${randomBytes(4).toString('hex')}`;
    client = await service.client({ project });
    reader = await service.client({ project, role: READ_ONLY });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });
  beforeEach(async () => {
    gateway = await client.gateway();
    ({ apiId, publishIds } = await client.publishedApi(gateway));
  });

  describe('mask_secrets', () => {
    it('is off by default, and switching it on keeps the other settings', async () => {
      expect((await client.get(own('/settings'))).body).toEqual({
        lease_seconds: 3600,
        mask_secrets: false,
        encoded_slashes: 'refuse',
        open_connections: 'keep',
      });
      await client.put(own('/settings'), { lease_seconds: 30 });
      expect((await mask(true)).body).toMatchObject({ lease_seconds: 30, mask_secrets: true });
      expect((await client.put(own('/settings'), { lease_seconds: 40 })).body).toEqual({
        lease_seconds: 40,
        mask_secrets: true,
        encoded_slashes: 'refuse',
        open_connections: 'keep',
      });
      const { events } = (await client.get(`/signet/v1/audit?instance_id=${gateway}&action=UpdateInstanceSettings`)).body;
      expect(events.map((event: { detail: object }) => event.detail)).toEqual([
        { lease_seconds: 40, mask_secrets: true, encoded_slashes: 'refuse', open_connections: 'keep' },
        { lease_seconds: 30, mask_secrets: true, encoded_slashes: 'refuse', open_connections: 'keep' },
        { lease_seconds: 30, mask_secrets: false, encoded_slashes: 'refuse', open_connections: 'keep' },
      ]);
      for (const body of [{}, { mask_secrets: 'yes' }, { mask_secrets: 1 }])
        expect((await client.put(own('/settings'), body)).status).toBe(400);
    });

    it('does not change encoded_slashes, which reaches gateways with a receipt and has two values', async () => {
      const set = (encoded_slashes: unknown) => client.put(own('/settings'), { encoded_slashes });
      const answer = await set('pass');
      expect([answer.status, answer.body.encoded_slashes, answer.headers.get('signet-receipt')]).toEqual([
        200,
        'pass',
        expect.stringContaining('/receipts/'),
      ]);
      expect((await client.get(own('/settings'))).body).toMatchObject({ encoded_slashes: 'pass' });
      for (const wrong of ['allow', true, 1, '']) expect((await set(wrong)).status).toBe(400);
      expect((await set('refuse')).body).toMatchObject({ encoded_slashes: 'refuse' });
    });

    it('hides every secret in every list and binding, of every type, and nothing else', async () => {
      await Promise.all(Object.values(KEYS).map(create));
      const { id } = await create(KEYS.hmac);
      await mask(true);
      const bound = await client.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
      const hmac = { sign_key: KEYS.hmac.sign_key, sign_secret: 'can********-xy' };
      expect(bound.body.bindings).toMatchObject([hmac]);
      expect((await reader.get(at(`/sign-bindings/binded-signs?api_id=${apiId}`))).body.bindings).toMatchObject([hmac]);
      const { signs } = (await reader.get(at('/signs'))).body;
      const of = (type: string, algorithm?: string) =>
        signs.find((sign: typeof KEYS.aes128) => sign.sign_type === type && sign.sign_algorithm === algorithm);
      expect(of('hmac')).toMatchObject(hmac);
      expect(of('basic')).toMatchObject({ sign_key: KEYS.basic.sign_key, sign_secret: '********' });
      expect(of('aes', 'aes-128-cfb')).toMatchObject({ sign_key: '********', sign_secret: '********' });
      expect(of('aes', 'aes-256-cfb')).toMatchObject({ sign_key: 'can********zzz', sign_secret: '********' });
      const answers = [
        bound.text,
        (await client.get(at('/signs'))).text,
        (await client.get(at(`/sign-bindings/binded-apis?sign_id=${id}`))).text,
      ];
      const secrets = Object.values(KEYS).flatMap(({ sign_type, sign_key, sign_secret }) => [
        sign_secret,
        ...(sign_type === 'aes' ? [sign_key] : []),
      ]);
      for (const answer of answers) expect(secrets.filter((secret) => answer.includes(secret))).toEqual([]);
      await mask(false);
      expect((await reader.get(at(`/signs?id=${id}`))).body.signs).toMatchObject([KEYS.hmac]);
    });

    it('shows a secret once, in the answer to the request that creates or sets it', async () => {
      await mask(true);
      const made = await create({});
      expect(made.sign_secret).toMatch(/^[0-9a-f]{64}$/);
      const put = async (body: object) => (await client.put(at(`/signs/${made.id}`), { name: made.name, ...body })).body;
      expect(await put({})).toMatchObject({ sign_secret: `${made.sign_secret.slice(0, 3)}********${made.sign_secret.slice(-3)}` });
      // A caller that sends the right secret learns nothing, because it knows the secret already.
      expect(await put({ sign_secret: KEYS.hmac.sign_secret })).toMatchObject({ sign_secret: KEYS.hmac.sign_secret });
      expect(await put({ sign_type: 'basic' })).toMatchObject({ sign_secret: expect.not.stringContaining('*') });
      const aes = await create(KEYS.aes256);
      const renamed = await client.put(at(`/signs/${aes.id}`), { name: aes.name, sign_secret: 'n'.repeat(16) });
      expect(renamed.body).toMatchObject({ sign_key: 'can********zzz', sign_secret: 'n'.repeat(16) });
    });

    it('can be switched off only by a caller who may reveal secrets', async () => {
      await mask(true);
      const keeper = await limited(['apig:instances:get', 'apig:signs:list', 'signet:settings:*']);
      expect((await keeper.put(own('/settings'), { mask_secrets: false })).status).toBe(403);
      expect((await keeper.put(own('/settings'), { lease_seconds: 60 })).status).toBe(200);
      expect((await keeper.get(own('/settings'))).body).toEqual({
        lease_seconds: 60,
        mask_secrets: true,
        encoded_slashes: 'refuse',
        open_connections: 'keep',
      });
      expect((await mask(false)).status).toBe(200);
      expect((await keeper.put(own('/settings'), { mask_secrets: true })).status).toBe(200);
    });
  });

  describe('POST …/signs/{sign_id}/reveal', () => {
    it('answers 200 with the secret in plain text, with no-store, and writes an audit row with the caller', async () => {
      await mask(true);
      for (const fields of Object.values(KEYS)) {
        const { id } = await create(fields);
        const answer = await client.post(own(`/signs/${id}/reveal`));
        expect([answer.status, answer.body, answer.headers.get('cache-control')]).toEqual([200, { id, ...fields }, 'no-store']);
        const { events } = (await client.get(`/signet/v1/audit?resource_id=${id}&action=RevealSignatureKey`)).body;
        expect(events).toMatchObject([{ resource_type: 'Signature', detail: { secret_version: 1 } }]);
        expect(JSON.stringify(events)).not.toContain('canary');
      }
      expect((await service.app.get(AuditTrailService).verify()).faults).toEqual([]);
      expect(service.logs.join('\n')).not.toContain('canary');
    });

    it('answers 403 for readers, and for a caller with every other action', async () => {
      const { id } = await create(KEYS.hmac);
      const others = await limited(['apig:*:*', 'signet:*:get*', 'signet:rotations:*', 'signet:settings:*', 'signet:gateways:*']);
      for (const caller of [reader, others]) {
        const answer = await caller.post(own(`/signs/${id}/reveal`));
        expect([answer.status, answer.text.includes('canary')]).toEqual([403, false]);
      }
      // With a machine's credential, the caller could read the same secrets.
      expect((await others.post(own('/gateway-tokens'), { role: 'verifier' })).status).toBe(403);
      expect((await client.get(`/signet/v1/audit?resource_id=${id}&action=RevealSignatureKey`)).body.events).toEqual([]);
    });

    it('answers 404 for an unknown key, and for a key of another gateway or project', async () => {
      const { id } = await create(KEYS.hmac);
      const elsewhere = await client.gateway();
      const stranger = await service.client();
      const answers = [
        await client.post(own(`/signs/${NOWHERE}/reveal`)),
        await client.post(own('/signs/x/reveal')),
        await client.post(`/signet/v1/instances/${elsewhere}/signs/${id}/reveal`),
        await stranger.post(own(`/signs/${id}/reveal`)),
        await stranger.post(`/signet/v1/instances/${await stranger.gateway()}/signs/${id}/reveal`),
      ];
      expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
        [404, 'APIG.3017'],
        [404, 'APIG.3017'],
        [404, 'APIG.3017'],
        [404, 'APIG.3030'],
        [404, 'APIG.3017'],
      ]);
    });
  });

  /** A caller whose one policy allows these actions. */
  async function limited(actions: string[]): Promise<Client> {
    const admin = await service.client({ project, role: 'APIG Administrator' });
    const caller = await service.client({ project, role: READ_ONLY });
    const policy = { Version: '1.1', Statement: [{ Effect: 'Allow', Action: actions }] };
    const { id } = (await admin.post('/v3.0/OS-ROLE/roles', { role: { display_name: `p${randomBytes(4).toString('hex')}`, policy } })).body
      .role;
    const { user_id } = (await caller.get('/signet/v1/me/permissions')).body;
    expect((await admin.put(`/v3/projects/{project}/users/${user_id}/roles/${id}`)).status).toBe(204);
    return caller;
  }
});
