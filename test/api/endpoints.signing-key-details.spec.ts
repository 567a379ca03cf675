import { generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Clock } from '../../src/common/clock.js';
import { Database } from '../../src/database/database.js';
import { ExpiredKeys } from '../../src/endpoints/expired-keys.js';
import { liveKeys, type LiveSigningKey, type SealedSigningKey, SIGNING_KEYS_OF_ENDPOINT } from '../../src/endpoints/live-keys.js';
import { signWebhook, verifyWebhook } from '../../src/lib/signing/webhook.js';
import { VaultService } from '../../src/vault/vault.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
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

  /** From now on it is so much later. */
  const later = (ms: number) => {
    const clock = service.app.get(Clock);
    const now = clock.now.bind(clock);
    jest.spyOn(clock, 'now').mockImplementation(() => now() + ms);
  };
  const soon = () => new Date(service.app.get(Clock).now() + HOUR_MS).toISOString();
  /** What a delivery made now is signed with. */
  const signing = async ({ id }: Pick<NewEndpoint, 'id'>): Promise<LiveSigningKey[]> => {
    const rows = await service.app.get(Database).rows<SealedSigningKey>(SIGNING_KEYS_OF_ENDPOINT, [id]);
    return service.app.get(VaultService).withBox(admin.projectId, (box) => liveKeys(box, rows, service.app.get(Clock).now()));
  };
  const listed = async (id: string): Promise<any[]> => (await client.get(details(id))).body.signing_keys;

  describe('GET /signet/v1/endpoints/{id}/signing-keys', () => {
    it('200 with the kind of each key, its end, its last use and who made it', async () => {
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
    it('201 with a generated secret, shown once, for an empty body', async () => {
      const { id } = await client.endpoint();
      const answer = await client.post(details(id));
      expect([answer.status, answer.body]).toMatchObject([
        201,
        { type: 'hmac', signing_secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{32}$/), expires_at: null, public_key: null },
      ]);
    });

    it.each([24, 32, 64])('201 for a secret of %i bytes made elsewhere, which signs and is not repeated', async (bytes) => {
      const endpoint = await client.endpoint();
      const secret = secretOf(bytes);
      const answer = await client.post(details(endpoint.id), { secret });
      expect([answer.status, answer.body]).toMatchObject([201, { type: 'hmac', signing_secret: null, key_hint: secret.slice(-4) }]);
      expect(answer.text).not.toContain(secret);
      expect((await signing(endpoint)).map((key) => key.secret)).toEqual([secret, endpoint.signing_secret]);
    });

    it('201 for an ed25519 key, of which only the public half is shown, and it verifies what the other half signs', async () => {
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

    it('201 for an ed25519 key made elsewhere, as a seed and with its public half', async () => {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
      const open = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
      for (const bytes of [seed, Buffer.concat([seed, open])]) {
        const { id } = await client.endpoint();
        const answer = await client.post(details(id), { secret: `whsk_${bytes.toString('base64')}`, type: 'ed25519' });
        expect([answer.status, answer.body.public_key]).toEqual([201, `whpk_${open.toString('base64')}`]);
      }
    });

    it('the key that is there ends by itself after the overlap, in every list, for every delivery, and its row goes', async () => {
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

    it('an expired key takes no place: another can be added before anyone has tidied up', async () => {
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
      ['secret', 'halves that are no pair', `whsk_${secretOf(64).slice(6)}`],
      ['secret', 'a number', 1],
      ['secret', '129 characters', `whsec_${'A'.repeat(123)}`],
      ['type', 'no kind of key', 'rsa'],
      ['overlap_seconds', 'a negative', -1],
      ['overlap_seconds', 'more than 30 days', 30 * 86_400 + 1],
      ['overlap_seconds', 'a text', '60'],
    ])('400 naming %s for %s, without repeating it', async (field, _, value) => {
      const { id } = await client.endpoint();
      const answer = await client.post(details(id), { [field]: value });
      expect([answer.status, answer.body.code, answer.body.parameter]).toEqual([400, 'invalid', field]);
      if (typeof value === 'string' && value.length > 8) expect(answer.text).not.toContain(value.slice(0, 20));
      expect(await listed(id)).toHaveLength(1);
    });

    it('400 for a type that is not the secret’s', async () => {
      const { id } = await client.endpoint();
      const answer = await client.post(details(id), { secret: secretOf(24), type: 'ed25519' });
      expect([answer.status, answer.body.parameter]).toEqual([400, 'type']);
    });

    it('409 for a third key of any kind', async () => {
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

    it('200 sets an end and takes it back', async () => {
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

    it('409 for the last key, and for the second of two that would both end', async () => {
      const alone = await client.endpoint();
      const last = await client.patch(details(alone.id, alone.signing_key_id), { expires_at: soon() });
      expect([last.status, last.body]).toMatchObject([
        409,
        { code: 'LAST_SIGNING_KEY_NEVER_EXPIRES', title: 'One signing key of an endpoint never expires' },
      ]);
      const { id, older, newer } = await twoKeys();
      await client.patch(details(id, older), { expires_at: soon() });
      expect((await client.patch(details(id, newer), { expires_at: soon() })).status).toBe(409);
      later(2 * HOUR_MS);
      expect(await listed(id)).toMatchObject([{ id: newer, expires_at: null }]);
    });

    it('deleting the key that stays takes the end of the other back', async () => {
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
      ['a day that is none', '2099-02-31T25:00:00Z'],
    ])('400 for %s as the end', async (_, expires_at) => {
      const { id, older } = await twoKeys();
      const answer = await client.patch(details(id, older), { expires_at });
      expect([answer.status, answer.body.parameter]).toEqual([400, 'expires_at']);
    });

    it('404 for a key of another endpoint, before its end is looked at', async () => {
      const [one, other] = [await client.endpoint(), await client.endpoint()];
      const answer = await client.patch(details(one.id, other.signing_key_id), { expires_at: '2020-01-01T00:00:00Z' });
      expect([answer.status, answer.body.title]).toEqual([404, 'Signing key not found']);
    });
  });

  it('404 for an endpoint of another project, 403 for a reader who writes', async () => {
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
});
