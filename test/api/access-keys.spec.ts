import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuditTrailService } from '../../src/platform/audit/audit-trail.service.js';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { send, signer } from '../support/access-keys.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import type { Pair } from '../support/raw-signer.js';
import { remac } from '../support/row-macs.js';
import { type Answer, Client, READ_ONLY, TestService } from '../support/service.js';

const CREDENTIALS = '/v3.0/OS-CREDENTIAL/credentials';
const SECURITY_TOKENS = '/v3.0/OS-CREDENTIAL/securitytokens';
const NOT_FOUND = { error: { code: 404, message: 'The resource could not be found.', title: 'Not Found' } };
const JSON_TYPE = { 'Content-Type': 'application/json' };
const SECOND = 1000;

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  /** Another process on the same database. */
  let other: TestService;
  let admin: Client;
  let ahead = 0;

  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test);
    other = await TestService.start(test);
    for (const { app } of [service, other]) app.get(Clock).now = () => new Date().getTime() + ahead;
    admin = await service.client({ role: 'APIG Administrator' });
  });
  afterAll(async () => {
    await other.stop();
    await service.stop();
    await test.drop();
  });

  const create = async (client: Client, credential: object = {}): Promise<any> => {
    const answer = await client.post(CREDENTIALS, { credential });
    expect([answer.status, answer.text]).toEqual([201, answer.text]);
    return answer.body.credential;
  };
  const failed = (answer: Answer) => [answer.status, answer.body.error.message];
  /** Whether a process accepts the key. */
  const works = async (key: Pair, at = service) =>
    (await send(at.baseUrl, key, { target: '/v3/auth/domains', at: at.app.get(Clock).now() })).status === 200;

  describe('POST …/credentials', () => {
    it('creates a key of the caller, and shows its secret only in this answer', async () => {
      const client = await service.client();
      const made = await create(client, { description: 'for CI' });
      expect(made).toEqual({
        access: expect.stringMatching(/^[A-Z0-9]{20}$/),
        secret: expect.stringMatching(/^[A-Za-z0-9]{40}$/),
        user_id: expect.any(String),
        status: 'active',
        create_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
        description: 'for CI',
      });
      const { secret, ...shown } = made;
      expect((await client.get(`${CREDENTIALS}/${made.access}`)).body).toEqual({ credential: shown });
      expect((await client.get(CREDENTIALS)).body).toEqual({ credentials: [shown] });
      expect((await client.put(`${CREDENTIALS}/${made.access}`, { credential: { description: '' } })).text).not.toContain(secret);
      expect(await works(made)).toBe(true);
    });

    it('lets an administrator of the domain create a key for another user whose rights the administrator has', async () => {
      const [boss, client] = [
        await service.client({ project: 'shared', role: 'APIG Administrator' }),
        await service.client({ project: 'shared' }),
      ];
      const { user_id } = await create(client);
      const made = await create(boss, { user_id });
      expect(made.user_id).toBe(user_id);
      expect((await boss.get(`${CREDENTIALS}?user_id=${user_id}`)).body.credentials).toHaveLength(2);
      expect((await boss.get(CREDENTIALS)).body.credentials).toHaveLength(0);
      expect((await boss.delete(`${CREDENTIALS}/${made.access}`)).status).toBe(204);
    });

    it('refuses a key for a user with rights that the caller lacks, because the holder of a key acts as its user', async () => {
      const iam = service.app.get(IamAdminService);
      const boss = await service.client({ project: 'sandbox', role: 'APIG Administrator' });
      const others = { foreign: await service.client({ project: 'vault' }), both: await service.client({ project: 'sandbox' }) };
      const idOf = async (client: Client) => (await create(client)).user_id as string;
      const [foreign, both] = [await idOf(others.foreign), await idOf(others.both)];
      expect((await boss.post(CREDENTIALS, { credential: { user_id: foreign } })).status).toBe(404);
      expect((await boss.post(CREDENTIALS, { credential: { user_id: both } })).status).toBe(201);
      const reader = await service.client({ project: 'sandbox', role: READ_ONLY });
      const row = await service.app.get(Database).rows<{ name: string }>('SELECT name FROM users WHERE id = ?', [await idOf(reader)]);
      await iam.grant({ user: row[0]!.name, project: 'vault', role: 'APIG FullAccess' });
      const { user_id } = (await reader.get(CREDENTIALS)).body.credentials[0];
      expect((await boss.post(CREDENTIALS, { credential: { user_id } })).status).toBe(404);
    });

    it('writes an audit row with user and key into the chain of the domain', async () => {
      const client = await service.client();
      const { access, user_id } = await create(client);
      await client.put(`${CREDENTIALS}/${access}`, { credential: { status: 'inactive' } });
      await client.put(`${CREDENTIALS}/${access}`, { credential: { status: 'inactive' } });
      await client.delete(`${CREDENTIALS}/${access}`);
      const sql = 'SELECT action, user_id AS userId FROM audit_events WHERE resource_id = ? ORDER BY seq';
      expect(await service.app.get(Database).rows(sql, [access])).toEqual([
        { action: 'CreatePermanentAccessKey', userId: user_id },
        { action: 'UpdatePermanentAccessKey', userId: user_id },
        { action: 'DeletePermanentAccessKey', userId: user_id },
      ]);
      expect((await service.app.get(AuditTrailService).verify()).faults).toEqual([]);
    });

    it('answers 409 for a third key, also for concurrent requests in two processes', async () => {
      const client = await service.client();
      const ask = ({ baseUrl }: TestService) => new Client(baseUrl, '', client.token).post(CREDENTIALS, { credential: {} });
      const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(i % 2 ? service : other)));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409, 409, 409, 409, 409]);
      expect((await client.get(CREDENTIALS)).body.credentials).toHaveLength(2);
    });
  });

  describe('a foreign id gets the same 404 as an unknown one', () => {
    it('for keys and for users', async () => {
      const [mine, theirs] = [await service.client(), await service.client()];
      const { access, user_id } = await create(theirs);
      const at = (path: string) => [
        ['GET', path, undefined],
        ['PUT', path, { credential: { status: 'inactive' } }],
        ['DELETE', path, undefined],
      ];
      for (const path of [access, 'AAAAAAAAAAAAAAAAAAAA', 'x', '%00', 'a'.repeat(300)])
        for (const [method, own, body] of at(`${CREDENTIALS}/${path}`) as [string, string, unknown][]) {
          const answer = await mine.call(method, own, body);
          expect([path, method, answer.status, answer.body]).toEqual([path, method, 404, NOT_FOUND]);
        }
      for (const id of [user_id, 'nobody']) {
        expect((await mine.get(`${CREDENTIALS}?user_id=${id}`)).body).toEqual(NOT_FOUND);
        expect((await mine.post(CREDENTIALS, { credential: { user_id: id } })).body).toEqual(NOT_FOUND);
      }
      expect(await works(await create(theirs))).toBe(true);
    });

    it('for an administrator of another domain', async () => {
      const { access } = await create(await service.client());
      const database = service.app.get(Database);
      const stranger = await service.client({ role: 'APIG Administrator' });
      await database.transaction(async (tx) => {
        await tx.run("INSERT INTO domains (id, name, enabled, created_at) VALUES ('elsewhere', 'elsewhere', 1, 0)");
        const user = '(SELECT r.user_id FROM role_assignments r WHERE r.project_id = ?)';
        await tx.run(`UPDATE users SET domain_id = 'elsewhere' WHERE id = ${user}`, [stranger.projectId]);
        await tx.run("UPDATE projects SET domain_id = 'elsewhere' WHERE id = ?", [stranger.projectId]);
      });
      const [moved] = await database.rows<{ id: string }>("SELECT id FROM users WHERE domain_id = 'elsewhere'");
      await remac(service, 'domains', 'elsewhere');
      await remac(service, 'users', moved!.id);
      await remac(service, 'projects', stranger.projectId);
      ahead += 31 * SECOND;
      expect((await stranger.get(`${CREDENTIALS}/${access}`)).status).toBe(404);
      expect((await admin.get(`${CREDENTIALS}/${access}`)).status).toBe(200);
    });
  });

  describe('POST …/credentials', () => {
    it.each([
      ['POST', undefined, 'credential'],
      ['POST', { credential: null }, 'credential'],
      ['POST', { credential: [] }, 'credential'],
      ['POST', { credential: { description: 1 } }, 'credential.description'],
      ['POST', { credential: { description: 'x'.repeat(256) } }, 'credential.description'],
      ['POST', { credential: { user_id: {} } }, 'credential.user_id'],
      ['POST', { credential: { description: null } }, 'credential.description'],
      ['PUT', {}, 'credential'],
      ['PUT', { credential: { status: 'off' } }, 'credential.status'],
      ['PUT', { credential: { status: null } }, 'credential.status'],
      ['PUT', { credential: { description: null } }, 'credential.description'],
    ])('answers 400 to %s %j and names %s', async (method, body, field) => {
      const answer = await admin.call(method, method === 'PUT' ? `${CREDENTIALS}/AAAAAAAAAAAAAAAAAAAA` : CREDENTIALS, body ?? {});
      expect(answer.status).toBe(400);
      expect(answer.body.error.message).toContain(`: ${field}`);
    });

    it.each([
      [{ methods: ['password'] }, 'auth.identity.methods'],
      [{ methods: ['token'], token: { duration_seconds: 899 } }, 'auth.identity.token.duration_seconds'],
      [{ methods: ['token'], token: { duration_seconds: 86_401 } }, 'auth.identity.token.duration_seconds'],
      [{ methods: ['token'], token: { duration_seconds: null } }, 'auth.identity.token.duration_seconds'],
      [{ methods: ['token'], token: null }, 'auth.identity.token'],
      [{ methods: ['token'], token: { duration_seconds: '900' } }, 'auth.identity.token.duration_seconds'],
      // A key that can do more than was asked for would be worse than none.
      [{ methods: ['token'], policy: { Version: '1.1', Statement: [] } }, 'auth.identity.policy'],
    ])('answers 400 to a temporary key with %j and names %s', async (identity, field) => {
      const answer = await admin.post(SECURITY_TOKENS, { auth: { identity } });
      expect(failed(answer)).toEqual([400, expect.stringContaining(`: ${field}`)]);
    });
  });

  describe('a key', () => {
    it.each([
      ['disabled', (client: Client, access: string) => client.put(`${CREDENTIALS}/${access}`, { credential: { status: 'inactive' } })],
      ['deleted', (client: Client, access: string) => client.delete(`${CREDENTIALS}/${access}`)],
    ])('is refused at once in this process, and within five seconds in others: %s', async (_, stop) => {
      const { client, key } = await signer(service);
      expect([await works(key), await works(key, other)]).toEqual([true, true]);
      expect((await stop(client, key.access)).status).toBeLessThan(300);
      expect(await works(key)).toBe(false);
      ahead += 5 * SECOND;
      expect(await works(key, other)).toBe(false);
    });

    it('is accepted again when it is enabled', async () => {
      const { client, key } = await signer(service);
      for (const status of ['inactive', 'active']) await client.put(`${CREDENTIALS}/${key.access}`, { credential: { status } });
      expect(await works(key)).toBe(true);
    });

    it('whose user is disabled or has lost its role is refused within five seconds', async () => {
      const { client, key } = await signer(service);
      const iam = service.app.get(IamAdminService);
      const database = service.app.get(Database);
      const sql =
        'SELECT u.name AS user, p.name AS project FROM users u JOIN role_assignments r ON r.user_id = u.id JOIN projects p ON p.id = r.project_id WHERE p.id = ?';
      const [names] = await database.rows<{ user: string; project: string }>(sql, [client.projectId]);
      const target = `/v2/${client.projectId}/apigw/instances`;
      const list = async () => (await send(service.baseUrl, key, { target, at: service.app.get(Clock).now() })).status;
      expect(await list()).toBe(200);
      await iam.revoke({ ...names!, role: 'APIG FullAccess' });
      ahead += 5 * SECOND;
      expect([await list(), await works(key)]).toEqual([403, true]);
      await iam.setEnabled({ name: names!.user }, false);
      ahead += 5 * SECOND;
      expect(await works(key)).toBe(false);
    });
  });

  describe('more than five wrong signatures in a row', () => {
    const bad = (key: Pair, at = service) => works({ ...key, secret: 'x'.repeat(40) }, at);

    it('lock a key for five minutes, for their address only', async () => {
      const { key } = await signer(service);
      // One valid signature resets the count.
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < 5; i++) await bad(key);
        expect(await works(key)).toBe(true);
      }
      for (let i = 0; i < 6; i++) await bad(key);
      expect(await works(key)).toBe(false);
      // The lock is in this process only and is not stored: the id of a key is no secret, so anybody who knows it could lock out the owner.
      expect(await works(key, other)).toBe(true);
      ahead += 6 * 60 * SECOND;
      expect([await works(key), await works(key, other)]).toEqual([true, true]);
    });

    it('do not reveal whether a key exists: locked and unknown keys get the same answer', async () => {
      const { key } = await signer(service);
      for (let i = 0; i < 6; i++) await bad(key);
      const answer = (pair: Pair) => send(service.baseUrl, pair, { target: '/v3/auth/domains', at: service.app.get(Clock).now() });
      const [locked, unknown] = [await answer(key), await answer({ access: 'AAAAAAAAAAAAAAAAAAAA', secret: 'x' })];
      expect([locked.status, locked.text]).toEqual([401, unknown.text]);
    });
  });

  describe('a temporary key', () => {
    const make = async (client: Client, token: object = {}) => {
      const answer = await client.post(SECURITY_TOKENS, { auth: { identity: { methods: ['token'], token } } });
      expect(answer.status).toBe(201);
      return answer.body.credential as Required<Pair> & { expires_at: string };
    };

    it('signs for the requested time, in both forms, whether its security token is signed or not', async () => {
      const client = await service.client();
      const key = await make(client, { duration_seconds: 1800 });
      const now = service.app.get(Clock).now();
      expect(Date.parse(key.expires_at) - now).toBeGreaterThan(1_790 * SECOND);
      const target = `/v2/${client.projectId}/apigw/instances`;
      for (const form of ['Access', 'Credential'] as const) {
        const at = service.app.get(Clock).now();
        const { securitytoken, ...pair } = key;
        expect((await send(service.baseUrl, key, { target, form, at })).status).toBe(200);
        expect((await send(service.baseUrl, pair, { target, form, at, headers: { 'X-Security-Token': securitytoken } })).status).toBe(200);
        expect((await send(other.baseUrl, key, { target, form, at })).status).toBe(200);
        expect((await send(service.baseUrl, pair, { target, form, at })).status).toBe(401);
      }
      ahead += 1800 * SECOND;
      expect([await works(key), await works(key, other)]).toEqual([false, false]);
    });

    it('ends when the token that created it expires or is revoked', async () => {
      const client = await service.client();
      const key = await make(client, { duration_seconds: 86_400 });
      expect(await works(key)).toBe(true);
      const revoked = await client.call('DELETE', '/v3/auth/tokens', undefined, { 'x-subject-token': client.token });
      expect(revoked.status).toBe(204);
      ahead += 5 * SECOND;
      expect([await works(key), await works(key, other)]).toEqual([false, false]);
      const next = await service.client();
      ahead += 3600 * SECOND;
      const capped = await make(next, { duration_seconds: 86_400 });
      const { expires_at } = (await next.call('GET', '/v3/auth/tokens', undefined, { 'x-subject-token': next.token })).body.token;
      expect(Date.parse(capped.expires_at)).toBe(Date.parse(expires_at));
    });

    it('ends when the password changes, as the token does', async () => {
      const client = await service.client();
      const key = await make(client);
      const [{ name: user }] = (await client.get('/v3/users')).body.users;
      await service.app.get(IamAdminService).setPassword({ name: user });
      ahead += 5 * SECOND;
      expect([await works(key), await works(key, other)]).toEqual([false, false]);
    });

    it('is valid only with its own, unchanged security token', async () => {
      const client = await service.client();
      const [a, b] = [await make(client), await make(client)];
      const changed = a.securitytoken.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'));
      for (const securitytoken of [b.securitytoken, a.securitytoken.slice(0, 60), `${changed}A`, 'K1.'])
        expect(await works({ ...a, securitytoken })).toBe(false);
      expect(await works({ access: b.access, secret: a.secret, securitytoken: a.securitytoken })).toBe(false);
      const permanent = await create(client);
      expect(await works({ ...permanent, securitytoken: a.securitytoken })).toBe(false);
    });

    it('cannot create keys, because they would outlive it', async () => {
      const client = await service.client();
      const key = await make(client);
      const at = service.app.get(Clock).now();
      const request = { method: 'POST', target: CREDENTIALS, headers: JSON_TYPE, body: '{"credential":{}}', at };
      expect((await send(service.baseUrl, key, request)).status).toBe(403);
      const temporary = JSON.stringify({ auth: { identity: { methods: ['token'] } } });
      expect((await send(service.baseUrl, key, { ...request, target: SECURITY_TOKENS, body: temporary })).status).toBe(400);
    });

    it('is created from the caller’s own token, in the body or in the header', async () => {
      const [client, stranger] = [await service.client(), await service.client()];
      expect(await works(await make(client, { id: client.token }))).toBe(true);
      const answer = await stranger.post(SECURITY_TOKENS, { auth: { identity: { methods: ['token'], token: { id: client.token } } } });
      expect(answer.status).toBe(401);
    });

    it('is not stored in the database', async () => {
      const database = service.app.get(Database);
      const count = async () => (await database.rows<{ n: number }>('SELECT COUNT(*) AS n FROM access_keys'))[0]!.n;
      const before = await count();
      await make(await service.client());
      expect(await count()).toBe(before);
    });
  });

  it('the column of a secret accepts only sealed values', async () => {
    const { key } = await signer(service);
    const clear = service.app
      .get(Database)
      .transaction((tx) => tx.run('UPDATE access_keys SET secret_key = ? WHERE access_key = ?', ['x'.repeat(60), key.access]));
    await expect(clear).rejects.toThrow(/ck_access_keys_secret_key/);
  });

  it('a secret that was moved to another key cannot be decrypted: the key is refused, and the log says why', async () => {
    const [a, b] = [await signer(service), await signer(service)];
    const sql =
      'UPDATE access_keys SET secret_key = (SELECT s FROM (SELECT secret_key AS s FROM access_keys WHERE access_key = ?) x) WHERE access_key = ?';
    await service.app.get(Database).transaction((tx) => tx.run(sql, [a.key.access, b.key.access]));
    const answer = await send(
      service.baseUrl,
      { access: b.key.access, secret: a.key.secret },
      { target: '/v3/auth/domains', at: service.app.get(Clock).now() },
    );
    expect(answer.status).toBe(401);
    // Both processes use Nest's one logger.
    expect([...service.logs, ...other.logs].join('')).toContain(`the secret of the access key ${b.key.access} was altered`);
    expect(await works(a.key)).toBe(true);
  });
});
