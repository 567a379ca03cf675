import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { AccessAdminService } from '../../src/identity/iam/access-admin.service.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { OidcIssuer } from '../support/oidc-issuer.js';
import { Client, TestService } from '../support/service.js';
import { stretched } from '../support/slowness.js';
import { ATTACKS, forge, type JwsAlgorithm, PARTY_ATTACKS, Trap } from '../support/token-attacks.js';

const SIGNS = '/v2/{project}/apigw/instances/none/signs';
const INVALID = {
  error_code: 'APIG.1002',
  error_msg: expect.stringMatching(
    /^Incorrect token or token resolution failed(: the token was issued \d+ seconds in the future by the clock of this host)?$/,
  ),
};

describe.each<JwsAlgorithm>(['RS256', 'ES256'])('an OIDC issuer that signs with %s', (alg) => {
  let database: TestDatabase;
  let issuer: OidcIssuer;
  let service: TestService;
  let trap: Trap;
  const services: TestService[] = [];

  const start = async (oidc: object = {}, file: object = {}) => {
    const path = join(database.dataDir, `identity-${services.length}.json`);
    const { issuer: name, audience, jwksUri: jwks_uri } = issuer;
    const claims = { roles: ['realm_access', 'roles'], project: 'project' };
    const entry = { issuer: name, audience, jwks_uri, algorithms: [alg], claims, ...oidc };
    const roles = { editor: ['APIG FullAccess'], viewer: ['APIG ReadOnlyAccess'] };
    writeFileSync(path, JSON.stringify({ oidc: entry, roles, ...file }));
    const env = { SIGNET_IDENTITY_FILE: path, SIGNET_ADMIN_PASSWORD: '', SIGNET_EMBEDDED_GATEWAY: '' };
    const started = await TestService.start(database, env);
    services.push(started);
    return started;
  };

  beforeAll(async () => {
    database = await createTestDatabase('sqlite');
    issuer = await OidcIssuer.start(alg);
    trap = await Trap.set();
    service = await start();
  });
  afterEach(() => {
    issuer.instead = undefined;
    moveClock(service, 0);
  });
  afterAll(async () => {
    for (const started of services) await started.stop();
    await trap?.stop();
    await issuer?.stop();
    await database?.drop();
  });

  const moveClock = (of: TestService, seconds: number) => {
    of.app.get(Clock).now = () => Date.now() + seconds * 1000;
  };
  const editor = { project: 'shop', realm_access: { roles: ['editor', 'dancer'] } };
  const client = (token: string, project = 'shop', of = service) => new Client(of.baseUrl, project, token);
  const read = async (token: string, project?: string, of?: TestService) => (await client(token, project, of).get(SIGNS)).status;

  describe('has tokens that', () => {
    it('give their user the rights of the mapped roles in the claimed project', async () => {
      const edits = client(issuer.token({ ...editor, preferred_username: 'Dana\n' }));
      const signs = `/v2/{project}/apigw/instances/${await edits.gateway()}/signs`;
      const made = await edits.post(signs, { name: 'from_oidc', sign_type: 'hmac' });
      expect(made.status).toBe(201);
      const views = client(issuer.token({ project: 'shop', realm_access: { roles: ['viewer'] } }));
      expect([(await views.get(signs)).body.total, (await views.delete(`${signs}/${made.body.id}`)).status]).toEqual([1, 403]);
      const sql = "SELECT user_id AS userId, user_name AS userName FROM audit_events WHERE action = 'CreateSignatureKey'";
      expect(await service.app.get(Database).rows(sql)).toEqual([{ userId: 'user-1', userName: 'Dana\ufffd' }]);
    });

    it('give no access to another project, and none without a mapped role', async () => {
      expect(await read(issuer.token(editor), 'other')).toBe(403);
      expect(await read(issuer.token({ project: 'shop', realm_access: { roles: ['dancer', '__proto__', 'constructor'] } }))).toBe(403);
      expect(await read(issuer.token({ project: 'shop' }))).toBe(403);
      expect(await read(issuer.token({ project: 'shop', realm_access: null }))).toBe(403);
      expect(await read(issuer.token({ ...editor, realm_access: { roles: ['APIG FullAccess'] } }))).toBe(403);
    });

    it('are refused without a project, and the answer gives this reason', async () => {
      for (const project of [undefined, null]) {
        const answer = await client(issuer.token({ ...editor, project })).get(SIGNS);
        expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1003']);
      }
    });

    it('may have a type, a certificate’s thumbprint, several audiences and a start time of now', async () => {
      const now = Math.floor(Date.now() / 1000);
      expect(await read(issuer.token(editor, { typ: 'at+jwt', x5t: 'abc' }))).toBe(404);
      expect(await read(issuer.token(editor, { typ: undefined }))).toBe(404);
      expect(await read(issuer.token({ ...editor, aud: ['account', issuer.audience], nbf: now + 3 }))).toBe(404);
    });

    it('are distinguished by the hash of their subject if it is longer than an id', async () => {
      const token = issuer.token({ ...editor, sub: `a|${'x'.repeat(200)}` });
      const answer = await client(token).get('/signet/v1/me/permissions');
      expect(answer.status).toBe(200);
      expect(await read(token)).toBe(404);
    });
  });

  describe('has tokens that are refused with 401 APIG.1002, without repeating the input:', () => {
    const own: Record<string, () => string[]> = {
      'a project that is a list, an object, empty or no id': () =>
        [['shop'], { id: 'shop' }, '', 5, 'a b', '../x', 'x'.repeat(65), 'iam', 'api-keys'].map((project) =>
          issuer.token({ ...editor, project }),
        ),
      'roles that are no texts': () =>
        [[1], { editor: true }, 5, [['editor']]].map((roles) => issuer.token({ ...editor, realm_access: { roles } })),
      'a life of more than a day': () => {
        const { iat } = issuer.genuine().claims as { iat: number };
        return [issuer.token({ ...editor, exp: iat + 86_401 })];
      },
    };
    const all = { ...ATTACKS, ...PARTY_ATTACKS, ...own };

    it.each(Object.keys(all))('%s', async (kind) => {
      const genuine = issuer.genuine(editor);
      expect(await read(forge(genuine))).toBe(404);
      for (const token of all[kind]!(genuine, trap)) {
        const answer = await client(token).get(SIGNS);
        expect([token.slice(0, 200), answer.status, answer.body]).toEqual([token.slice(0, 200), 401, INVALID]);
      }
      expect(trap.visits).toBe(0);
    });
  });

  it.each([-1, 0, 1, 1_700_000_000])('has tokens that get 401 APIG.1001 after they expired at %p', async (exp) => {
    const answer = await client(issuer.token({ ...editor, iat: exp - 10, exp })).get(SIGNS);
    expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1001']);
  });

  it('has tokens whose expiry is checked on every use', async () => {
    const token = issuer.token(editor);
    expect(await read(token)).toBe(404);
    moveClock(service, 600);
    const answer = await client(token).get(SIGNS);
    expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1001']);
  });

  describe('has keys that', () => {
    /** A service of its own, whose clock is moved, with a key set that it has fetched once. */
    const fresh = async () => {
      const started = await start();
      expect(await read(issuer.token(editor), 'shop', started)).toBe(404);
      const before = issuer.fetches;
      // Stopped between the moves: no interval ends while requests take their time.
      const now = Date.now();
      const moved = (seconds: number) => {
        started.app.get(Clock).now = () => now + seconds * 1000;
      };
      moved(0);
      return { started, fetched: () => issuer.fetches - before, moved };
    };

    it('are fetched once for any number of concurrent requests', async () => {
      const before = issuer.fetches;
      const started = await start();
      const tokens = Array.from({ length: 10 }, (_, i) => issuer.token({ ...editor, jti: i }));
      expect(new Set(await Promise.all(tokens.map((token) => read(token, 'shop', started))))).toEqual(new Set([404]));
      expect(issuer.fetches - before).toBe(1);
    });

    it('are fetched again for an unknown id, at most once in ten seconds', async () => {
      const { started, fetched, moved } = await fresh();
      issuer.rotate();
      moved(11);
      expect([await read(issuer.token(editor), 'shop', started), fetched()]).toEqual([404, 1]);
      for (let i = 0; i < 30; i++) expect(await read(issuer.token(editor, { kid: `made-up-${i}` }), 'shop', started)).toBe(401);
      expect(fetched()).toBe(1);
      moved(22);
      for (let i = 0; i < 30; i++) expect(await read(issuer.token(editor, { kid: `made-up-too-${i}` }), 'shop', started)).toBe(401);
      expect(fetched()).toBe(2);
      issuer.rotate();
      const rotated = issuer.token({ ...editor, jti: 'rotated' });
      expect(await read(rotated, 'shop', started)).toBe(401);
      moved(33);
      expect([await read(rotated, 'shop', started), fetched()]).toEqual([404, 3]);
    });

    it('still verify tokens after a hundred requests with made-up ids', async () => {
      const { started, fetched, moved } = await fresh();
      for (let i = 0; i < 100; i++) expect(await read(issuer.token(editor, { kid: `flood-${i}` }), 'shop', started)).toBe(401);
      expect(fetched()).toBe(0);
      moved(601);
      const lasting = issuer.token({ ...editor, exp: Math.floor(Date.now() / 1000) + 3600 });
      expect([await read(lasting, 'shop', started), fetched()]).toEqual([404, 1]);
    });

    it('verify nothing ten minutes after they were withdrawn', async () => {
      const { started, moved } = await fresh();
      const old = (jti: string) => issuer.genuine({ ...editor, exp: Math.floor(Date.now() / 1000) + 3600, jti });
      const [before, after] = [forge(old('before')), forge(old('after'))];
      expect(await read(before, 'shop', started)).toBe(404);
      issuer.rotate();
      for (let kids = 5; kids > 0; kids--) issuer.withdraw();
      issuer.rotate();
      moved(600);
      expect(await read(after, 'shop', started)).toBe(401);
      expect(await read(before, 'shop', started)).toBe(401);
    });

    it.each<[string, (response: ServerResponse) => void]>([
      ['500', (response) => void response.writeHead(500).end('{}')],
      ['a redirect, which is not followed', (response) => void response.writeHead(302, { location: trap.url }).end()],
      ['no JSON', (response) => void response.end('<html>')],
      ['null', (response) => void response.end('null')],
      ['no keys', (response) => void response.end('{"keys":[]}')],
      ['keys that are no objects', (response) => void response.end('{"keys":[null,1]}')],
      ['two megabytes', (response) => void response.end(JSON.stringify({ keys: [], more: 'x'.repeat(2e6) }))],
      ['a closed connection', (response) => void response.socket!.destroy()],
    ])('are unavailable if the issuer answers %s, so that every request gets 503', async (_, instead) => {
      issuer.instead = instead;
      const started = await start();
      const answer = await client(issuer.token(editor), 'shop', started).get(SIGNS);
      expect([answer.status, answer.body]).toEqual([503, { error_code: 'APIG.9999', error_msg: 'System error' }]);
      expect(started.logs.join('')).toContain('the keys of the issuer could not be fetched');
      expect(trap.visits).toBe(0);
      issuer.instead = undefined;
      moveClock(started, 2);
      expect(await read(issuer.token(editor), 'shop', started)).toBe(404);
    });

    it('cause 503 within 3 s if the issuer does not return them, also when a known key set is too old', async () => {
      const { started, moved } = await fresh();
      issuer.instead = () => undefined;
      moved(500);
      expect(await read(issuer.token({ ...editor, jti: 'still' }), 'shop', started)).toBe(404);
      moved(601);
      const began = performance.now();
      expect(await read(issuer.token({ ...editor, jti: 'late' }), 'shop', started)).toBe(503);
      expect(performance.now() - began).toBeLessThan(stretched(3000));
    });

    it('verify nothing and do not affect other keys if they are weak, secret, unreadable, for encryption or of another algorithm', async () => {
      const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
      const other = issuer.genuine();
      issuer.more.push(
        { ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak' },
        { kty: 'oct', k: 'AAAA', kid: 'secret', alg: 'HS256' },
        { ...other.publicKey.export({ format: 'jwk' }), kid: 'encryption', use: 'enc' },
        { ...other.publicKey.export({ format: 'jwk' }), kid: 'another', alg: alg === 'RS256' ? 'PS256' : 'ES384' },
        { kty: 'RSA', kid: 'broken', n: '!', e: '' },
        { kty: 'EC' },
        {},
      );
      try {
        const started = await start();
        expect(await read(issuer.token(editor), 'shop', started)).toBe(404);
        for (const kid of ['encryption', 'another', 'secret', 'broken'])
          expect([kid, await read(issuer.token(editor, { kid }), 'shop', started)]).toEqual([kid, 401]);
        if (alg === 'RS256')
          expect(
            await read(forge({ ...other, claims: { ...other.claims, ...editor } }, {}, { kid: 'weak' }, weak.privateKey), 'shop', started),
          ).toBe(401);
      } finally {
        issuer.more.length = 0;
      }
    });
  });

  describe('is configured so that it', () => {
    it('maps everybody to one project, roles from a text with spaces, and names and domains from any claims', async () => {
      const claims = { roles: 'scope', user_name: 'https://login.example/name', domain: ['org', 'id'] };
      const started = await start({ project: 'everybody', claims });
      const token = issuer.token({ scope: 'openid editor', org: { id: 'acme' }, 'https://login.example/name': 'Dana' });
      expect(await read(token, 'everybody', started)).toBe(404);
      expect(await read(token, 'shop', started)).toBe(403);
    });

    it('maps roles to policies of the domain default; an unknown policy is reported and grants nothing', async () => {
      const started = await start({}, { roles: { editor: ['only reading', 'APIG FulAccess'] } });
      expect(started.logs.join('')).toContain('the policy APIG FulAccess in SIGNET_IDENTITY_FILE does not exist');
      expect(await read(issuer.token(editor), 'shop', started)).toBe(403);
      const policy = { Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:*:get*', 'apig:*:list*'] }] };
      await started.app.get(AccessAdminService).putPolicy({ name: 'only reading' }, { policy });
      expect(await read(issuer.token(editor), 'shop', started)).toBe(404);
      expect((await client(issuer.token(editor), 'shop', started).delete(`${SIGNS}/none`)).status).toBe(403);
      expect((await start({}, { roles: { editor: ['only reading'] } })).logs.join('')).not.toContain('SIGNET_IDENTITY_FILE does not exist');
    });

    it('maps projects to other names', async () => {
      const started = await start({ project_ids: { 'The Shop': 'shop-1' } });
      expect(await read(issuer.token({ ...editor, project: 'The Shop' }), 'shop-1', started)).toBe(404);
      expect(await read(issuer.token({ ...editor, project: 'shop-1' }), 'shop-1', started)).toBe(401);
      expect(await read(issuer.token({ ...editor, project: 'constructor' }), 'shop-1', started)).toBe(401);
    });
  });

  it('has tokens that are in no log line and not in the database', () => {
    const files = readdirSync(database.dataDir).filter((name) => name.startsWith('signet.db'));
    const places = [
      ...services.map(({ logs }) => logs.join('')),
      ...files.map((name) => readFileSync(join(database.dataDir, name), 'latin1')),
    ];
    expect(places.length).toBeGreaterThan(10);
    const made = /eyJhbGciOi[A-Za-z0-9_-]+\.eyJ/;
    expect(issuer.token()).toMatch(made);
    for (const place of places) expect(place).not.toMatch(made);
  });
});
