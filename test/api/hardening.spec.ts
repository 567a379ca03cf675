import { createGzip } from 'node:zlib';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Route, routesOf } from '../support/routes.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const ORIGIN = 'https://console.example.com';

let test: TestDatabase;
let service: TestService;
let client: Client;
let gateway: string;
let routes: Route[];
beforeAll(async () => {
  test = await createTestDatabase('sqlite');
  service = await TestService.start(test, {
    SIGNET_BODY_LIMIT_BYTES: '65536',
    SIGNET_HEADERS_TIMEOUT_MS: '1000',
    SIGNET_REQUEST_TIMEOUT_MS: '2000',
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

/** Sends bytes as they are and collects what comes back until the server closes. */
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

describe('API1, API2: who calls', () => {
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

  it('is what the credential says, and nothing that another header claims', async () => {
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
    'is not asked of the %s',
    async (words) => {
      const name = /\?(.+)=/.exec(words)![1]!;
      const path = `/v2/${client.projectId}/apigw/instances?${name}=${client.token}`;
      expect((await fetch(service.baseUrl + path, { headers: { cookie: `${name}=${client.token}` } })).status).toBe(401);
    },
  );

  it('has no path around it: no disguise of a path is answered with what stands behind the guard', async () => {
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

describe('API3: what is written', () => {
  it('has no fields but the contract’s: others are ignored, in bodies and in queries', async () => {
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

describe('API4: what a request costs', () => {
  it('a compressed body is not unpacked, bomb or not', async () => {
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

  it('thousands of headers are no trouble, and 40 kB of them are refused', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => `a${i}: b\r\n`).join('');
    expect(await raw(`GET /v2/x/apigw/instances HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${many}\r\n`)).toMatch(
      /^HTTP\/1\.1 (401|431) /,
    );
    const large = `X: ${'y'.repeat(1000)}\r\n`.repeat(40);
    expect(await raw(`GET /v2/x/apigw/instances HTTP/1.1\r\nHost: x\r\n${large}\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('a body over the limit is refused before it is read, whatever it says of its length', async () => {
    const head = `POST ${signs().replace('{project}', client.projectId)} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${client.token}\r\nContent-Type: application/json\r\n`;
    // Nothing of the body is sent.
    expect(await raw(`${head}Content-Length: 65537\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
    const chunks = `${(70_000).toString(16)}\r\n${'x'.repeat(70_000)}\r\n`;
    expect(await raw(`${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunks}0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each(['501', '100000000', '-1', 'abc', '1e2', '0x10', '', ' 1', '+1', '1.0', '[]', '١'])(
    'a page of %j is clamped or refused, never an error of ours',
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

  it('eighty clients that are slow with their headers or their bodies are cut off, and others are answered meanwhile', async () => {
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
    expect(Math.max(...times)).toBeLessThan(2000);
  }, 60_000);
});

describe('API8: what answers give away', () => {
  it('errors name no file, no line, no statement and no library', async () => {
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

  it('say to browsers that they are data: not run, not framed, not sniffed, not kept', async () => {
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
      // Plain HTTP: a browser would be told to come back over TLS that is not there.
      expect([path, headers.get('strict-transport-security')]).toEqual([path, null]);
    }
    const docs = await fetch(`${service.baseUrl}/docs`);
    expect(docs.headers.get('content-security-policy')).toMatch(/^default-src 'self'; .*frame-ancestors 'none'/);
  });

  it('TRACE and CONNECT are answered with nothing of the request', async () => {
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

  it('is open to the origins of the configuration, without cookies, and to no other', async () => {
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

  it('is closed when the configuration says nothing', async () => {
    const closed = await TestService.start(test, {});
    try {
      const answer = await preflight(ORIGIN, closed);
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([404, null]);
    } finally {
      await closed.stop();
    }
  });
});

describe('the log', () => {
  it('stays one JSON object a line, whatever paths, ids and names hold', async () => {
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
