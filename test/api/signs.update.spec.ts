import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let signs: string;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test);
    client = await service.client({ project: 'shared' });
    signs = `/v2/{project}/apigw/instances/${await client.gateway()}/signs`;
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });
  const create = async (input: object) => (await client.post(signs, input)).body;
  const stored = async (id: string) => (await client.get(`${signs}?id=${id}`)).body.signs[0];

  describe('PUT …/signs/{sign_id}', () => {
    it('keeps a key and a secret that the body omits, and changes only the update time', async () => {
      const before = await create({ name: 'keep_me' });
      const { status, body, headers } = await client.put(`${signs}/${before.id}`, { name: 'keep_me_2' });
      expect(status).toBe(200);
      expect(body).toMatchObject({
        id: before.id,
        name: 'keep_me_2',
        sign_key: before.sign_key,
        sign_secret: before.sign_secret,
        sign_type: 'hmac',
      });
      expect(headers.get('cache-control')).toBe('no-store');
      expect(await stored(before.id)).toMatchObject({ name: 'keep_me_2', sign_secret: before.sign_secret });
    });

    it('replaces the key and the secret with those of the body', async () => {
      const before = await create({ name: 'replace_me' });
      const given = { name: 'replace_me', sign_key: 'reversed_key_1', sign_secret: 'reversed_secret_1' };
      expect((await client.put(`${signs}/${before.id}`, given)).body).toMatchObject(given);
      expect(await stored(before.id)).toMatchObject(given);
    });

    it('generates a new key and secret when the type changes, by the rules of the new type', async () => {
      const before = await create({ name: 'change_type' });
      const { status, body } = await client.put(`${signs}/${before.id}`, {
        name: 'change_type',
        sign_type: 'aes',
        sign_algorithm: 'aes-128-cfb',
      });
      expect([status, body.sign_type, body.sign_algorithm, body.sign_key.length, body.sign_secret.length]).toEqual([
        200,
        'aes',
        'aes-128-cfb',
        16,
        16,
      ]);
      const back = (await client.put(`${signs}/${before.id}`, { name: 'change_type', sign_type: 'hmac' })).body;
      expect(back).not.toHaveProperty('sign_algorithm');
    });

    it('keeps the cipher of an aes key, and generates a new key if another cipher needs another length', async () => {
      const before = await create({ name: 'aes_lengths', sign_type: 'aes', sign_algorithm: 'aes-128-cfb' });
      expect((await client.put(`${signs}/${before.id}`, { name: 'aes_lengths' })).body).toMatchObject({
        sign_algorithm: 'aes-128-cfb',
        sign_key: before.sign_key,
      });
      const longer = (await client.put(`${signs}/${before.id}`, { name: 'aes_lengths', sign_algorithm: 'aes-256-cfb' })).body;
      expect(longer.sign_key).toHaveLength(32);
      expect(longer.sign_secret).toBe(before.sign_secret);
    });

    it('leaves a secret that can still be decrypted after many concurrent updates', async () => {
      const { id } = await create({ name: 'many_updates' });
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          client.put(`${signs}/${id}`, { name: 'many_updates', sign_secret: `secret_number_${10 + i}` }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect((await stored(id)).sign_secret).toMatch(/^secret_number_\d\d$/);
    });

    it('answers 400 and names the field if the name is missing', async () => {
      const { id } = await create({ name: 'needs_a_name' });
      const { status, body } = await client.put(`${signs}/${id}`, { sign_type: 'hmac' });
      expect([status, body.error_code, body.error_msg]).toEqual([400, 'APIG.2001', expect.stringContaining('parameterName:name.')]);
    });

    it('validates key and secret by the stored type if the body has no type', async () => {
      const { id } = await create({ name: 'judged', sign_type: 'aes', sign_algorithm: 'aes-128-cfb' });
      const { status, body } = await client.put(`${signs}/${id}`, { name: 'judged', sign_key: 'not_sixteen' });
      expect([status, body.error_msg]).toEqual([400, expect.stringContaining('parameterName:sign_key.')]);
      expect(await stored(id)).toMatchObject({ name: 'judged', sign_type: 'aes' });
    });

    it('answers 400 for an existing name, and changes nothing', async () => {
      await create({ name: 'first_name' });
      const second = await create({ name: 'second_name' });
      const { status, body } = await client.put(`${signs}/${second.id}`, { name: 'first_name', sign_secret: 'another_secret_1' });
      expect([status, body.error_code]).toEqual([400, 'APIG.3207']);
      expect(await stored(second.id)).toMatchObject({ name: 'second_name', sign_secret: second.sign_secret });
    });

    it('answers 404 for a key of another project or gateway, with the message for an unknown one', async () => {
      const other = await service.client();
      const theirs = (await other.post(`/v2/{project}/apigw/instances/${await other.gateway()}/signs`, { name: 'their_key' })).body.id;
      const elsewhere = (await client.post(`/v2/{project}/apigw/instances/${await client.gateway()}/signs`, { name: 'other_gateway' })).body
        .id;
      for (const id of [theirs, elsewhere, 'f'.repeat(32), 'no such id', '%00']) {
        const { status, body } = await client.put(`${signs}/${encodeURIComponent(id)}`, { name: 'not_found' });
        expect([status, body]).toEqual([404, { error_code: 'APIG.3017', error_msg: `Signature key ${id} does not exist` }]);
      }
    });

    it('answers 412 for a change to a type that the gateway does not support', async () => {
      const { id } = await create({ name: 'to_public' });
      const { status, body } = await client.put(`${signs}/${id}`, { name: 'to_public', sign_type: 'public_key' });
      expect([status, body.error_code]).toEqual([412, 'APIG.3548']);
    });
  });

  describe('PUT …/signs/{sign_id} with omitted=regenerate in SIGNET_SIGN_RULES', () => {
    it('generates a new key and secret when the body omits them', async () => {
      const literal = await TestService.start(test, { SIGNET_SIGN_RULES: 'omitted=regenerate' });
      try {
        const before = await create({ name: 'regenerated' });
        const same = await literal.client({ project: 'shared' });
        const { status, body } = await same.put(`${signs}/${before.id}`, { name: 'regenerated' });
        expect(status).toBe(200);
        expect(body.sign_key).not.toBe(before.sign_key);
        expect(body.sign_secret).not.toBe(before.sign_secret);
      } finally {
        await literal.stop();
      }
    });
  });
});
