import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { getMetadataStorage } from 'class-validator';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Route, routesOf } from '../support/routes.js';
import { TestService } from '../support/service.js';
import { EXAMPLES, examplesOf, idsOf, type World } from '../support/worlds.js';

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

it('every parameter of every path is known to the test of isolation, which makes two of its kind', () => {
  const unknown = routes.flatMap((route) => {
    try {
      return idsOf(route) && [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
  expect(unknown).toEqual([]);
});

it('every example of the test of isolation is of a route that is there', () => {
  const there = routes.map(({ method, path }) => `${method} ${path}`);
  expect(Object.keys(EXAMPLES).filter((key) => !there.includes(key))).toEqual([]);
});

/** Fields whose name sounds like an id of something here and is none. */
const NO_IDS = [
  // Of things elsewhere, kept and given back.
  ...[
    'vpc_id',
    'subnet_id',
    'security_group_id',
    'eip_id',
    'enterprise_project_id',
    'ecs_id',
    'authorizer_id',
    'response_id',
    'spec_id',
    'available_zone_ids',
  ],
  // The caller's own domain or none (test/api/iam.directory.spec.ts, iam.access.spec.ts).
  'domain_id',
];

it('every field of a body or a query that is an id stands in an example of its route', () => {
  const fieldsOf = (type: unknown) =>
    typeof type === 'function'
      ? getMetadataStorage()
          .getTargetValidationMetadatas(type, '', false, false)
          .map(({ propertyName }) => propertyName)
      : [];
  const missing = routes.flatMap((route) => {
    if (route.access?.kind === 'machine' || route.access?.kind === 'public') return [];
    const asked = JSON.stringify(
      examplesOf(route).map(({ body, query }) => {
        const of = new Proxy({} as World, { get: () => 'x' });
        return { ...body?.(of), ...query?.(of) };
      }),
    );
    const ids = new Set(route.parameters.flatMap(fieldsOf).filter((field) => /(^|_)ids?$/.test(field) && !NO_IDS.includes(field)));
    // A new gateway's id, if its creator chooses one: one that is taken is refused, whoever's it is (docs/isolation.md).
    if (route.path === '/v2/:project_id/apigw/instances' && route.method === 'POST') ids.delete('instance_id');
    return [...ids].filter((field) => !asked.includes(`"${field}"`)).map((field) => `${route.method} ${route.path}: ${field}`);
  });
  expect(missing).toEqual([]);
});
