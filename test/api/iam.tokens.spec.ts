import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { ProjectsService } from '../../src/identity/projects/projects.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { ADMIN_PASSWORD, type Answer, Client, TestService } from '../support/service.js';

const MICROSECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const WRONG = { error: { code: 401, message: 'The username or password is wrong.', title: 'Unauthorized' } };
const UNAUTHENTICATED = { error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' } };

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let anonymous: Client;
  let admin: IamAdminService;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, {
      SIGNET_REGION: 'eu-test',
      SIGNET_PUBLIC_URL: 'https://signet.example',
      // Many of these logins fail. The limit of failed logins is tested in test/api/limits.spec.ts.
      SIGNET_RATE_LIMITS: 'login-user=off,login-address=off',
    });
    anonymous = new Client(service.baseUrl, '', '');
    admin = service.app.get(IamAdminService);
    await admin.addProject({ name: 'shop' });
    await admin.addProject({ name: 'empty' });
    await admin.addUser({ name: 'alice' }, { password: 'alice-password' });
    await admin.addUser({ name: 'bob' }, { password: 'bob-password' });
    await admin.grant({ user: 'alice', project: 'shop', role: 'APIG ReadOnlyAccess' });
    await admin.grant({ user: 'bob', project: 'shop', role: 'APIG FullAccess' });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const identity = (user: string, password: string) => ({
    methods: ['password'],
    password: { user: { name: user, password, domain: { name: 'default' } } },
  });
  const login = (user: string, password: string, scope?: unknown): Promise<Answer> =>
    anonymous.post('/v3/auth/tokens', { auth: { identity: identity(user, password), ...(scope !== undefined && { scope }) } });
  const alice = (scope?: unknown) => login('alice', 'alice-password', scope);
  const tokenOf = (answer: Answer): string => answer.headers.get('x-subject-token') ?? '';
  const as = (token: string) => new Client(service.baseUrl, '', token);
  const inShop = { project: { name: 'shop' } };

  describe('POST /v3/auth/tokens', () => {
    it('gives a token for a project by name, with user, roles, catalog and times in microseconds', async () => {
      const answer = await alice(inShop);
      expect(answer.status).toBe(201);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(tokenOf(answer)).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
      const { token } = answer.body;
      const domain = { id: expect.any(String), name: 'default' };
      expect(token).toMatchObject({
        issued_at: expect.stringMatching(MICROSECONDS),
        expires_at: expect.stringMatching(MICROSECONDS),
        methods: ['password'],
        user: { id: expect.any(String), name: 'alice', domain },
        project: { id: expect.any(String), name: 'shop', domain },
        roles: [{ id: expect.stringMatching(/^[0-9a-f]{32}$/), name: 'APIG ReadOnlyAccess' }],
      });
      expect(Date.parse(token.expires_at) - Date.parse(token.issued_at)).toBe(86_400_000);
      const urls = Object.fromEntries(token.catalog.map((entry: any) => [entry.type, entry.endpoints]));
      const endpoint = (url: string) => [{ id: expect.any(String), interface: 'public', region: 'eu-test', region_id: 'eu-test', url }];
      expect(urls).toEqual({
        identity: endpoint('https://signet.example/v3'),
        iam: endpoint('https://signet.example/v3'),
        apig: endpoint(`https://signet.example/v2/${token.project.id}`),
        volumev2: endpoint(`https://signet.example/v2/${token.project.id}`),
      });
    });

    it('gives the same token if project, user and domain are named by id', async () => {
      const { user, project } = (await alice(inShop)).body.token;
      const byId = await anonymous.post('/v3/auth/tokens', {
        auth: {
          identity: { methods: ['password'], password: { user: { id: user.id, password: 'alice-password' } } },
          scope: { project: { id: project.id } },
        },
      });
      expect([byId.status, byId.body.token.project]).toEqual([201, project]);
      const inDomain = await alice({ project: { name: 'shop', domain: { id: user.domain.id } } });
      expect([inDomain.status, inDomain.body.token.project]).toEqual([201, project]);
    });

    it('gives a token for the user’s domain, by name or id, with the roles in that domain and no project', async () => {
      const byName = await alice({ domain: { name: 'default' } });
      const { token } = byName.body;
      expect(byName.status).toBe(201);
      expect(token.domain).toEqual({ id: token.user.domain.id, name: 'default' });
      expect(token).not.toHaveProperty('project');
      expect(token.roles.map((role: any) => role.name)).toEqual(['APIG ReadOnlyAccess']);
      expect((await alice({ domain: { id: token.domain.id } })).status).toBe(201);
    });

    it.each([undefined, 'unscoped', { unscoped: {} }])('gives a token without a scope for scope %p', async (scope) => {
      const answer = await alice(scope);
      expect(answer.status).toBe(201);
      expect(answer.body.token).not.toHaveProperty('project');
      expect(answer.body.token).not.toHaveProperty('roles');
    });

    it('leaves the catalog out with ?nocatalog, with or without a value', async () => {
      for (const query of ['nocatalog', 'nocatalog=true']) {
        const body = { auth: { identity: identity('alice', 'alice-password'), scope: inShop } };
        const answer = await anonymous.post(`/v3/auth/tokens?${query}`, body);
        expect(answer.status).toBe(201);
        expect(answer.body.token).not.toHaveProperty('catalog');
      }
    });

    it('ignores empty strings and unknown fields, as Go clients send them', async () => {
      const user = { id: '', name: 'alice', password: 'alice-password', domain: { id: '', name: 'default' }, extra: 1 };
      const scope = { project: { id: '', name: 'shop', domain: { id: '', name: '' } } };
      const body = { auth: { identity: { methods: ['password'], password: { user } }, scope } };
      expect((await anonymous.post('/v3/auth/tokens', body)).status).toBe(201);
    });

    it('exchanges a token for one of another scope, which expires no later', async () => {
      const first = await alice();
      const second = await anonymous.post('/v3/auth/tokens', {
        auth: { identity: { methods: ['token'], token: { id: tokenOf(first) } }, scope: inShop },
      });
      expect(second.status).toBe(201);
      expect(second.body.token.expires_at).toBe(first.body.token.expires_at);
      expect(second.body.token.methods).toEqual(['token', 'password']);
      expect(second.body.token.project.name).toBe('shop');
    });

    it('gives a token that allows in the project what the roles allow, and no more', async () => {
      const answer = await alice(inShop);
      const client = new Client(service.baseUrl, answer.body.token.project.id, tokenOf(answer));
      expect((await client.get('/v2/{project}/apigw/instances/none/signs')).status).toBe(404);
      expect((await client.post('/v2/{project}/apigw/instances/none/signs', { name: 'abc' })).status).toBe(403);
    });

    it('answers the same 401 for a wrong password, an unknown user, an unknown domain and a disabled user', async () => {
      await admin.addUser({ name: 'gone' }, { password: 'gone-password' }, { enabled: false });
      const unknownDomain = {
        methods: ['password'],
        password: { user: { name: 'alice', password: 'alice-password', domain: { name: 'x' } } },
      };
      const answers = [
        await login('alice', 'wrong'),
        await login('nobody', 'alice-password'),
        await login('gone', 'gone-password'),
        await login('ALICE', 'alice-password'),
        await login('alice ', 'alice-password'),
        await anonymous.post('/v3/auth/tokens', { auth: { identity: unknownDomain } }),
        await anonymous.post('/v3/auth/tokens', {
          auth: { identity: { methods: ['password'], password: { user: { id: 'x', password: 'p' } } } },
        }),
      ];
      for (const answer of answers) {
        expect([answer.status, answer.body]).toEqual([401, WRONG]);
        expect(answer.headers.get('x-subject-token')).toBeNull();
      }
    });

    it('takes as long for an unknown user as for a wrong password', async () => {
      const fastest = { alice: Number.POSITIVE_INFINITY, nobody: Number.POSITIVE_INFINITY };
      const ratio = () => Math.max(fastest.alice / fastest.nobody, fastest.nobody / fastest.alice);
      // The more logins, the less the fastest has waited for what else the machine runs.
      for (let i = 0; i < 10 || (i < 200 && ratio() >= 2); i++) {
        for (const user of ['alice', 'nobody'] as const) {
          const start = performance.now();
          await login(user, 'wrong');
          fastest[user] = Math.min(fastest[user], performance.now() - start);
        }
      }
      // If unknown users were not compared with a dummy hash, the ratio would be near 10.
      expect(ratio()).toBeLessThan(2);
    });

    it('answers the same 401 for a project without a role and for an unknown project', async () => {
      const admins = (await login('admin', ADMIN_PASSWORD, { project: { name: 'default' } })).body.token;
      const scopes = [
        { project: { name: 'empty' } },
        { project: { name: 'missing' } },
        { project: { id: admins.project.id } },
        { project: { name: 'shop', domain: { name: 'elsewhere' } } },
        { domain: { name: 'elsewhere' } },
      ];
      for (const scope of scopes) {
        const answer = await alice(scope);
        expect([scope, answer.status, answer.body]).toEqual([scope, 401, UNAUTHENTICATED]);
      }
    });

    it('answers 401 for a malformed token, without repeating it', async () => {
      const answer = await anonymous.post('/v3/auth/tokens', {
        auth: { identity: { methods: ['token'], token: { id: 'canary-not-a-token' } } },
      });
      expect([answer.status, answer.body]).toEqual([401, UNAUTHENTICATED]);
    });

    const user = { name: 'alice', password: 'alice-password', domain: { name: 'default' } };
    const password = { user };
    const body = (identity: unknown, scope?: unknown) => ({ auth: { identity, ...(scope !== undefined && { scope }) } });
    const withUser = (change: object) => body({ methods: ['password'], password: { user: { ...user, ...change } } });
    const scoped = (scope: unknown) => body({ methods: ['password'], password }, scope);

    it.each<[string, unknown]>([
      ['auth', undefined],
      ['auth', {}],
      ['auth', { auth: null }],
      ['auth', { auth: [] }],
      ['auth', { auth: 'x' }],
      ['auth', { auth: 7 }],
      ['auth.identity', { auth: {} }],
      ['auth.identity', body(null)],
      ['auth.identity', body([])],
      ['auth.identity', body([1])],
      ['auth.identity.methods', body({})],
      ['auth.identity.methods', body({ methods: 'password' })],
      ['auth.identity.methods', body({ methods: [] })],
      ['auth.identity.methods', body({ methods: [null] })],
      ['auth.identity.methods', body({ methods: [['password']] })],
      ['auth.identity.methods', body({ methods: ['totp'] })],
      ['auth.identity.methods', body({ methods: ['password', 'token'] })],
      ['auth.identity.password', body({ methods: ['password'] })],
      ['auth.identity.password', body({ methods: ['password'], password: null })],
      ['auth.identity.password', body({ methods: ['password'], password: [] })],
      ['auth.identity.password', body({ methods: ['password'], password: 'x' })],
      ['auth.identity.password.user', body({ methods: ['password'], password: {} })],
      ['auth.identity.password.user', body({ methods: ['password'], password: { user: [user] } })],
      ['auth.identity.password.user.name', withUser({ name: undefined })],
      ['auth.identity.password.user.name', withUser({ name: ['alice'] })],
      ['auth.identity.password.user.name', withUser({ name: {} })],
      ['auth.identity.password.user.id', withUser({ id: 5 })],
      ['auth.identity.password.user.password', withUser({ password: undefined })],
      ['auth.identity.password.user.password', withUser({ password: null })],
      ['auth.identity.password.user.password', withUser({ password: 12_345 })],
      ['auth.identity.password.user.password', withUser({ password: 'x'.repeat(1025) })],
      ['auth.identity.password.user.domain', withUser({ domain: undefined })],
      ['auth.identity.password.user.domain', withUser({ domain: null })],
      ['auth.identity.password.user.domain', withUser({ domain: 'default' })],
      ['auth.identity.password.user.domain', withUser({ domain: {} })],
      ['auth.identity.password.user.domain.name', withUser({ domain: { name: ['default'] } })],
      ['auth.identity.token', body({ methods: ['token'] })],
      ['auth.identity.token', body({ methods: ['token'], token: 'x' })],
      ['auth.identity.token.id', body({ methods: ['token'], token: {} })],
      ['auth.identity.token.id', body({ methods: ['token'], token: { id: '' } })],
      ['auth.identity.token.id', body({ methods: ['token'], token: { id: [] } })],
      ['auth.scope', scoped(null)],
      ['auth.scope', scoped([])],
      ['auth.scope', scoped('project')],
      ['auth.scope', scoped({})],
      ['auth.scope', scoped({ project: { name: 'shop' }, domain: { name: 'default' } })],
      ['auth.scope.project', scoped({ project: null })],
      ['auth.scope.project', scoped({ project: {} })],
      ['auth.scope.project', scoped({ project: [] })],
      ['auth.scope.project', scoped({ project: 'shop' })],
      ['auth.scope.project.id', scoped({ project: { id: 1 } })],
      ['auth.scope.project.domain', scoped({ project: { name: 'shop', domain: 'default' } })],
      ['auth.scope.domain', scoped({ domain: {} })],
      ['auth.scope.domain.name', scoped({ domain: { name: true } })],
    ])('answers 400 and names %s (case %#)', async (field, input) => {
      const answer = await anonymous.post('/v3/auth/tokens', input);
      expect([answer.status, answer.body.error?.message.split(': ')[1]]).toEqual([400, field]);
      expect(answer.text).not.toContain('alice-password');
    });

    it.each(['[]', '"x"', 'null x', '{"auth":', '[[[[', '{"auth":{"__proto__":{"x":1}}}'])('answers 400 for the body %s', async (text) => {
      const answer = await anonymous.call('POST', '/v3/auth/tokens', text);
      expect([answer.status, answer.body.error.code]).toEqual([400, 400]);
    });
  });

  describe('GET /v3/auth/tokens', () => {
    const validate = (caller: string, subject: string, query = '') =>
      as(caller).call('GET', `/v3/auth/tokens${query}`, undefined, { 'x-subject-token': subject });

    it('answers 200 for the caller’s own token, with the token and the body with which it was issued', async () => {
      const issued = await alice(inShop);
      const answer = await validate(tokenOf(issued), tokenOf(issued));
      expect([answer.status, answer.body]).toEqual([200, issued.body]);
      expect(tokenOf(answer)).toBe(tokenOf(issued));
      expect((await validate(tokenOf(issued), tokenOf(issued), '?nocatalog')).body.token).not.toHaveProperty('catalog');
    });

    it('answers 200 for another token of the domain when the caller is its administrator', async () => {
      const caller = tokenOf(await login('admin', ADMIN_PASSWORD, { project: { name: 'default' } }));
      const subject = await alice(inShop);
      expect((await validate(caller, tokenOf(subject))).body.token.user.name).toBe('alice');
    });

    it('answers 404 with the same message for another user’s token, a malformed one and one of another domain', async () => {
      await service.app.get(ProjectsService).ensureDomain('other');
      await admin.addProject({ name: 'theirs', domain: 'other' });
      await admin.addUser({ name: 'dora', domain: 'other' }, { password: 'dora-password' });
      await admin.grant({ user: 'dora', project: 'theirs', role: 'APIG Administrator', domain: 'other' });
      const dora = { methods: ['password'], password: { user: { name: 'dora', password: 'dora-password', domain: { name: 'other' } } } };
      const doras = await anonymous.post('/v3/auth/tokens', { auth: { identity: dora, scope: { project: { name: 'theirs' } } } });
      expect(doras.status).toBe(201);

      const caller = tokenOf(await alice(inShop));
      const foreign = await validate(caller, tokenOf(await login('bob', 'bob-password', inShop)));
      const otherDomain = await validate(tokenOf(doras), caller);
      const broken = await validate(caller, `${caller.slice(0, -4)}AAAA`);
      expect([foreign.status, otherDomain.status, broken.status]).toEqual([404, 404, 404]);
      expect([foreign.text, otherDomain.text]).toEqual([broken.text, broken.text]);
      expect(broken.text).not.toContain(caller.slice(0, 20));
    });

    it('answers 400 without X-Subject-Token, and 401 without a valid X-Auth-Token', async () => {
      const token = tokenOf(await alice());
      expect((await as(token).get('/v3/auth/tokens')).status).toBe(400);
      expect((await validate('', token)).status).toBe(401);
      expect((await validate('x.y.z', token)).status).toBe(401);
    });
  });

  describe('DELETE /v3/auth/tokens', () => {
    it('answers 204 and ends the token, while other tokens of the user stay valid', async () => {
      const [ended, other] = [tokenOf(await alice(inShop)), tokenOf(await alice(inShop))];
      expect((await as(ended).get('/v3/projects')).status).toBe(200);
      const answer = await as(other).call('DELETE', '/v3/auth/tokens', undefined, { 'x-subject-token': ended });
      expect(answer.status).toBe(204);
      expect((await as(ended).get('/v3/projects')).status).toBe(401);
      const exchange = { auth: { identity: { methods: ['token'], token: { id: ended } } } };
      expect((await anonymous.post('/v3/auth/tokens', exchange)).status).toBe(401);
      expect((await as(other).get('/v3/projects')).status).toBe(200);
      expect((await as(other).call('DELETE', '/v3/auth/tokens', undefined, { 'x-subject-token': ended })).status).toBe(404);
    });

    it('answers 404 for the token of another user, which stays valid', async () => {
      const bobs = tokenOf(await login('bob', 'bob-password', inShop));
      const caller = as(tokenOf(await alice()));
      expect((await caller.call('DELETE', '/v3/auth/tokens', undefined, { 'x-subject-token': bobs })).status).toBe(404);
      expect((await as(bobs).get('/v3/projects')).status).toBe(200);
    });
  });

  describe('a token after a change', () => {
    let ahead = 0;
    /** Runs `work` 30 seconds, the age limit of the token cache, after the last run. */
    async function later<T>(work: () => Promise<T>): Promise<T> {
      const clock = service.app.get(Clock);
      ahead += 31_000;
      clock.now = () => Date.now() + ahead;
      try {
        return await work();
      } finally {
        clock.now = Clock.prototype.now.bind(clock);
      }
    }

    /** A user with two roles in the shop, a token of it, and proof that the token works. */
    async function fresh(user: string): Promise<string> {
      await admin.addUser({ name: user }, { password: 'fresh-password' });
      await admin.grant({ user, project: 'shop', role: 'APIG FullAccess' });
      await admin.grant({ user, project: 'shop', role: 'APIG ReadOnlyAccess' });
      const token = tokenOf(await login(user, 'fresh-password', inShop));
      expect((await as(token).get('/v3/projects')).status).toBe(200);
      return token;
    }

    it('of the password stops working, and the new password gives a valid token', async () => {
      const token = await fresh('rekeyed');
      await admin.setPassword({ name: 'rekeyed' }, { password: 'another-password' });
      expect((await later(() => as(token).get('/v3/projects'))).status).toBe(401);
      expect((await login('rekeyed', 'fresh-password', inShop)).status).toBe(401);
      const renewed = tokenOf(await login('rekeyed', 'another-password', inShop));
      expect((await as(renewed).get('/v3/projects')).status).toBe(200);
    });

    it('stops working when its user is disabled, and stays invalid when the user is enabled again', async () => {
      const token = await fresh('disabled');
      await admin.setEnabled({ name: 'disabled' }, false);
      expect((await later(() => as(token).get('/v3/projects'))).status).toBe(401);
      expect((await login('disabled', 'fresh-password', inShop)).body).toEqual(WRONG);
      await admin.setEnabled({ name: 'disabled' }, true);
      expect((await later(() => as(token).get('/v3/projects'))).status).toBe(401);
      expect((await login('disabled', 'fresh-password', inShop)).status).toBe(201);
    });

    it('loses each role that its user loses, and is refused after the last one', async () => {
      const token = await fresh('demoted');
      const { project } = (await login('demoted', 'fresh-password', inShop)).body.token;
      const client = new Client(service.baseUrl, project.id, token);
      const create = () => client.post('/v2/{project}/apigw/instances/none/signs', { name: 'abc' });
      expect((await create()).status).toBe(404);
      await admin.revoke({ user: 'demoted', project: 'shop', role: 'APIG FullAccess' });
      expect((await later(create)).status).toBe(403);
      await admin.revoke({ user: 'demoted', project: 'shop', role: 'APIG ReadOnlyAccess' });
      expect((await later(create)).status).toBe(401);
    });
  });

  it('no log line contains a password or a token', async () => {
    const token = tokenOf(await alice(inShop));
    await login('alice', 'canary-wrong-password');
    await as(`${token}x`).get('/v3/projects');
    const logs = service.logs.join('\n');
    expect(logs).toContain('/v3/auth/tokens');
    for (const secret of ['alice-password', 'bob-password', 'canary', ADMIN_PASSWORD, token, token.slice(0, 40), '$argon2']) {
      expect(logs).not.toContain(secret);
    }
  });
});
