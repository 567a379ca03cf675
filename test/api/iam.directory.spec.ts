import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuditTrailService } from '../../src/platform/audit/audit-trail.service.js';
import { Database } from '../../src/platform/database/database.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { ProjectsService } from '../../src/identity/projects/projects.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { ADMIN_PASSWORD, Client, TestService } from '../support/service.js';

const SELF = 'https://signet.example/v3';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let admin: Client;
  let alice: Client;
  let stranger: Client;
  let iam: IamAdminService;

  const token = async (user: string, password: string, scope: object | undefined, domain = 'default') => {
    const identity = { methods: ['password'], password: { user: { name: user, password, domain: { name: domain } } } };
    const answer = await new Client(service.baseUrl, '', '').post('/v3/auth/tokens', { auth: { identity, scope } });
    return new Client(service.baseUrl, answer.body.token.project?.id ?? '', answer.headers.get('x-subject-token')!);
  };
  const names = (rows: { name: string }[]) => rows.map((row) => row.name);

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, { SIGNET_REGION: 'eu-test', SIGNET_PUBLIC_URL: 'https://signet.example' });
    iam = service.app.get(IamAdminService);
    await service.app.get(ProjectsService).ensureDomain('other');
    await iam.addProject({ name: 'shop' }, 'The shop');
    await iam.addProject({ name: 'blog' });
    await iam.addProject({ name: 'shop', domain: 'other' });
    await iam.addUser({ name: 'alice' }, { password: 'a-password' });
    await iam.addUser({ name: 'dora', domain: 'other' }, { password: 'a-password' });
    await iam.grant({ user: 'alice', project: 'shop', role: 'APIG FullAccess' });
    await iam.grant({ user: 'alice', project: 'shop', role: 'APIG ReadOnlyAccess' });
    await iam.grant({ user: 'dora', project: 'shop', role: 'APIG Administrator', domain: 'other' });
    admin = await token('admin', ADMIN_PASSWORD, { project: { name: 'default' } });
    alice = await token('alice', 'a-password', { project: { name: 'shop' } });
    stranger = await token('dora', 'a-password', { project: { name: 'shop' } }, 'other');
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('GET /v3/projects and GET /v3/auth/projects', () => {
    it.each(['/v3/projects', '/v3/auth/projects'])('list each project in which the caller holds a role once: %s', async (path) => {
      const answer = await alice.get(path);
      const { domain_id } = answer.body.projects[0];
      expect([answer.status, answer.body]).toEqual([
        200,
        {
          projects: [
            {
              id: alice.projectId,
              name: 'shop',
              domain_id: expect.stringMatching(/^[0-9a-f]{32}$/),
              parent_id: domain_id,
              enabled: true,
              is_domain: false,
              description: 'The shop',
              links: { self: `${SELF}/projects/${alice.projectId}` },
            },
          ],
          links: { self: SELF + path.slice(3), next: null, previous: null },
        },
      ]);
    });

    it('filter by exact name and by domain, and show no project of another domain', async () => {
      expect(names((await admin.get('/v3/projects')).body.projects)).toContain('default');
      expect((await alice.get('/v3/projects?name=shop')).body.projects).toHaveLength(1);
      expect((await alice.get('/v3/projects?name=blog')).body.projects).toEqual([]);
      expect((await alice.get('/v3/projects?name=sho')).body.projects).toEqual([]);
      expect((await alice.get('/v3/projects?name=SHOP')).body.projects).toEqual([]);
      expect((await alice.get('/v3/projects?domain_id=none')).body.projects).toEqual([]);
    });

    it('answer a GET with the body {}, as the Node SDK sends it', async () => {
      // fetch refuses a body on GET.
      const { request } = await import('node:http');
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const headers = { 'x-auth-token': alice.token, 'content-type': 'application/json', 'content-length': 2 };
        const call = request(`${service.baseUrl}/v3/projects?name=shop`, { method: 'GET', headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        call.on('error', reject).end('{}');
      });
      expect(status).toBe(200);
    });

    it('need a token, which may have no scope', async () => {
      expect(names((await (await token('alice', 'a-password', undefined)).get('/v3/projects')).body.projects)).toEqual(['shop']);
      const answer = await new Client(service.baseUrl, '', '').get('/v3/projects');
      const message = 'The request you have made requires authentication.';
      expect([answer.status, answer.body]).toEqual([401, { error: { code: 401, message, title: 'Unauthorized' } }]);
    });
  });

  describe('POST /v3/projects', () => {
    const create = (client: Client, project: unknown) => client.post('/v3/projects', { project });

    it('answers 201, creates a project in which the caller has its roles, and writes an audit row', async () => {
      const answer = await create(admin, { name: 'eu-test', description: 'made here' });
      expect(answer.status).toBe(201);
      const { project } = answer.body;
      expect(project).toMatchObject({ name: 'eu-test', description: 'made here', enabled: true, is_domain: false });
      const inside = await token('admin', ADMIN_PASSWORD, { project: { id: project.id } });
      expect((await inside.get('/v2/{project}/apigw/instances/none/signs')).status).toBe(404);
      const rows = await service.app
        .get(Database)
        .rows('SELECT seq, action, resource_id, user_name FROM audit_events WHERE scope_id = ?', [project.id]);
      expect(rows).toEqual([{ seq: 1, action: 'CreateProject', resource_id: project.id, user_name: 'admin' }]);
    });

    it('answers 201 for a domain token and for the domain’s id, as the Node SDK calls it', async () => {
      const ofDomain = await token('admin', ADMIN_PASSWORD, { domain: { name: 'default' } });
      const { domains } = (await ofDomain.get('/v3/auth/domains')).body;
      expect((await create(ofDomain, { name: 'eu-two', domain_id: domains[0].id })).status).toBe(201);
    });

    it('answers 403 without the administrator’s role, and for another domain', async () => {
      expect((await create(alice, { name: 'mine' })).status).toBe(403);
      const { domains } = (await admin.get('/v3/auth/domains')).body;
      expect((await create(stranger, { name: 'mine', domain_id: domains[0].id })).status).toBe(403);
      expect((await create(await token('admin', ADMIN_PASSWORD, undefined), { name: 'mine' })).status).toBe(403);
    });

    it('answers 409 for an existing name, also for concurrent requests, and stores nothing', async () => {
      const answers = await Promise.all(Array.from({ length: 5 }, () => create(admin, { name: 'raced' })));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
      expect((await create(admin, { name: 'shop' })).status).toBe(409);
      const sql =
        'SELECT scope_id FROM change_counters WHERE project_id NOT IN (SELECT id FROM projects UNION SELECT id FROM domains UNION SELECT ?)';
      expect(await service.app.get(Database).rows(sql, [''])).toEqual([]);
    });

    it.each([
      ['project', undefined],
      ['project', null],
      ['project', []],
      ['project.name', {}],
      ['project.name', { name: '' }],
      ['project.name', { name: 'with space' }],
      ['project.name', { name: 'x'.repeat(65) }],
      ['project.name', { name: ['x'] }],
      ['project.description', { name: 'ok', description: 'x'.repeat(256) }],
      ['project.description', { name: 'ok', description: {} }],
      ['project.domain_id', { name: 'ok', domain_id: 5 }],
    ])('answers 400 and names %s (case %#)', async (field, project) => {
      const answer = await create(admin, project);
      expect([answer.status, answer.body.error?.message.split(': ')[1]]).toEqual([400, field]);
    });
  });

  it('GET /v3/auth/domains lists the caller’s own domain, also by name', async () => {
    const answer = await stranger.get('/v3/auth/domains');
    expect([answer.status, names(answer.body.domains)]).toEqual([200, ['other']]);
    expect(answer.body.domains[0]).toMatchObject({ id: expect.any(String), enabled: true });
    expect((await stranger.get('/v3/auth/domains?name=other')).body.domains).toHaveLength(1);
    expect((await stranger.get('/v3/auth/domains?name=default')).body.domains).toEqual([]);
  });

  it('GET /v3/auth/catalog lists the services that the token’s scope covers', async () => {
    const urls = async (client: Client) =>
      (await client.get('/v3/auth/catalog')).body.catalog.map((entry: any) => [entry.type, entry.endpoints[0].url]);
    const apig = `https://signet.example/v2/${alice.projectId}`;
    const identity = [
      ['identity', SELF],
      ['iam', SELF],
    ];
    expect(await urls(alice)).toEqual([...identity, ['apig', apig], ['volumev2', apig]]);
    expect(await urls(await token('alice', 'a-password', { domain: { name: 'default' } }))).toEqual(identity);
  });

  describe('GET /v3/users', () => {
    it('lists all users of the domain for its administrator and only the caller for others, without any hash', async () => {
      const all = await admin.get('/v3/users');
      expect(names(all.body.users)).toEqual(['admin', 'alice']);
      expect(all.text).not.toContain('argon2');
      expect(names((await alice.get('/v3/users')).body.users)).toEqual(['alice']);
      expect(names((await stranger.get('/v3/users')).body.users)).toEqual(['dora']);
    });

    it('filters by name', async () => {
      const { users } = (await admin.get('/v3/users?name=alice')).body;
      const domain_id = expect.any(String);
      expect(users).toEqual([
        { id: users[0].id, name: 'alice', domain_id, enabled: true, links: { self: `${SELF}/users/${users[0].id}` } },
      ]);
      expect((await alice.get('/v3/users?name=admin')).body.users).toEqual([]);
      expect((await admin.get('/v3/users?name=dora')).body.users).toEqual([]);
      expect((await admin.get('/v3/users?name=a&name=b')).status).toBe(400);
    });
  });

  it('GET /v3/regions lists the one region, with the type public that the Node SDK expects', async () => {
    const { regions } = (await alice.get('/v3/regions')).body;
    expect(regions).toMatchObject([{ id: 'eu-test', type: 'public' }]);
  });

  it('GET / and GET /v3 return the version without a token', async () => {
    const anyone = new Client(service.baseUrl, '', '');
    const version = { id: 'v3.14', status: 'stable', links: [{ rel: 'self', href: `${SELF}/` }] };
    expect((await anyone.get('/')).body).toEqual({ versions: { values: [version] } });
    expect((await anyone.get('/v3')).body).toEqual({ version });
    expect((await anyone.get('/v3/')).body).toEqual({ version });
  });

  describe('the operator', () => {
    it('grants and revokes a role with one audit row each in the project’s chain', async () => {
      const change = { user: 'alice', project: 'blog', role: 'APIG ReadOnlyAccess' };
      const done = [await iam.grant(change), await iam.grant(change), await iam.revoke(change), await iam.revoke(change)];
      expect(done).toEqual([true, false, true, false]);
      const [{ id } = { id: '' }] = (await iam.listProjects()).filter((project) => project.name === 'blog');
      const rows = await service.app
        .get(Database)
        .rows('SELECT action, resource_name, user_name FROM audit_events WHERE scope_id = ? ORDER BY seq', [id]);
      expect(rows).toEqual([
        { action: 'CreateProject', resource_name: 'blog', user_name: 'signet-cli' },
        { action: 'GrantRole', resource_name: change.role, user_name: 'signet-cli' },
        { action: 'RevokeRole', resource_name: change.role, user_name: 'signet-cli' },
      ]);
      expect((await service.app.get(AuditTrailService).verify()).faults).toEqual([]);
    });

    it('gets an error message for a command that cannot be executed', async () => {
      await expect(iam.addUser({ name: 'alice' })).rejects.toThrow('the user alice already exists');
      await expect(iam.addUser({ name: 'a b' })).rejects.toThrow('is not a valid name of a user');
      await expect(iam.addUser({ name: 'new' }, { password: '' })).rejects.toThrow('8 to 1024 characters');
      await expect(iam.addUser({ name: 'new', domain: 'none' })).rejects.toThrow('there is no domain none');
      await expect(iam.addProject({ name: 'shop' })).rejects.toThrow('the project shop already exists');
      await expect(iam.grant({ user: 'alice', project: 'shop', role: 'Boss' })).rejects.toThrow('Boss is not a role');
      await expect(iam.grant({ user: 'x', project: 'shop', role: 'APIG FullAccess' })).rejects.toThrow('there is no user x');
      await expect(iam.grant({ user: 'alice', project: 'x', role: 'APIG FullAccess' })).rejects.toThrow('there is no project x');
      await expect(iam.setPassword({ name: 'x' })).rejects.toThrow('there is no user x');
      await expect(iam.issueToken('alice', 'blog')).rejects.toThrow('has no role');
    });

    it('lists users with their roles, and gets a token that works without a password', async () => {
      const listed = (await iam.listUsers()).find((user) => user.name === 'alice');
      expect(listed).toMatchObject({
        domain: 'default',
        enabled: true,
        roles: [{ project: 'shop', role: 'APIG FullAccess' }, { project: 'shop' }],
      });
      const issued = await iam.issueToken('alice', 'shop');
      expect((await new Client(service.baseUrl, issued.projectId, issued.token).get('/v3/projects')).status).toBe(200);
    });
  });
});
