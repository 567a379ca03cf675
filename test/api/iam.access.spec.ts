import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { AuditTrailService } from '../../src/platform/audit/audit-trail.service.js';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { ProjectsService } from '../../src/identity/projects/projects.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Answer, Client, FULL_ACCESS, READ_ONLY, TestService } from '../support/service.js';

const NOWHERE = '0123456789abcdef0123456789abcdef';
const ADMINISTRATOR = 'APIG Administrator';
const unique = (name: string) => `${name}_${randomBytes(4).toString('hex')}`;
const policy = (...statements: [effect: string, ...actions: string[]][]) => ({
  Version: '1.1',
  Statement: statements.map(([Effect, ...Action]) => ({ Effect, Action })),
});

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let other: TestService;
  let iam: IamAdminService;
  let project: string;
  let admin: Client;

  /** Creates a user with these roles in the project. */
  const user = async (...roles: string[]) => {
    const called = unique('u');
    const { id } = await iam.addUser({ name: called }, { password: 'a-password' });
    for (const role of roles) await iam.grant({ user: called, project, role });
    return {
      id,
      name: called,
      client: async () => new Client(service.baseUrl, admin.projectId, (await iam.issueToken(called, project)).token),
    };
  };
  const expectStatus = (answer: Answer, status: number) => {
    expect([answer.status, answer.status < 300 ? '' : answer.text]).toEqual([status, expect.any(String)]);
    return answer.body;
  };
  const makePolicy = async (client: Client, document: object, display_name = unique('policy')) =>
    expectStatus(await client.post('/v3.0/OS-ROLE/roles', { role: { display_name, type: 'XA', description: '', policy: document } }), 201)
      .role as {
      id: string;
      name: string;
    };
  const makeGroup = async (client: Client) =>
    expectStatus(await client.post('/v3/groups', { group: { name: unique('group') } }), 201).group.id as string;
  const roleId = async (display: string) => (await admin.get(`/v3/roles?name=${encodeURIComponent(display)}`)).body.roles[0].id as string;
  const ofGroup = (group: string, role: string) => `/v3/projects/{project}/groups/${group}/roles/${role}`;
  const ofUser = (id: string, role: string) => `/v3/projects/{project}/users/${id}/roles/${role}`;
  const listSigns = async (client: Client, gateway: string) => (await client.get(`/v2/{project}/apigw/instances/${gateway}/signs`)).status;
  const createSign = async (client: Client, gateway: string) =>
    (await client.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: unique('sign') })).status;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
    other = await TestService.start(database);
    iam = service.app.get(IamAdminService, { strict: false });
    project = unique('project');
    admin = await service.client({ project, role: ADMINISTRATOR });
    await service.app.get(ProjectsService).ensureDomain('elsewhere');
    await iam.addProject({ name: 'theirs', domain: 'elsewhere' });
    await iam.addUser({ name: 'eve', domain: 'elsewhere' }, { password: 'a-password' });
    await iam.grant({ user: 'eve', project: 'theirs', role: ADMINISTRATOR, domain: 'elsewhere' });
  });
  afterAll(async () => {
    await Promise.all([service.stop(), other.stop()]);
    await database.drop();
  });

  describe('a policy', () => {
    it('is created, listed, shown, modified and deleted', async () => {
      const document = policy(['Allow', 'apig:*:get*', 'apig:*:list*'], ['Deny', 'apig:signatureKey:list']);
      const { id, name: display_name } = await makePolicy(admin, document);
      const shown = (await admin.get(`/v3.0/OS-ROLE/roles/${id}`)).body.role;
      expect(shown).toMatchObject({ id, name: display_name, display_name, type: 'XA', catalog: 'CUSTOMED', policy: document });
      expect((await admin.get('/v3.0/OS-ROLE/roles')).body.roles).toContainEqual(shown);
      const all = (await admin.get('/v3/roles')).body;
      expect(all.roles.map((role: { name: string }) => role.name)).toEqual(expect.arrayContaining([FULL_ACCESS, READ_ONLY, display_name]));
      const changed = policy(['Allow', 'apig:signs:list']);
      expectStatus(await admin.call('PATCH', `/v3.0/OS-ROLE/roles/${id}`, { role: { policy: changed, description: 'less' } }), 200);
      expect((await admin.get(`/v3/roles/${id}`)).body.role).toMatchObject({ policy: changed, description: 'less' });
      expect((await admin.delete(`/v3.0/OS-ROLE/roles/${id}`)).status).toBe(204);
      expect((await admin.get(`/v3.0/OS-ROLE/roles/${id}`)).status).toBe(404);
    });

    it('is refused with 400 and a reason when it cannot be evaluated', async () => {
      const send = async (document: unknown) => {
        const answer = await admin.post('/v3.0/OS-ROLE/roles', { role: { display_name: unique('p'), type: 'XA', policy: document } });
        return [answer.status, answer.body.error.message];
      };
      const refused = (words: string) => [400, `Invalid input: role.policy${words}`];
      expect(await send({ Version: '2.0', Statement: [{ Effect: 'Allow', Action: ['apig:signs:list'] }] })).toEqual(
        refused(': Version must be "1.1"'),
      );
      expect(await send({ Version: '1.1' })).toEqual(refused(': Statement must be a list of 1 to 8'));
      expect(await send(policy(['Allow', 'apig:**:get']))).toEqual(
        refused(': Statement[0].Action[0] must have at most 2 separate "*" in a part'),
      );
      expect(await send(policy(['Deny', 'apig:sings:delete']))).toEqual(
        refused(': Statement[0].Action[0] names no action of this service'),
      );
      expect(await send(policy(['Allow', 'a'.repeat(50_000)]))).toEqual(refused(': must be at most 6144 characters of JSON'));
      expect(await send({ ...policy(['Allow', 'apig:signs:list']), Depends: [] })).toEqual(
        refused(': Depends is not evaluated here: a policy has Version and Statement only'),
      );
      expect(await send('{}')).toEqual(refused(''));
      expect((await admin.post('/v3.0/OS-ROLE/roles', {})).body.error.message).toBe('A required field is missing: role');
    });

    it('keeps its name, which is unique in its domain and differs from the names of the system’s policies', async () => {
      const document = policy(['Allow', 'apig:signs:list']);
      const { id, name: display_name } = await makePolicy(admin, document);
      const create = async (called: string) =>
        (await admin.post('/v3.0/OS-ROLE/roles', { role: { display_name: called, policy: document } })).status;
      expect([await create(display_name), await create(FULL_ACCESS), await create('apig mine'), await create('a|b')]).toEqual([
        409, 409, 409, 400,
      ]);
      expect((await admin.call('PATCH', `/v3.0/OS-ROLE/roles/${id}`, { role: { display_name: 'another' } })).status).toBe(400);
      expect((await admin.call('PATCH', `/v3.0/OS-ROLE/roles/${id}`, { role: { display_name } })).status).toBe(200);
    });
  });

  describe('a group', () => {
    it('is created, listed, renamed and deleted, and lists its users', async () => {
      const id = await makeGroup(admin);
      const member = await user();
      expect((await admin.call('HEAD', `/v3/groups/${id}/users/${member.id}`)).status).toBe(404);
      for (let again = 0; again < 2; again++) expect((await admin.call('PUT', `/v3/groups/${id}/users/${member.id}`)).status).toBe(204);
      expect((await admin.call('HEAD', `/v3/groups/${id}/users/${member.id}`)).status).toBe(204);
      expect((await admin.get(`/v3/groups/${id}/users`)).body.users).toMatchObject([{ id: member.id, name: member.name, enabled: true }]);
      expect((await admin.get(`/v3/users/${member.id}/groups`)).body.groups).toMatchObject([{ id }]);
      const renamed = unique('renamed');
      expect((await admin.call('PATCH', `/v3/groups/${id}`, { group: { name: renamed } })).body.group).toMatchObject({ id, name: renamed });
      expect((await admin.post('/v3/groups', { group: { name: renamed } })).status).toBe(409);
      expect((await admin.get(`/v3/groups?name=${renamed}`)).body.groups).toHaveLength(1);
      expect((await admin.delete(`/v3/groups/${id}/users/${member.id}`)).status).toBe(204);
      expect((await admin.delete(`/v3/groups/${id}/users/${member.id}`)).status).toBe(404);
      expect((await admin.delete(`/v3/groups/${id}`)).status).toBe(204);
      expect((await admin.get(`/v3/groups/${id}`)).status).toBe(404);
    });

    it('gives its roles to its users, at once in the process that changes it', async () => {
      const gateway = await admin.gateway();
      const group = await makeGroup(admin);
      const member = await user('APIG ReadOnlyAccess');
      const client = await member.client();
      expect(await createSign(client, gateway)).toBe(403);
      expect((await admin.put(ofGroup(group, await roleId(FULL_ACCESS)))).status).toBe(204);
      expect(await createSign(client, gateway)).toBe(403);
      expect((await admin.put(`/v3/groups/${group}/users/${member.id}`)).status).toBe(204);
      expect(await createSign(client, gateway)).toBe(201);
      expect((await admin.delete(`/v3/groups/${group}/users/${member.id}`)).status).toBe(204);
      expect(await createSign(client, gateway)).toBe(403);
    });

    it('gives its users access to a project in which they have no role of their own', async () => {
      const group = await makeGroup(admin);
      const member = await user();
      await expect(member.client()).rejects.toThrow('has no role');
      await admin.put(ofGroup(group, await roleId(READ_ONLY)));
      await admin.put(`/v3/groups/${group}/users/${member.id}`);
      const client = await member.client();
      expect((await client.get('/v3/projects')).body.projects).toMatchObject([{ name: project }]);
      expect((await client.get('/signet/v1/me/permissions')).body.roles).toEqual([READ_ONLY]);
    });
  });

  describe('a role', () => {
    it('is granted, checked, listed and revoked, for groups and for users', async () => {
      const { id, name: display } = await makePolicy(admin, policy(['Allow', 'apig:instances:get']));
      const holder = await user(READ_ONLY);
      for (const [path, listed] of [
        [ofGroup(await makeGroup(admin), id), [display]],
        [ofUser(holder.id, id), [READ_ONLY, display]],
      ] as const) {
        expect((await admin.call('HEAD', path)).status).toBe(404);
        for (let again = 0; again < 2; again++) expect((await admin.put(path)).status).toBe(204);
        expect((await admin.call('HEAD', path)).status).toBe(204);
        const { roles } = (await admin.get(path.slice(0, path.lastIndexOf('/')))).body;
        expect(roles.map((role: { name: string }) => role.name).sort()).toEqual([...listed].sort());
        expect((await admin.delete(path)).status).toBe(204);
        expect((await admin.delete(path)).status).toBe(404);
      }
    });

    it('applies its policy with Deny first, accepts both spellings of actions, and gives the reason for a refusal', async () => {
      const gateway = await admin.gateway();
      const holder = await user(FULL_ACCESS);
      const client = await holder.client();
      expect([await createSign(client, gateway), await listSigns(client, gateway)]).toEqual([201, 200]);
      const deny = await makePolicy(admin, policy(['Deny', 'apig:signatureKey:create']));
      await admin.put(ofUser(holder.id, deny.id));
      const refused = await client.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'refused' });
      expect([refused.status, refused.body.error_code]).toEqual([403, 'APIG.1005']);
      expect(await listSigns(client, gateway)).toBe(200);
      const { permissions } = (await client.get('/signet/v1/me/permissions')).body;
      const of = (action: string) => permissions.find((each: { action: string }) => each.action === action);
      expect(of('apig:signs:create')).toEqual({
        action: 'apig:signs:create',
        spellings: ['apig:signs:create', 'apig:signatureKey:create'],
        allowed: false,
        decided_by: { policy: deny.name, statement: 0, effect: 'Deny' },
        missing: [],
      });
      expect(of('apig:signs:list')).toMatchObject({ allowed: true, decided_by: { policy: FULL_ACCESS, statement: 0, effect: 'Allow' } });
      expect(of('iam:groups:createGroup')).toMatchObject({ allowed: false, decided_by: null });
      await admin.delete(`/v3.0/OS-ROLE/roles/${deny.id}`);
      expect(await createSign(client, gateway)).toBe(201);
    });

    it('allows an action only together with the actions that it depends on', async () => {
      const gateway = await admin.gateway();
      const { id } = await makePolicy(admin, policy(['Allow', 'apig:signs:list']));
      const holder = await user();
      await admin.put(ofUser(holder.id, id));
      const client = await holder.client();
      expect(await listSigns(client, gateway)).toBe(403);
      const { permissions } = (await client.get('/signet/v1/me/permissions')).body;
      expect(permissions.find((each: { action: string }) => each.action === 'apig:signs:list')).toMatchObject({
        allowed: false,
        decided_by: { effect: 'Allow' },
        missing: ['apig:instances:get'],
      });
      await admin.call('PATCH', `/v3.0/OS-ROLE/roles/${id}`, {
        role: { policy: policy(['Allow', 'apig:signs:list', 'apig:instance:get']) },
      });
      expect(await listSigns(client, gateway)).toBe(200);
    });

    it('takes effect in other processes within 30 seconds after a change', async () => {
      const gateway = await admin.gateway();
      const { id } = await makePolicy(admin, policy(['Allow', 'apig:*:*']));
      const holder = await user();
      await admin.put(ofUser(holder.id, id));
      const here = await holder.client();
      const there = new Client(other.baseUrl, here.projectId, here.token);
      const clock = other.app.get(Clock);
      const [now, pass] = [clock.now.bind(clock), (ms: number) => (clock.now = () => now() + ms)];
      try {
        expect(await listSigns(there, gateway)).toBe(200);
        const deny = policy(['Allow', 'apig:*:*'], ['Deny', 'apig:signs:list']);
        expectStatus(await admin.call('PATCH', `/v3.0/OS-ROLE/roles/${id}`, { role: { policy: deny } }), 200);
        expect(await listSigns(here, gateway)).toBe(403);
        pass(30_001);
        expect(await listSigns(there, gateway)).toBe(403);
        await admin.delete(ofUser(holder.id, id));
        expect((await here.get('/signet/v1/me/permissions')).status).toBe(401);
        pass(60_002);
        expect((await there.get('/signet/v1/me/permissions')).status).toBe(401);
      } finally {
        clock.now = now;
      }
    });
  });

  describe('nobody can grant rights that they lack,', () => {
    const IAM = 'iam:*:*';

    it('neither by a role, nor by a group, nor by a change of a policy', async () => {
      const some = await makePolicy(admin, policy(['Allow', IAM, 'apig:*:get*', 'apig:*:list*', 'apig:signs:*']));
      const clerk = await user(some.name);
      const client = await clerk.client();
      const [full, reader] = [await roleId(FULL_ACCESS), await roleId(READ_ONLY)];
      const target = await user();
      const refusal = {
        error: { code: 403, title: 'Forbidden', message: expect.stringMatching(/^You cannot grant a permission that you do not have/) },
      };

      for (const id of [target.id, clerk.id]) {
        const answer = await client.put(ofUser(id, full));
        expect([answer.status, answer.body]).toEqual([403, refusal]);
      }
      const signs = await makePolicy(client, policy(['Allow', 'apig:signs:*', 'apig:instances:get']));
      expect((await client.put(ofUser(target.id, signs.id))).status).toBe(204);
      expect((await client.put(ofUser(target.id, reader))).body).toEqual(refusal);

      // A policy may allow more than its author may do. The author cannot attach such a policy, nor extend an attached one in this way.
      const wide = await makePolicy(client, policy(['Allow', 'apig:*:*']));
      expect((await client.put(ofUser(target.id, wide.id))).body).toEqual(refusal);
      const widened = { role: { policy: policy(['Allow', 'apig:signs:*', 'apig:instances:get', 'apig:apis:create']) } };
      expect((await client.call('PATCH', `/v3.0/OS-ROLE/roles/${signs.id}`, widened)).body).toEqual(refusal);
      const narrowed = { role: { policy: policy(['Allow', 'apig:instances:get']) } };
      expect((await client.call('PATCH', `/v3.0/OS-ROLE/roles/${signs.id}`, narrowed)).status).toBe(200);

      const group = await makeGroup(admin);
      await admin.put(ofGroup(group, full));
      expect((await client.put(`/v3/groups/${group}/users/${clerk.id}`)).body).toEqual(refusal);
      expect((await client.put(ofGroup(await makeGroup(client), full))).body).toEqual(refusal);
    });

    it('not by removing the Deny of an action that they lack', async () => {
      const deny = await makePolicy(admin, policy(['Deny', 'apig:signs:delete']));
      const group = await makeGroup(admin);
      await admin.put(ofGroup(group, deny.id));
      const bound = await user(ADMINISTRATOR);
      await admin.put(`/v3/groups/${group}/users/${bound.id}`);
      const client = await bound.client();
      const statuses = [
        await client.delete(`/v3/groups/${group}/users/${bound.id}`),
        await client.delete(ofGroup(group, deny.id)),
        await client.delete(`/v3/groups/${group}`),
        await client.delete(`/v3.0/OS-ROLE/roles/${deny.id}`),
        await client.call('PATCH', `/v3.0/OS-ROLE/roles/${deny.id}`, { role: { policy: policy(['Deny', 'apig:signs:list']) } }),
        await client.put(ofUser(bound.id, await roleId(FULL_ACCESS))),
      ].map(({ status }) => status);
      expect(statuses).toEqual([403, 403, 403, 403, 403, 403]);
      // The Deny also applies in projects that the caller creates, however they are created.
      const made = [
        expectStatus(await client.post('/v3/projects', { project: { name: unique('own') } }), 201).project.id,
        expectStatus(await client.post('/v1/projects', { name: unique('own') }), 201).data.id,
      ] as string[];
      for (const id of made) {
        const identity = { methods: ['token'], token: { id: client.token } };
        const scoped = await client.post('/v3/auth/tokens', { auth: { identity, scope: { project: { id } } } });
        const there = new Client(service.baseUrl, id, scoped.headers.get('x-subject-token')!);
        const gateway = await there.gateway();
        expect((await there.delete(`/v2/{project}/apigw/instances/${gateway}/signs/${NOWHERE}`)).status).toBe(403);
      }
      // A caller without the Deny may do it.
      expect((await admin.delete(`/v3/groups/${group}/users/${bound.id}`)).status).toBe(204);
    });

    it('not by creating a key with more rights than their own', async () => {
      const someone = await user(READ_ONLY);
      const keys = await makePolicy(admin, policy(['Allow', 'webhooks:apiKeys:*', 'webhooks:*:list*']));
      const some = await (await user(keys.name)).client();
      expect((await some.post('/v1/api-keys', { label: 'wide', mode: 'live' })).status).toBe(403);
      const whole = await (await user((await makePolicy(admin, policy(['Allow', 'webhooks:*:*']))).name)).client();
      expect((await whole.post('/v1/api-keys', { label: 'own', mode: 'live' })).status).toBe(201);
      const deny = await makePolicy(admin, policy(['Deny', 'iam:credentials:*']));
      const bound = await (await user(ADMINISTRATOR, deny.name)).client();
      const credential = { user_id: someone.id };
      expect((await bound.post('/v3.0/OS-CREDENTIAL/credentials', { credential })).status).toBe(404);
      expect((await bound.get(`/v3.0/OS-CREDENTIAL/credentials?user_id=${someone.id}`)).status).toBe(404);
      expect((await admin.post('/v3.0/OS-CREDENTIAL/credentials', { credential })).status).toBe(201);
    });

    it('not in one project because they have the rights in another', async () => {
      const second = unique('second');
      const { id: secondId } = await iam.addProject({ name: second });
      const clerk = await user(ADMINISTRATOR);
      const client = await clerk.client();
      const target = await user();
      const full = await roleId(FULL_ACCESS);
      const put = async () => (await client.put(`/v3/projects/${secondId}/users/${target.id}/roles/${full}`)).status;
      expect(await put()).toBe(404);
      await iam.grant({ user: clerk.name, project: second, role: FULL_ACCESS });
      expect(await put()).toBe(403);
      await iam.grant({ user: clerk.name, project: second, role: ADMINISTRATOR });
      expect(await put()).toBe(204);
    });

    it('and a caller without actions of iam neither changes nor sees anything', async () => {
      const client = await (await user(FULL_ACCESS)).client();
      const answers = [
        await client.get('/v3/groups'),
        await client.post('/v3/groups', { group: { name: unique('g') } }),
        await client.get('/v3.0/OS-ROLE/roles'),
        await client.post('/v3.0/OS-ROLE/roles', {}),
        await client.get(`/v3/projects/{project}/users/${NOWHERE}/roles`),
      ];
      expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
      expect((await client.get('/v3/users')).body.users).toHaveLength(1);
    });
  });

  it('groups, users, policies and projects of another domain get the answers of unknown ones', async () => {
    const { token, projectId } = await iam.issueToken('eve', 'theirs', 'elsewhere');
    const eve = new Client(service.baseUrl, projectId, token);
    const [group, role, { id: userId }] = [
      await makeGroup(admin),
      (await makePolicy(admin, policy(['Allow', 'apig:signs:list']))).id,
      await user(),
    ];
    const own = { group: await makeGroup(eve), role: (await makePolicy(eve, policy(['Allow', 'apig:signs:list']))).id };
    const [me] = (await eve.get('/v3/users')).body.users as { id: string }[];
    const paths: [string, (id: string) => string, string, object?][] = [
      ...['GET', 'DELETE'].map((method): [string, (id: string) => string, string] => [method, (id) => `/v3/groups/${id}`, group]),
      ['PATCH', (id) => `/v3/groups/${id}`, group, { group: { name: 'taken_over' } }],
      ['GET', (id) => `/v3/groups/${id}/users`, group],
      ['PUT', (id) => `/v3/groups/${id}/users/${me!.id}`, group],
      ['PUT', (id) => `/v3/groups/${own.group}/users/${id}`, userId],
      ['GET', (id) => `/v3/users/${id}/groups`, userId],
      ...['GET', 'DELETE'].map((method): [string, (id: string) => string, string] => [method, (id) => `/v3.0/OS-ROLE/roles/${id}`, role]),
      ['PATCH', (id) => `/v3.0/OS-ROLE/roles/${id}`, role, { role: { policy: policy(['Allow', 'apig:*:*']) } }],
      ['PUT', (id) => `/v3/projects/{project}/users/${me!.id}/roles/${id}`, role],
      ['PUT', (id) => `/v3/projects/{project}/groups/${id}/roles/${own.role}`, group],
      ['PUT', (id) => `/v3/projects/{project}/users/${id}/roles/${own.role}`, userId],
      ...['GET', 'PUT', 'DELETE', 'HEAD'].map((method): [string, (id: string) => string, string] => [
        method,
        (id) => `/v3/projects/${id}/users/${me!.id}/roles${method === 'GET' ? '' : `/${own.role}`}`,
        admin.projectId,
      ]),
    ];
    for (const [method, path, id, body] of paths) {
      const [foreign, unknown] = [await eve.call(method, path(id), body), await eve.call(method, path(NOWHERE), body)];
      expect([method, path('…'), foreign.status, foreign.text.replaceAll(id, NOWHERE)]).toEqual([method, path('…'), 404, unknown.text]);
    }
    expect((await admin.get(`/v3/groups/${group}`)).status).toBe(200);
    expect((await admin.get(`/v3.0/OS-ROLE/roles/${role}`)).body.role.policy).toEqual(policy(['Allow', 'apig:signs:list']));
  });

  it('every change is in the audit chain of the domain, or of the project for roles', async () => {
    const db = service.app.get(Database);
    const [domain] = await db.rows<{ id: string }>("SELECT id FROM domains WHERE name = 'default'");
    const of = (scopeId: string) =>
      db.rows<{ action: string; detail: string }>('SELECT action, detail FROM audit_events WHERE scope_id = ? ORDER BY seq', [scopeId]);
    const [domainBefore, projectBefore] = [(await of(domain!.id)).length, (await of(admin.projectId)).length];
    const member = await user();
    await iam.setPassword({ name: member.name }, { password: 'canary-password' });
    for (const enabled of [false, false, true]) await iam.setEnabled({ name: member.name }, enabled);
    const group = await makeGroup(admin);
    const { id } = await makePolicy(admin, policy(['Allow', 'apig:signs:list']));
    await admin.put(ofGroup(group, id));
    await admin.put(`/v3/groups/${group}/users/${member.id}`);
    await admin.call('PATCH', `/v3.0/OS-ROLE/roles/${id}`, { role: { policy: policy(['Allow', 'apig:signs:create']) } });
    await admin.delete(ofGroup(group, id));
    await admin.delete(`/v3/groups/${group}/users/${member.id}`);
    await admin.delete(`/v3/groups/${group}`);
    await admin.delete(`/v3.0/OS-ROLE/roles/${id}`);
    const rows = (await of(domain!.id)).slice(domainBefore);
    expect(rows.map(({ action }) => action)).toEqual([
      ...['CreateUser', 'UpdateUserPassword', 'DisableUser', 'EnableUser', 'CreateUserGroup', 'CreatePolicy', 'AddUserToGroup'],
      ...['UpdatePolicy', 'RemoveUserFromGroup', 'DeleteUserGroup', 'DeletePolicy'],
    ]);
    const listed = (await admin.get(`/signet/v1/audit/domain?resource_id=${group}`)).body.events as { action: string }[];
    expect(listed.map(({ action }) => action)).toEqual(['DeleteUserGroup', 'RemoveUserFromGroup', 'AddUserToGroup', 'CreateUserGroup']);
    expect(JSON.parse(rows[7]!.detail)).toEqual({ policy: policy(['Allow', 'apig:signs:create']) });
    expect(JSON.stringify(rows)).not.toMatch(/canary|argon2/);
    expect((await of(admin.projectId)).slice(projectBefore).map(({ action }) => action)).toEqual(['GrantRole', 'RevokeRole']);
    expect((await service.app.get(AuditTrailService).verify()).faults).toEqual([]);
    expect((await (await user(FULL_ACCESS)).client().then((client) => client.get('/signet/v1/audit/domain'))).status).toBe(403);
  });

  it('nobody keeps a policy that one process deletes while another one grants it', async () => {
    for (let round = 0; round < 8; round++) {
      const { id } = await makePolicy(admin, policy(['Allow', 'apig:signs:list']));
      const holders = await Promise.all([user(), user(), user()]);
      const elsewhere = new Client(other.baseUrl, admin.projectId, admin.token);
      const answers = await Promise.all([
        ...holders.map((holder) => elsewhere.put(ofUser(holder.id, id))),
        admin.delete(`/v3.0/OS-ROLE/roles/${id}`),
      ]);
      expect(answers.map(({ status }) => status).filter((status) => status !== 204 && status !== 404)).toEqual([]);
      const left = await service.app.get(Database).rows('SELECT user_id FROM role_assignments WHERE role = ?', [id]);
      expect(left).toEqual([]);
    }
  });

  it('a policy is not both extended and granted at the same time through two processes by callers who may each do only one', async () => {
    const narrow = policy(['Allow', 'apig:signs:list']);
    const clerk = await (await user((await makePolicy(admin, policy(['Allow', 'iam:*:*', 'apig:signs:list']))).name)).client();
    const elsewhere = new Client(other.baseUrl, clerk.projectId, clerk.token);
    const wide = { role: { policy: policy(['Allow', 'apig:signs:list', 'apig:signs:create']) } };
    const outcomes = new Set<string>();
    for (let round = 0; round < 5; round++) {
      const pairs = await Promise.all(
        Array.from({ length: 4 }, async () => [(await makePolicy(admin, narrow)).id, (await user()).id] as const),
      );
      await Promise.all(
        pairs.map(async ([id, target]) => {
          const [given, widened] = await Promise.all([
            elsewhere.put(ofUser(target, id)),
            clerk.call('PATCH', `/v3.0/OS-ROLE/roles/${id}`, wide),
          ]);
          outcomes.add(`given ${given.status}, widened ${widened.status}`);
        }),
      );
    }
    expect([...outcomes].filter((outcome) => !['given 204, widened 403', 'given 403, widened 200'].includes(outcome))).toEqual([]);
  });
});
