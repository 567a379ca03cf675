import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { TokenCache } from '../../src/platform/auth/token-cache.js';
import { Clock } from '../../src/platform/common/clock.js';
import type { KeystoneConfig } from '../../src/platform/config/identity-config.js';
import { readIdentityFile } from '../../src/platform/config/identity-file.js';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Keystone, keystoneInstalled } from '../support/keystone.js';
import { KeystoneProxy } from '../support/keystone-proxy.js';
import { signet } from '../support/process.js';
import { Client, TestService } from '../support/service.js';
import { stretched } from '../support/slowness.js';
import { ATTACKS, forge, type Genuine, Trap } from '../support/token-attacks.js';

/** The service's time limit for Keystone in milliseconds, in tests that do not test this limit. */
const PATIENT_MS = 200_000;
/** Less than the default of `timeout_ms` (2500), so that a busy machine also answers within 3 s. */
const IMPATIENT_MS = 1500;

const NOT_FOUND = 404;
const ROLES = {
  admin: ['APIG Administrator', 'APIG FullAccess'],
  member: ['APIG FullAccess'],
  reader: ['APIG ReadOnlyAccess'],
};
const NO_TOKEN = { error_code: 'APIG.1000', error_msg: 'The token is missing.' };
const BAD_TOKEN = { error_code: 'APIG.1002', error_msg: 'Incorrect token or token resolution failed' };

(keystoneInstalled ? describe : describe.skip)('with OpenStack Keystone (Debian package keystone)', () => {
  let keystone: Keystone;
  let proxy: KeystoneProxy;
  let jwsProxy: KeystoneProxy;
  let database: TestDatabase;
  let service: TestService;
  let trap: Trap;
  let [projectA, projectB] = ['', ''];
  /**
   * Time limit of every service in this file for Keystone. Keystone finishes abandoned requests too, so on a busy machine each repeated
   * request slows down the next one.
   */
  let timeoutMs = PATIENT_MS;
  /** All credentials that were sent. None of them may be in logs, the database or files. */
  const canaries = new Set<string>();

  beforeAll(async () => {
    keystone = await Keystone.start();
    console.log(`keystone was ready after ${keystone.startedMs} ms`);
    proxy = await KeystoneProxy.to(() => keystone.url('fernet'));
    jwsProxy = await KeystoneProxy.to(() => keystone.url('jws'));
    trap = await Trap.set();
    database = await createTestDatabase('sqlite');
    writeFileSync(join(database.dataDir, 'password'), `${keystone.password}\n`);
    canaries.add(keystone.password);
    service = await start();
    [projectA, projectB] = [await keystone.id('projects', 'proj-a'), await keystone.id('projects', 'proj-b')];
  });
  afterAll(async () => {
    await service?.stop();
    await trap?.stop();
    await proxy?.stop();
    await jwsProxy?.stop();
    await keystone?.stop();
    await database?.drop();
  });
  beforeEach(() => {
    proxy.instead = proxy.insteadOfLogin = undefined;
    timeoutMs = PATIENT_MS;
    stoppedAt = undefined;
    at(service, 0);
  });

  const environment = (file: object = {}, keystoneFields: object = {}, at: KeystoneProxy = proxy): Record<string, string> => {
    const path = join(database.dataDir, `identity-${Math.random()}.json`);
    const user = { user: 'signet', project: 'service', password_file: join(database.dataDir, 'password') };
    writeFileSync(path, JSON.stringify({ keystone: { url: at.url, service: user, ...keystoneFields }, roles: ROLES, ...file }));
    return { SIGNET_IDENTITY_FILE: path, SIGNET_ADMIN_PASSWORD: '', SIGNET_EMBEDDED_GATEWAY: '' };
  };
  /** Log lines of every service of this file. */
  const logs: string[][] = [];
  const start = async (file?: object, keystoneFields?: object, at?: KeystoneProxy) => {
    const env = environment(file, keystoneFields, at);
    const read = readIdentityFile(env['SIGNET_IDENTITY_FILE']!, undefined, []) as KeystoneConfig;
    const identity = Object.defineProperty({ ...read }, 'timeoutMs', { get: () => timeoutMs });
    const started = await TestService.start(database, env, { identity });
    logs.push(started.logs);
    return started;
  };
  let stoppedAt: number | undefined;
  /** From now on only {@link at} moves the service's clock, so that Keystone's response time has no effect on it. */
  const stopClock = (of = service) => {
    stoppedAt = Date.now();
    at(of, 0);
  };
  /** Moves the service's clock, and so its cache; Keystone's clock is unchanged. */
  const at = (moved: TestService, seconds: number) => {
    const stopped = stoppedAt;
    moved.app.get(Clock).now = () => (stopped ?? Date.now()) + seconds * 1000;
  };
  const client = (token: string, project = projectA, of = service) => {
    canaries.add(token);
    return new Client(of.baseUrl, project, token);
  };
  const token = async (user: string, project: string | null = 'proj-a', provider: 'fernet' | 'jws' = 'fernet') => {
    const made = await keystone.token(user, project ?? undefined, provider);
    canaries.add(made);
    return made;
  };
  const SIGNS = '/v2/{project}/apigw/instances/none/signs';
  /** 404 for an unknown gateway shows that the caller was authenticated. */
  const read = async (of: Client) => (await of.get(SIGNS)).status;
  const body = { name: 'from_keystone', sign_type: 'hmac' };

  describe('a token', () => {
    it('gives its user the rights of the mapped roles in its project, from the first request on', async () => {
      const alice = client(await token('alice'));
      expect(await read(alice)).toBe(NOT_FOUND);
      const gateway = await alice.gateway();
      const signs = `/v2/{project}/apigw/instances/${gateway}/signs`;
      expect((await alice.post(signs, body)).status).toBe(201);
      const rita = client(await token('rita'));
      expect((await rita.get(signs)).body.total).toBe(1);
      const refused = await rita.post(signs, body);
      expect([refused.status, refused.body.error_code]).toEqual([403, 'APIG.1005']);
      const ada = client(await token('ada'));
      expect((await ada.get(signs)).status).toBe(200);
      const rows = await service.app.get(Database).rows('SELECT id, name, description FROM projects');
      expect(rows).toEqual([{ id: projectA, name: projectA, description: 'Default/proj-a' }]);
    });

    it('gives no access to another project, which answers like an unknown one', async () => {
      const alice = await token('alice');
      const [foreign, unknown] = [await client(alice, projectB).get(SIGNS), await client(alice, 'f'.repeat(32)).get(SIGNS)];
      expect([foreign.status, foreign.body.error_code, foreign.text]).toEqual([403, 'APIG.1005', unknown.text]);
    });

    it('without a mapped role gives no rights, and creates no project', async () => {
      const nora = client(await token('nora'));
      expect(await read(nora)).toBe(403);
      expect((await nora.post('/v2/{project}/apigw/instances', {})).status).toBe(403);
      expect((await service.app.get(Database).rows('SELECT id FROM projects')).length).toBe(1);
    });

    it('without a project is refused, and the answer gives this reason', async () => {
      const alice = client(await token('alice', null));
      const answer = await alice.get(SIGNS);
      expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1003']);
    });

    it.each([
      ['absent', '', NO_TOKEN],
      ['garbage', 'gAAAAABgarbage', BAD_TOKEN],
      ['three words', 'a b c', BAD_TOKEN],
      ['of 16 KB', 'x'.repeat(16_384), BAD_TOKEN],
      ['of more than 16 KB', 'x'.repeat(16_385), BAD_TOKEN],
      ['a JWT of nobody', `${'eyJhbGciOiJub25lIn0'}.${'e30'}.`, BAD_TOKEN],
      ['not ASCII', 'gAAA\u00e9', BAD_TOKEN],
    ])('that is %s is refused, and the answer does not repeat it', async (_, bad, words) => {
      const answer = await new Client(service.baseUrl, projectA, bad).get(SIGNS);
      expect([answer.status, answer.body]).toEqual([401, words]);
    });

    it('is validated once for any number of requests, and if it is invalid once in five seconds', async () => {
      stopClock();
      proxy.instead = say(200, JSON.stringify(answerWith({})));
      expect(await read(client('good-0'))).toBe(403);
      let before = proxy.validations;
      const requests = await Promise.all(Array.from({ length: 20 }, () => read(client('good-1'))));
      expect([new Set(requests), proxy.validations - before]).toEqual([new Set([403]), 1]);
      before = proxy.validations;
      proxy.instead = say(404, '{"error":{"code":404}}');
      const bad = client('bad-1');
      expect([await read(bad), await read(bad), await read(bad), proxy.validations - before]).toEqual([401, 401, 401, 1]);
      at(service, 5);
      expect([await read(bad), proxy.validations - before]).toEqual([401, 2]);
    });

    it('that is invented never evicts a valid token from the cache', async () => {
      proxy.instead = say(200, JSON.stringify(answerWith({})));
      expect(await read(client('good-2'))).toBe(403);
      const before = proxy.validations;
      proxy.instead = say(404, '{"error":{"code":404}}');
      const cache = service.app.get(TokenCache);
      for (let i = 0; i < 10_500; i += 100)
        await Promise.all(
          Array.from({ length: 100 }, (_, j) => Promise.resolve(cache.authenticate(`bad-2-${i + j}`)).catch(() => undefined)),
        );
      expect(proxy.validations - before).toBe(10_500);
      expect([await read(client('good-2')), proxy.validations - before]).toEqual([403, 10_500]);
    });
  });

  describe('a change at Keystone takes effect within the cache time:', () => {
    /** The token is valid while it is cached, and no longer after 60 s. */
    const ends = async (user: Client) => {
      at(service, 45);
      expect(await read(user)).toBe(NOT_FOUND);
      at(service, 60);
      expect(await read(user)).toBe(401);
      at(service, 0);
    };

    it('a token is revoked', async () => {
      stopClock();
      const alice = client(await token('alice'));
      expect(await read(alice)).toBe(NOT_FOUND);
      await keystone.revoke(alice.token);
      await ends(alice);
    });

    it('a role is removed, and added again', async () => {
      stopClock();
      const bob = client(await token('bob', 'proj-b'), projectB);
      expect(await read(bob)).toBe(NOT_FOUND);
      await keystone.grant('DELETE', 'bob', 'proj-b', 'member');
      await ends(bob);
      await keystone.grant('PUT', 'bob', 'proj-b', 'member');
      at(service, 70);
      expect(await read(bob)).toBe(NOT_FOUND);
    });

    it('a user is disabled and enabled again, and old tokens stay invalid', async () => {
      stopClock();
      const bob = client(await token('bob', 'proj-b'), projectB);
      expect(await read(bob)).toBe(NOT_FOUND);
      await keystone.enable('bob', false);
      await ends(bob);
      await keystone.enable('bob', true);
      at(service, 70);
      expect(await read(bob)).toBe(401);
      at(service, 0);
      expect(await read(client(await token('bob', 'proj-b'), projectB))).toBe(NOT_FOUND);
    });

    it('a token expires, although Keystone’s clock is behind', async () => {
      const alice = client(await token('alice'));
      expect(await read(alice)).toBe(NOT_FOUND);
      at(service, 3601);
      const answer = await alice.get(SIGNS);
      expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1001']);
    });

    it('a write sees the change at once if so configured, and so does every later read', async () => {
      const strict = await start({ revalidate_writes: true });
      try {
        stopClock(strict);
        const alice = client(await token('alice'), projectA, strict);
        expect(await read(alice)).toBe(NOT_FOUND);
        await keystone.revoke(alice.token);
        expect(await read(alice)).toBe(NOT_FOUND);
        expect((await alice.delete(`${SIGNS}/none`)).status).toBe(401);
        expect(await read(alice)).toBe(401);
      } finally {
        await strict.stop();
      }
    });
  });

  describe('the service’s own token', () => {
    it('is requested again after it was revoked', async () => {
      expect(await read(client(await token('alice')))).toBe(NOT_FOUND);
      const before = proxy.ownTokens.length;
      // The count includes the tokens of earlier services in this file.
      for (const own of proxy.ownTokens) await keystone.revoke(own).catch(() => undefined);
      expect(await read(client(await token('rita')))).toBe(NOT_FOUND);
      expect(proxy.ownTokens.length).toBeGreaterThan(before);
    });

    it('is requested once for any number of concurrent requests that find it invalid', async () => {
      let good = 'own-1';
      proxy.instead = ({ headers }, response) =>
        headers['x-auth-token'] === good ? say(200, JSON.stringify(answerWith({})))({}, response) : say(401, '{}')({}, response);
      proxy.insteadOfLogin = (_, response) => say(201, JSON.stringify(answerWith({})), { 'x-subject-token': good })({}, response);
      const logins = proxy.logins;
      for (const round of [1, 2]) {
        good = `own-${round}`;
        const statuses = await Promise.all(Array.from({ length: 10 }, (_, i) => read(client(`many-${round}-${i}`))));
        expect([new Set(statuses), proxy.logins - logins]).toEqual([new Set([403]), round]);
      }
    });

    it('without the right to validate tokens causes a 503 and a message in the log', async () => {
      await keystone.grant('DELETE', 'signet', 'service', 'service');
      await keystone.grant('PUT', 'signet', 'service', 'member');
      try {
        const alice = await token('alice');
        const answer = await client(alice).get(SIGNS);
        expect([answer.status, answer.body]).toEqual([503, { error_code: 'APIG.9999', error_msg: 'System error' }]);
        expect(service.logs.join('')).toContain('the service user may not validate tokens');
      } finally {
        await keystone.grant('PUT', 'signet', 'service', 'service');
        await keystone.grant('DELETE', 'signet', 'service', 'member');
      }
      expect(await read(client(await token('alice')))).toBe(NOT_FOUND);
    });

    it('cannot be requested with a wrong password, which causes a 503 and no immediate retry, because Keystone locks users out', async () => {
      const wrong = await start({}, { service: { user: 'signet', project: 'service', password_file: import.meta.filename } });
      try {
        stopClock(wrong);
        expect(await read(client('gAAAAx', projectA, wrong))).toBe(503);
        expect(told(wrong)).toBe(true);
        proxy.insteadOfLogin = say(401, '{}');
        at(wrong, 60);
        const before = proxy.logins;
        for (const one of [1, 2, 3]) expect([one, await read(client(`gAAAA${one}`, projectA, wrong))]).toEqual([one, 503]);
        expect(proxy.logins - before).toBe(1);
        at(wrong, 65);
        expect([await read(client('gAAAA4', projectA, wrong)), proxy.logins - before]).toEqual([503, 2]);
      } finally {
        await wrong.stop();
      }
    });
    const told = (wrong: TestService) => wrong.logs.join('').includes('Keystone refused the login of the service user: 401');
  });

  describe('new callers get 503 within 3 s if Keystone fails:', () => {
    const refused = async () => {
      const alice = client(await token('alice'));
      timeoutMs = IMPATIENT_MS;
      const began = performance.now();
      const status = await read(alice);
      expect(performance.now() - began).toBeLessThan(stretched(3000));
      expect(status).toBe(503);
    };
    it('Keystone sends nothing', async () => {
      proxy.instead = () => undefined;
      await refused();
    });

    it('Keystone sends headers but no body', async () => {
      proxy.instead = (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{');
      await refused();
    });

    it('Keystone closes connections without an answer, which the service answers with one more attempt', async () => {
      const dying = (_: IncomingMessage, response: ServerResponse) => {
        proxy.instead = undefined;
        response.socket!.destroy();
      };
      proxy.instead = dying;
      expect(await read(client(await token('alice')))).toBe(NOT_FOUND);
      proxy.instead = (_, response) => void response.socket!.destroy();
      await refused();
    });

    it('Keystone sends nothing at the login', async () => {
      proxy.insteadOfLogin = () => undefined;
      timeoutMs = IMPATIENT_MS;
      const fresh = await start();
      try {
        const began = performance.now();
        expect(await read(client('gAAAAx', projectA, fresh))).toBe(503);
        expect(performance.now() - began).toBeLessThan(stretched(3000));
      } finally {
        await fresh.stop();
      }
    });

    it.each([
      ['500', 500, '{"error":{"code":500}}', {}],
      ['502 of a proxy', 502, '<html>', {}],
      ['429', 429, '{}', {}],
      ['a redirect', 302, '', { location: 'http://127.0.0.1:1/' }],
      ['404 of a server that is not Keystone', 404, '<html>', {}],
      ['401 again and again', 401, '{"error":{"code":401}}', {}],
      ['200 without JSON', 200, '<html>', {}],
      ['200 with an empty object', 200, '{}', {}],
      ['200 with null', 200, 'null', {}],
      ['200 with invalid roles', 200, JSON.stringify(answerWith({ roles: [{}] })), {}],
      ['200 without an expiry', 200, JSON.stringify(answerWith({ expires_at: null })), {}],
      ['200 with a project without an id', 200, JSON.stringify(answerWith({ project: { name: 'x' } })), {}],
      ['200 with two megabytes', 200, JSON.stringify({ ...answerWith({}), more: 'x'.repeat(2e6) }), {}],
    ])('%s', async (_, status, text, headers) => {
      proxy.instead = say(status, text, headers);
      await refused();
    });

    it('a token is bound to a certificate, which no caller can present to this service', async () => {
      proxy.instead = say(200, JSON.stringify(answerWith({ oauth2_credential: { 'x5t#S256': 'x' } })));
      expect(await read(client(await token('alice')))).toBe(401);
    });

    it('Keystone is stopped, while known callers are accepted for the cache time, and new ones again after its restart', async () => {
      stopClock();
      const [known, unknown] = [client(await token('alice')), client(await token('alice'))];
      expect(await read(known)).toBe(NOT_FOUND);
      await keystone.halt('fernet');
      try {
        const began = performance.now();
        expect([await read(known), await read(unknown)]).toEqual([NOT_FOUND, 503]);
        at(service, 60);
        expect(await read(known)).toBe(503);
        expect(performance.now() - began).toBeLessThan(stretched(3000));
      } finally {
        await keystone.serve('fernet');
      }
      expect([await read(known), await read(unknown)]).toEqual([NOT_FOUND, NOT_FOUND]);
    });
  });

  describe('JWS tokens', () => {
    let folder: string;
    beforeAll(() => {
      folder = join(database.dataDir, 'jws-public');
      cpSync(keystone.publicKeys, folder, { recursive: true });
    });
    /** The parts of a Keystone token; each attack changes one. */
    const genuine = (jws: string): Genuine => {
      const [header, claims] = jws.split('.').map((part) => Buffer.from(part, 'base64url').toString());
      return { alg: 'ES256', header: JSON.parse(header!), claims: JSON.parse(claims!), ...keystone.jwsKeys };
    };

    it('are validated at Keystone like all tokens, so that a revoked token ends', async () => {
      const jws = await start({}, { jws: { public_keys: folder } }, jwsProxy);
      try {
        const alice = client(await token('alice', 'proj-a', 'jws'), projectA, jws);
        expect(await read(alice)).toBe(NOT_FOUND);
        await keystone.revoke(alice.token, 'jws');
        at(jws, 60);
        expect(await read(alice)).toBe(401);
      } finally {
        await jws.stop();
      }
    });

    it('are not validated at Keystone if they are forged', async () => {
      const jws = await start({}, { jws: { public_keys: folder } }, jwsProxy);
      try {
        const real = genuine(await token('alice', 'proj-a', 'jws'));
        const before = jwsProxy.validations;
        for (const kind of ['alg none in every spelling, with and without a signature', 'a foreign key under the genuine key id'])
          for (const forged of ATTACKS[kind]!(real, trap)) expect(await read(client(forged, projectA, jws))).toBe(401);
        expect(jwsProxy.validations).toBe(before);
      } finally {
        await jws.stop();
      }
    });

    describe('that are configured to be checked offline', () => {
      let offline: TestService;
      let alice: string;
      beforeAll(async () => {
        const grants = [
          { user: await keystone.id('users', 'alice'), project: projectA, roles: ['APIG FullAccess'] },
          { user: '*', project: projectA, roles: ['APIG ReadOnlyAccess'] },
        ];
        offline = await start({}, { jws: { public_keys: folder, policy: 'offline-jws', grants } }, jwsProxy);
        alice = await token('alice', 'proj-a', 'jws');
      });
      afterAll(() => offline?.stop());
      beforeEach(() => at(offline, 0));

      it('give the roles of the configured grants, without a request to Keystone', async () => {
        const before = jwsProxy.validations;
        const write = async (of: string, project = projectA) => (await client(of, project, offline).delete(`${SIGNS}/none`)).status;
        expect([await read(client(alice, projectA, offline)), await write(alice)]).toEqual([NOT_FOUND, NOT_FOUND]);
        const rita = await token('rita', 'proj-a', 'jws');
        expect([await read(client(rita, projectA, offline)), await write(rita)]).toEqual([NOT_FOUND, 403]);
        const bob = await token('bob', 'proj-b', 'jws');
        expect([await read(client(bob, projectB, offline)), await read(client(bob, projectA, offline))]).toEqual([403, 403]);
        const unscoped = await client(await token('alice', null, 'jws'), projectA, offline).get(SIGNS);
        expect([unscoped.status, unscoped.body.error_code]).toEqual([401, 'APIG.1003']);
        expect(jwsProxy.validations).toBe(before);
      });

      it('are accepted until they expire, because an offline check cannot detect a revocation', async () => {
        const revoked = await token('alice', 'proj-a', 'jws');
        await keystone.revoke(revoked, 'jws');
        expect(await read(client(revoked, projectA, offline))).toBe(NOT_FOUND);
        at(offline, 3601);
        const answer = await client(revoked, projectA, offline).get(SIGNS);
        expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1001']);
      });

      it.each(Object.keys(ATTACKS))('get 401 for %s', async (kind) => {
        const real = genuine(alice);
        expect(await read(client(forge(real, {}), projectA, offline))).toBe(NOT_FOUND);
        for (const forged of ATTACKS[kind]!(real, trap)) {
          const answer = await new Client(offline.baseUrl, projectA, forged).get(SIGNS);
          // A token from the future may be genuine if this host's clock is wrong, and the log says so.
          const { error_code, error_msg } = answer.body as typeof BAD_TOKEN;
          const said = {
            error_code,
            error_msg: error_msg.replace(/: the token was issued \d+ seconds in the future by the clock of this host$/, ''),
          };
          expect([forged.slice(0, 200), answer.status, said]).toEqual([forged.slice(0, 200), 401, BAD_TOKEN]);
        }
        expect(trap.visits).toBe(0);
      });

      it('are refused with restricted rights or a malformed project id', async () => {
        const claims = [
          { openstack_trust_id: 'x' },
          { openstack_app_cred_id: 'x' },
          { openstack_access_token_id: 'x' },
          { openstack_thumbprint: 'x' },
          { openstack_project_id: [projectA] },
          { openstack_project_id: null },
        ];
        for (const claim of claims)
          expect([claim, await read(client(forge(genuine(alice), claim), projectA, offline))]).toEqual([claim, 401]);
        const loud = forge(genuine(alice), { openstack_project_id: projectA.toUpperCase() });
        expect(await read(client(loud, projectA, offline))).toBe(403);
      });

      it('are verified with a new key without a restart, and with a removed key for at most a minute', async () => {
        await keystone.rotateJws();
        const [, added] = readdirSync(keystone.publicKeys).sort();
        const rotated = await token('alice', 'proj-a', 'jws');
        expect(await read(client(rotated, projectA, offline))).toBe(401);
        cpSync(join(keystone.publicKeys, added!), join(folder, added!));
        writeFileSync(join(folder, 'half-written.pem'), '-----BEGIN PUBLIC KEY-----\n');
        at(offline, 15);
        expect([await read(client(rotated, projectA, offline)), await read(client(alice, projectA, offline))]).toEqual([
          NOT_FOUND,
          NOT_FOUND,
        ]);
        rmSync(join(folder, 'first.pem'));
        at(offline, 100);
        expect([await read(client(rotated, projectA, offline)), await read(client(alice, projectA, offline))]).toEqual([NOT_FOUND, 401]);
        rmSync(folder, { recursive: true });
        at(offline, 200);
        expect(await read(client(rotated, projectA, offline))).toBe(503);
      });
    });

    it('are not accepted by a service whose key folder contains other files than public keys: it does not start', async () => {
      const wrong = join(database.dataDir, 'wrong');
      mkdirSync(wrong);
      for (const [pem, words] of [
        [keystone.jwsKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }), 'the file contains a private key instead of a public one'],
        [
          generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ type: 'spki', format: 'pem' }),
          'the key must be on the curve P-256',
        ],
      ] as const) {
        writeFileSync(join(wrong, 'key.pem'), pem);
        await expect(start({}, { jws: { public_keys: wrong } }, jwsProxy)).rejects.toThrow(words);
      }
    });
  });

  describe('the embedded identity service', () => {
    it('is disabled', async () => {
      const nobody = new Client(service.baseUrl, '', '');
      for (const [method, path] of [
        ['POST', '/v3/auth/tokens'],
        ['GET', '/v3/projects'],
        ['GET', '/v3'],
      ] as const)
        expect([path, (await nobody.call(method, path)).status]).toEqual([path, 404]);
      const counts = async (table: string) =>
        (await service.app.get(Database).rows<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`))[0]!.n;
      expect([await counts('users'), await counts('token_keys')]).toEqual([0, 0]);
    });

    it('is reported as switched off on the command line', async () => {
      const env = { ...database.env, ...environment() };
      for (const args of [
        ['iam', 'user', 'list'],
        ['iam', 'group', 'list'],
        ['token', '--user', 'admin', '--project', 'default'],
        ['access-key', 'list', '--user', 'admin'],
      ]) {
        const { code, stderr } = await signet(['admin', ...args], env);
        expect([args[0], code, stderr]).toEqual([
          args[0],
          1,
          `the embedded identity service is off (SIGNET_IDENTITY_FILE): Keystone (${proxy.url}) manages users, roles and tokens\n`,
        ]);
      }
    });
  });

  it('no log line, table or file of the database contains a token or a password', async () => {
    for (const own of [...proxy.ownTokens, ...jwsProxy.ownTokens]) canaries.add(own);
    canaries.delete('');
    expect(canaries.size).toBeGreaterThan(20);
    const files = readdirSync(database.dataDir).filter((name) => name.startsWith('signet.db'));
    const places = [logs.flat().join(''), ...files.map((name) => readFileSync(join(database.dataDir, name), 'latin1'))];
    for (const place of places)
      for (const canary of canaries)
        expect([canary.slice(0, 12), place.includes(canary.slice(0, 60))]).toEqual([canary.slice(0, 12), false]);
  });
});

function answerWith(change: object): object {
  const user = { id: 'u', name: 'u', domain: { id: 'd', name: 'd' } };
  const token = { user, project: { id: 'p', name: 'p' }, roles: [{ name: 'admin' }], expires_at: '2099-01-01T00:00:00.000000Z' };
  return { token: { ...token, ...change } };
}

const say =
  (status: number, text: string, headers: Record<string, string> = {}) =>
  (_: unknown, response: ServerResponse) =>
    void response.writeHead(status, headers).end(text);
