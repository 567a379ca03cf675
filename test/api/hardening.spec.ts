import { createGzip } from 'node:zlib';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Route, routesOf } from '../support/routes.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';
import { stretched } from '../support/slowness.js';

const ORIGIN = 'https://console.example.com';

let test: TestDatabase;
let service: TestService;
let client: Client;
let gateway: string;
let routes: Route[];
beforeAll(async () => {
  test = await createTestDatabase('sqlite');
  service = await TestService.start(test, {
    SIGNET_LIMITS: 'body=65536',
    SIGNET_TIMEOUTS: 'headers=1000ms,request=2000ms',
    SIGNET_CORS_ORIGINS: ORIGIN,
  });
  client = await service.client();
  gateway = await client.gateway();
  routes = routesOf(service.app);
});
afterAll(async () => {
  await service.stop();
  await test.drop();
});

const signs = () => `/v2/{project}/apigw/instances/${gateway}/signs`;
const pathOf = ({ path }: Route) =>
  path
    .replace(':project_id', client.projectId)
    .replace(':instance_id', gateway)
    .replace(/:[a-z_]+/g, 'x');

/** Sends bytes unchanged. @returns what the server sent until it closed the connection */
async function raw(bytes: string): Promise<string> {
  const socket = open(bytes);
  let answer = '';
  socket.on('data', (data) => (answer += data.toString()));
  await once(socket, 'close');
  return answer;
}
function open(bytes: string): Socket {
  const { hostname, port } = new URL(service.baseUrl);
  const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'));
  return socket.on('error', () => undefined);
}

describe('API1, API2: the caller', () => {
  const CLAIMS = {
    'x-roles': 'APIG Administrator',
    'x-role': 'admin',
    'x-user-id': 'admin',
    'x-user-name': 'admin',
    'x-domain-id': 'default',
    'x-identity-status': 'Confirmed',
    'x-service-identity-status': 'Confirmed',
    'x-is-admin-project': 'True',
    'x-auth-user': 'admin',
    'x-forwarded-user': 'admin',
    'x-remote-user': 'admin',
    'x-original-url': '/healthz',
    'x-rewrite-url': '/healthz',
    'x-http-method-override': 'GET',
    'x-forwarded-prefix': '/healthz',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'localhost',
    'x-forwarded-proto': 'https',
    forwarded: 'for=127.0.0.1;proto=https',
    cookie: 'token=x; X-Auth-Token=x',
  };

  it('is identified by the credential alone, whatever other headers claim', async () => {
    for (const route of routes) {
      if (route.access?.kind === 'public') continue;
      const { status } = await fetch(service.baseUrl + pathOf(route), { method: route.method, headers: CLAIMS });
      expect([route.name, status]).toEqual([route.name, 401]);
    }
    const reader = await service.client({ role: READ_ONLY });
    const other = client.projectId;
    const others: Record<string, string>[] = [
      CLAIMS,
      { 'x-project-id': other, 'x-domain-id': 'default' },
      { 'x-http-method-override': 'GET' },
    ];
    for (const headers of others)
      expect((await reader.call('POST', `/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'spoofed' }, headers)).status).toBe(403);
    expect((await reader.call('GET', `/v2/${other}/apigw/instances`, undefined, CLAIMS)).status).toBe(403);
  });

  it.each(['token in the query ?token=', 'token in the query ?X-Auth-Token=', 'token in the query ?access_token='])(
    'is not taken from the %s',
    async (words) => {
      const name = /\?(.+)=/.exec(words)![1]!;
      const path = `/v2/${client.projectId}/apigw/instances?${name}=${client.token}`;
      expect((await fetch(service.baseUrl + path, { headers: { cookie: `${name}=${client.token}` } })).status).toBe(401);
    },
  );

  it('needs a credential on every guarded route, also under an alternative spelling of its path', async () => {
    const real = `/v2/${client.projectId}/apigw/instances`;
    const disguises = [
      real.toUpperCase(),
      `/${real}`,
      `//${real.slice(1)}`,
      real.replace('/apigw', '//apigw'),
      real.replace('/apigw', '/./apigw'),
      `/healthz/..${real}`,
      `/docs/..${real}`,
      `/healthz/%2e%2e${real}`,
      `/healthz%2f..${real}`,
      `/docs/%2e%2e%2f${real.slice(1)}`,
      real.replace('/v2', '/v2;x=y'),
      `${real};.css`,
      `${real}/.json`,
      `${real}%00`,
      `${real}%20`,
      `${real}%2f`,
      `${real}?/healthz`,
      `${real}#/healthz`,
      real.replace('apigw', '%61pigw'),
      `\\${real.slice(1)}`,
      `http://localhost${real}`,
    ];
    for (const path of disguises) {
      const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect([path, answer.split('\r\n')[0]]).toEqual([path, expect.stringMatching(/^HTTP\/1\.1 (400|401|403|404) /)]);
      expect([path, answer]).not.toEqual([path, expect.stringContaining(gateway)]);
    }
  });
});

describe('API3: the input of a write', () => {
  it('has only the contract’s fields, and all others are ignored, in bodies and queries', async () => {
    const chosen = '0'.repeat(32);
    const sneaked = {
      id: chosen,
      sign_id: chosen,
      project_id: chosen,
      instance_id: chosen,
      create_time: '2001-01-01T00:00:00Z',
      update_time: '2001-01-01T00:00:00Z',
      bind_num: 99,
      kek_id: 'x',
      revision: 99,
      sealed: 'K1.x',
      role: 'admin',
      constructor_: {},
      toString: 'x',
    };
    const { status, body } = await client.post(`${signs()}?project_id=${chosen}&id=${chosen}`, { name: 'assigned', ...sneaked });
    expect(status).toBe(201);
    const [stored] = (await client.get(`${signs()}?id=${body.id}`)).body.signs;
    expect(body.id).not.toBe(chosen);
    expect(stored).toMatchObject({ id: body.id, bind_num: 0 });
    expect(stored.create_time > '2020').toBe(true);
    for (const key of ['project_id', 'instance_id', 'kek_id', 'revision', 'sealed', 'role']) expect(stored).not.toHaveProperty(key);
    const updated = await client.put(`${signs()}/${body.id}`, { name: 'assigned_2', ...sneaked });
    expect([updated.status, updated.body.id]).toEqual([200, body.id]);
  });

  it.each(['{"__proto__":{"name":"polluted"}}', '{"name":"x","__proto__":{"a":1}}', '{"constructor":{"prototype":{"a":1}}}'])(
    'cannot reach a prototype: %s',
    async (body) => {
      expect((await client.call('POST', signs(), body)).status).toBe(400);
      expect(({} as Record<string, unknown>)['a']).toBeUndefined();
    },
  );
});

describe('API4: the cost of requests is bounded:', () => {
  it('a compressed body is not decompressed', async () => {
    // 50 MiB of spaces, about 50 kB on the wire.
    const gzip = createGzip();
    const packed: Buffer[] = [];
    gzip.on('data', (chunk: Buffer) => packed.push(chunk));
    for (let i = 0; i < 50; i++) gzip.write(Buffer.alloc(1024 * 1024, ' '));
    gzip.end();
    await once(gzip, 'end');
    for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, identity']) {
      const { status, body } = await client.call('POST', signs(), Buffer.concat(packed), { 'content-encoding': encoding });
      expect([encoding, status, body.error_code]).toEqual([encoding, 415, 'APIG.2000']);
    }
  });

  it('thousands of headers are handled, and 40 kB of headers are refused', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => `a${i}: b\r\n`).join('');
    expect(await raw(`GET /v2/x/apigw/instances HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${many}\r\n`)).toMatch(
      /^HTTP\/1\.1 (401|431) /,
    );
    const large = `X: ${'y'.repeat(1000)}\r\n`.repeat(40);
    expect(await raw(`GET /v2/x/apigw/instances HTTP/1.1\r\nHost: x\r\n${large}\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('a body over the limit is refused before it is read, whatever its Content-Length', async () => {
    const head = `POST ${signs().replace('{project}', client.projectId)} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${client.token}\r\nContent-Type: application/json\r\n`;
    // The client sends no byte of the body.
    expect(await raw(`${head}Content-Length: 65537\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
    const chunks = `${(70_000).toString(16)}\r\n${'x'.repeat(70_000)}\r\n`;
    expect(await raw(`${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunks}0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each(['501', '100000000', '-1', 'abc', '1e2', '0x10', '', ' 1', '+1', '1.0', '[]', '١'])(
    'a page size or offset of %j is clamped or refused, and never causes an internal error',
    async (value) => {
      for (const [path, names] of [
        [signs(), ['limit', 'offset']],
        ['/signet/v1/audit', ['limit']],
        ['/signet/v1/audit/export', ['limit']],
      ] as const)
        for (const name of names) {
          const { status } = await client.get(`${path}?${name}=${encodeURIComponent(value)}`);
          expect([path, name, [200, 400].includes(status)]).toEqual([path, name, true]);
          if (['abc', '1e2', '0x10', '1.0'].includes(value)) expect([path, name, status]).toEqual([path, name, 400]);
          for (const twice of [`${name}=1&${name}=2`, `${name}[]=1`, `${name}[a]=1`]) {
            const answer = await client.get(`${path}?${twice}`);
            expect(answer.status).toBe(twice.includes('[') ? 200 : 400);
          }
        }
    },
  );

  it('eighty clients with slow headers or bodies are cut off, and all other clients are answered meanwhile', async () => {
    const slow = Array.from({ length: 80 }, (_, i) =>
      open(
        i % 2
          ? 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: '
          : 'POST /v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{',
      ),
    );
    const drip = setInterval(() => {
      for (const socket of slow) if (socket.writable) socket.write('a');
    }, 100);
    const closed = Promise.all(slow.map(async (socket) => void (socket.closed || (await once(socket, 'close')))));
    const times: number[] = [];
    try {
      for (let i = 0; i < 20; i++) {
        const began = performance.now();
        expect((await client.get(signs())).status).toBe(200);
        times.push(performance.now() - began);
      }
      for (const socket of slow) socket.resume();
      await closed;
    } finally {
      clearInterval(drip);
    }
    expect(Math.max(...times)).toBeLessThan(stretched(2000));
  });
});

describe('API8: answers reveal nothing:', () => {
  it('an error names no file, no line, no statement and no library', async () => {
    const answers = [
      await client.call('POST', signs(), '{'),
      await client.call('POST', signs(), `{"name":${'['.repeat(20_000)}`),
      await client.call('POST', signs(), { name: "x' OR 1=1 --" }),
      await client.get(`${signs()}?id=%27%20OR%201%3D1%20--`),
      await client.get(`/v2/{project}/apigw/instances/${"'".repeat(200)}/signs`),
      await client.get('/v2/{project}/apigw/instances/%00/signs'),
      await client.get(`/signet/v1/audit?cursor=${'A'.repeat(500)}`),
      await client.call('GET', '/v2/{project}/apigw/instances', undefined, { 'x-auth-token': 'e30.e30.e30' }),
      await client.call('POST', '/v3/auth/tokens', {
        auth: { identity: { methods: ['password'], password: { user: { id: {}, password: [] } } } },
      }),
    ];
    for (const { status, text } of answers) {
      expect(status).toBeLessThan(500);
      expect(text).not.toMatch(/\bat .+:\d+:\d+|node_modules|\.[jt]s\b|SELECT|SQLITE|ER_[A-Z]|Error:|stack/);
    }
  });

  it('a log line contains only the ids among the parameters of a path', async () => {
    const secret = `whsec_${'S3cret'.repeat(5)}`;
    for (const path of [`${signs()}/${secret}`, `/v3/auth/tokens/${secret}`, `/v1/api-keys/${secret}`, `/${secret}`, `/v2/${secret}/x`])
      for (const method of ['GET', 'DELETE']) await client.call(method, path);
    await client.delete(`${signs()}/${'0'.repeat(32)}`);
    const lines = service.logs.filter((line) => line.includes('"msg":"request"')).join('');
    expect(lines).not.toContain(secret);
    expect(lines).toContain(`/v2/${client.projectId}/apigw/instances/${gateway}/signs/***`);
    expect(lines).toContain(`/v2/${client.projectId}/apigw/instances/${gateway}/signs/${'0'.repeat(32)}`);
  });

  it('answers tell browsers not to run, frame, sniff or cache them', async () => {
    for (const path of ['/v2/x/apigw/instances', '/v3', '/signet/v1/audit', '/nothing', '/openapi.json']) {
      const { headers } = await fetch(service.baseUrl + path);
      expect([path, headers.get('content-security-policy')]).toEqual([path, "default-src 'none';frame-ancestors 'none';base-uri 'none'"]);
      expect([path, headers.get('x-frame-options'), headers.get('x-content-type-options')]).toEqual([path, 'DENY', 'nosniff']);
      expect([path, headers.get('referrer-policy'), headers.get('cross-origin-resource-policy')]).toEqual([
        path,
        'no-referrer',
        'same-origin',
      ]);
      expect([path, headers.get('cache-control')]).toEqual([path, 'no-store']);
      // There is no such header over plain HTTP, because it would send browsers to a TLS port that does not exist.
      expect([path, headers.get('strict-transport-security')]).toEqual([path, null]);
    }
    const docs = await fetch(`${service.baseUrl}/docs`);
    expect(docs.headers.get('content-security-policy')).toMatch(/^default-src 'self'; .*frame-ancestors 'none'/);
  });

  it('TRACE and CONNECT do not echo the request', async () => {
    for (const method of ['TRACE', 'TRACK', 'CONNECT']) {
      const answer = await raw(`${method} /v2/x HTTP/1.1\r\nHost: x\r\nX-Auth-Token: canary-token\r\nConnection: close\r\n\r\n`);
      expect([method, answer]).not.toEqual([method, expect.stringContaining('canary-token')]);
      expect([method, answer]).not.toEqual([method, expect.stringMatching(/^HTTP\/1\.1 2/)]);
    }
  });
});

describe('CORS', () => {
  const preflight = (origin: string, at = service) =>
    fetch(`${at.baseUrl}/v2/x/apigw/instances`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-auth-token' },
    });

  it('is open to the configured origins, without cookies, and to no other origin', async () => {
    const allowed = await preflight(ORIGIN);
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, ORIGIN]);
    expect(allowed.headers.get('access-control-allow-headers')).toBe('x-auth-token');
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
    expect(allowed.headers.get('vary')).toMatch(/origin/i);
    for (const origin of [
      'https://evil.example',
      `${ORIGIN}.evil.example`,
      'http://console.example.com',
      'null',
      'https://console.example.com:444',
    ]) {
      expect([origin, (await preflight(origin)).headers.get('access-control-allow-origin')]).toEqual([origin, null]);
      const { headers } = await client.call('GET', signs(), undefined, { origin });
      expect([origin, headers.get('access-control-allow-origin')]).toEqual([origin, null]);
    }
    const { headers } = await client.call('GET', signs(), undefined, { origin: ORIGIN });
    expect(headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(headers.get('access-control-expose-headers')).toContain('RateLimit');
  });

  it('is closed when it is not configured', async () => {
    const closed = await TestService.start(test, {});
    try {
      const answer = await preflight(ORIGIN, closed);
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([401, null]);
    } finally {
      await closed.stop();
    }
  });
});

describe('the log', () => {
  it('has one JSON object per line, whatever paths, ids and names contain', async () => {
    const evil = 'a\r\nb\n{"level":60,"msg":"forged"}\u001b[2J\u2028\u0000';
    await client.post(signs(), { name: evil });
    await client.put(`/v2/{project}/apigw/instances/${gateway}`, { description: evil });
    await client.get(`/v2/{project}/apigw/instances/${encodeURIComponent(evil)}/signs`);
    await client.get(`/signet/v1/audit?action=${encodeURIComponent(evil)}`);
    await raw('GET /x\u001b[31m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await raw('GET /x HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\u001b[31m"}\r\nConnection: close\r\n\r\n');
    const lines = service.logs.join('').split('\n').slice(0, -1);
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number), service: 'signet' });
      expect([...line].every((character) => character >= ' ')).toBe(true);
    }
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).not.toContain('forged');
  });
});
