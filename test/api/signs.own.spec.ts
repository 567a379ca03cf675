import { createPrivateKey, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const TYPE = 'http-message-signatures';
const invalid = (field: string) => ({
  error_code: 'APIG.2011',
  error_msg: `Invalid parameter value,parameterName:${field}. Please refer to the support documentation`,
});
const absent = (id: string) => ({ error_code: 'APIG.3017', error_msg: `Signature key ${id} does not exist` });

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let count = 0;
  const own = (path: string) => `/signet/v1/instances/${gateway}${path}`;
  const v2 = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const create = (fields: object) => client.post(own('/signs'), { name: `own_${(count += 1)}`, ...fields });
  const ed25519 = async () => (await create({ sign_type: TYPE, sign_algorithm: 'ed25519' })).body as Record<string, string>;
  const bind = (sign_id: string, publish_ids: string[]) => client.post(own('/sign-bindings'), { sign_id, publish_ids });
  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test);
    client = await service.client({ project: 'own' });
    gateway = await client.gateway();
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe('POST /signet/v1/instances/{id}/signs → 201', () => {
    it('generates an Ed25519 pair, whose halves belong together', async () => {
      const { status, body } = await create({ sign_type: TYPE, sign_algorithm: 'ed25519' });
      expect([status, body.sign_type, body.sign_algorithm]).toEqual([201, TYPE, 'ed25519']);
      const secret = createPrivateKey({ key: Buffer.from(body.sign_secret, 'base64'), format: 'der', type: 'pkcs8' });
      expect(createPublicKey(secret).export({ format: 'der', type: 'spki' }).toString('base64')).toBe(body.sign_key);
      expect(secret.asymmetricKeyType).toBe('ed25519');
    });

    it('generates an HMAC secret of 32 bytes, and takes the types of /v2 too', async () => {
      const hmac = await create({ sign_type: TYPE, sign_algorithm: 'hmac-sha256', sign_key: 'orders-gateway' });
      expect([hmac.status, hmac.body.sign_key, Buffer.from(hmac.body.sign_secret, 'base64').length]).toEqual([201, 'orders-gateway', 32]);
      expect((await create({ sign_type: 'basic' })).body).toMatchObject({ sign_type: 'basic' });
    });
  });

  describe('POST /signet/v1/instances/{id}/signs → 400', () => {
    it.each([
      ['no algorithm', {}, 'sign_algorithm'],
      ['a cipher of aes', { sign_algorithm: 'aes-128-cfb' }, 'sign_algorithm'],
      ['an unknown algorithm', { sign_algorithm: 'rsa-pss-sha512' }, 'sign_algorithm'],
      ['a short HMAC secret', { sign_algorithm: 'hmac-sha256', sign_secret: Buffer.alloc(31, 7).toString('base64') }, 'sign_secret'],
      ['an HMAC secret that is not base64', { sign_algorithm: 'hmac-sha256', sign_secret: '_'.repeat(44) }, 'sign_secret'],
      ['a public key that is no Ed25519 key', { sign_algorithm: 'ed25519', sign_key: Buffer.alloc(44).toString('base64') }, 'sign_key'],
    ])('%s', async (_name, fields, field) => {
      const { status, body } = await create({ sign_type: TYPE, ...fields });
      expect([status, body]).toEqual([400, expect.objectContaining({ code: 'invalid', parameter: field })]);
    });

    it('a public half without its private half, or with that of another pair', async () => {
      const [one, other] = [await ed25519(), await ed25519()];
      for (const sign_secret of [undefined, other.sign_secret]) {
        const answer = await create({ sign_type: TYPE, sign_algorithm: 'ed25519', sign_key: one.sign_key, sign_secret });
        expect([answer.status, answer.body]).toEqual([400, expect.objectContaining({ code: 'invalid', parameter: 'sign_key' })]);
      }
    });
  });

  it('403 for a caller who may only read', async () => {
    const reader = await service.client({ project: 'own', role: READ_ONLY });
    expect((await reader.get(own('/signs'))).status).toBe(200);
    expect((await reader.post(own('/signs'), { name: 'not_allowed' })).status).toBe(403);
    expect((await reader.post(own('/sign-bindings'), { sign_id: 'a', publish_ids: ['b'] })).status).toBe(403);
  });

  describe('on /v2', () => {
    it('such a key cannot be created, and nothing becomes one', async () => {
      const refused = await client.post(v2('/signs'), { name: 'not_here', sign_type: TYPE, sign_algorithm: 'ed25519' });
      expect([refused.status, refused.body]).toEqual([400, invalid('sign_type')]);
      const { id } = (await client.post(v2('/signs'), { name: 'stays_hmac' })).body;
      expect((await client.put(v2(`/signs/${id}`), { name: 'stays_hmac', sign_type: TYPE })).status).toBe(400);
      const algorithm = await client.post(v2('/signs'), { name: 'no_alg', sign_type: 'aes', sign_algorithm: 'ed25519' });
      expect([algorithm.status, algorithm.body]).toEqual([400, invalid('sign_algorithm')]);
    });

    it('it is not listed, counted, changed, bound or deleted: as if absent', async () => {
      const { id, name: named } = await ed25519();
      const { publishIds, apiId } = await client.publishedApi(gateway);
      const all = (await client.get(v2('/signs?limit=500'))).body;
      expect(all.signs.map((sign: { id: string }) => sign.id)).not.toContain(id);
      expect(all.total).toBe(all.signs.length);
      expect((await client.get(v2(`/signs?id=${id}`))).body).toEqual({ total: 0, size: 0, signs: [] });
      expect((await client.get(v2(`/signs?name=${named}&offset=5`))).body.total).toBe(0);
      const answers = [
        await client.put(v2(`/signs/${id}`), { name: 'renamed' }),
        await client.put(v2(`/signs/${id}`), { name: 'renamed', sign_type: 'hmac' }),
        await client.delete(v2(`/signs/${id}`)),
        await client.post(v2('/sign-bindings'), { sign_id: id, publish_ids: publishIds }),
        await client.get(v2(`/sign-bindings/binded-apis?sign_id=${id}`)),
        await client.get(v2(`/sign-bindings/unbinded-apis?sign_id=${id}`)),
      ];
      for (const { status, body } of answers) expect([status, body]).toEqual([404, absent(id!)]);
      const [binding] = (await bind(id!, publishIds)).body.bindings;
      expect((await client.get(v2(`/sign-bindings/binded-signs?api_id=${apiId}`))).body).toMatchObject({ total: 0, bindings: [] });
      const unbind = await client.delete(v2(`/sign-bindings/${binding.id}`));
      expect([unbind.status, unbind.body.error_code]).toEqual([404, 'APIG.3018']);
      const other = (await client.post(v2('/signs'), { name: `other_${id}` })).body.id;
      const [listed] = (await client.get(v2(`/sign-bindings/unbinded-apis?sign_id=${other}&api_id=${apiId}`))).body.apis;
      expect(listed.signature_name).toBe('');
      expect((await client.get(own(`/signs?id=${id}`))).body.signs).toMatchObject([{ id, bind_num: 1, sign_type: TYPE }]);
    });
  });

  it('it is bound, distributed to nodes with its private half and to verifiers without, unbound, and deleted with a receipt', async () => {
    const key = await ed25519();
    const { publishIds } = await client.publishedApi(gateway);
    const [node, verifier] = [await Machine.of(client, gateway), await Machine.of(client, gateway, 'verifier')];
    const bound = await bind(key.id!, publishIds);
    expect([bound.status, bound.body.bindings[0]]).toMatchObject([201, { sign_id: key.id, sign_type: TYPE, sign_algorithm: 'ed25519' }]);
    expect((await client.get(own(`/sign-bindings?sign_id=${key.id}`))).body).toMatchObject({
      total: 1,
      bindings: [{ publish_id: publishIds[0] }],
    });
    const { body } = await node.get(`/snapshot?publish_ids=${publishIds[0]}`);
    expect(body.publications[0].sign).toEqual({
      sign_id: key.id,
      sign_type: TYPE,
      sign_algorithm: 'ed25519',
      sign_key: key.sign_key,
      sign_secret: key.sign_secret,
      version: 1,
    });
    const given = (await verifier.get('/verification-keys', { 'signet-verifier': 'orders/process-a' })).body;
    const held = given.keys.find(({ sign_id }: { sign_id: string }) => sign_id === key.id);
    expect(held).toMatchObject({ sign_type: TYPE, sign_algorithm: 'ed25519', versions: [{ sign_key: key.sign_key, sign_secret: '' }] });
    expect((await client.delete(own(`/sign-bindings/${bound.body.bindings[0].id}`))).status).toBe(204);
    await bind(key.id!, publishIds);
    const deleted = await client.delete(own(`/signs/${key.id}`));
    expect(deleted.status).toBe(204);
    expect((await client.get(deleted.headers.get('signet-receipt')!)).body).toMatchObject({ complete: true });
    expect((await client.get(own(`/sign-bindings?sign_id=${key.id}`))).status).toBe(404);
  });

  it('a rotation gives it another pair, with another key id, and a new secret of the caller brings its public half', async () => {
    const key = await ed25519();
    const staged = await client.post(own(`/signs/${key.id}/rotation`), {});
    expect([staged.status, staged.body.sign_key === key.sign_key]).toEqual([201, false]);
    expect((await client.post(own(`/signs/${key.id}/rotation/promote`), {})).status).toBe(200);
    const next = await ed25519();
    const updated = await client.put(own(`/signs/${key.id}`), { name: key.name, sign_secret: next.sign_secret });
    expect([updated.status, updated.body]).toMatchObject([200, { sign_key: next.sign_key, sign_algorithm: 'ed25519' }]);
  });
});
