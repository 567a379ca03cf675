import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import type { Param } from '../../src/platform/database/tx.js';
import { AuthorizationCacheInvalidator } from '../../src/identity/iam/authorization-cache-invalidator.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { GatewayTokens } from '../../src/distribution/credentials/gateway-tokens.service.js';
import { RewrapService, UNUSED_FOR_MS } from '../../src/platform/vault/rewrap.service.js';
import { send } from '../support/access-keys.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, FULL_ACCESS, READ_ONLY, TestService } from '../support/service.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const PASSWORD = 'correct horse battery staple';

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let admin: IamAdminService;
  /** The project of the victim and the project of the attacker. */
  let victim: Client;
  let other: Client;
  const run = (sql: string, values: Param[] = []) => service.app.get(Database).transaction((tx) => tx.run(sql, values));
  const rows = <T = Record<string, string>>(sql: string, values: Param[] = []) => service.app.get(Database).rows<T>(sql, values);
  const idOf = async (user: string) => (await rows('SELECT id FROM users WHERE name = ?', [user]))[0]!['id']!;
  const login = async (user: string, password: string, project: string, at = service) => {
    const scope = { project: { id: project } };
    const identity = { methods: ['password'], password: { user: { name: user, password, domain: { name: 'default' } } } };
    const answer = await fetch(`${at.baseUrl}/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: { identity, scope } }),
    });
    await answer.text();
    return answer.status;
  };
  /** Empties every cache, as if 30 seconds had passed. */
  const forget = () => {
    service.app.get(AuthorizationCacheInvalidator, { strict: false }).invalidate();
    service.app.get(GatewayTokens, { strict: false }).forget();
  };
  const logged = (table: string, id: string) => service.logs.join('').includes(`${table} ${id} is ignored: its MAC is invalid`);
  let users = 0;
  const user = async (roles: { project: string; role: string }[] = []) => {
    const made = `user_${users++}`;
    await admin.addUser({ name: made }, { password: `${PASSWORD} of ${made}` });
    for (const role of roles) await admin.grant({ user: made, ...role });
    return { name: made, id: await idOf(made), password: `${PASSWORD} of ${made}` };
  };

  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test, WEBHOOK_ENV);
    admin = service.app.get(IamAdminService);
    victim = await service.client({ project: 'victim' });
    other = await service.client({ project: 'other' });
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });
  beforeEach(forget);

  describe('someone with write access to the database alone', () => {
    it('cannot move a machine token to another gateway, role or holder', async () => {
      const [theirs, own] = [await victim.gateway(), await other.gateway()];
      const machine = await Machine.of(other, own);
      const { id } = (await rows('SELECT id FROM gateway_tokens WHERE instance_id = ?', [own]))[0]!;
      expect((await machine.get('/snapshot')).status).toBe(200);
      for (const [sql, values] of [
        ['UPDATE gateway_tokens SET instance_id = ?, project_id = ? WHERE id = ?', [theirs, victim.projectId, id!]],
        ["UPDATE gateway_tokens SET instance_id = ?, project_id = ?, role = 'verifier' WHERE id = ?", [own, other.projectId, id!]],
        ["UPDATE gateway_tokens SET role = 'gateway', expires_at = ? WHERE id = ?", [9_999_999_999_999, id!]],
        ['UPDATE gateway_tokens SET expires_at = NULL, certificate_sha256 = ? WHERE id = ?', ['a'.repeat(64), id!]],
        ['UPDATE gateway_tokens SET certificate_sha256 = NULL, renewal_of = ? WHERE id = ?', ['a'.repeat(32), id!]],
      ] as const) {
        await run(sql, [...values]);
        forget();
        for (const gateway of [theirs, own]) {
          const headers = { authorization: `Bearer ${machine.token}` };
          const answer = await fetch(`${service.baseUrl}/signet/v1/instances/${gateway}/snapshot`, { headers });
          expect(answer.status).toBe(401);
        }
      }
      expect(logged('gateway_tokens', id!)).toBe(true);
      // Puts the hash of the attacker’s token into the row of a token for the victim’s gateway.
      const real = await Machine.of(victim, theirs);
      const mine = await Machine.of(other, own);
      const hashes = await rows('SELECT id, instance_id, token_hash FROM gateway_tokens');
      const hashOf = async (machineOf: Machine) => hashes.find((row) => row['id'] === machineOf.tokenId)!['token_hash']!;
      const stolen = await hashOf(mine);
      await run('DELETE FROM gateway_tokens WHERE id = ?', [mine.tokenId]);
      await run('UPDATE gateway_tokens SET token_hash = ? WHERE id = ?', [stolen, real.tokenId]);
      forget();
      expect(
        (await fetch(`${service.baseUrl}/signet/v1/instances/${theirs}/snapshot`, { headers: { authorization: `Bearer ${mine.token}` } }))
          .status,
      ).toBe(401);
    });

    it('cannot give a user another’s password or make one last that must be changed, or enable a disabled user', async () => {
      const [target, attacker] = [await user([{ project: 'victim', role: FULL_ACCESS }]), await user()];
      expect(await login(target.name, target.password, victim.projectId)).toBe(201);
      const [{ password_hash: own }] = (await rows('SELECT password_hash FROM users WHERE id = ?', [attacker.id])) as [
        Record<string, string>,
      ];
      await run('UPDATE users SET password_hash = ? WHERE id = ?', [own!, target.id]);
      expect(await login(target.name, attacker.password, victim.projectId)).toBe(401);
      expect(logged('users', target.id)).toBe(true);
      const { id: known, password } = await admin.addUser({ name: 'known' });
      await admin.grant({ user: 'known', project: 'victim', role: FULL_ACCESS });
      await run('UPDATE users SET password_expires_at = NULL WHERE id = ?', [known]);
      expect(await login('known', password!, victim.projectId)).toBe(401);
      expect(logged('users', known)).toBe(true);
      const disabled = await user([{ project: 'victim', role: FULL_ACCESS }]);
      await admin.setEnabled({ name: disabled.name }, false);
      await run('UPDATE users SET enabled = 1 WHERE id = ?', [disabled.id]);
      expect(await login(disabled.name, disabled.password, victim.projectId)).toBe(401);
    });

    it.each([
      ['a role', "INSERT INTO role_assignments (user_id, project_id, role, policy_id) VALUES (?, ?, 'APIG FullAccess', NULL)"],
      [
        'a role with the MAC of another row',
        `INSERT INTO role_assignments (user_id, project_id, role, policy_id, mac)
         SELECT ?, ?, 'APIG FullAccess', NULL, mac FROM (SELECT mac FROM role_assignments LIMIT 1) one`,
      ],
    ])('cannot give anybody %s', async (_, sql) => {
      const attacker = await user();
      await run(sql, [attacker.id, victim.projectId]);
      expect(await login(attacker.name, attacker.password, victim.projectId)).toBe(401);
      expect(logged('role_assignments', `${attacker.id} ${victim.projectId} APIG FullAccess`)).toBe(true);
      // The supported way still works and replaces the forged row.
      await admin.grant({ user: attacker.name, project: 'victim', role: FULL_ACCESS });
      expect(await login(attacker.name, attacker.password, victim.projectId)).toBe(201);
    });

    it('cannot add a user to a group, or give a group a role', async () => {
      const [attacker, member] = [await user(), await user()];
      const root = await service.client({ project: 'victim', role: 'APIG Administrator' });
      const made = async (group: string) => (await root.post('/v3/groups', { group: { name: group } })).body.group.id as string;
      const [strong, weak] = [await made('strong'), await made('weak')];
      await admin.grant({ group: 'strong', project: 'victim', role: FULL_ACCESS });
      expect((await root.put(`/v3/groups/${weak}/users/${member.id}`)).status).toBe(204);
      await run('INSERT INTO user_group_members (group_id, user_id) VALUES (?, ?)', [strong, attacker.id]);
      const sql = "INSERT INTO group_role_assignments (group_id, project_id, role, policy_id) VALUES (?, ?, 'APIG FullAccess', NULL)";
      await run(sql, [weak, victim.projectId]);
      for (const each of [attacker, member]) expect(await login(each.name, each.password, victim.projectId)).toBe(401);
      expect(logged('user_group_members', `${strong} ${attacker.id}`)).toBe(true);
      expect(logged('group_role_assignments', `${weak} ${victim.projectId} APIG FullAccess`)).toBe(true);
      expect((await root.put(`/v3/groups/${strong}/users/${member.id}`)).status).toBe(204);
      expect(await login(member.name, member.password, victim.projectId)).toBe(201);
    });

    it('cannot create or change a policy', async () => {
      const root = await service.client({ project: 'victim', role: 'APIG Administrator' });
      const policy = { Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:signs:list'] }] };
      const input = { role: { display_name: 'lists', type: 'XA', description: 'canary', policy } };
      const { id } = (await root.post('/v3.0/OS-ROLE/roles', input)).body.role;
      const reader = await user();
      await admin.grant({ user: reader.name, project: 'victim', role: 'lists' });
      expect(await login(reader.name, reader.password, victim.projectId)).toBe(201);
      await run(`UPDATE policies SET document = REPLACE(document, 'apig:signs:list', 'apig:*:*') WHERE id = ?`, [id]);
      expect(await login(reader.name, reader.password, victim.projectId)).toBe(401);
      expect(logged('policies', id)).toBe(true);
    });

    it('cannot move an access key to another user, or restore a deleted one', async () => {
      const key = async (client: Client) => (await client.post('/v3.0/OS-CREDENTIAL/credentials', { credential: {} })).body.credential;
      const [moved, disabled] = [await key(other), await key(other)];
      const works = async ({ access, secret }: { access: string; secret: string }) =>
        (await send(service.baseUrl, { access, secret }, { target: '/v3/auth/domains' })).status;
      expect([await works(moved), await works(disabled)]).toEqual([200, 200]);
      const target = await user([{ project: 'victim', role: FULL_ACCESS }]);
      await other.put(`/v3.0/OS-CREDENTIAL/credentials/${disabled.access}`, { credential: { status: 'inactive' } });
      await run('UPDATE access_keys SET user_id = ? WHERE access_key = ?', [target.id, moved.access]);
      await run('UPDATE access_keys SET enabled = 1 WHERE access_key = ?', [disabled.access]);
      forget();
      expect([await works(moved), await works(disabled)]).toEqual([401, 401]);
      expect([logged('access_keys', moved.access), logged('access_keys', disabled.access)]).toEqual([true, true]);
    });

    it('cannot move an API key to another project', async () => {
      const client = await WebhookClient.of(other);
      expect((await client.get('/v1/endpoints')).status).toBe(200);
      const { id } = (await rows('SELECT id FROM api_keys WHERE project_id = ?', [other.projectId]))[0]!;
      await run('UPDATE api_keys SET project_id = ? WHERE id = ?', [victim.projectId, id!]);
      expect((await client.get('/v1/endpoints')).status).toBe(401);
      expect(logged('api_keys', id!)).toBe(true);
    });

    it.each(['projects', 'domains'] as const)('cannot change a column of %s that decides about access', async (table) => {
      const [{ id }] = (await rows(
        table === 'projects' ? "SELECT id FROM projects WHERE name = 'victim'" : "SELECT id FROM domains WHERE name = 'default'",
      )) as [Record<string, string>];
      const target = await user([{ project: 'victim', role: FULL_ACCESS }]);
      expect(await login(target.name, target.password, victim.projectId)).toBe(201);
      await run(`UPDATE ${table} SET enabled = 0, mac = '' WHERE id = ?`, [id!]);
      await run(`UPDATE ${table} SET enabled = 1 WHERE id = ?`, [id!]);
      forget();
      expect(await login(target.name, target.password, victim.projectId)).toBe(401);
      expect(logged(table, id!)).toBe(true);
      const { remac } = await import('../support/row-macs.js');
      await remac(service, table, id!);
      expect(await login(target.name, target.password, victim.projectId)).toBe(201);
    });

    it('causes invalid rows that the metrics count', async () => {
      const text = await (await fetch(`${service.baseUrl}/metrics`)).text();
      expect(text).toMatch(/^signet_broken_rows_total\{table="role_assignments"\} [1-9]/m);
    });
  });

  describe('signet admin rewrap --reseal', () => {
    it('signs every row with a new identity key, which other processes load when they need it, and destroys the old key a day later', async () => {
      const fresh = await createTestDatabase(name);
      const first = await TestService.start(fresh);
      const second = await TestService.start(fresh);
      try {
        const rewrap = (keyAgeMs: number) => first.app.get(RewrapService, { strict: false }).run({ reseal: true, keyAgeMs });
        const keys = () => first.app.get(Database).rows('SELECT id FROM identity_keys');
        const project = await first.client({ role: READ_ONLY });
        await first.app.get(IamAdminService).addUser({ name: 'ann' }, { password: PASSWORD });
        const ann = {
          user: 'ann',
          project: (await first.app.get(IamAdminService).listProjects()).find(({ id }) => id === project.projectId)!.name,
        };
        await first.app.get(IamAdminService).grant({ ...ann, role: FULL_ACCESS });
        expect(await login('ann', PASSWORD, project.projectId, second)).toBe(201);
        const done = await rewrap(0);
        expect(done.macs).toMatchObject({ made: 1, destroyed: 0, altered: [] });
        expect(done.macs!.rewritten).toBeGreaterThan(5);
        expect(await keys()).toHaveLength(2);
        expect((await rewrap(UNUSED_FOR_MS)).macs).toEqual({ made: 0, rewritten: 0, destroyed: 0, altered: [] });
        for (const each of [first, second]) {
          let status = await login('ann', PASSWORD, project.projectId, each);
          // The process answers 503 until it has read the new data key, which seals the identity key.
          for (let i = 0; status === 503 && i < 50; i++) {
            await new Promise((resolve) => setTimeout(resolve, 200));
            status = await login('ann', PASSWORD, project.projectId, each);
          }
          expect(status).toBe(201);
        }
        await second.app.get(IamAdminService).setEnabled({ name: 'ann' }, false);
        expect(await login('ann', PASSWORD, project.projectId, first)).toBe(401);
        await first.app.get(Database).transaction((tx) => tx.run("UPDATE users SET enabled = 1 WHERE name = 'ann'"));
        const clock = first.app.get(Clock);
        const now = clock.now.bind(clock);
        clock.now = () => now() + UNUSED_FOR_MS + 1;
        const last = await rewrap(10 * UNUSED_FOR_MS);
        expect(last.macs).toMatchObject({ altered: [expect.stringMatching(/^users /)] });
        // The row with the invalid MAC already names the newest key, so it does not prevent the deletion of the old one.
        expect([last.macs!.destroyed, (await keys()).length]).toEqual([1, 1]);
      } finally {
        await first.stop();
        await second.stop();
        await fresh.drop();
      }
    });
  });
});
