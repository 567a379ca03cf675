import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/database/database.js';
import { IamAdminService } from '../../src/iam/iam-admin.service.js';
import { ProjectsService } from '../../src/projects/projects.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Route, routesOf } from '../support/routes.js';
import { type Answer, Client, TestService } from '../support/service.js';
import {
  type Example,
  examplesOf,
  idsOf,
  IN_DOMAIN,
  IN_GATEWAY,
  type Kind,
  makeWorld,
  unique,
  unknownLike,
  type World,
} from '../support/worlds.js';

/** Answers that say "this is not how the route is called": with its own ids no route may give one of these. */
const NOT_AN_EXAMPLE = new Set([400, 401, 403, 404, 405, 415, 422, 500]);

/** Except these: a message that was not sent is in no state to be replayed, and an environment with APIs in none to be deleted. */
const FOUND = new Set(['INVALID_STATUS', 'APIG.3418']);

/**
 * For every route that takes an id, in its path, its query or its body: what is another project's, or another gateway's, answers as what
 * is not there. Every id of every route is exchanged by itself and all of them at once.
 */
onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let caller: Client;
  let routes: Route[];
  let own: World;
  /** Whose things must not be seen, and which kinds of them the caller may. */
  let others: { whose: string; world: World; hidden: (kind: Kind) => boolean }[];

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, { SIGNET_WEBHOOK_CHECK_DNS: 'false', SIGNET_WEBHOOK_DELIVERY: 'off' });
    routes = routesOf(service.app).filter(({ access }) => access?.kind !== 'public' && access?.kind !== 'machine');
    const administrator = async (domain?: string) => {
      if (domain === undefined) return service.client({ role: 'APIG Administrator' });
      await service.app.get(ProjectsService).ensureDomain(domain);
      const iam = service.app.get(IamAdminService, { strict: false });
      const [user, project] = [unique('user'), unique('project')];
      await iam.addProject({ name: project, domain });
      await iam.addUser({ name: user, domain }, { password: 'p' });
      await iam.grant({ user, project, role: 'APIG Administrator', domain });
      const { token, projectId } = await iam.issueToken(user, project, domain);
      return new Client(service.baseUrl, projectId, token);
    };
    const [neighbour, stranger] = [await administrator(), await administrator('elsewhere')];
    caller = await administrator();
    own = await makeWorld(caller, await caller.gateway());
    others = [
      { whose: 'another gateway’s', world: await makeWorld(caller, await caller.gateway()), hidden: (kind) => IN_GATEWAY.has(kind) },
      { whose: 'another project’s', world: await makeWorld(neighbour, await neighbour.gateway()), hidden: (kind) => !IN_DOMAIN.has(kind) },
      { whose: 'another domain’s', world: await makeWorld(stranger, await stranger.gateway()), hidden: () => true },
    ];
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const keyOf = ({ method, path }: Route) => `${method} ${path}`;
  const kindsIn = (route: Route, { body, query }: Example): Kind[] => {
    const kinds = new Set(idsOf(route).flatMap(({ kind }) => kind ?? []));
    // The example tells which ids it holds by asking for them.
    const asked = new Proxy({} as World, { get: (_, kind) => (kinds.add(kind as Kind), 'x') });
    body?.(asked);
    query?.(asked);
    return [...kinds];
  };
  const call = (route: Route, { body, query }: Example, of: World): Promise<Answer> => {
    const ids = Object.fromEntries(idsOf(route).map(({ parameter, kind }) => [parameter, kind && of[kind]]));
    const path = route.path
      .replace('/v2/:project_id', '/v2/{project}')
      .replace(/:([A-Za-z_]+)/g, (_, parameter: string) => ids[parameter] ?? '1');
    const search = query ? `?${new URLSearchParams(query(of)).toString()}` : '';
    const sent = body?.(of) ?? (['POST', 'PUT', 'PATCH'].includes(route.method) ? {} : undefined);
    return caller.call(route.method, path + search, sent);
  };
  /** What a caller can tell apart: everything but the ids themselves, and what differs from any answer to the next. */
  const seen = ({ status, headers, text }: Answer, world: World) => {
    let words = text.replace(/"request_id":"[^"]*"/, '').replace(/\b(n|p)_[0-9a-f]{12}\b/g, 'NAME');
    for (const [kind, id] of Object.entries(world)) words = words.replaceAll(id, `{${kind}}`);
    const kept = [...headers].filter(([header]) => !/^(date|x-request-id|keep-alive|.*ratelimit.*)$/.test(header));
    return { status, words, headers: kept.map(([header, value]) => `${header}: ${value}`) };
  };
  /** Rows of everything that is not the caller's. What the guard notes of refusals has a chain of its own. */
  const rowsOfOthers = async () => {
    const db = service.app.get(Database);
    const tables = db.dataSource.entityMetadatas.filter(({ columns }) => columns.some(({ databaseName }) => databaseName === 'project_id'));
    const found: Record<string, unknown> = {};
    for (const { tableName } of tables) {
      if (tableName === 'gateway_nodes') continue;
      const sql = `SELECT * FROM ${tableName} WHERE project_id IN (?, ?)`;
      const rows = await db.rows<object>(sql, [others[1]!.world.project, others[2]!.world.project]);
      found[tableName] = rows.map((row) => JSON.stringify(row)).sort();
    }
    return found;
  };

  it('every id of every route answers, when it is somebody else’s, as one that is not there', async () => {
    const before = await rowsOfOthers();
    const faults: string[] = [];
    let compared = 0;
    for (const [route, example] of routes.flatMap((each) => examplesOf(each).map((way) => [each, way] as const))) {
      const kinds = kindsIn(route, example);
      for (const { whose, world, hidden } of others) {
        const exchanged = kinds.filter(hidden);
        for (const some of [...exchanged.map((kind) => [kind]), ...(exchanged.length > 1 ? [exchanged] : [])]) {
          const foreign = { ...own, ...Object.fromEntries(some.map((kind) => [kind, world[kind]])) };
          const unknown = { ...own, ...Object.fromEntries(some.map((kind) => [kind, unknownLike(world[kind])])) };
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

  describe('and with its own ids', () => {
    /** What changes first, what deletes last, and of that what is deepest first. */
    const turn = ({ method, path }: Route) => {
      if (method !== 'DELETE') return ['POST', 'PUT', 'PATCH', 'HEAD', 'GET'].indexOf(method);
      return 100 - 2 * path.split('/').length - (/:[A-Za-z_]+$/.test(path) ? 0 : 1);
    };

    it('every one of these routes does what it is for', async () => {
      const wrong: string[] = [];
      for (const route of routes.sort((a, b) => turn(a) - turn(b) || b.path.length - a.path.length)) {
        for (const example of examplesOf(route)) {
          if (kindsIn(route, example).length === 0) continue;
          const answer = await call(route, example, own);
          if (NOT_AN_EXAMPLE.has(answer.status) && !FOUND.has(answer.body?.error_code ?? answer.body?.error?.code))
            wrong.push(`${keyOf(route)}: ${answer.status} ${answer.text}: say in test/support/worlds.ts how it is called`);
        }
      }
      expect(wrong).toEqual([]);
    });
  });
});
