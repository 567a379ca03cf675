import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const invalid = (field: string) => ({
  error_code: 'APIG.2011',
  error_msg: `Invalid parameter value,parameterName:${field}. Please refer to the support documentation`,
});

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let signs: string;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test);
    client = await service.client();
    signs = `/v2/{project}/apigw/instances/${await client.gateway()}/signs`;
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe('POST …/signs', () => {
    it('stores the given fields and returns them in plain text, with no-store', async () => {
      const given = { name: 'signature_demo', sign_type: 'hmac', sign_key: 'signkeysignkey', sign_secret: 'sig-$#@%nsecret0' };
      const { status, body, headers } = await client.post(signs, given);
      expect(status).toBe(201);
      expect(body).toEqual({
        ...given,
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        create_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/),
        update_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/),
      });
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('content-type')).toMatch(/^application\/json/);
    });

    it('generates an hmac key and secret when only a name is given', async () => {
      const { status, body } = await client.post(signs, { name: 'only_a_name' });
      expect(status).toBe(201);
      expect(body.sign_type).toBe('hmac');
      expect(body.sign_key).toMatch(/^[0-9a-f]{32}$/);
      expect(body.sign_secret.length).toBeGreaterThanOrEqual(16);
      expect(body).not.toHaveProperty('sign_algorithm');
    });

    it('generates a missing key or secret, and treats an empty text as missing', async () => {
      const { body } = await client.post(signs, { name: 'half_a_key', sign_type: 'basic', sign_key: 'given_key', sign_secret: '' });
      expect(body.sign_key).toBe('given_key');
      expect(body.sign_secret.length).toBeGreaterThanOrEqual(8);
    });

    it.each([
      ['aes-128-cfb', 16],
      ['aes-256-cfb', 32],
    ])('generates an %s key of %d characters with an initialisation vector of 16', async (sign_algorithm, length) => {
      const { status, body } = await client.post(signs, { name: `aes_${length}`, sign_type: 'aes', sign_algorithm });
      expect(status).toBe(201);
      expect(body).toMatchObject({ sign_type: 'aes', sign_algorithm });
      expect([body.sign_key.length, body.sign_secret.length]).toEqual([length, 16]);
    });

    it('stores no cipher for a type without one', async () => {
      const { status, body } = await client.post(signs, { name: 'hmac_with_cipher', sign_algorithm: 'aes-128-cfb' });
      expect(status).toBe(201);
      expect(body).not.toHaveProperty('sign_algorithm');
    });

    it.each(['密钥_1', 'a'.repeat(64), 'A_1'])('accepts the name %s', async (good) => {
      expect((await client.post(signs, { name: good })).status).toBe(201);
    });

    it('accepts names that differ only in case', async () => {
      expect([(await client.post(signs, { name: 'Case_one' })).status, (await client.post(signs, { name: 'case_one' })).status]).toEqual([
        201, 201,
      ]);
    });

    it('ignores unknown fields, and fields that only the service sets', async () => {
      const { status, body } = await client.post(signs, {
        name: 'extra_fields',
        id: '0',
        project_id: 'x',
        bind_num: 7,
        create_time: 'x',
        surprise: { a: 1 },
      });
      expect(status).toBe(201);
      expect(body.id).not.toBe('0');
      expect(body).not.toHaveProperty('surprise');
    });

    it('accepts a body that ends in a line feed, as Go clients send it, and a charset', async () => {
      const body = `${JSON.stringify({ name: 'go_client' })}\n`;
      expect((await client.call('POST', signs, body, { 'content-type': 'application/json;charset=UTF-8' })).status).toBe(201);
    });

    it.each([
      ['two characters', { name: 'ab' }],
      ['65 characters', { name: 'a'.repeat(65) }],
      ['a digit first', { name: '1abc' }],
      ['a dash', { name: 'a-bc' }],
      ['a trailing space', { name: 'abc ' }],
      ['a line feed at the end', { name: 'abc\n' }],
      ['NUL', { name: 'ab\u0000c' }],
      ['a number', { name: 12345 }],
      ['an array', { name: ['abcd'] }],
      ['an object', { name: { toString: 'abc' } }],
    ])('answers 400 and names the field for a name with %s', async (_, input) => {
      const { status, body } = await client.post(signs, input);
      expect([status, body]).toEqual([400, invalid('name')]);
    });

    it.each([[{}], [{ name: null }], [undefined]])('answers 400 and names the field when the name is missing: %j', async (input) => {
      const { status, body } = await client.post(signs, input);
      expect(status).toBe(400);
      expect(body).toEqual({
        error_code: 'APIG.2001',
        error_msg: 'The request parameters must be specified,parameterName:name. Please refer to the support documentation',
      });
    });

    it.each([
      ['sign_type', { sign_type: 'rsa' }],
      ['sign_type', { sign_type: 'HMAC' }],
      ['sign_type', { sign_type: 1 }],
      ['sign_algorithm', { sign_type: 'aes' }],
      ['sign_algorithm', { sign_type: 'aes', sign_algorithm: 'aes-128-gcm' }],
      ['sign_key', { sign_key: 'short' }],
      ['sign_key', { sign_key: '_starts_badly' }],
      ['sign_key', { sign_key: 'a'.repeat(33) }],
      ['sign_key', { sign_key: 12345678 }],
      ['sign_key', { sign_type: 'basic', sign_key: 'abc' }],
      ['sign_key', { sign_type: 'aes', sign_algorithm: 'aes-128-cfb', sign_key: 'a'.repeat(32) }],
      ['sign_secret', { sign_secret: 'fifteen_letters' }],
      ['sign_secret', { sign_secret: 'contains a space' }],
      ['sign_secret', { sign_secret: `a${'b'.repeat(64)}` }],
      ['sign_secret', { sign_type: 'aes', sign_algorithm: 'aes-256-cfb', sign_secret: 'a'.repeat(32) }],
      ['sign_secret', { sign_secret: ['sixteen_letters_'] }],
    ])('answers 400 and names %s for %j', async (field, input) => {
      const { status, body } = await client.post(signs, { name: 'bad_input', ...input });
      expect([status, body]).toEqual([400, invalid(field)]);
    });

    it('answers 400 and says that the name exists', async () => {
      await client.post(signs, { name: 'taken_name' });
      const { status, body } = await client.post(signs, { name: 'taken_name' });
      expect([status, body]).toEqual([400, { error_code: 'APIG.3207', error_msg: 'The signature key name already exists.' }]);
    });

    it('answers one of twenty concurrent creates of one name with 201, and all others with 400', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => client.post(signs, { name: 'raced_name' })));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 400)]);
    });

    it.each([
      ['cut JSON', '{"name":'],
      ['no JSON', 'name=abc'],
      ['a __proto__ key', '{"name":"abcd","__proto__":{"admin":true}}'],
      ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
      ['an array', '[]'],
      ['a text', '"abcd"'],
      ['a number', '1'],
    ])('answers %s with APIG.2000', async (_, body) => {
      const answer = await client.call('POST', signs, body);
      expect([answer.status, answer.body.error_code]).toEqual([400, 'APIG.2000']);
    });

    it('answers 403 for a reader', async () => {
      const reader = await service.client({ role: READ_ONLY });
      const { status, body } = await reader.post(signs, { name: 'by_a_reader' });
      expect([status, body]).toEqual([403, { error_code: 'APIG.1005', error_msg: 'No permissions to request this method' }]);
    });

    it('answers 404 for a gateway of another project, with the message for an unknown one', async () => {
      const theirs = await (await service.client()).gateway();
      for (const id of [theirs, '0'.repeat(32), 'no-such', `${'x'.repeat(10_000)}`]) {
        const { status, body } = await client.post(`/v2/{project}/apigw/instances/${id}/signs`, { name: 'anywhere' });
        expect([status, body]).toEqual([404, { error_code: 'APIG.3030', error_msg: `The instance does not exist;id:${id}` }]);
      }
    });

    it('answers 412 for a public_key if the gateway has not enabled it', async () => {
      const { status, body } = await client.post(signs, { name: 'public_one', sign_type: 'public_key' });
      const instanceId = signs.split('/')[5];
      expect([status, body]).toEqual([
        412,
        { error_code: 'APIG.3548', error_msg: `sign_type=public_key not supported by instance ${instanceId}` },
      ]);
    });

    it('answers 413 for a body over the limit', async () => {
      const { status, body } = await client.call('POST', signs, Buffer.alloc(12 * 1024 * 1024 + 1, 0x20));
      expect([status, body.error_code]).toEqual([413, 'APIG.0201']);
    });

    it('answers 415 for a body that is not JSON', async () => {
      const { status, body } = await client.call('POST', signs, 'name=abcd', { 'content-type': 'application/x-www-form-urlencoded' });
      expect([status, body.error_code]).toEqual([415, 'APIG.2000']);
    });
  });
});

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test, { SIGNET_LIMITS: 'signs=5' });
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  it('with room for five keys, five of 20 concurrent creates get 201 and the rest 403 APIG.3105', async () => {
    const client = await service.client();
    const signs = `/v2/{project}/apigw/instances/${await client.gateway()}/signs`;
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => client.post(signs, { name: `quota_${i}` })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(5);
    const refused = answers.filter(({ status }) => status !== 201);
    for (const { status, body } of refused) {
      expect([status, body]).toEqual([
        403,
        { error_code: 'APIG.3105', error_msg: 'The number of signature keys exceeds the maximum allowed limit.' },
      ]);
    }
    expect((await client.get(signs)).body.total).toBe(5);
  });
});
