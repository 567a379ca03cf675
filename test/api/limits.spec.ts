import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Denials } from '../../src/audit/denials.service.js';
import { AuditEventsService } from '../../src/audit/audit-events.service.js';
import { Clock } from '../../src/common/clock.js';
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
if (!reachable && process.env['CI']) throw new Error(`no Redis at ${REDIS_URL}: CI shows that processes count together`);

/** A caller behind the trusted proxy, at an address of its own. */
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
  it('answers how much is left, then 429 with the time to wait, and is the user’s, whatever its token', async () => {
    const service = await start({ SIGNET_RATE_LIMIT_PRINCIPAL: `3/${LONG}` });
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

  it('refuses in the words of every contract, and nothing is done', async () => {
    const service = await start({ SIGNET_RATE_LIMIT_PRINCIPAL: `1/${LONG}` });
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

  it('does not count what proved to be nobody, nor a machine', async () => {
    const service = await start({ SIGNET_RATE_LIMIT_PRINCIPAL: `6/${LONG}` });
    const client = await service.client();
    const gateway = await client.gateway();
    const machine = await Machine.of(client, gateway, 'gateway');
    for (let i = 0; i < 10; i++) expect((await machine.get('/snapshot')).status).toBe(200);
    for (let i = 0; i < 10; i++) expect((await client.call('GET', LIST, undefined, { 'x-auth-token': 'bad' })).status).toBe(401);
    expect((await client.get(LIST)).headers.get('ratelimit')).toMatch(/^"principal";r=3;/);
  });
});

describe('the limit of an address', () => {
  it('refuses before anything else is looked at, and never a probe', async () => {
    const service = await start({ SIGNET_RATE_LIMIT_ADDRESS: `2/${LONG}` });
    const at = (address: string, path: string) => fetch(service.baseUrl + path, { headers: { 'x-forwarded-for': address } });
    const address = someAddress();
    for (const status of [401, 401, 429]) expect((await at(address, '/v2/x/apigw/instances')).status).toBe(status);
    const refused = await at(address, '/v2/x/apigw/instances');
    expect(refused.headers.get('ratelimit-policy')).toBe(`"address";q=2;w=${LONG}`);
    expect(refused.headers.get('x-request-id')).not.toBeNull();
    expect((await at(address, '/nothing')).status).toBe(429);
    for (const probe of ['/healthz', '/readyz', '/metrics']) expect((await at(address, probe)).status).toBe(200);
    // A subscriber has every address of its network; another network is another caller.
    expect((await at(address.replace('::1', ':1:2:3:4'), '/v2/x/apigw/instances')).status).toBe(429);
    expect((await at(someAddress(), '/v2/x/apigw/instances')).status).toBe(401);
  });

  it('is said beside the limit of the caller, and counts machines apart', async () => {
    const service = await start({ SIGNET_RATE_LIMIT_ADDRESS: `5/${LONG}`, SIGNET_RATE_LIMIT_PRINCIPAL: `9/${LONG}` });
    const client = await service.client();
    const machine = await Machine.of(client, await client.gateway(), 'gateway');
    const { headers } = await client.get(LIST);
    expect(headers.get('ratelimit-policy')).toBe(`"address";q=5;w=${LONG}, "principal";q=9;w=${LONG}`);
    expect(headers.get('ratelimit')).toMatch(/^"address";r=2;t=\d+, "principal";r=6;t=\d+$/);
    for (const status of [200, 200, 429]) expect((await client.get(LIST)).status).toBe(status);
    expect((await machine.get('/snapshot')).headers.get('ratelimit')).toMatch(/^"machines";r=4;/);
  });

  it('is not escaped by what a caller writes into X-Forwarded-For, without a trusted proxy or behind one', async () => {
    for (const env of [{ SIGNET_TRUSTED_PROXIES: '' }, {}] as Record<string, string>[]) {
      const service = await start({ SIGNET_RATE_LIMIT_ADDRESS: `2/${LONG}`, ...env });
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

  it('is recorded like any other refusal', async () => {
    const service = await start({ SIGNET_RATE_LIMIT_ADDRESS: `1/${LONG}` });
    const address = someAddress();
    for (let i = 0; i < 5; i++) await fetch(`${service.baseUrl}/v2/x/apigw/instances`, { headers: { 'x-forwarded-for': address } });
    await service.app.get(Denials).flush();
    const rows: string[] = [];
    for await (const { resourceId, sourceAddress, detail } of service.app.get(AuditEventsService).stream({ scopeId: 'signet.denied' }))
      if (sourceAddress === address) rows.push(`${resourceId} ${(JSON.parse(detail!) as { count: number }).count}`);
    expect(rows).toEqual(['token_missing 1', 'rate_limited 4']);
  });
});

it('there is no limit where the configuration says off, as the local mode does', async () => {
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

  it('that fails too often is answered 429, the same for a user that exists and for one that does not', async () => {
    const service = await start({ SIGNET_LOGIN_LIMIT_USER: `30/${LONG}` });
    const told = [];
    for (const user of [admin, nobody]) {
      const address = someAddress();
      const statuses: number[] = [];
      for (let i = 0; i < 3; i++) statuses.push((await login(service, user, `wrong ${i}`, address)).status);
      const refused = await login(service, user, ADMIN_PASSWORD, address);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(LONG - 600);
      told.push([statuses, refused.status, await refused.text()]);
      // Others may still log in as that user.
      expect((await login(service, user, ADMIN_PASSWORD, someAddress())).status).toBe(user === admin ? 201 : 401);
    }
    expect(told[0]).toEqual([[401, 401, 401], 429, expect.stringContaining('"title":"Too Many Requests"')]);
    expect(told[1]).toEqual(told[0]);
  });

  it('of one user is limited over all addresses, whatever else is sent beside its name or id', async () => {
    const service = await start({ SIGNET_LOGIN_LIMIT_USER: `10/${LONG}` });
    for (let i = 0; i < 10; i++) {
      const user = { ...nobody, domain: { name: 'default', ...(i % 2 && { extra: `${i}` }) }, extra: `${i}` };
      expect((await login(service, user, 'wrong', someAddress())).status).toBe(401);
    }
    expect((await login(service, nobody, 'wrong', someAddress())).status).toBe(429);
    for (let i = 0; i < 10; i++) expect((await login(service, { id: 'x', name: `n${i}` }, 'wrong', someAddress())).status).toBe(401);
    expect((await login(service, { id: 'x', name: 'n11' }, 'wrong', someAddress())).status).toBe(429);
  });

  it('from one address is limited over all users, and no success is counted', async () => {
    const service = await start({ SIGNET_LOGIN_LIMIT_ADDRESS: `4/${LONG}` });
    const address = someAddress();
    for (let i = 0; i < 8; i++) expect((await login(service, admin, ADMIN_PASSWORD, address)).status).toBe(201);
    for (let i = 0; i < 4; i++) expect((await login(service, { ...nobody, name: `n${i}` }, 'wrong', address)).status).toBe(401);
    expect((await login(service, { ...nobody, name: 'n5' }, 'wrong', address)).status).toBe(429);
    expect((await login(service, admin, ADMIN_PASSWORD, someAddress())).status).toBe(201);
  });

  it('does not get past the limit by coming all at once: passwords that wait for their turn are not hashed', async () => {
    const service = await start({ SIGNET_LOGIN_LIMIT_USER: `50/${LONG}` });
    const address = someAddress();
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => (await login(service, admin, `wrong ${i}`, address)).status),
    );
    const tried = statuses.filter((status) => status === 401).length;
    // Five may fail, and three are hashed at one time.
    expect(tried).toBeGreaterThanOrEqual(5);
    expect(tried).toBeLessThanOrEqual(8);
    expect(statuses.filter((status) => status === 429)).toHaveLength(60 - tried);
  });

  it('leaves neither the name nor the password in the store of limits or in a log', async () => {
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
    const env = { REDIS_URL, SIGNET_RATE_LIMIT_PRINCIPAL: `4/60` };
    const [one, two] = [await start(env), await start(env)];
    const client = await one.client();
    const statuses: number[] = [];
    const list = (at: TestService) =>
      fetch(at.baseUrl + LIST.replace('{project}', client.projectId), { headers: { 'x-auth-token': client.token } });
    for (const at of [one, two, one, two, one, two]) statuses.push((await list(at)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
  });

  it('that does not answer each process counts by itself, and no request fails', async () => {
    const port = await freePort();
    const service = await start({ REDIS_URL: `redis://127.0.0.1:${port}`, SIGNET_RATE_LIMIT_PRINCIPAL: `2/${LONG}` });
    const client = await service.client();
    const began = service.app.get(Clock).now();
    for (const status of [200, 200, 429]) expect((await client.get(LIST)).status).toBe(status);
    expect(service.app.get(Clock).now() - began).toBeLessThan(10_000);
    expect(service.logs.some((line) => line.includes('each process limits by itself'))).toBe(true);
  });
});
