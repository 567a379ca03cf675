import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Denials } from '../../src/platform/audit/denials.service.js';
import { AuditEventsService } from '../../src/platform/audit/audit-events.service.js';
import { Clock } from '../../src/platform/common/clock.js';
import { Directory } from '../../src/identity/iam/directory.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { freePort } from '../support/process.js';
import { ADMIN_PASSWORD, TestService } from '../support/service.js';

const REDIS_URL = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const probe = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: () => null });
const reachable = await probe.connect().then(
  () => true,
  () => false,
);
probe.disconnect();
if (!reachable && process.env['CI']) throw new Error(`no Redis at ${REDIS_URL}: the test of limits that processes share runs in CI`);

/** A caller behind the trusted proxy, with its own address. */
const someAddress = () => `2001:db8:${randomBytes(2).toString('hex')}:${randomBytes(2).toString('hex')}::1`;
const LIST = '/v2/{project}/apigw/instances';
const LONG = 86_400;

let test: TestDatabase;
const services: TestService[] = [];
beforeAll(async () => void (test = await createTestDatabase('sqlite')));
afterEach(async () => void (await Promise.all(services.splice(0).map((service) => service.stop()))));
afterAll(() => test.drop());

const start = async (env: Record<string, string>) => {
  const service = await TestService.start(test, { SIGNET_TRUSTED_PROXIES: '127.0.0.0/8', ...env });
  services.push(service);
  return service;
};

describe('the limit of a caller', () => {
  it('reports the remaining requests, then 429 with the time to wait, and counts all tokens of a user together', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `user=3/${LONG}s` });
    const [client, other] = [await service.client({ project: 'limited' }), await service.client({ project: 'limited' })];
    for (const left of [2, 1, 0]) {
      const { status, headers } = await client.get(LIST);
      expect([status, headers.get('ratelimit-policy')]).toEqual([200, `"principal";q=3;w=${LONG}`]);
      const [, remaining, reset] = /^"principal";r=(\d+);t=(\d+)$/.exec(headers.get('ratelimit')!) ?? [];
      expect(Number(remaining)).toBe(left);
      expect(Number(reset)).toBeGreaterThan(LONG - 600);
    }
    const { status, headers, body } = await client.get(LIST);
    expect([status, body]).toEqual([429, { error_code: 'APIG.0308', error_msg: 'The throttling threshold has been reached.' }]);
    expect(headers.get('ratelimit')).toMatch(/^"principal";r=0;t=\d+$/);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(LONG - 600);
    const token = await client.call('POST', '/v3/auth/tokens', {
      auth: { identity: { methods: ['token'], token: { id: client.token } }, scope: { project: { id: client.projectId } } },
    });
    const again = await client.call('GET', LIST, undefined, { 'x-auth-token': token.headers.get('x-subject-token')! });
    expect(again.status).toBe(429);
    expect((await other.get(LIST)).status).toBe(200);
  });

  it('refuses in the format of each contract, without any effect', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `user=1/${LONG}s` });
    const client = await service.client();
    expect((await client.get(LIST)).status).toBe(200);
    const answer = async (method: string, path: string, body?: unknown) => {
      const { status, body: error, headers } = await client.call(method, path, body);
      return [status, error, headers.get('content-type')?.split(';')[0]] as const;
    };
    expect(await answer('POST', LIST, {})).toEqual([429, expect.objectContaining({ error_code: 'APIG.0308' }), 'application/json']);
    expect(await answer('GET', '/v3/projects')).toEqual([
      429,
      { error: { code: 429, title: 'Too Many Requests', message: expect.any(String) } },
      'application/json',
    ]);
    expect(await answer('GET', '/signet/v1/audit')).toEqual([
      429,
      expect.objectContaining({ code: 'rate_limited', status: 429, request_id: expect.any(String) }),
      'application/problem+json',
    ]);
  });

  it('counts neither unauthenticated requests nor machines', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `user=6/${LONG}s` });
    const client = await service.client();
    const gateway = await client.gateway();
    const machine = await Machine.of(client, gateway, 'gateway');
    for (let i = 0; i < 10; i++) expect((await machine.get('/snapshot')).status).toBe(200);
    for (let i = 0; i < 10; i++) expect((await client.call('GET', LIST, undefined, { 'x-auth-token': 'bad' })).status).toBe(401);
    expect((await client.get(LIST)).headers.get('ratelimit')).toMatch(/^"principal";r=3;/);
  });
});

describe('the limit of an address', () => {
  it('refuses before every other check, and never refuses a probe', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `address=2/${LONG}s` });
    const at = (address: string, path: string) => fetch(service.baseUrl + path, { headers: { 'x-forwarded-for': address } });
    const address = someAddress();
    for (const status of [401, 401, 429]) expect((await at(address, '/v2/x/apigw/instances')).status).toBe(status);
    const refused = await at(address, '/v2/x/apigw/instances');
    expect(refused.headers.get('ratelimit-policy')).toBe(`"address";q=2;w=${LONG}`);
    expect(refused.headers.get('x-request-id')).not.toBeNull();
    expect((await at(address, '/nothing')).status).toBe(429);
    for (const probe of ['/healthz', '/readyz', '/metrics']) expect((await at(address, probe)).status).toBe(200);
    // A subscriber has all addresses of one IPv6 network, so a network counts as one caller.
    expect((await at(address.replace('::1', ':1:2:3:4'), '/v2/x/apigw/instances')).status).toBe(429);
    expect((await at(someAddress(), '/v2/x/apigw/instances')).status).toBe(401);
  });

  it('is reported together with the limit of the caller, and counts machines separately', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `address=5/${LONG}s,user=9/${LONG}s` });
    const client = await service.client();
    const machine = await Machine.of(client, await client.gateway(), 'gateway');
    const { headers } = await client.get(LIST);
    expect(headers.get('ratelimit-policy')).toBe(`"address";q=5;w=${LONG}, "principal";q=9;w=${LONG}`);
    expect(headers.get('ratelimit')).toMatch(/^"address";r=2;t=\d+, "principal";r=6;t=\d+$/);
    for (const status of [200, 200, 429]) expect((await client.get(LIST)).status).toBe(status);
    expect((await machine.get('/snapshot', { 'signet-session': '0'.repeat(32) })).headers.get('ratelimit')).toMatch(/^"machines";r=4;/);
  });

  it('cannot be bypassed with X-Forwarded-For, without a trusted proxy or behind one', async () => {
    for (const env of [{ SIGNET_TRUSTED_PROXIES: '' }, {}] as Record<string, string>[]) {
      const service = await start({ SIGNET_RATE_LIMITS: `address=2/${LONG}s`, ...env });
      const statuses: number[] = [];
      for (let i = 0; i < 4; i++) {
        const headers = {
          'x-forwarded-for': `${someAddress()}, 203.0.113.7`,
          forwarded: `for=${someAddress()}`,
          'x-real-ip': `10.0.0.${i}`,
        };
        statuses.push((await fetch(`${service.baseUrl}/v2/x/apigw/instances`, { headers })).status);
      }
      expect(statuses).toEqual([401, 401, 429, 429]);
      const warned = service.logs.filter((line) => line.includes('SIGNET_TRUSTED_PROXIES')).length;
      expect(warned).toBe('SIGNET_TRUSTED_PROXIES' in env ? 1 : 0);
    }
  });

  it('of machines is not used up by invalid bearer tokens, which count as ordinary requests', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `address=5/${LONG}s` });
    const client = await service.client();
    const gateway = await client.gateway();
    const machine = await Machine.of(client, gateway, 'gateway');
    const junk = { authorization: 'Bearer junk' };
    for (let i = 0; i < 20; i++)
      expect((await fetch(`${service.baseUrl}/signet/v1/instances/${gateway}/snapshot`, { headers: junk })).status).toBe(401);
    // A request without a session gets no keys, but it counts.
    for (const left of [4, 3, 2, 1, 0])
      expect((await machine.call('GET', '/snapshot')).headers.get('ratelimit')).toContain(`"machines";r=${left};`);
    expect((await machine.call('GET', '/snapshot')).status).toBe(429);
    // The invalid tokens have used up the limit of the users at this address.
    expect((await client.get(LIST)).status).toBe(429);
  });

  it('applies to an address with any port that a proxy appends; the audit trail has only the address', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `address=2/${LONG}s` });
    for (const [first, ...more] of [
      ['203.0.113.8:50001', '203.0.113.8:50002', '203.0.113.8'],
      ['[2001:db8:1:2::1]:443', '[2001:db8:1:2::1]:444', '2001:db8:1:2::1'],
    ]) {
      const statuses: number[] = [];
      for (const address of [first!, ...more])
        statuses.push((await fetch(`${service.baseUrl}/v2/x/apigw/instances`, { headers: { 'x-forwarded-for': address } })).status);
      expect([first, statuses]).toEqual([first, [401, 401, 429]]);
    }
    await service.app.get(Denials).flush();
    const addresses = new Set<string>();
    for await (const { sourceAddress } of service.app.get(AuditEventsService).stream({ scopeId: 'signet.denied' }))
      addresses.add(sourceAddress);
    expect([...addresses].filter((address) => /^[\d.]+:\d+$|\[/.test(address))).toEqual([]);
    expect([...addresses]).toEqual(expect.arrayContaining(['203.0.113.8', '2001:db8:1:2::1']));
  });

  it('records its refusals in the audit trail like any other', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `address=1/${LONG}s` });
    const address = someAddress();
    for (let i = 0; i < 5; i++) await fetch(`${service.baseUrl}/v2/x/apigw/instances`, { headers: { 'x-forwarded-for': address } });
    await service.app.get(Denials).flush();
    const rows: string[] = [];
    for await (const { resourceId, sourceAddress, detail } of service.app.get(AuditEventsService).stream({ scopeId: 'signet.denied' }))
      if (sourceAddress === address) rows.push(`${resourceId} ${(JSON.parse(detail!) as { count: number }).count}`);
    expect(rows).toEqual(['token_missing 1', 'rate_limited 4']);
  });
});

it('requests are not limited if the configuration says off, as in the local mode', async () => {
  const service = await start({});
  const client = await service.client();
  const { headers } = await client.get(LIST);
  expect([headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([null, null]);
});

describe('a login', () => {
  const login = (service: TestService, user: object, password: string, address: string) =>
    fetch(`${service.baseUrl}/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
      body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user: { ...user, password } } } } }),
    });
  const admin = { name: 'admin', domain: { name: 'default' } };
  const nobody = { name: 'nobody', domain: { name: 'default' } };

  it('that fails too often gets 429, for existing and unknown users', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `login-user=30/${LONG}s` });
    const told = [];
    for (const user of [admin, nobody]) {
      const address = someAddress();
      const statuses: number[] = [];
      for (let i = 0; i < 3; i++) statuses.push((await login(service, user, `wrong ${i}`, address)).status);
      const refused = await login(service, user, ADMIN_PASSWORD, address);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(LONG - 600);
      told.push([statuses, refused.status, await refused.text()]);
      // Other addresses may still log in as that user.
      expect((await login(service, user, ADMIN_PASSWORD, someAddress())).status).toBe(user === admin ? 201 : 401);
    }
    expect(told[0]).toEqual([[401, 401, 401], 429, expect.stringContaining('"title":"Too Many Requests"')]);
    expect(told[1]).toEqual(told[0]);
  });

  it('of one user is limited over all addresses, whatever other fields the request has', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `login-user=10/${LONG}s` });
    for (let i = 0; i < 10; i++) {
      const user = { ...nobody, domain: { name: 'default', ...(i % 2 && { extra: `${i}` }) }, extra: `${i}` };
      expect((await login(service, user, 'wrong', someAddress())).status).toBe(401);
    }
    expect((await login(service, nobody, 'wrong', someAddress())).status).toBe(429);
    for (let i = 0; i < 10; i++) expect((await login(service, { id: 'x', name: `n${i}` }, 'wrong', someAddress())).status).toBe(401);
    expect((await login(service, { id: 'x', name: 'n11' }, 'wrong', someAddress())).status).toBe(429);
  });

  it('has one counter for a user, whether it names the user by id, or by name with the domain’s name or id', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `login-user=10/${LONG}s` });
    const { domain, id } = await service.app
      .get(Directory, { strict: false })
      .userByName('admin', { name: 'default' })
      .then((user) => ({ domain: user!.domainId, id: user!.id }));
    for (const name of ['admin', 'nobody']) {
      const byName = { name, domain: { name: 'default' } };
      const byId = { name, domain: { id: domain } };
      for (let i = 0; i < 10; i++) expect((await login(service, i % 2 ? byName : byId, 'wrong', someAddress())).status).toBe(401);
      for (const user of [byName, byId, ...(name === 'admin' ? [{ id }] : [])])
        expect([name, (await login(service, user, 'wrong', someAddress())).status]).toEqual([name, 429]);
    }
  });

  it('from one address is limited over all users, and only failures count', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `login-address=4/${LONG}s` });
    const address = someAddress();
    for (let i = 0; i < 8; i++) expect((await login(service, admin, ADMIN_PASSWORD, address)).status).toBe(201);
    for (let i = 0; i < 4; i++) expect((await login(service, { ...nobody, name: `n${i}` }, 'wrong', address)).status).toBe(401);
    expect((await login(service, { ...nobody, name: 'n5' }, 'wrong', address)).status).toBe(429);
    expect((await login(service, admin, ADMIN_PASSWORD, someAddress())).status).toBe(201);
  });

  it('cannot bypass the limit with concurrent requests, because waiting passwords are not hashed', async () => {
    const service = await start({ SIGNET_RATE_LIMITS: `login-user=50/${LONG}s` });
    const address = someAddress();
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => (await login(service, admin, `wrong ${i}`, address)).status),
    );
    const tried = statuses.filter((status) => status === 401).length;
    // Five logins may fail, and three passwords are hashed at a time.
    expect(tried).toBeGreaterThanOrEqual(5);
    expect(tried).toBeLessThanOrEqual(8);
    expect(statuses.filter((status) => status === 429)).toHaveLength(60 - tried);
  });

  it('stores neither the name nor the password in the limits or in a log', async () => {
    const service = await start({ REDIS_URL, SIGNET_LOG_LEVEL: 'trace' });
    const typed = `canary-${randomBytes(6).toString('hex')}`;
    await login(service, { ...admin, name: typed }, `${typed}-password`, someAddress());
    expect(service.logs.join('')).not.toContain(typed);
    if (!reachable) return;
    const redis = new Redis(REDIS_URL);
    const keys = await redis.keys('signet:limit:*');
    redis.disconnect();
    expect(keys.some((key) => key.includes('login-user'))).toBe(true);
    expect(keys.join()).not.toContain(typed);
  });
});

describe('with Redis', () => {
  (reachable ? it : it.skip)('processes count together', async () => {
    const env = { REDIS_URL, SIGNET_RATE_LIMITS: 'user=4/60s' };
    const [one, two] = [await start(env), await start(env)];
    const client = await one.client();
    const statuses: number[] = [];
    const list = (at: TestService) =>
      fetch(at.baseUrl + LIST.replace('{project}', client.projectId), { headers: { 'x-auth-token': client.token } });
    for (const at of [one, two, one, two, one, two]) statuses.push((await list(at)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
  });

  it('that does not answer, each process counts by itself and no request fails', async () => {
    const port = await freePort();
    const service = await start({ REDIS_URL: `redis://127.0.0.1:${port}`, SIGNET_RATE_LIMITS: `user=2/${LONG}s` });
    const client = await service.client();
    const began = service.app.get(Clock).now();
    for (const status of [200, 200, 429]) expect((await client.get(LIST)).status).toBe(status);
    expect(service.app.get(Clock).now() - began).toBeLessThan(10_000);
    expect(service.logs.some((line) => line.includes('each process counts rate limits separately'))).toBe(true);
  });
});
