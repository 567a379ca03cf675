import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { signRaw } from '../support/raw-signer.js';
import { type Client, TestService } from '../support/service.js';
import { stretched } from '../support/slowness.js';

let test: TestDatabase;
let service: TestService;
let client: Client;
beforeAll(async () => {
  test = await createTestDatabase('sqlite');
  service = await TestService.start(test, {
    SIGNET_TIMEOUTS: 'headers=500ms,request=1000ms',
    SIGNET_LIMITS: 'body=2048',
  });
  client = await service.client();
});
afterAll(async () => {
  await service.stop();
  await test.drop();
});

/** Sends bytes. @returns what the server sent until it closed the connection */
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
  it('is in every answer and log line, and is the caller’s id if that is well-formed', async () => {
    const sane = await client.call('GET', '/v2/{project}/apigw/instances', undefined, { 'x-request-id': 'caller-4711' });
    expect(sane.headers.get('x-request-id')).toBe('caller-4711');
    expect(service.logs.some((line) => line.includes('"reqId":"caller-4711"') && line.includes('"msg":"request"'))).toBe(true);
    for (const path of ['/healthz', '/nope', '/v2/%E0%A4%A', '/v3/auth/tokens']) {
      expect((await fetch(service.baseUrl + path)).headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
    }
  });

  it.each(['', 'with space', 'x'.repeat(129), 'quote"', 'brace{}'])('is replaced if it is malformed: %j', async (id) => {
    const { headers } = await client.call('GET', '/healthz', undefined, { 'x-request-id': id });
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is in the audit row of the write', async () => {
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
  ])('for %s is answered in the format of its contract', async (path, code) => {
    const { status, body } = await client.get(path);
    expect([status, body.error_code]).toEqual([404, code]);
  });

  it('for /v3/nothing is answered in Keystone’s format', async () => {
    const { status, body } = await client.get('/v3/nothing');
    expect([status, body]).toEqual([404, { error: { code: 404, message: 'The resource could not be found.', title: 'Not Found' } }]);
  });

  describe('below the prefix of a contract', () => {
    const missing = {
      '/v2/x/apigw/nothing': { error_code: 'APIG.1000', error_msg: 'The token is missing.' },
      '/v2/x/apigw/instances/y/throttles': { error_code: 'APIG.1000', error_msg: 'The token is missing.' },
      '/v1/nothing': { error: { code: 'UNAUTHORIZED', message: 'Invalid or missing API key' }, meta: expect.anything() },
      '/signet/v1/nothing': expect.objectContaining({ status: 401, code: 'token_missing' }),
    };
    const unknown = {
      '/v2/x/apigw/nothing': expect.objectContaining({ error_code: 'APIG.0101' }),
      '/v2/x/apigw/instances/y/throttles': expect.objectContaining({ error_code: 'APIG.0101' }),
      '/v1/nothing': expect.objectContaining({ error: { code: 'NOT_FOUND', message: 'Resource not found' } }),
      '/signet/v1/nothing': expect.objectContaining({ status: 404, code: 'route_unknown' }),
    };
    const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
    const bodyOf = (method: string) => (method === 'GET' || method === 'DELETE' ? undefined : { a: 1 });
    const anonymous = (method: string, path: string, headers: Record<string, string> = {}) =>
      client.call(method, path, bodyOf(method), { 'x-auth-token': '', ...headers });

    it.each(Object.keys(missing) as (keyof typeof missing)[])(
      'for %s is answered 401 without a credential, whatever its method',
      async (path) => {
        for (const method of METHODS) {
          const { status, headers, body } = await anonymous(method, path);
          expect([method, status, body]).toEqual([method, 401, missing[path]]);
          expect(headers.has('www-authenticate')).toBe(true);
        }
      },
    );

    it.each(Object.keys(missing) as (keyof typeof missing)[])(
      'for %s is answered 401 with an invalid credential, and 404 with a token',
      async (path) => {
        for (const method of METHODS) {
          const wrong: Record<string, string>[] = [
            { 'x-auth-token': 'bad' },
            { authorization: 'Bearer bad' },
            { authorization: 'SDK-HMAC-SHA256 bad' },
          ];
          for (const bad of wrong) expect([method, bad, (await anonymous(method, path, bad)).status]).toEqual([method, bad, 401]);
          const { status, body } = await client.call(method, path, bodyOf(method));
          expect([method, status, body]).toEqual([method, 404, unknown[path]]);
        }
      },
    );

    it.each([
      ...['throttles', 'throttle-bindings', 'throttles/x/throttle-specials', 'acls', 'acl-bindings', 'apps', 'app-auths'],
      ...['authorizers', 'plugins', 'orchestrations', 'openapi', 'metric-data'],
    ])('in the unsupported part %s of the contract is answered like an unknown path', async (family) => {
      for (const method of ['GET', 'POST']) {
        const answer = await client.call(method, `/v2/{project}/apigw/instances/x/${family}`, bodyOf(method));
        expect([method, answer.status, answer.body.error_code]).toEqual([method, 404, 'APIG.0101']);
      }
    });

    it('with an unsupported method is answered 401 without a credential', async () => {
      const instances = `/v2/${client.projectId}/apigw/instances`;
      expect((await anonymous('PATCH', instances)).status).toBe(401);
      expect((await client.call('PATCH', instances, {})).body).toEqual(unknown['/v2/x/apigw/nothing']);
    });

    it('is answered 404 with an API key, a machine’s credential or a signature, where its contract accepts that credential', async () => {
      const { key: secret } = (await client.post('/v1/api-keys', { label: 'of a test', mode: 'live' })).body.data;
      const key = { authorization: `Bearer ${secret}` };
      const gateway = await client.gateway();
      const { token } = (await client.post(`/signet/v1/instances/${gateway}/gateway-tokens`, { role: 'gateway' })).body;
      const machine = { authorization: `Bearer ${token}` };
      const at = (method: string, headers: Record<string, string>) =>
        Promise.all(
          ['/v1/nothing', '/signet/v1/nothing', '/v2/x/nothing'].map(async (path) => (await anonymous(method, path, headers)).status),
        );
      for (const method of ['GET', 'POST']) {
        expect([method, await at(method, key)]).toEqual([method, [404, 401, 401]]);
        expect([method, await at(method, machine)]).toEqual([method, [401, 404, 401]]);
      }
      const { access, secret: sk } = (await client.post('/v3.0/OS-CREDENTIAL/credentials', { credential: {} })).body.credential;
      for (const method of ['GET', 'POST']) {
        const body = bodyOf(method);
        const request = { method, target: '/v2/x/nothing', headers: {}, ...(body && { body: JSON.stringify(body) }) };
        const signed = (secretKey: string) => signRaw('Access', { access, secret: secretKey }, request);
        expect([method, (await anonymous(method, '/v2/x/nothing', signed(sk))).status]).toEqual([method, 404]);
        expect([method, (await anonymous(method, '/v2/x/nothing', signed('wrong'.repeat(8)))).status]).toEqual([method, 401]);
      }
    });
  });

  it('outside all contracts is answered with a problem document, with and without a credential', async () => {
    const { status, headers, body } = await client.get('/nothing');
    expect([status, headers.get('content-type')]).toEqual([404, 'application/problem+json; charset=utf-8']);
    expect(body).toMatchObject({ status: 404, code: 'route_unknown', request_id: headers.get('x-request-id') });
    for (const path of ['/nothing', '/v3/nothing', '/v2', '/signet/nothing', '/v22/x'])
      expect([path, (await fetch(service.baseUrl + path)).status]).toEqual([path, 404]);
  });

  it.each(['TRACE', 'PROPFIND', 'BREW'])('with the method %s is refused', async (method) => {
    expect(await raw(`${method} /v2/x/apigw/instances HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 (400|401|405|501) /,
    );
  });
});

describe('a query that is not percent-encoded', () => {
  it.each(['%E0%A4%A', '%zz', '%', 'a%2'])('%s is refused, not misinterpreted', async (text) => {
    const { status, body } = await client.get(`/v2/{project}/apigw/instances?instance_name=${text}`);
    expect([status, body]).toEqual([400, { error_code: 'APIG.2000', error_msg: 'Parameter error' }]);
    expect((await client.get(`/v3/projects?name=${text}`)).body).toMatchObject({ error: { code: 400 } });
  });
});

describe('hostile requests', () => {
  it.each([
    ['headers over the limit', `GET /v2/x HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${'a'.repeat(40_000)}\r\n\r\n`, 431, 'APIG.0201'],
    ['no HTTP at all', 'hello\r\n\r\n', 400, 'APIG.2000'],
    ['two lengths', 'POST /v2/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd', 400, 'APIG.2000'],
    [
      'a length together with chunks',
      'POST /v2/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'APIG.2000',
    ],
    ['a bare line feed in a header', 'GET /v2/x HTTP/1.1\r\nHost: x\r\nA: b\nX: c\r\n\r\n', 400, 'APIG.2000'],
    ['NUL in a header', 'GET /v2/x HTTP/1.1\r\nHost: x\r\nA: \u0000\r\n\r\n', 400, 'APIG.2000'],
  ])('such as %s are answered in the format of the contract', async (_, bytes, status, code) => {
    const answer = await raw(bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toEqual({ error_code: code, error_msg: expect.any(String) });
  });

  it.each([
    ['headers', 'GET /healthz HTTP/1.1\r\nHost: x\r\n'],
    ['body', 'POST /v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{'],
  ])('that never finish the %s are cut off', async (_, bytes) => {
    const began = performance.now();
    const answer = await raw(bytes);
    expect(answer === '' || answer.startsWith('HTTP/1.1 408 ')).toBe(true);
    expect(performance.now() - began).toBeLessThan(stretched(10_000));
  });

  it('in a body over the configured limit get 413, also in chunks', async () => {
    const path = `/v2/{project}/apigw/instances/${'0'.repeat(32)}/signs`;
    const { status, body } = await client.call('POST', path, 'x'.repeat(2049));
    expect([status, body]).toEqual([413, { error_code: 'APIG.0201', error_msg: 'Request entity too large.' }]);
    const chunked = await raw(
      `POST /v2/x HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${client.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1000\r\n${'x'.repeat(4096)}\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 (413|404) /);
  });
});

describe('answers', () => {
  it('forbid caching and type sniffing, and do not reveal the software', async () => {
    const { headers } = await client.get('/v2/{project}/apigw/instances');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('server')).toBeNull();
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it('are the same with and without a trailing slash', async () => {
    expect((await client.get('/v2/{project}/apigw/instances/')).status).toBe(200);
  });

  it('use the last of two equal names in a request body, as all known clients do', async () => {
    const signs = `/v2/{project}/apigw/instances/${await client.gateway()}/signs`;
    const { body } = await client.call('POST', signs, '{"name":"first_one","name":"last_one"}');
    expect(body.name).toBe('last_one');
  });
});

describe('the operations surface', () => {
  it('reports that the service is alive and ready, and counts requests by route', async () => {
    expect((await client.get('/healthz')).body).toEqual({ status: 'ok' });
    const ready = await client.get('/readyz');
    expect([ready.status, ready.body]).toEqual([200, { status: 'ready', checks: { database: 'ok', key: 'ok', recovery: 'ok' } }]);
    const { text, headers } = await client.get('/metrics');
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    expect(text).toMatch(/signet_http_request_duration_seconds_count\{method="GET",route="\/healthz",status="200"\} \d+/);
    expect(text).toContain('signet_process_cpu_seconds_total');
  });
});
