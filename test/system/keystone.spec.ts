import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { TokenCache } from '../../src/auth/token-cache.js';
import { Clock } from '../../src/common/clock.js';
import { Database } from '../../src/database/database.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Keystone, keystoneInstalled } from '../support/keystone.js';
import { KeystoneProxy } from '../support/keystone-proxy.js';
import { signet } from '../support/process.js';
import { Client, TestService } from '../support/service.js';
import { ATTACKS, forge, type Genuine, Trap } from '../support/token-attacks.js';

// Keystone takes a tenth of a second for an answer on a quiet machine, and several on a busy one.
jest.setTimeout(300_000);

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
  /** Whatever was ever sent as a credential: none of it may be found anywhere. */
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
    const started = await TestService.start(database, environment(file, keystoneFields, at));
    logs.push(started.logs);
    return started;
  };
  /** Moves the service's clock, and so its cache; Keystone's stays. */
  const at = (moved: TestService, seconds: number) => {
    moved.app.get(Clock).now = () => Date.now() + seconds * 1000;
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
  /** 404 for the gateway that is not there: whoever gets it was let in. */
  const read = async (of: Client) => (await of.get(SIGNS)).status;
  /** What the service answers once Keystone has; on a busy machine that can take longer than the service waits. */
  const answered = async <T extends { status: number }>(ask: () => Promise<T>): Promise<T> => {
    const end = performance.now() + 150_000;
    for (;;) {
      const answer = await ask();
      if (answer.status !== 503 || performance.now() > end) return answer;
      // Keystone goes on with what nobody waits for any more: it is given time to finish.
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  };
  const decided = async (of: Client) => (await answered(() => of.get(SIGNS))).status;
  const body = { name: 'from_keystone', sign_type: 'hmac' };

  describe('a token', () => {
    it('lets its user do in its project what the mapped roles allow, from the first request on', async () => {
      const alice = client(await token('alice'));
      expect(await decided(alice)).toBe(NOT_FOUND);
      const gateway = await alice.gateway();
      const signs = `/v2/{project}/apigw/instances/${gateway}/signs`;
      expect((await alice.post(signs, body)).status).toBe(201);
      const rita = client(await token('rita'));
      expect((await answered(() => rita.get(signs))).body.total).toBe(1);
      const refused = await rita.post(signs, body);
      expect([refused.status, refused.body.error_code]).toEqual([403, 'APIG.1005']);
      const ada = client(await token('ada'));
      expect((await answered(() => ada.get(signs))).status).toBe(200);
      const rows = await service.app.get(Database).rows('SELECT id, name, description FROM projects');
      expect(rows).toEqual([{ id: projectA, name: projectA, description: 'Default/proj-a' }]);
    });

    it('is of no use in another project, which answers as one that does not exist', async () => {
      const alice = await token('alice');
      const [foreign, unknown] = [await answered(() => client(alice, projectB).get(SIGNS)), await client(alice, 'f'.repeat(32)).get(SIGNS)];
      expect([foreign.status, foreign.body.error_code, foreign.text]).toEqual([403, 'APIG.1005', unknown.text]);
    });

    it('whose roles stand for nothing here lets its user do nothing, and makes no project', async () => {
      const nora = client(await token('nora'));
      expect(await decided(nora)).toBe(403);
      expect((await nora.post('/v2/{project}/apigw/instances', {})).status).toBe(403);
      expect((await service.app.get(Database).rows('SELECT id FROM projects')).length).toBe(1);
    });

    it('without a project is refused as such', async () => {
      const alice = client(await token('alice', null));
      const answer = await answered(() => alice.get(SIGNS));
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
    ])('that is %s is refused without an echo', async (_, bad, words) => {
      const answer = await answered(() => new Client(service.baseUrl, projectA, bad).get(SIGNS));
      expect([answer.status, answer.body]).toEqual([401, words]);
    });

    it('is asked about once, however many requests it comes with, and a bad one once in five seconds', async () => {
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

    it('that is made up pushes no good one out of the cache, however many there are', async () => {
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

  describe('what happens at Keystone counts after the cache’s time, and not later:', () => {
    /** Holds by the cache, and no more at 60 s. */
    const ends = async (user: Client) => {
      at(service, 45);
      expect(await decided(user)).toBe(NOT_FOUND);
      at(service, 60);
      expect(await decided(user)).toBe(401);
      at(service, 0);
    };

    it('a token is revoked', async () => {
      const alice = client(await token('alice'));
      expect(await decided(alice)).toBe(NOT_FOUND);
      await keystone.revoke(alice.token);
      await ends(alice);
    });

    it('a role is removed, and comes back', async () => {
      const bob = client(await token('bob', 'proj-b'), projectB);
      expect(await decided(bob)).toBe(NOT_FOUND);
      await keystone.grant('DELETE', 'bob', 'proj-b', 'member');
      await ends(bob);
      await keystone.grant('PUT', 'bob', 'proj-b', 'member');
      at(service, 70);
      expect(await decided(bob)).toBe(NOT_FOUND);
    });

    it('a user is disabled, and enabled again: old tokens stay dead', async () => {
      const bob = client(await token('bob', 'proj-b'), projectB);
      expect(await decided(bob)).toBe(NOT_FOUND);
      await keystone.enable('bob', false);
      await ends(bob);
      await keystone.enable('bob', true);
      at(service, 70);
      expect(await decided(bob)).toBe(401);
      at(service, 0);
      expect(await decided(client(await token('bob', 'proj-b'), projectB))).toBe(NOT_FOUND);
    });

    it('a token expires, although Keystone’s clock is behind', async () => {
      const alice = client(await token('alice'));
      expect(await decided(alice)).toBe(NOT_FOUND);
      at(service, 3601);
      const answer = await answered(() => alice.get(SIGNS));
      expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1001']);
    });

    it('at once for a request that changes something, where the file says so; the reads that follow know it too', async () => {
      const strict = await start({ revalidate_writes: true });
      try {
        const alice = client(await token('alice'), projectA, strict);
        expect(await decided(alice)).toBe(NOT_FOUND);
        await keystone.revoke(alice.token);
        expect(await decided(alice)).toBe(NOT_FOUND);
        expect((await answered(() => alice.delete(`${SIGNS}/none`))).status).toBe(401);
        expect(await decided(alice)).toBe(401);
      } finally {
        await strict.stop();
      }
    });
  });

  describe('the service’s own token', () => {
    it('is got anew when it was revoked', async () => {
      expect(await decided(client(await token('alice')))).toBe(NOT_FOUND);
      const before = proxy.ownTokens.length;
      // Those of other services of this file among them, which are over.
      for (const own of proxy.ownTokens) await keystone.revoke(own).catch(() => undefined);
      expect(await decided(client(await token('rita')))).toBe(NOT_FOUND);
      expect(proxy.ownTokens.length).toBeGreaterThan(before);
    });

    it('is got once for however many requests find it bad at a time', async () => {
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

    it('when the service user may not validate tokens, and says so in the log: 503', async () => {
      await keystone.grant('DELETE', 'signet', 'service', 'service');
      await keystone.grant('PUT', 'signet', 'service', 'member');
      try {
        const alice = await token('alice');
        // Not every 503 here says so: Keystone may just have been slow.
        let answer = await client(alice).get(SIGNS);
        const end = performance.now() + 150_000;
        while (!service.logs.join('').includes('may not validate') && performance.now() < end) answer = await client(alice).get(SIGNS);
        expect([answer.status, answer.body]).toEqual([503, { error_code: 'APIG.9999', error_msg: 'System error' }]);
        expect(service.logs.join('')).toContain('the service user may not validate tokens');
      } finally {
        await keystone.grant('PUT', 'signet', 'service', 'service');
        await keystone.grant('DELETE', 'signet', 'service', 'member');
      }
      expect(await decided(client(await token('alice')))).toBe(NOT_FOUND);
    });

    it('cannot be got with a wrong password: 503, and Keystone is not asked again at once, since it locks users out', async () => {
      const wrong = await start({}, { service: { user: 'signet', project: 'service', password_file: import.meta.filename } });
      try {
        await answered(async () => ({ status: (await read(client('gAAAAx', projectA, wrong))) === 503 && told(wrong) ? 0 : 503 }));
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
    const told = (wrong: TestService) => wrong.logs.join('').includes('Keystone did not let the service user in: 401');
  });

  describe('when Keystone does not answer as it should, nobody new gets in: 503 within 3 s', () => {
    const refused = async () => {
      const alice = client(await token('alice'));
      const began = performance.now();
      const status = await read(alice);
      expect(performance.now() - began).toBeLessThan(3000);
      expect(status).toBe(503);
    };
    it('it is silent', async () => {
      proxy.instead = () => undefined;
      await refused();
    });

    it('it lets its headers come and not its body', async () => {
      proxy.instead = (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{');
      await refused();
    });

    it('it closes connections without a word: that is no reason, the next one is tried', async () => {
      const dying = (_: IncomingMessage, response: ServerResponse) => {
        proxy.instead = undefined;
        response.socket!.destroy();
      };
      proxy.instead = dying;
      expect(await decided(client(await token('alice')))).toBe(NOT_FOUND);
      proxy.instead = (_, response) => void response.socket!.destroy();
      await refused();
    });

    it('it is silent at the login', async () => {
      proxy.insteadOfLogin = () => undefined;
      const fresh = await start();
      try {
        const began = performance.now();
        expect(await read(client('gAAAAx', projectA, fresh))).toBe(503);
        expect(performance.now() - began).toBeLessThan(3000);
      } finally {
        await fresh.stop();
      }
    });

    it.each([
      ['500', 500, '{"error":{"code":500}}', {}],
      ['502 of a proxy', 502, '<html>', {}],
      ['429', 429, '{}', {}],
      ['a redirect', 302, '', { location: 'http://127.0.0.1:1/' }],
      ['404 of something that is no Keystone', 404, '<html>', {}],
      ['401 again and again', 401, '{"error":{"code":401}}', {}],
      ['200 without JSON', 200, '<html>', {}],
      ['200 with an empty object', 200, '{}', {}],
      ['200 with null', 200, 'null', {}],
      ['200 with roles that are no roles', 200, JSON.stringify(answerWith({ roles: [{}] })), {}],
      ['200 without an expiry', 200, JSON.stringify(answerWith({ expires_at: null })), {}],
      ['200 with a project without an id', 200, JSON.stringify(answerWith({ project: { name: 'x' } })), {}],
      ['200 with two megabytes', 200, JSON.stringify({ ...answerWith({}), more: 'x'.repeat(2e6) }), {}],
    ])('%s', async (_, status, text, headers) => {
      proxy.instead = say(status, text, headers);
      await refused();
    });

    it('nor with a token that is bound to a certificate, which is nobody’s here', async () => {
      proxy.instead = say(200, JSON.stringify(answerWith({ oauth2_credential: { 'x5t#S256': 'x' } })));
      expect(await decided(client(await token('alice')))).toBe(401);
    });

    it('it is stopped; who is known stays until the cache’s time is over, and it comes back', async () => {
      const [known, unknown] = [client(await token('alice')), client(await token('alice'))];
      expect(await decided(known)).toBe(NOT_FOUND);
      await keystone.halt('fernet');
      try {
        const began = performance.now();
        expect([await read(known), await read(unknown)]).toEqual([NOT_FOUND, 503]);
        at(service, 60);
        expect(await read(known)).toBe(503);
        expect(performance.now() - began).toBeLessThan(3000);
      } finally {
        await keystone.serve('fernet');
      }
      expect([await decided(known), await decided(unknown)]).toEqual([NOT_FOUND, NOT_FOUND]);
    });
  });

  describe('with JWS tokens', () => {
    let folder: string;
    beforeAll(() => {
      folder = join(database.dataDir, 'jws-public');
      cpSync(keystone.publicKeys, folder, { recursive: true });
    });
    /** A token as Keystone makes it, in its parts: each attack changes one. */
    const genuine = (jws: string): Genuine => {
      const [header, claims] = jws.split('.').map((part) => Buffer.from(part, 'base64url').toString());
      return { alg: 'ES256', header: JSON.parse(header!), claims: JSON.parse(claims!), ...keystone.jwsKeys };
    };

    it('asks Keystone about them as about any other: a revoked one ends', async () => {
      const jws = await start({}, { jws: { public_keys: folder } }, jwsProxy);
      try {
        const alice = client(await token('alice', 'proj-a', 'jws'), projectA, jws);
        expect(await decided(alice)).toBe(NOT_FOUND);
        await keystone.revoke(alice.token, 'jws');
        at(jws, 60);
        expect(await decided(alice)).toBe(401);
      } finally {
        await jws.stop();
      }
    });

    it('does not ask about forged ones', async () => {
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

    describe('that are not asked about, since the file says so', () => {
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

      it('roles are those of the grants, and Keystone is not asked', async () => {
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

      it('a revoked one works on until it expires: what such a check cannot see', async () => {
        const revoked = await token('alice', 'proj-a', 'jws');
        await keystone.revoke(revoked, 'jws');
        expect(await read(client(revoked, projectA, offline))).toBe(NOT_FOUND);
        at(offline, 3601);
        const answer = await client(revoked, projectA, offline).get(SIGNS);
        expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1001']);
      });

      it.each(Object.keys(ATTACKS))('401 for %s', async (kind) => {
        const real = genuine(alice);
        expect(await read(client(forge(real, {}), projectA, offline))).toBe(NOT_FOUND);
        for (const forged of ATTACKS[kind]!(real, trap)) {
          const answer = await new Client(offline.baseUrl, projectA, forged).get(SIGNS);
          expect([forged.slice(0, 200), answer.status, answer.body]).toEqual([forged.slice(0, 200), 401, BAD_TOKEN]);
        }
        expect(trap.visits).toBe(0);
      });

      it('one that gives less than its user has is refused, and so is a project that is no id', async () => {
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

      it('a new key counts without a restart, and one whose file was taken away no more after a minute', async () => {
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

    it('does not start with something else than public keys in the folder', async () => {
      const wrong = join(database.dataDir, 'wrong');
      mkdirSync(wrong);
      for (const [pem, words] of [
        [keystone.jwsKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }), 'a private key stands where a public one should'],
        [
          generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ type: 'spki', format: 'pem' }),
          'the key is not of the curve P-256',
        ],
      ] as const) {
        writeFileSync(join(wrong, 'key.pem'), pem);
        await expect(start({}, { jws: { public_keys: wrong } }, jwsProxy)).rejects.toThrow(words);
      }
    });
  });

  describe('the embedded identity service', () => {
    it('is not there', async () => {
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

    it('is said to be off on the command line', async () => {
      const env = { ...database.env, ...environment() };
      for (const args of [
        ['iam', 'user', 'list'],
        ['iam', 'group', 'list'],
        ['token', '--user', 'admin', '--project', 'default'],
        ['access-key', 'list', '--user', 'admin'],
      ]) {
        const { code, stderr } = await signet(args, env);
        expect([args[0], code, stderr]).toEqual([
          args[0],
          1,
          `the embedded identity service is off (SIGNET_IDENTITY_FILE): users, roles and tokens are kept by Keystone (${proxy.url})\n`,
        ]);
      }
    });
  });

  it('no token and no password is in a log line, in the database or in its files', async () => {
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
