import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { ProjectsService } from '../../src/identity/projects/projects.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { newerPrefix, type Route, routesOf } from '../support/routes.js';
import { type Answer, Client, TestService } from '../support/service.js';
import {
  type Example,
  examplesOf,
  idsOf,
  IN_DOMAIN,
  IN_GATEWAY,
  type Kind,
  createFixtures,
  unique,
  unknownLike,
  type Fixtures,
  VALUES,
} from '../support/fixtures.js';

/** Answers to an invalid call: with its own ids, no route may give one of these. */
const NOT_AN_EXAMPLE = new Set([400, 401, 403, 404, 405, 415, 422, 500]);

/** Signature keys and their bindings, which `/v2` deletes, too. */
const OF_THE_CONTRACT_TOO = /^\/signet\/v1\/instances\/:instance_id\/(signs\/:sign_id|sign-bindings\/:sign_bindings_id)$/;

/** The exceptions are: a message that was not sent cannot be replayed, and an environment with APIs cannot be deleted. */
const FOUND = new Set(['INVALID_STATUS', 'APIG.3418']);

/**
 * Checks every route with an id in path, query or body: the answer to an id of another project or gateway is the answer to an unknown id.
 * Each id of each route is replaced alone, and then all ids together.
 */
onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let caller: Client;
  let routes: Route[];
  let own: Fixtures;
  /** The owners of foreign resources, and the types that the caller may see. */
  let others: { whose: string; fixtures: Fixtures; hidden: (kind: Kind) => boolean }[];

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, { SIGNET_WEBHOOKS: 'check-dns=off,delivery=off' });
    routes = routesOf(service.app).filter(({ access }) => access?.kind !== 'public' && access?.kind !== 'machine');
    const administrator = async (domain?: string) => {
      if (domain === undefined) return service.client({ role: 'APIG Administrator' });
      await service.app.get(ProjectsService).ensureDomain(domain);
      const iam = service.app.get(IamAdminService, { strict: false });
      const [user, project] = [unique('user'), unique('project')];
      await iam.addProject({ name: project, domain });
      await iam.addUser({ name: user, domain }, { password: 'a-password' });
      await iam.grant({ user, project, role: 'APIG Administrator', domain });
      const { token, projectId } = await iam.issueToken(user, project, domain);
      return new Client(service.baseUrl, projectId, token);
    };
    const [neighbour, stranger] = [await administrator(), await administrator('elsewhere')];
    caller = await administrator();
    own = await createFixtures(caller, await caller.gateway());
    // A further login of the caller, so that the caller's token outlives its end.
    const { token } = await service.app.get(IamAdminService).issueToken(own.user, caller.projectId);
    const { sessions } = (await new Client(service.baseUrl, '', token).get('/signet/v1/me/sessions')).body;
    own.loginSession = sessions.find(({ current }: { current: boolean }) => current).id;
    others = [
      {
        whose: 'another gateway’s',
        fixtures: await createFixtures(caller, await caller.gateway()),
        hidden: (kind) => IN_GATEWAY.has(kind),
      },
      {
        whose: 'another project’s',
        fixtures: await createFixtures(neighbour, await neighbour.gateway()),
        hidden: (kind) => !IN_DOMAIN.has(kind),
      },
      { whose: 'another domain’s', fixtures: await createFixtures(stranger, await stranger.gateway()), hidden: () => true },
    ];
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const keyOf = ({ method, path }: Route) => `${method} ${path}`;
  const kindsIn = (route: Route, { body, query }: Example): Kind[] => {
    const kinds = new Set(idsOf(route).flatMap(({ kind }) => kind ?? []));
    // The proxy records which ids the example reads.
    const asked = new Proxy({} as Fixtures, { get: (_, kind) => (kinds.add(kind as Kind), 'x') });
    body?.(asked);
    query?.(asked);
    return [...kinds];
  };
  const call = (route: Route, { body, query }: Example, of: Fixtures): Promise<Answer> => {
    const ids = Object.fromEntries(idsOf(route).map(({ parameter, kind }) => [parameter, kind && of[kind]]));
    const path = route.path
      .replace('/v2/:project_id', '/v2/{project}')
      .replace(/:([A-Za-z_]+)/g, (_, parameter: string) => ids[parameter] ?? VALUES[parameter] ?? '1');
    const search = query ? `?${new URLSearchParams(query(of)).toString()}` : '';
    const sent = body?.(of) ?? (['POST', 'PUT', 'PATCH'].includes(route.method) ? {} : undefined);
    return caller.call(route.method, path + search, sent);
  };
  /** An answer without its ids and without the parts that change from request to request. */
  const seen = ({ status, headers, text }: Answer, fixtures: Fixtures) => {
    let words = text.replace(/"request_id":"[^"]*"/, '').replace(/\b(n|p)_[0-9a-f]{12}\b/g, 'NAME');
    for (const [kind, id] of Object.entries(fixtures)) words = words.replaceAll(id, `{${kind}}`);
    const kept = [...headers].filter(([header]) => !/^(date|x-request-id|keep-alive|.*ratelimit.*)$/.test(header));
    return { status, words, headers: kept.map(([header, value]) => `${header}: ${value}`) };
  };
  /** All rows that do not belong to the caller, except the chain of refusals. */
  const rowsOfOthers = async () => {
    const db = service.app.get(Database);
    const tables = db.dataSource.entityMetadatas.filter(({ columns }) => columns.some(({ databaseName }) => databaseName === 'project_id'));
    const found: Record<string, unknown> = {};
    for (const { tableName } of tables) {
      if (tableName === 'signing_sessions') continue;
      const sql = `SELECT * FROM ${tableName} WHERE project_id IN (?, ?)`;
      const rows = await db.rows<object>(sql, [others[1]!.fixtures.project, others[2]!.fixtures.project]);
      found[tableName] = rows.map((row) => JSON.stringify(row)).sort();
    }
    return found;
  };

  it('every route answers a foreign id like an unknown one', async () => {
    const before = await rowsOfOthers();
    const faults: string[] = [];
    let compared = 0;
    for (const [route, example] of routes.flatMap((each) => examplesOf(each).map((way) => [each, way] as const))) {
      const kinds = kindsIn(route, example);
      for (const { whose, fixtures, hidden } of others) {
        const exchanged = kinds.filter(hidden);
        for (const some of [...exchanged.map((kind) => [kind]), ...(exchanged.length > 1 ? [exchanged] : [])]) {
          const foreign = { ...own, ...Object.fromEntries(some.map((kind) => [kind, fixtures[kind]])) };
          const unknown = { ...own, ...Object.fromEntries(some.map((kind) => [kind, unknownLike(fixtures[kind])])) };
          const [first, second] = [seen(await call(route, example, unknown), unknown), seen(await call(route, example, foreign), foreign)];
          compared++;
          if (JSON.stringify(first) !== JSON.stringify(second))
            faults.push(`${keyOf(route)} ${whose} ${some.join(', ')}: ${JSON.stringify(second)} instead of ${JSON.stringify(first)}`);
        }
      }
    }
    expect(faults).toEqual([]);
    expect(compared).toBeGreaterThan(250);
    expect(await rowsOfOthers()).toEqual(before);
  });

  describe('the control test with valid ids', () => {
    /** Changes come first and deletions last, deepest paths first. */
    const turn = ({ method, path }: Route) => {
      if (method !== 'DELETE') return ['POST', 'PUT', 'PATCH', 'HEAD', 'GET'].indexOf(method);
      return 100 - 2 * path.split('/').length - (/:[A-Za-z_]+$/.test(path) ? 0 : 1);
    };

    it('shows that each of these routes succeeds', async () => {
      const wrong: string[] = [];
      for (const route of routes.sort((a, b) => turn(a) - turn(b) || b.path.length - a.path.length)) {
        // The same operation under the newer prefix, or in the contract, has already deleted it.
        if (route.method === 'DELETE' && (route.path !== newerPrefix(route.path) || OF_THE_CONTRACT_TOO.test(route.path))) continue;
        for (const example of examplesOf(route)) {
          if (kindsIn(route, example).length === 0) continue;
          const answer = await call(route, example, own);
          if (NOT_AN_EXAMPLE.has(answer.status) && !FOUND.has(answer.body?.error_code ?? answer.body?.error?.code))
            wrong.push(`${keyOf(route)}: ${answer.status} ${answer.text}: say in test/support/fixtures.ts how it is called`);
        }
      }
      expect(wrong).toEqual([]);
    });
  });
});
