import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { allows, ROLES } from '../../src/auth/permissions.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Route, routesOf } from '../support/routes.js';
import { TestService } from '../support/service.js';

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

describe('every route', () => {
  it('is found by this test', () => {
    expect(routes.map(({ name }) => name)).toContain('SignsController.delete');
    expect(routes.length).toBeGreaterThan(12);
  });

  it('declares who may call it', () => {
    expect(routes.filter(({ access }) => access === undefined).map(({ name }) => name)).toEqual([]);
  });

  it('refuses a caller without a token, unless it is public', async () => {
    for (const { name, method, path, access } of routes) {
      if (access?.kind === 'public') continue;
      const response = await fetch(service.baseUrl + path.replace(/:[a-z_]+/g, 'x'), { method });
      expect([name, response.status]).toEqual([name, 401]);
    }
  });

  it('that is under a project needs an action that some role grants', () => {
    const grantless = routes.filter(
      ({ path, access }) =>
        path.includes(':project_id') &&
        (access?.kind !== 'action' || !access.actions.every((action) => ROLES.some((role) => allows([role], action)))),
    );
    expect(grantless.map(({ name }) => name)).toEqual([]);
  });

  it('that writes is refused to a reader, before its body is looked at', async () => {
    const reader = await service.client({ role: 'APIG ReadOnlyAccess' });
    for (const { name, method, path, access } of routes) {
      if (access?.kind !== 'action' || method === 'GET') continue;
      const answer = await reader.call(
        method,
        path.replace(':project_id', '{project}').replace(/:[a-z_]+/g, 'x'),
        method === 'DELETE' ? undefined : {},
      );
      expect([name, answer.status]).toEqual([name, 403]);
    }
  });

  it('answers 403 in the same words for another project and for one that does not exist', async () => {
    const [mine, theirs] = [await service.client(), await service.client()];
    for (const { name, method, path } of routes) {
      if (!path.includes(':project_id')) continue;
      const at = (project: string) =>
        mine.call(
          method,
          path.replace(':project_id', project).replace(/:[a-z_]+/g, 'x'),
          method === 'GET' || method === 'DELETE' ? undefined : {},
        );
      const [foreign, unknown] = [await at(theirs.projectId), await at('0123456789abcdef0123456789abcdef')];
      expect([name, foreign.status, foreign.text]).toEqual([name, 403, unknown.text]);
    }
  });
});
