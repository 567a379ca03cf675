import { generateKeyPairSync, hash, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { ExpiredKeys } from '../../src/webhooks/signing-keys/expired-keys.js';
import type { LiveSigningKey } from '../../src/webhooks/signing-keys/live-keys.js';
import { signWebhook, verifyWebhook } from '#signing/webhook.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { liveKeys } from '../support/live-keys.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';
import { type NewEndpoint, WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const HOUR_MS = 3_600_000;
const secretOf = (bytes: number) => `whsec_${Buffer.from(Array.from({ length: bytes }, (_, i) => i + 1)).toString('base64')}`;

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let admin: Client;
  let client: WebhookClient;
  const details = (id: string, keyId?: string) => `/signet/v1/endpoints/${id}/signing-keys${keyId ? `/${keyId}` : ''}`;
  const contract = (id: string, keyId?: string) => `/v1/endpoints/${id}/signing-keys${keyId ? `/${keyId}` : ''}`;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, WEBHOOK_ENV);
    admin = await service.client();
    client = await WebhookClient.of(admin);
  });
  afterEach(() => void jest.restoreAllMocks());
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  /** Advances the clock by this much. */
  const later = (ms: number) => {
    const clock = service.app.get(Clock);
    const now = clock.now.bind(clock);
    jest.spyOn(clock, 'now').mockImplementation(() => now() + ms);
  };
  const soon = () => new Date(service.app.get(Clock).now() + HOUR_MS).toISOString();
  /** The keys that would sign a delivery now. */
  const signing = ({ id }: Pick<NewEndpoint, 'id'>): Promise<LiveSigningKey[]> =>
    liveKeys(service.app, admin.projectId, id, service.app.get(Clock).now());
  const listed = async (id: string): Promise<any[]> => (await client.get(details(id))).body.signing_keys;

  describe('GET /signet/v1/endpoints/{id}/signing-keys', () => {
    it('answers 200 with the kind of each key, its end, its last use and its creator', async () => {
      const endpoint = await client.endpoint();
      const keyId = (await admin.get('/v1/api-keys')).body.data[0].key_id;
      expect(await listed(endpoint.id)).toEqual([
        {
          id: endpoint.signing_key_id,
          key_hint: endpoint.key_hint,
          created_at: endpoint.created_at,
          type: 'hmac',
          public_key: null,
          expires_at: null,
          last_used_at: null,
          created_by: keyId,
        },
      ]);
    });
  });

  describe('POST /signet/v1/endpoints/{id}/signing-keys', () => {
    it('answers 201 for an empty body, with a generated secret that is shown once', async () => {
      const { id } = await client.endpoint();
      const answer = await client.post(details(id));
      expect([answer.status, answer.body]).toMatchObject([
        201,
        { type: 'hmac', signing_secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{32}$/), expires_at: null, public_key: null },
      ]);
    });

    it.each([24, 32, 64])('answers 201 for an imported secret of %i bytes, which signs and is not returned', async (bytes) => {
      const endpoint = await client.endpoint();
      const secret = secretOf(bytes);
      const answer = await client.post(details(endpoint.id), { secret });
      expect([answer.status, answer.body]).toMatchObject([201, { type: 'hmac', signing_secret: null, key_hint: secret.slice(-4) }]);
      expect(answer.text).not.toContain(secret);
      expect((await signing(endpoint)).map((key) => key.secret)).toEqual([secret, endpoint.signing_secret]);
    });

    it('answers 201 for an ed25519 key, and shows only its public key, which verifies the deliveries', async () => {
      const endpoint = await client.endpoint();
      const answer = await client.post(details(endpoint.id), { type: 'ed25519' });
      expect([answer.status, answer.body]).toMatchObject([
        201,
        { type: 'ed25519', signing_secret: null, public_key: expect.stringMatching(/^whpk_[A-Za-z0-9+/]{43}=$/) },
      ]);
      expect(answer.body.key_hint).toBe(answer.body.public_key.slice(-4));
      expect(answer.text).not.toContain('whsk_');
      const [key] = await signing(endpoint);
      expect(key).toMatchObject({ type: 'ed25519', secret: expect.stringMatching(/^whsk_/) });
      const timestamp = Math.floor(Date.now() / 1000);
      const headers = signWebhook({ id: 'msg', timestamp, body: '{}' }, 'standard', [key!.secret]);
      expect(verifyWebhook({ headers, body: '{}' }, { dialect: 'standard', secrets: [answer.body.public_key] })).toMatchObject({
        ok: true,
      });
    });

    it('answers 201 for an imported ed25519 key, as a seed alone and as a seed with its public key', async () => {
      for (const whole of [false, true]) {
        const { privateKey, publicKey } = generateKeyPairSync('ed25519');
        const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
        const open = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
        const bytes = whole ? Buffer.concat([seed, open]) : seed;
        const { id } = await client.endpoint();
        const answer = await client.post(details(id), { secret: `whsk_${bytes.toString('base64')}`, type: 'ed25519' });
        expect([answer.status, answer.body.public_key]).toEqual([201, `whpk_${open.toString('base64')}`]);
      }
    });

    it('lets the old key end after the overlap, in every list and for every delivery, and deletes its row', async () => {
      const endpoint = await client.endpoint();
      const added = await client.post(details(endpoint.id), { overlap_seconds: 3600 });
      expect(added.status).toBe(201);
      const [newer, older] = await listed(endpoint.id);
      expect([newer.expires_at, older.id]).toEqual([null, endpoint.signing_key_id]);
      expect(Date.parse(older.expires_at) - Date.parse(added.body.created_at)).toBe(HOUR_MS);
      expect(await signing(endpoint)).toHaveLength(2);

      later(HOUR_MS - 60_000);
      expect(await signing(endpoint)).toHaveLength(2);
      jest.restoreAllMocks();
      later(HOUR_MS + 1000);
      expect((await signing(endpoint)).map(({ id }) => id)).toEqual([newer.id]);
      expect((await client.get(contract(endpoint.id))).body.data).toMatchObject([{ id: newer.id }]);
      expect((await client.delete(contract(endpoint.id, older.id))).status).toBe(404);
      expect((await client.delete(contract(endpoint.id, newer.id))).body.error.code).toBe('CANNOT_DELETE_LAST_SIGNING_KEY');

      await service.app.get(ExpiredKeys).tick();
      expect(await service.app.get(Database).rows('SELECT id FROM signing_keys WHERE endpoint_id = ?', [endpoint.id])).toEqual([
        { id: newer.id },
      ]);
      expect((await admin.get(`/signet/v1/audit?resource_id=${older.id}`)).body.events).toMatchObject([
        { action: 'ExpireSigningKey', user_id: 'signet', detail: { endpoint_id: endpoint.id } },
      ]);
    });

    it('does not count an expired key, even before its row is deleted', async () => {
      const endpoint = await client.endpoint();
      await client.post(details(endpoint.id), { overlap_seconds: 0 });
      expect(await listed(endpoint.id)).toHaveLength(1);
      const answer = await client.post(contract(endpoint.id));
      expect(answer.status).toBe(201);
      expect(await listed(endpoint.id)).toHaveLength(2);
      expect((await admin.get(`/signet/v1/audit?resource_id=${answer.body.data.id}`)).body.events).toMatchObject([
        { action: 'CreateSigningKey', detail: { expired: [endpoint.signing_key_id] } },
      ]);
      expect((await client.post(contract(endpoint.id))).body.error.code).toBe('MAX_SIGNING_KEYS_REACHED');
    });

    it.each([
      ['secret', 'text', 'not a key'],
      ['secret', 'a bare secret', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      ['secret', '23 bytes', secretOf(23)],
      ['secret', '65 bytes', secretOf(65)],
      ['secret', 'no randomness', `whsec_${Buffer.alloc(32).toString('base64')}`],
      ['secret', 'base64url', `whsec_${'-_'.repeat(16)}`],
      ['secret', 'padding left out', secretOf(25).replace(/=+$/, '')],
      ['secret', 'a line break', `${secretOf(24)}\n`],
      ['secret', 'a public key', `whpk_${Buffer.from(secretOf(32)).subarray(0, 32).toString('base64')}`],
      ['secret', '33 bytes of ed25519', `whsk_${secretOf(33).slice(6)}`],
      ['secret', 'halves that are not a pair', `whsk_${secretOf(64).slice(6)}`],
      ['secret', 'a number', 1],
      ['secret', '129 characters', `whsec_${'A'.repeat(123)}`],
      ['type', 'an unknown kind of key', 'rsa'],
      ['overlap_seconds', 'a negative', -1],
      ['overlap_seconds', 'more than 30 days', 30 * 86_400 + 1],
      ['overlap_seconds', 'a text', '60'],
    ])('answers 400 and names %s for %s, without repeating the value', async (field, _, value) => {
      const { id } = await client.endpoint();
      const answer = await client.post(details(id), { [field]: value });
      expect([answer.status, answer.body.code, answer.body.parameter]).toEqual([400, 'invalid', field]);
      if (typeof value === 'string' && value.length > 8) expect(answer.text).not.toContain(value.slice(0, 20));
      expect(await listed(id)).toHaveLength(1);
    });

    it('answers 400 for a type that the secret does not have', async () => {
      const { id } = await client.endpoint();
      const answer = await client.post(details(id), { secret: secretOf(24), type: 'ed25519' });
      expect([answer.status, answer.body.parameter]).toEqual([400, 'type']);
    });

    it('answers 409 for a third key of any kind', async () => {
      const { id } = await client.endpoint();
      await client.post(details(id), { type: 'ed25519' });
      for (const body of [{}, { type: 'ed25519' }, { secret: secretOf(24) }, { overlap_seconds: 0 }]) {
        const answer = await client.post(details(id), body);
        expect([answer.status, answer.body.code]).toEqual([409, 'MAX_SIGNING_KEYS_REACHED']);
      }
      expect((await listed(id)).map(({ expires_at }) => expires_at)).toEqual([null, null]);
    });
  });

  describe('PATCH /signet/v1/endpoints/{id}/signing-keys/{keyId}', () => {
    const twoKeys = async () => {
      const endpoint = await client.endpoint();
      const newer = (await client.post(contract(endpoint.id))).body.data.id as string;
      return { id: endpoint.id, older: endpoint.signing_key_id, newer };
    };

    it('answers 200, sets the end of a key and removes it', async () => {
      const { id, older } = await twoKeys();
      const end = soon();
      const set = await client.patch(details(id, older), { expires_at: end });
      expect([set.status, set.body]).toMatchObject([200, { id: older, expires_at: end }]);
      expect((await listed(id)).map(({ expires_at }) => expires_at)).toEqual([null, end]);
      expect((await client.patch(details(id, older), { expires_at: null })).body.expires_at).toBeNull();
      expect((await admin.get(`/signet/v1/audit?resource_id=${older}`)).body.events).toMatchObject([
        { action: 'UpdateSigningKey', detail: { expires_at: null } },
        { action: 'UpdateSigningKey', detail: { expires_at: Date.parse(end) } },
      ]);
    });

    it('answers 409 for the only key, and for the second key if the first one has an end', async () => {
      const alone = await client.endpoint();
      const last = await client.patch(details(alone.id, alone.signing_key_id), { expires_at: soon() });
      expect([last.status, last.body]).toMatchObject([
        409,
        { code: 'LAST_SIGNING_KEY_NEVER_EXPIRES', title: 'At least one signing key of an endpoint must have no expiry' },
      ]);
      const { id, older, newer } = await twoKeys();
      await client.patch(details(id, older), { expires_at: soon() });
      expect((await client.patch(details(id, newer), { expires_at: soon() })).status).toBe(409);
      later(2 * HOUR_MS);
      expect(await listed(id)).toMatchObject([{ id: newer, expires_at: null }]);
    });

    it('and the deletion of the key without an end removes the end of the other key', async () => {
      const { id, older, newer } = await twoKeys();
      await client.patch(details(id, older), { expires_at: soon() });
      expect((await client.delete(contract(id, newer))).status).toBe(204);
      later(2 * HOUR_MS);
      expect(await listed(id)).toMatchObject([{ id: older, expires_at: null }]);
      expect(await signing({ id })).toHaveLength(1);
    });

    it.each([
      ['nothing', undefined],
      ['the past', '2020-01-01T00:00:00Z'],
      ['a date', '2099-01-01'],
      ['no zone', '2099-01-01T00:00:00'],
      ['a number', 4_070_908_800],
      ['an impossible date', '2099-02-31T25:00:00Z'],
    ])('answers 400 if the end is %s', async (_, expires_at) => {
      const { id, older } = await twoKeys();
      const answer = await client.patch(details(id, older), { expires_at });
      expect([answer.status, answer.body.parameter]).toEqual([400, 'expires_at']);
    });

    it('answers 404 for a key of another endpoint, before it checks the end', async () => {
      const [one, other] = [await client.endpoint(), await client.endpoint()];
      const answer = await client.patch(details(one.id, other.signing_key_id), { expires_at: '2020-01-01T00:00:00Z' });
      expect([answer.status, answer.body.title]).toEqual([404, 'Signing key not found']);
    });
  });

  it('an endpoint of another project gets 404, and a reader who writes gets 403', async () => {
    const theirs = await (await WebhookClient.of(await service.client())).endpoint();
    for (const [method, path, body] of [
      ['GET', details(theirs.id)],
      ['POST', details(theirs.id), {}],
      ['PATCH', details(theirs.id, theirs.signing_key_id), { expires_at: null }],
    ] as [string, string, unknown?][]) {
      const answer = await client.call(method, path, body);
      expect([method, answer.status, answer.body.title]).toEqual([method, 404, 'Endpoint not found']);
      const reader = await service.client({ role: READ_ONLY });
      if (method !== 'GET') expect((await reader.call(method, path, body)).status).toBe(403);
    }
  });

  describe('a secret belongs to one key only:', () => {
    const USED = [409, 'SIGNING_SECRET_USED'];
    const add = async (by: WebhookClient, id: string, secret: string) => {
      const answer = await by.post(details(id), { secret });
      return [answer.status, answer.body.error_code ?? answer.body.code ?? answer.body.error?.code];
    };

    it('a secret that the endpoint has already, generated or imported, gets 409', async () => {
      const endpoint = await client.endpoint();
      expect(await add(client, endpoint.id, endpoint.signing_secret)).toEqual(USED);
      const other = await client.endpoint();
      const secret = `whsec_${randomBytes(32).toString('base64')}`;
      expect((await client.post(details(other.id), { secret })).status).toBe(201);
      expect((await client.delete(contract(other.id, other.signing_key_id))).status).toBe(204);
      expect(await add(client, other.id, secret)).toEqual(USED);
      expect((await client.get(contract(other.id))).body.data).toHaveLength(1);
    });

    it('a secret that was just deleted, also with its endpoint, and the secret of another endpoint get 409', async () => {
      const [endpoint, deleted, other] = [await client.endpoint(), await client.endpoint(), await client.endpoint()];
      expect((await client.post(contract(endpoint.id))).status).toBe(201);
      expect((await client.delete(contract(endpoint.id, endpoint.signing_key_id))).status).toBe(204);
      await client.delete(`/v1/endpoints/${deleted.id}`);
      for (const secret of [endpoint.signing_secret, deleted.signing_secret, other.signing_secret])
        expect(await add(client, endpoint.id, secret)).toEqual(USED);
    });

    it('an Ed25519 key in its other form gets 409', async () => {
      const endpoint = await client.endpoint();
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
      const open = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
      const [short, long] = [seed, Buffer.concat([seed, open])].map((bytes) => `whsk_${bytes.toString('base64')}`) as [string, string];
      const made = await client.post(details(endpoint.id), { secret: short });
      expect(made.status).toBe(201);
      await client.delete(contract(endpoint.id, made.body.id));
      expect(await add(client, endpoint.id, long)).toEqual(USED);
    });

    it('one of twenty endpoints that import one secret at once has it, and the others get 409', async () => {
      const ids: string[] = [];
      for (let i = 0; i < 20; i++) ids.push((await client.endpoint()).id);
      const secret = `whsec_${randomBytes(24).toString('base64')}`;
      const statuses = await Promise.all(ids.map(async (id) => (await client.post(details(id), { secret })).status));
      expect(statuses.sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
    });

    it('a secret that another project has gets 201, so that nobody learns that it exists', async () => {
      const endpoint = await client.endpoint();
      const stranger = await WebhookClient.of(await service.client());
      expect((await add(stranger, (await stranger.endpoint()).id, endpoint.signing_secret))[0]).toBe(201);
    });

    it('the stored hash of a used secret is not a hash of the secret alone', async () => {
      const { signing_secret } = await client.endpoint();
      const rows = JSON.stringify(await service.app.get(Database).rows('SELECT * FROM used_signing_secrets'));
      expect(rows).not.toContain(hash('sha256', signing_secret, 'hex'));
      expect(rows).not.toContain(signing_secret.slice(6));
    });
  });
});
