import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../src/platform/config/values.js';
import { Database } from '../../src/platform/database/database.js';
import { AccessAdminService } from '../../src/identity/iam/access-admin.service.js';
import { FirstStart } from '../../src/identity/iam/first-start.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { IamFileError } from '../../src/identity/iam/iam-file.js';
import { TokenKeys } from '../../src/identity/iam/token-keys.js';
import { createEmptyDatabase, createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { ADMIN_PASSWORD, Client, TestService } from '../support/service.js';

onBothDatabases((name) => {
  let database: TestDatabase;
  let services: TestService[];

  beforeEach(async () => {
    database = await createTestDatabase(name);
    services = [];
  });
  afterEach(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await database.drop();
  });

  const start = async (env: Record<string, string> = {}) => {
    const service = await TestService.start(database, env);
    services.push(service);
    return service;
  };
  const login = async (service: TestService, user: string, password: string, project = 'default') => {
    const identity = { methods: ['password'], password: { user: { name: user, password, domain: { name: 'default' } } } };
    const auth = { identity, scope: { project: { name: project } } };
    return (await new Client(service.baseUrl, '', '').post('/v3/auth/tokens', { auth })).status;
  };
  const hashOf = async (service: TestService, user: string) => {
    const sql = 'SELECT password_hash AS stored, tokens_valid_from AS since FROM users WHERE name = ?';
    return (await service.app.get(Database).rows<{ stored: string; since: number }>(sql, [user]))[0];
  };

  describe('the first start', () => {
    it('creates an administrator with the configured password and all rights in the project default', async () => {
      const service = await start();
      expect(await login(service, 'admin', ADMIN_PASSWORD)).toBe(201);
      const users = await service.app.get(IamAdminService).listUsers();
      expect(users).toMatchObject([
        {
          name: 'admin',
          domain: 'default',
          roles: [
            { project: 'default', role: 'APIG Administrator' },
            { project: 'default', role: 'APIG FullAccess' },
          ],
        },
      ]);
      expect(service.app.get(FirstStart).takeGeneratedPassword()).toBeUndefined();
    });

    it('generates a password if none is configured, shows it once and never logs it; it must be changed before it gives a token', async () => {
      const service = await start({ SIGNET_ADMIN_PASSWORD: '' });
      const password = service.app.get(FirstStart).takeGeneratedPassword();
      expect(password).toMatch(/^[\w-]{24}$/);
      expect(service.app.get(FirstStart).takeGeneratedPassword()).toBeUndefined();
      const changed = await Client.replacePassword(service.baseUrl, 'admin', password!);
      expect(await login(service, 'admin', changed)).toBe(201);
      expect(service.logs.join('\n')).not.toContain(password);
    });

    it('of several services at once on one empty database creates one administrator, one project and one token key', async () => {
      await database.drop();
      database = await createEmptyDatabase(name);
      const started = await Promise.all([1, 2, 3, 4].map(() => start({ SIGNET_ADMIN_PASSWORD: '' })));
      const passwords = started
        .map((service) => service.app.get(FirstStart).takeGeneratedPassword())
        .filter((password) => password !== undefined);
      expect(passwords).toHaveLength(1);
      const db = started[0]!.app.get(Database);
      for (const table of ['users', 'projects', 'domains', 'token_keys']) {
        expect([table, await db.rows(`SELECT COUNT(*) AS n FROM ${table}`)]).toEqual([table, [{ n: 1 }]]);
      }
      // There is one row of the domain and one of the project. The service’s own chains belong to neither.
      expect(await db.rows('SELECT COUNT(*) AS n FROM change_counters WHERE project_id <> ?', [''])).toEqual([{ n: 2 }]);
      const { token, projectId } = await started[0]!.app.get(IamAdminService).issueToken('admin', 'default');
      for (const service of started) {
        expect((await new Client(service.baseUrl, projectId, token).get('/v3/projects')).status).toBe(200);
      }
    });
  });

  describe('a later start', () => {
    it('does not change the administrator’s password, roles or token key, whatever is configured', async () => {
      const first = await start();
      await first.app.get(IamAdminService).revoke({ user: 'admin', project: 'default', role: 'APIG FullAccess' });
      const { token, projectId } = await first.app.get(IamAdminService).issueToken('admin', 'default');
      const second = await start({ SIGNET_ADMIN_PASSWORD: 'something else' });
      expect(await login(second, 'admin', ADMIN_PASSWORD)).toBe(201);
      expect(await login(second, 'admin', 'something else')).toBe(401);
      const [admin] = await second.app.get(IamAdminService).listUsers();
      expect(admin?.roles).toEqual([{ project: 'default', role: 'APIG Administrator' }]);
      expect((await new Client(second.baseUrl, projectId, token).get('/v3/projects')).status).toBe(200);
    });

    it('refuses a token key whose public half was replaced', async () => {
      const first = await start();
      const keys = first.app.get(TokenKeys);
      await first.app.get(Database).transaction((tx) => tx.run("UPDATE token_keys SET public_key = 'another'"));
      await expect(keys.prepare()).rejects.toThrow('every row of token_keys is damaged');
    });
  });

  describe('SIGNET_IAM_FILE', () => {
    const write = (content: unknown) => {
      const file = join(database.dataDir, 'iam.json');
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
      return { SIGNET_IAM_FILE: file };
    };
    const roles = [{ project: 'shop', role: 'APIG FullAccess' }];
    const file = (user: object = {}) => ({
      domains: [{ name: 'partner' }],
      projects: [
        { name: 'shop', description: 'The shop' },
        { name: 'shop', domain: 'partner' },
      ],
      users: [{ name: 'alice', password: 'alice-password', roles, ...user }],
    });

    it('adds domains, projects, users and roles, even if several services apply it at once', async () => {
      const env = write(file());
      const started = await Promise.all([1, 2, 3].map(() => start(env)));
      for (const service of started) expect(await login(service, 'alice', 'alice-password', 'shop')).toBe(201);
      const projects = await started[0]!.app.get(IamAdminService).listProjects();
      expect(projects.map((project) => `${project.domain}/${project.name}`)).toEqual(['default/default', 'default/shop', 'partner/shop']);
      expect(started.flatMap(({ logs }) => logs).join('\n')).not.toContain('alice-password');
    });

    it('adds policies and groups with their users and roles, even if several services apply it at once, and changes nothing when it is applied again', async () => {
      const policy = { Version: '1.1', Statement: [{ Effect: 'Deny', Action: ['apig:signs:delete'] }] };
      const env = write({
        ...file(),
        policies: [{ name: 'no deletion', policy }],
        groups: [{ name: 'shop keepers', users: ['alice'], roles: [{ project: 'shop', role: 'no deletion' }] }],
      });
      const started = await Promise.all([1, 2, 3].map(() => start(env)));
      const access = started[0]!.app.get(AccessAdminService, { strict: false });
      expect(await access.listGroups()).toMatchObject([
        { name: 'shop keepers', users: ['alice'], roles: [{ project: 'shop', role: 'no deletion' }] },
      ]);
      expect(await access.listPolicies()).toMatchObject([{ name: 'no deletion', policy }]);
      const rows = () => started[0]!.app.get(Database).rows('SELECT COUNT(*) AS n FROM audit_events');
      const before = await rows();
      await start(env);
      expect(await rows()).toEqual(before);
    });

    it('changes nothing when it is applied again, and a new password in it ends old tokens', async () => {
      const first = await start(write(file()));
      const before = await hashOf(first, 'alice');
      const again = await start(write(file()));
      expect(await hashOf(again, 'alice')).toEqual(before);

      const changed = await start(write(file({ password: 'new-password' })));
      const after = await hashOf(changed, 'alice');
      expect(after?.since).toBeGreaterThan(before!.since);
      expect(await login(changed, 'alice', 'alice-password', 'shop')).toBe(401);
      expect(await login(changed, 'alice', 'new-password', 'shop')).toBe(201);
    });

    it('accepts a hash instead of a password, and can disable users', async () => {
      const first = await start(write(file()));
      const { stored } = (await hashOf(first, 'alice'))!;
      const second = await start(write(file({ name: 'bob', password: undefined, password_hash: stored })));
      expect(await login(second, 'bob', 'alice-password', 'shop')).toBe(201);
      const third = await start(write(file({ enabled: false })));
      expect(await login(third, 'alice', 'alice-password', 'shop')).toBe(401);
    });

    it('is refused as a whole with a message that names the path of every fault and no password', async () => {
      const refused = start(
        write({
          projcts: [],
          projects: [{ name: 'a b' }, { name: 'ok', domain: null }, 'x'],
          users: [
            { name: 'alice', password: 7, roles: [{ project: 'shop', role: 'Boss' }] },
            { name: '', password: 'canary-password', enabled: 'yes', admin: true },
          ],
        }),
      );
      const error = (await refused.catch((thrown: unknown) => thrown)) as Error;
      expect(error).toBeInstanceOf(IamFileError);
      for (const fault of [
        'projcts is not known',
        'projects[0].name must be a valid name of a project',
        'projects[1].domain must be a text',
        'users[0].password must',
        'users[1].name must be a valid name of a user',
        'users[1].enabled must be true or false',
        'users[1].admin is not known',
      ]) {
        expect(error.message).toContain(fault);
      }
      expect(error.message).not.toContain('canary');
    });

    it('is refused for unknown references, repeated names, and repeated or missing passwords, and changes nothing', async () => {
      const users = [
        { name: 'alice', password: 'canary-password', password_hash: 'canary-hash' },
        { name: 'alice', roles: [{ project: 'none', role: 'APIG FullAccess' }] },
        { name: 'bob', domain: 'none', password_hash: 'canary-hash' },
      ];
      const groups = [{ name: 'g', users: ['nobody'], roles: [{ project: 'p', role: 'Boss' }] }];
      const policies = [
        { name: 'APIG Own', policy: { Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:sings:list'] }] } },
        { name: 'old', domain: 'none', policy: { Version: '1.0' } },
      ];
      const projects = [{ name: 'p' }, { name: 'p' }, { name: 'q', domain: 'none' }];
      const refused = start(write({ projects, users, groups, policies }));
      const { message } = (await refused.catch((thrown: unknown) => thrown)) as Error;
      expect(
        message
          .split('\n')
          .slice(1)
          .map((line) => line.slice(4)),
      ).toEqual([
        'projects[1] occurs more than once: default/p',
        'users[1] occurs more than once: default/alice',
        'projects[2].domain must be an existing domain: none',
        'users[0] must have either password or password_hash',
        'users[0].password_hash must be Argon2id in PHC format with 8 to 128 MiB',
        'users[1] must have either password or password_hash',
        'users[1].roles[0].project must be a project of default: none',
        'users[2].domain must be an existing domain: none',
        'users[2].password_hash must be Argon2id in PHC format with 8 to 128 MiB',
        'policies[0].name is reserved for system policies',
        'policies[0].policy: Statement[0].Action[0] names no action of this service',
        'policies[1].domain must be an existing domain: none',
        'policies[1].policy: Version must be "1.1"',
        'groups[0].users[0] must be a user of default: nobody',
        'groups[0].roles[0].role must be one of APIG Administrator, APIG FullAccess, APIG ReadOnlyAccess, or a policy of default',
      ]);
      const service = await start();
      expect((await service.app.get(IamAdminService).listProjects()).map((project) => project.name)).toEqual(['default']);
    });

    it.each(['{"users": [ canary', '[]', 'null', '7'])('is refused when it holds %s', async (content) => {
      const error = (await start(write(content)).catch((thrown: unknown) => thrown)) as Error;
      expect(error).toBeInstanceOf(IamFileError);
      expect(error).not.toBeInstanceOf(ConfigError);
      expect(error.message).not.toContain('canary');
    });

    it('prevents the start if it does not exist', async () => {
      await expect(start({ SIGNET_IAM_FILE: '/nowhere/iam.json' })).rejects.toThrow(IamFileError);
    });
  });
});
