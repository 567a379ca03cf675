import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import type { Param } from '../../src/platform/database/tx.js';
import { RotationScheduler } from '../../src/distribution/rotation/rotation-scheduler.js';
import { verifyWebhook } from 'signet-signing';
import { Metrics } from '../../src/platform/observability/metrics.js';
import { onBothDatabases } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';

const AES = { sign_type: 'aes', sign_algorithm: 'aes-128-cfb' };

onBothDatabases((name) => {
  let environment: WebhookEnvironment;
  let gateway: string;
  let publishIds: string[];
  let apiId: string;
  const at = (path: string, id = gateway) => `/v2/{project}/apigw/instances/${id}${path}`;
  const own = (path: string, id = gateway) => `/signet/v1/instances/${id}${path}`;
  const run = (sql: string, values: Param[]) => environment.service.app.get(Database).transaction((tx) => tx.run(sql, values));
  const rows = <T>(sql: string, values: Param[]) => environment.service.app.get(Database).rows<T>(sql, values);
  const sign = async (fields: object = {}, id = gateway) =>
    (await environment.admin.post(at('/signs', id), { name: `key_${randomBytes(4).toString('hex')}`, ...fields })).body as {
      id: string;
      name: string;
      sign_key: string;
      sign_secret: string;
    };
  const bind = (sign_id: string, publish: string) => environment.admin.post(at('/sign-bindings'), { sign_id, publish_ids: [publish] });
  // Reads a different page each time, because a process caches pages by revision, and direct changes to rows leave the revision unchanged.
  let page = 100;
  const listed = async (id = gateway) => (await environment.admin.get(at(`/signs?limit=${page++}`, id))).body;
  const secretsIn = (body: { signs: { id: string; sign_secret: string }[] }) => body.signs.map((each) => each.sign_secret).sort();
  const counted = async (table: string) => {
    const text = await environment.service.app.get(Metrics).registry.metrics();
    return Number(new RegExp(`^signet_broken_rows_total\\{table="${table}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  };
  const logs = () => environment.service.logs.join('');
  /** Removes the last character of a sealed column. */
  const damage = (table: string, column: string, id: string, key = 'id') =>
    run(`UPDATE ${table} SET ${column} = substr(${column}, 1, length(${column}) - 4) WHERE ${key} = ?`, [id]);

  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name, { SIGNET_LIMITS: 'instances=100' });
    gateway = await environment.admin.gateway();
    ({ publishIds, apiId } = await environment.admin.publishedApi(gateway, {
      envIds: ['DEFAULT_ENVIRONMENT_RELEASE_ID', (await environment.admin.post(at('/envs'), { name: 'staging' })).body.id],
    }));
  });
  afterAll(() => environment.close());

  describe('a sealed secret that was moved', () => {
    it.each([
      ['hmac', {}],
      ['aes', AES],
    ])('to another gateway cannot be decrypted there: %s', async (_, fields) => {
      const other = await environment.admin.gateway();
      const stays = await sign({}, other);
      const key = await sign(fields);
      await run('UPDATE signs SET instance_id = ? WHERE id = ?', [other, key.id]);
      expect(secretsIn(await listed(other))).toEqual([stays.sign_secret]);
      expect(secretsIn(await listed())).not.toContain(key.sign_secret);
      expect(logs()).toContain(`signs ${key.id} of ${other} is ignored: an encrypted value cannot be decrypted`);
      expect((await environment.admin.delete(at(`/signs/${key.id}`, other))).status).toBe(204);
    });

    it('to another type of key cannot be decrypted, so that an HMAC secret is never sent as a password', async () => {
      const key = await sign();
      await run("UPDATE signs SET sign_type = 'basic' WHERE id = ?", [key.id]);
      expect(secretsIn(await listed())).not.toContain(key.sign_secret);
      await environment.admin.delete(at(`/signs/${key.id}`));
    });

    it('to another endpoint signs nothing there', async () => {
      const [one, other] = [await environment.endpoint(), await environment.endpoint()];
      await run('DELETE FROM signing_keys WHERE endpoint_id = ?', [other.id]);
      await run('UPDATE signing_keys SET endpoint_id = ? WHERE endpoint_id = ?', [other.id, one.id]);
      const id = await environment.accepted(other.id);
      await environment.clock.settled();
      expect(environment.receiver.at(other.path)).toEqual([]);
      expect((await environment.message(id))['last_error']).toContain('signing keys of the endpoint are damaged');
    });
  });

  describe('one damaged key', () => {
    let good: Awaited<ReturnType<typeof sign>>;
    let bad: Awaited<ReturnType<typeof sign>>;
    beforeAll(async () => {
      [good, bad] = [await sign(), await sign(AES)];
      for (const [key, publish] of [
        [good, publishIds[0]!],
        [bad, publishIds[1]!],
      ] as const)
        expect((await bind(key.id, publish)).status).toBe(201);
      await damage('signs', 'sign_secret', bad.id);
    });

    it('is logged by name, counted, and omitted from the lists, which contain all other keys', async () => {
      const before = await counted('signs');
      const list = await listed();
      expect([list.total, list.size, secretsIn(list)]).toEqual([2, 1, [good.sign_secret]]);
      const bound = (await environment.admin.get(at(`/sign-bindings/binded-signs?api_id=${apiId}`))).body;
      expect(bound.bindings.map((each: { sign_id: string }) => each.sign_id)).toEqual([good.id]);
      expect(logs()).toContain(`signs ${bad.id} of ${gateway} is ignored: an encrypted value cannot be decrypted`);
      expect(await counted('signs')).toBe(before + 1);
      for (let i = 0; i < 5; i++) await listed();
      expect(await counted('signs')).toBe(before + 1);
    });

    it('neither signs nor verifies at a gateway, where all other keys still do', async () => {
      const signer = await Machine.of(environment.admin, gateway, 'gateway');
      const { publications } = (await signer.get('/snapshot')).body;
      const signs = publications.map((each: { sign: { sign_id: string } | null }) => each.sign?.sign_id ?? null);
      expect(signs.sort()).toEqual([good.id, null]);
      const verifier = await Machine.of(environment.admin, gateway, 'verifier');
      const { keys } = (await verifier.get('/verification-keys')).body;
      expect(keys.map((key: { sign_id: string }) => key.sign_id)).toEqual([good.id]);
    });

    it('cannot be shown, bound, rotated or changed in part, and the refusal names it', async () => {
      const revision = async () => (await Machine.of(environment.admin, gateway, 'gateway')).get('/snapshot');
      await revision();
      const before = await rows('SELECT revision FROM change_counters WHERE scope_id = ?', [gateway]);
      for (const answer of [
        await environment.admin.put(at(`/signs/${bad.id}`), { name: bad.name }),
        await environment.admin.put(at(`/signs/${bad.id}`), { name: bad.name, ...AES, sign_secret: 'a'.repeat(16) }),
        await environment.admin.post(own(`/signs/${bad.id}/reveal`)),
        await environment.admin.post(own(`/signs/${bad.id}/rotation`), {}),
        await bind(bad.id, publishIds[0]!),
      ])
        expect([answer.status, answer.text]).toEqual([409, expect.stringContaining(`${bad.id} is damaged`)]);
      expect(await rows('SELECT revision FROM change_counters WHERE scope_id = ?', [gateway])).toEqual(before);
    });

    it('works again after all its secrets are set anew', async () => {
      const whole = { name: bad.name, ...AES, sign_key: 'b'.repeat(16), sign_secret: 'c'.repeat(16) };
      expect((await environment.admin.put(at(`/signs/${bad.id}`), whole)).status).toBe(200);
      expect(secretsIn(await listed())).toEqual([good.sign_secret, 'c'.repeat(16)].sort());
    });

    it('can be deleted, also if it names an unknown data key', async () => {
      const unknown = Buffer.concat([Buffer.from('K1'), Buffer.from([1]), Buffer.alloc(4, 9), randomBytes(60)]).toString('base64url');
      await run('UPDATE signs SET sign_secret = ? WHERE id = ?', [`K1.${unknown}`, bad.id]);
      expect(secretsIn(await listed())).toEqual([good.sign_secret]);
      expect((await environment.admin.delete(at(`/signs/${bad.id}`))).status).toBe(204);
      expect((await listed()).total).toBe(1);
    });

    it('cannot be staged or promoted by a rotation', async () => {
      const staged = await environment.admin.post(own(`/signs/${good.id}/rotation`), {
        promotion: 'scheduled',
        promote_at: new Date(environment.clock.now() + 60_000).toISOString(),
      });
      expect(staged.status).toBe(201);
      await damage('sign_rotations', 'sign_secret', good.id, 'sign_id');
      expect((await environment.admin.post(own(`/signs/${good.id}/rotation/promote`), {})).status).toBe(409);
      await environment.clock.advance(120_000);
      await environment.service.app.get(RotationScheduler, { strict: false }).tick();
      expect(secretsIn(await listed())).toEqual([good.sign_secret]);
      const verifier = await Machine.of(environment.admin, gateway, 'verifier');
      const { keys } = (await verifier.get('/verification-keys')).body;
      expect(keys[0].versions).toMatchObject([{ state: 'signing', sign_secret: good.sign_secret }]);
      expect((await environment.admin.delete(own(`/signs/${good.id}/rotation`))).status).toBe(204);
    });
  });

  describe('a damaged webhook row', () => {
    it('that is a signing key signs nothing and can be deleted, while the other key signs', async () => {
      const endpoint = await environment.endpoint();
      const added = (await environment.client.post(`/v1/endpoints/${endpoint.id}/signing-keys`)).body.data;
      await damage('signing_keys', 'secret', endpoint.signing_key_id);
      await environment.accepted(endpoint.id);
      await environment.clock.settled();
      const [delivery] = environment.receiver.at(endpoint.path);
      const verified = (secret: string) =>
        verifyWebhook(delivery!, { dialect: 'standard', secrets: [secret], now: environment.clock.now }).ok;
      expect([verified(endpoint.signing_secret), verified(added.signing_secret)]).toEqual([false, true]);
      expect(logs()).toContain(`signing_keys ${endpoint.signing_key_id} of ${endpoint.id} is ignored`);
      expect((await environment.client.delete(`/v1/endpoints/${endpoint.id}/signing-keys/${endpoint.signing_key_id}`)).status).toBe(204);
    });

    it.each([
      ['endpoint’s headers', 'webhook_endpoints', (endpoint: string) => endpoint],
      ['message’s headers', 'messages', (_: string, message: string) => message],
    ])('%s makes the delivery fail with the reason before anything is sent', async (_, table, row) => {
      const headers = { 'x-canary': 'a' };
      const endpoint = await environment.endpoint({ headers });
      await environment.client.post(`/v1/endpoints/${endpoint.id}/pause`);
      const message = await environment.accepted(endpoint.id, { headers });
      const other = await environment.endpoint();
      await damage(table, 'headers', row(endpoint.id, message));
      await environment.client.post(`/v1/endpoints/${endpoint.id}/resume`);
      await environment.accepted(other.id);
      await environment.clock.settled();
      expect(environment.receiver.at(endpoint.path)).toEqual([]);
      expect(environment.receiver.at(other.path)).toHaveLength(1);
      expect((await environment.message(message))['last_error']).toMatch(/^the stored headers of the (endpoint|message) are damaged/);
      expect(await environment.attempts(message)).toMatchObject([{ attempt_no: 1 }]);
      expect((await environment.client.get(`/v1/endpoints/${endpoint.id}`)).status).toBe(table === 'messages' ? 200 : 409);
      expect((await environment.client.patch(`/v1/endpoints/${endpoint.id}`, { headers })).status).toBe(200);
      expect((await environment.client.get(`/v1/endpoints/${endpoint.id}`)).body.data.headers).toEqual(headers);
    });
  });
});
