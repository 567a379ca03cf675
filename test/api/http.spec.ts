import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';

let test: TestDatabase;
let service: TestService;
let client: Client;
beforeAll(async () => {
  test = await createTestDatabase('sqlite');
  service = await TestService.start(test, {
    SIGNET_HEADERS_TIMEOUT_MS: '500',
    SIGNET_REQUEST_TIMEOUT_MS: '1000',
    SIGNET_BODY_LIMIT_BYTES: '2048',
  });
  client = await service.client();
});
afterAll(async () => {
  await service.stop();
  await test.drop();
});

/** Sends bytes and collects what comes back until the server closes. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(service.baseUrl);
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let answer = '';
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

describe('X-Request-Id', () => {
  it('is on every answer and in its log line, and is the caller’s own when that is sane', async () => {
    const sane = await client.call('GET', '/v2/{project}/apigw/instances', undefined, { 'x-request-id': 'caller-4711' });
    expect(sane.headers.get('x-request-id')).toBe('caller-4711');
    expect(service.logs.some((line) => line.includes('"reqId":"caller-4711"') && line.includes('"msg":"request"'))).toBe(true);
    for (const path of ['/healthz', '/nope', '/v2/%E0%A4%A', '/v3/auth/tokens']) {
      expect((await fetch(service.baseUrl + path)).headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
    }
  });

  it.each(['', 'with space', 'x'.repeat(129), 'quote"', 'brace{}'])('is replaced when it is not sane: %j', async (id) => {
    const { headers } = await client.call('GET', '/healthz', undefined, { 'x-request-id': id });
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('stands in the audit row of the write', async () => {
    const created = await client.call(
      'POST',
      `/v2/{project}/apigw/instances/${await client.gateway()}/signs`,
      { name: 'audited' },
      { 'x-request-id': 'audited-1' },
    );
    expect(created.status).toBe(201);
    const { events } = (await client.get(`/signet/v1/audit?resource_id=${created.body.id}`)).body;
    expect(events).toEqual([
      expect.objectContaining({ request_id: 'audited-1', action: 'CreateSignatureKey', source_address: '127.0.0.1' }),
    ]);
  });
});

describe('a request that no route takes', () => {
  it.each([
    ['/v2/x/apigw/nothing', 'APIG.0101'],
    ['/v2/x', 'APIG.0101'],
  ])('%s is answered in the words of its contract', async (path, code) => {
    const { status, body } = await client.get(path);
    expect([status, body.error_code]).toEqual([404, code]);
  });

  it('/v3/nothing is answered as Keystone does', async () => {
    const { status, body } = await client.get('/v3/nothing');
    expect([status, body]).toEqual([404, { error: { code: 404, message: 'The resource could not be found.', title: 'Not Found' } }]);
  });

  it('elsewhere is answered with a problem document', async () => {
    const { status, headers, body } = await client.get('/nothing');
    expect([status, headers.get('content-type')]).toEqual([404, 'application/problem+json; charset=utf-8']);
    expect(body).toMatchObject({ status: 404, code: 'route_unknown', request_id: headers.get('x-request-id') });
  });

  it.each(['TRACE', 'PROPFIND', 'BREW'])('with the method %s is refused', async (method) => {
    expect(await raw(`${method} /v2/x/apigw/instances HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 (400|404|405|501) /,
    );
  });
});

describe('a query that is not percent-encoded', () => {
  it.each(['%E0%A4%A', '%zz', '%', 'a%2'])('%s is refused, not read as something else', async (text) => {
    const { status, body } = await client.get(`/v2/{project}/apigw/instances?instance_name=${text}`);
    expect([status, body]).toEqual([400, { error_code: 'APIG.2000', error_msg: 'Parameter error' }]);
    expect((await client.get(`/v3/projects?name=${text}`)).body).toMatchObject({ error: { code: 400 } });
  });
});

describe('hostile bytes', () => {
  it.each([
    ['headers over the limit', `GET /v2/x HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${'a'.repeat(40_000)}\r\n\r\n`, 431, 'APIG.0201'],
    ['no HTTP at all', 'hello\r\n\r\n', 400, 'APIG.2000'],
    ['two lengths', 'POST /v2/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd', 400, 'APIG.2000'],
    [
      'a length and chunks',
      'POST /v2/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'APIG.2000',
    ],
    ['a bare line feed in a header', 'GET /v2/x HTTP/1.1\r\nHost: x\r\nA: b\nX: c\r\n\r\n', 400, 'APIG.2000'],
    ['NUL in a header', 'GET /v2/x HTTP/1.1\r\nHost: x\r\nA: \u0000\r\n\r\n', 400, 'APIG.2000'],
  ])('%s are answered in the contract’s shape', async (_, bytes, status, code) => {
    const answer = await raw(bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toEqual({ error_code: code, error_msg: expect.any(String) });
  });

  it.each([
    ['headers', 'GET /healthz HTTP/1.1\r\nHost: x\r\n'],
    ['body', 'POST /v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{'],
  ])(
    'a client that never finishes its %s is cut off',
    async (_, bytes) => {
      const answer = await raw(bytes);
      expect(answer === '' || answer.startsWith('HTTP/1.1 408 ')).toBe(true);
    },
    10_000,
  );

  it('a body over the configured limit is 413, also when it comes in chunks', async () => {
    const path = `/v2/{project}/apigw/instances/${'0'.repeat(32)}/signs`;
    const { status, body } = await client.call('POST', path, 'x'.repeat(2049));
    expect([status, body]).toEqual([413, { error_code: 'APIG.0201', error_msg: 'Request entity too large.' }]);
    const chunked = await raw(
      `POST /v2/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1000\r\n${'x'.repeat(4096)}\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 (413|404) /);
  });
});

describe('answers', () => {
  it('are not for caches, not for guessing types, and say nothing of the software', async () => {
    const { headers } = await client.get('/v2/{project}/apigw/instances');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('server')).toBeNull();
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it('with and without a trailing slash are the same', async () => {
    expect((await client.get('/v2/{project}/apigw/instances/')).status).toBe(200);
  });

  it('to a key that stands twice in a body take the last, as every client we know does', async () => {
    const signs = `/v2/{project}/apigw/instances/${await client.gateway()}/signs`;
    const { body } = await client.call('POST', signs, '{"name":"first_one","name":"last_one"}');
    expect(body.name).toBe('last_one');
  });
});

describe('the operations surface', () => {
  it('is alive, ready, and counts requests by route', async () => {
    expect((await client.get('/healthz')).body).toEqual({ status: 'ok' });
    const ready = await client.get('/readyz');
    expect([ready.status, ready.body]).toEqual([200, { status: 'ready', checks: { database: 'ok', key: 'ok' } }]);
    const { text, headers } = await client.get('/metrics');
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    expect(text).toMatch(/signet_http_request_duration_seconds_count\{method="GET",route="\/healthz",status="200"\} \d+/);
    expect(text).toContain('signet_process_cpu_seconds_total');
  });
});
