import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { TestService } from '../support/service.js';
import { newUrl, WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

/** Every rule of every field, with a value just beyond its limit. */
type Case = [what: string, field: string, value: unknown, code: string, message: RegExp];
const INVALID_REQUEST = 'INVALID_REQUEST';
const wrongTypes = (allowed: 'string' | 'number' | 'object' | 'boolean'): [string, unknown][] =>
  (
    [
      ['a number', 1],
      ['a text', 'x'],
      ['true', true],
      ['an object', { a: 1 }],
      ['a list', [1]],
      ['a nested list', [[]]],
    ] as [string, unknown][]
  ).filter(([, value]) => typeof value !== allowed || Array.isArray(value));

const FIELDS: Case[] = [
  ...wrongTypes('string').map(([what, value]): Case => [what, 'url', value, INVALID_REQUEST, /^url must be a string$/]),
  ...wrongTypes('string').map(([what, value]): Case => [what, 'description', value, INVALID_REQUEST, /^description must be a string$/]),
  ...wrongTypes('number').map(
    ([what, value]): Case => [what, 'rate_limit_rps', value, INVALID_REQUEST, /^rate_limit_rps must be an integer/],
  ),
  ...wrongTypes('number').map(([what, value]): Case => [what, 'burst', value, INVALID_REQUEST, /^burst must be an integer/]),
  ...wrongTypes('object').map(([what, value]): Case => [what, 'headers', value, INVALID_REQUEST, /^headers must be an object$/]),
  ...wrongTypes('boolean').map(([what, value]): Case => [what, 'hmac_enabled', value, INVALID_REQUEST, /^hmac_enabled must be a boolean/]),
  ['501 characters', 'description', 'x'.repeat(501), INVALID_REQUEST, /^description must be shorter than or equal to 500 characters$/],
  ['1001', 'rate_limit_rps', 1001, INVALID_REQUEST, /^rate_limit_rps must not be greater than 1000$/],
  ['-1', 'rate_limit_rps', -1, INVALID_REQUEST, /^rate_limit_rps must not be less than 0$/],
  ['a fraction', 'rate_limit_rps', 1.5, INVALID_REQUEST, /^rate_limit_rps must be an integer/],
  ['digits in a text', 'rate_limit_rps', '10', INVALID_REQUEST, /^rate_limit_rps must be an integer/],
  ['10001', 'burst', 10_001, INVALID_REQUEST, /^burst must not be greater than 10000$/],
  ['-1', 'burst', -1, INVALID_REQUEST, /^burst must not be less than 0$/],
  ['an empty text', 'url', '', 'INVALID_ENDPOINT', /url/],
  ['http', 'url', 'http://example.com/hook', 'INVALID_ENDPOINT', /HTTPS/],
  ['another scheme', 'url', 'ftp://example.com/hook', 'INVALID_ENDPOINT', /HTTPS/],
  ['no URL', 'url', 'example.com/hook-of-orders', 'INVALID_ENDPOINT', /HTTPS/],
  ['11 characters', 'url', 'https://a.b', 'INVALID_ENDPOINT', /12/],
  ['2049 characters', 'url', `https://example.com/${'a'.repeat(2029)}`, 'INVALID_ENDPOINT', /2048/],
  ['a line break', 'url', 'https://example.com/a\r\nX: y', 'INVALID_ENDPOINT', /HTTPS/],
  ['a NUL', 'url', 'https://example.com/\0aaa', 'INVALID_ENDPOINT', /HTTPS/],
  ['a user name', 'url', 'https://user@example.com/', 'INVALID_ENDPOINT', /user name/],
  ['this machine', 'url', 'https://127.0.0.1/hook', 'ENDPOINT_BLOCKED', /blocked/],
  ['this machine, in decimal', 'url', 'https://2130706433/hook', 'ENDPOINT_BLOCKED', /blocked/],
  ['this machine, mapped', 'url', 'https://[::ffff:127.0.0.1]/hook', 'ENDPOINT_BLOCKED', /blocked/],
  ['localhost', 'url', 'https://localhost/hook', 'ENDPOINT_BLOCKED', /blocked/],
];

const forbidden = [
  'Host',
  'host',
  'AUTHORIZATION',
  'Content-Type',
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'Cookie',
  'X-Webhook-Signature',
  'webhook-id',
  'Proxy-Authorization',
  'X-Forwarded-For',
  'Upgrade',
  'Expect',
];
const HEADERS: [string, unknown, RegExp][] = [
  ...forbidden.map((name): [string, unknown, RegExp] => [
    `the header ${name}`,
    { [name]: 'x' },
    new RegExp(`^header '${name}' is forbidden and cannot be overridden$`),
  ]),
  ['51 headers', Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`X-${i}`, ''])), /at most 50/],
  ['more than 8 KB', { 'X-A': 'x'.repeat(8190) }, /at most 8192 bytes/],
  ['more than 8 KB in names', Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`X-${String(i).padStart(170, '0')}`, ''])), /8192/],
  ['an empty name', { '': 'x' }, /names/],
  ['a blank in a name', { 'X A': 'x' }, /names/],
  ['a colon in a name', { 'X:A': 'x' }, /names/],
  ['a line break in a name', { 'X-A\r\nHost': 'x' }, /names/],
  ['a letter beyond ASCII in a name', { 'X-Ä': 'x' }, /names/],
  ['CR and LF in a value', { 'X-A': 'a\r\nHost: evil' }, /'X-A' must contain only visible ASCII/],
  ['LF at the end of a value', { 'X-A': 'a\n' }, /'X-A' must contain only visible ASCII/],
  ['NUL in a value', { 'X-A': 'a\0' }, /'X-A' must contain only visible ASCII/],
  ['a letter beyond ASCII in a value', { 'X-A': 'ä' }, /'X-A' must contain only visible ASCII/],
  ['a blank around a value', { 'X-A': ' a' }, /'X-A' must contain only visible ASCII/],
  ['a number as a value', { 'X-A': 1 }, /'X-A' must be a string/],
  ['null as a value', { 'X-A': null }, /'X-A' must be a string/],
  ['a list as a value', { 'X-A': ['a'] }, /'X-A' must be a string/],
  ['one name in two spellings', { 'X-A': 'a', 'x-a': 'b' }, /occurs more than once/],
];

describe('the input of an endpoint', () => {
  let database: TestDatabase;
  let service: TestService;
  let client: WebhookClient;
  let endpoint: string;
  const stored = async () =>
    JSON.stringify([
      await service.app.get(Database).rows('SELECT * FROM webhook_endpoints'),
      await service.app.get(Database).rows('SELECT * FROM audit_events'),
    ]);

  beforeAll(async () => {
    database = await createTestDatabase('sqlite');
    service = await TestService.start(database, WEBHOOK_ENV);
    client = await WebhookClient.of(await service.client());
    endpoint = (await client.endpoint()).id;
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  /** Expects the same refusal of a create and a patch, and that nothing is written. */
  const refused = async (body: object, code: string, message: RegExp, field?: string) => {
    const before = await stored();
    for (const [method, path, sent] of [
      ['POST', '/v1/endpoints', { url: newUrl(), ...body }],
      ['PATCH', `/v1/endpoints/${endpoint}`, body],
    ] as const) {
      const answer = await client.call(method, path, sent);
      expect([method, answer.status, answer.body.error?.code]).toEqual([method, 400, code]);
      expect(answer.body.error.message).toMatch(message);
      expect(answer.body.error.details).toEqual(field && code === INVALID_REQUEST ? { field } : undefined);
    }
    expect(await stored()).toBe(before);
  };

  it.each(FIELDS)('is refused with 400 for %s as %s', (_, field, value, code, message) =>
    refused({ [field]: value }, code, message, field),
  );

  it.each(HEADERS)('is refused with 400 INVALID_HEADERS for %s', (_, headers, message) => refused({ headers }, 'INVALID_HEADERS', message));

  it.each([
    ['nothing', undefined],
    ['an empty object', {}],
    ['an empty list', []],
    ['null as the URL', { url: null }],
  ])('is refused with 400 for a create with %s, because the URL is required', async (_, body) => {
    const answer = await client.post('/v1/endpoints', body);
    expect([answer.status, answer.body.error]).toEqual([
      400,
      { code: INVALID_REQUEST, message: 'url is required', details: { field: 'url' } },
    ]);
  });

  it.each([
    ['half an object', '{"url":'],
    ['a text', '"x"'],
    ['a number', '1'],
    ['true', 'true'],
    ['a list that is not empty', '[1]'],
    ['two objects', '{}{}'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ['a prototype', '{"__proto__":{"url":"https://example.com/"}}'],
    ['10,000 nested lists', `{"headers":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
  ])('is refused with 400 for a body that is %s', async (_, body) => {
    for (const [method, path] of [
      ['POST', '/v1/endpoints'],
      ['PATCH', `/v1/endpoints/${endpoint}`],
    ] as const) {
      const answer = await client.call(method, path, body);
      expect([method, answer.status, answer.body.error.code]).toEqual([method, 400, INVALID_REQUEST]);
    }
  });

  it('is refused with 400 for another content type, and with PAYLOAD_TOO_LARGE beyond the limit of a body', async () => {
    const form = await client.call('POST', '/v1/endpoints', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' });
    expect([form.status, form.body.error]).toEqual([400, { code: INVALID_REQUEST, message: 'Content-Type must be application/json' }]);
    const large = await client.post('/v1/endpoints', { url: newUrl(), description: 'x'.repeat(13 * 1024 * 1024) });
    expect([large.status, large.body.error.code]).toEqual([400, 'PAYLOAD_TOO_LARGE']);
  });

  it('is accepted at every limit', async () => {
    const accepted: [string, object][] = [
      ['12 characters', { url: 'https://a.co' }],
      ['2048 characters', { url: `https://example.com/${'a'.repeat(2028)}` }],
      ['500 characters', { description: 'ü'.repeat(500) }],
      ['1000 a second', { rate_limit_rps: 1000, burst: 10_000 }],
      ['50 headers', { headers: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`X-${i}`, ''])) }],
      ['8192 bytes', { headers: { 'X-A': 'x'.repeat(8189) } }],
      ['a name that objects have', { headers: { toString: 'a', constructor_: 'b' } }],
    ];
    for (const [what, body] of accepted) {
      const answer = await client.post('/v1/endpoints', { url: newUrl(), ...body });
      expect([what, answer.status]).toEqual([what, 201]);
      expect((await client.get(`/v1/endpoints/${answer.body.data.id}`)).body.data).toMatchObject(body);
    }
  });

  it('is refused with ENDPOINT_UNREACHABLE for a host name that cannot be resolved', async () => {
    const own = await createTestDatabase('sqlite');
    const asking = await TestService.start(own);
    try {
      const caller = await WebhookClient.of(await asking.client());
      const answer = await caller.post('/v1/endpoints', { url: 'https://nowhere.invalid/hook' });
      expect([answer.status, answer.body.error.code]).toEqual([400, 'ENDPOINT_UNREACHABLE']);
    } finally {
      await asking.stop();
      await own.drop();
    }
  });
});
