import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { getMetadataStorage } from 'class-validator';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Route, routesOf } from '../support/routes.js';
import { TestService } from '../support/service.js';
import { EXAMPLES, examplesOf, idsOf, type Fixtures } from '../support/fixtures.js';

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

it('the isolation test knows every parameter of every path, and creates two resources of its type', () => {
  const unknown = routes.flatMap((route) => {
    try {
      return idsOf(route) && [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
  expect(unknown).toEqual([]);
});

it('every example of the isolation test belongs to an existing route', () => {
  const there = routes.map(({ method, path }) => `${method} ${path}`);
  expect(Object.keys(EXAMPLES).filter((key) => !there.includes(key))).toEqual([]);
});

/** Fields whose name looks like an id of a resource in Signet although it is not. */
const NO_IDS = [
  // These are ids of resources elsewhere, which are stored and returned.
  ...[
    'vpc_id',
    'subnet_id',
    'security_group_id',
    'eip_id',
    'elb_id',
    'elb_ids',
    'enterprise_project_id',
    'ecs_id',
    'authorizer_id',
    'certificate_ids',
    'response_id',
    'spec_id',
    'available_zone_ids',
  ],
  // These name the caller's own domain or none (test/api/iam.directory.spec.ts, iam.access.spec.ts).
  'domain_id',
];

it('every id in a body or a query appears in an example of its route', () => {
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
        const of = new Proxy({} as Fixtures, { get: () => 'x' });
        return { ...body?.(of), ...query?.(of) };
      }),
    );
    const ids = new Set(route.parameters.flatMap(fieldsOf).filter((field) => /(^|_)ids?$/.test(field) && !NO_IDS.includes(field)));
    // The id of a new gateway, if its creator chooses one. An existing id is refused, whoever owns it (docs/isolation.md).
    if (route.path === '/v2/:project_id/apigw/instances' && route.method === 'POST') ids.delete('instance_id');
    return [...ids].filter((field) => !asked.includes(`"${field}"`)).map((field) => `${route.method} ${route.path}: ${field}`);
  });
  expect(missing).toEqual([]);
});
