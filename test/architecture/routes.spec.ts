import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PermissionSet } from '../../src/platform/auth/permission-set.js';
import { SYSTEM_POLICIES } from '../../src/platform/auth/system-policies.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Route, routesOf } from '../support/routes.js';
import { TestService } from '../support/service.js';
import { sources } from '../support/sources.js';

let database: TestDatabase;
let service: TestService;
let routes: Route[];

beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database);
  routes = routesOf(service.app);
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

/** Reads that the contract defines as POST, with the query in the body. */
const READS = ['InstanceTagsController.find', 'InstanceTagsController.count'];

describe('every route', () => {
  it('is found by this test', () => {
    const declared = sources.flatMap(({ text }) => [...text.matchAll(/^ {2}@(?:Get|Head|Post|Put|Patch|Delete|Options|All)\(/gm)]);
    expect(new Set(routes.map(({ name }) => name)).size).toBe(declared.length);
  });

  it('declares who may call it', () => {
    expect(routes.filter(({ access }) => access === undefined).map(({ name }) => name)).toEqual([]);
  });

  it('refuses a caller without a token, unless it is public', async () => {
    for (const { name, method, path, access } of routes) {
      if (access?.kind === 'public') continue;
      const response = await fetch(service.baseUrl + path.replace(/:[A-Za-z_]+/g, 'x'), { method });
      expect([name, response.status]).toEqual([name, 401]);
    }
  });

  it('for machines refuses users and other roles, and gives another gateway the answer for an unknown one', async () => {
    const admin = await service.client({ role: 'APIG Administrator' });
    const [mine, other] = [await admin.gateway(), await admin.gateway()];
    const credential = async (role: string) =>
      (await admin.post(`/signet/v1/instances/${mine}/gateway-tokens`, { role })).body.token as string;
    const tokens: Record<string, string> = { gateway: await credential('gateway'), verifier: await credential('verifier') };
    const machines = routes.filter(({ access }) => access?.kind === 'machine');
    expect(machines.length).toBeGreaterThan(3);
    for (const { name, method, path, access } of machines) {
      const at = (instance: string, headers: Record<string, string>) =>
        fetch(service.baseUrl + path.replace(':instance_id', instance).replace(/:[A-Za-z_]+/g, 'x'), { method, headers });
      const role = access?.kind === 'machine' ? access.role : '';
      const own = { authorization: `Bearer ${tokens[role]!}` };
      const statuses = [
        (await at(mine, { 'x-auth-token': admin.token })).status,
        (await at(mine, { authorization: `Bearer ${admin.token}` })).status,
        (await at(mine, { authorization: `Bearer ${tokens[role === 'gateway' ? 'verifier' : 'gateway']!}` })).status,
        (await at(other, own)).status,
      ];
      expect([name, ...statuses]).toEqual([name, 401, 401, 403, 404]);
      const words = async (instance: string) =>
        (await (await at(instance, own)).text()).replaceAll(instance, '').replace(/"request_id":"[^"]*"/, '');
      expect([name, await words(other)]).toEqual([name, await words('0123456789abcdef0123456789abcdef')]);
    }
  });

  it('that is under a project needs an action that some role grants', () => {
    const grantless = routes.filter(
      ({ path, access }) =>
        path.includes(':project_id') &&
        ((access?.kind !== 'action' && access?.kind !== 'domain') ||
          !access.actions.every((action) => SYSTEM_POLICIES.some((policy) => new PermissionSet([policy]).allows(action)))),
    );
    expect(grantless.map(({ name }) => name)).toEqual([]);
  });

  it('that writes refuses a reader before the body is read', async () => {
    const reader = await service.client({ role: 'APIG ReadOnlyAccess' });
    for (const { name, method, path, access } of routes) {
      if (!['action', 'domain', 'project'].includes(access?.kind ?? '') || method === 'GET' || READS.includes(name)) continue;
      const answer = await reader.call(
        method,
        path.replace(':project_id', '{project}').replace(/:[A-Za-z_]+/g, 'x'),
        method === 'DELETE' || method === 'HEAD' ? undefined : {},
      );
      expect([name, answer.status]).toEqual([name, 403]);
    }
  });

  it('answers the same 403 for a foreign and for an unknown project', async () => {
    const [mine, theirs] = [await service.client(), await service.client()];
    for (const { name, method, path } of routes) {
      if (!path.includes(':project_id')) continue;
      const at = (project: string) =>
        mine.call(
          method,
          path.replace(':project_id', project).replace(/:[A-Za-z_]+/g, 'x'),
          method === 'GET' || method === 'DELETE' || method === 'HEAD' ? undefined : {},
        );
      const [foreign, unknown] = [await at(theirs.projectId), await at('0123456789abcdef0123456789abcdef')];
      expect([name, foreign.status, foreign.text]).toEqual([name, 403, unknown.text]);
    }
  });
});
