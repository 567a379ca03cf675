import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { admit } from '../../src/gateway/http/admission.js';
import { KeyTable } from '../../src/gateway/keys/key-table.js';
import type { Snapshot } from '../../src/lib/protocol/protocol.js';
import { sign } from '#signing/sign.js';
import { splitTarget } from '#signing/canonical-request.js';
import { headersOf } from '../../src/webhooks/delivery/attempt.js';
import { EndpointResolver } from '../../src/webhooks/delivery/endpoint-resolver.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { operationsOf, type Route } from '../support/routes.js';
import { type Answer, type Client, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';
import { type Example, examplesOf, idsOf, createFixtures, unique, type Fixtures, VALUES } from '../support/fixtures.js';

/** One resource of each kind for which requests and deliveries are signed. */
interface Signed {
  caller: Client;
  fixtures: Fixtures;
  machine: Machine;
  /** The online version of the API; the fixtures have the previous one. */
  current: string;
  otherSign: string;
  /** The requests before the call, as `environment target`. */
  requests: readonly string[];
  /** The key of each request, or the reason of its refusal; and the keys of the delivery. */
  before: Record<string, string>;
}

/** A call of a route that can end a signature. */
interface Way extends Example {
  /** Name of this call, if a route has several. */
  as?: string;
  /** Ids that differ from those of the fixtures. */
  ids?: (of: Signed) => Partial<Fixtures>;
  /** The preparation, which runs before the first requests are signed. */
  first?: (of: Signed) => Promise<unknown>;
  headers?: (of: Signed) => Record<string, string>;
}

const B = '/v2/:project_id/apigw/instances/:instance_id';
const S = '/signet/v1/instances/:instance_id';
const at = ({ fixtures }: Signed) => `/v2/{project}/apigw/instances/${fixtures.instance}`;
const own = ({ fixtures }: Signed) => `/signet/v1/instances/${fixtures.instance}`;
const ok = (answer: Answer): any => {
  if (answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`);
  return answer.body;
};
const apiOf = (of: Signed, uri: string) => ({
  name: unique('n'),
  type: 1,
  req_protocol: 'HTTPS',
  req_method: 'GET',
  req_uri: uri,
  auth_type: 'NONE',
  backend_type: 'MOCK',
  group_id: of.fixtures.apiGroup,
});
/** The API gets another path, which takes effect at the next publication. */
const moved = async (of: Signed) => ok(await of.caller.put(`${at(of)}/apis/${of.fixtures.api}`, apiOf(of, `/${unique('p')}`)));
const online = (of: Fixtures) => ({ action: 'online', env_id: of.environment, api_id: of.api });

/** Calls of routes for which the example in test/support/fixtures.ts changes nothing, ends nothing, or does not cover all cases. */
const WAYS: Record<string, readonly Way[]> = {
  ...Object.fromEntries(
    [B, S].flatMap((prefix): [string, readonly Way[]][] => [
      [
        `PUT ${prefix}/signs/:sign_id`,
        [
          {
            as: 'another secret',
            body: () => ({ name: unique('n'), sign_key: unique('another_key'), sign_secret: unique('another_secret') }),
          },
        ],
      ],
      [
        `POST ${prefix}/sign-bindings`,
        [{ as: 'another key', ids: (of) => ({ sign: of.otherSign }), body: (of) => ({ sign_id: of.sign, publish_ids: [of.publication] }) }],
      ],
    ]),
  ),
  [`POST ${B}/apis/action`]: [
    { as: 'offline', body: (of) => ({ ...online(of), action: 'offline' }) },
    { as: 'published again', first: moved, body: online },
  ],
  [`POST ${B}/apis/publish`]: [
    { as: 'offline', query: () => ({ action: 'offline' }), body: (of) => ({ env_id: of.environment, apis: [of.api] }) },
    { as: 'a group offline', query: () => ({ action: 'offline' }), body: (of) => ({ env_id: of.environment, group_id: of.apiGroup }) },
    {
      as: 'published again',
      first: moved,
      query: () => ({ action: 'online' }),
      body: (of) => ({ env_id: of.environment, apis: [of.api] }),
    },
  ],
  [`PUT ${B}/apis/publish/:api_id`]: [{ as: 'the version before', body: (of) => ({ version_id: of.version }) }],
  [`DELETE ${B}/apis/versions/:version_id`]: [{ as: 'the version that is online', ids: (of) => ({ version: of.current }) }],
  [`DELETE ${B}/apis/:api_id`]: [
    {
      as: 'that is offline',
      first: async (of) => ok(await of.caller.post(`${at(of)}/apis/action`, { ...online(of.fixtures), action: 'offline' })),
    },
  ],
  [`DELETE ${B}/envs/:env_id`]: [
    {
      as: 'an empty one',
      first: async (of) => ok(await of.caller.post(`${at(of)}/apis/action`, { ...online(of.fixtures), action: 'offline' })),
    },
  ],
  [`DELETE ${B}/api-groups/:group_id`]: [
    {
      as: 'an empty one',
      first: async (of) => {
        ok(await of.caller.post(`${at(of)}/apis/action`, { ...online(of.fixtures), action: 'offline' }));
        ok(await of.caller.delete(`${at(of)}/apis/${of.fixtures.api}`));
      },
    },
  ],
  [`PUT ${S}/settings`]: [
    { as: 'encoded slashes', body: () => ({ encoded_slashes: 'refuse' }) },
    { as: 'lease', body: () => ({ lease_seconds: 60 }) },
  ],
  [`DELETE ${S}/gateway-tokens/:token_id`]: [{ as: 'in use', ids: (of) => ({ gatewayToken: of.machine.tokenId }) }],
  [`DELETE ${S}/signs/:sign_id/rotation`]: [
    { as: 'promoted', first: async (of) => ok(await of.caller.post(`${own(of)}/signs/${of.fixtures.sign}/rotation/promote`, {})) },
    { as: 'staged' },
  ],
  [`POST ${S}/signs/:sign_id/rotation/retire`]: [
    {
      as: 'by force',
      first: async (of) => ok(await of.caller.post(`${own(of)}/signs/${of.fixtures.sign}/rotation/promote`, {})),
      body: () => ({ force: true }),
    },
  ],
  [`POST ${S}/signs/:sign_id/rotation`]: [
    { first: async (of) => ok(await of.caller.delete(`${own(of)}/signs/${of.fixtures.sign}/rotation`)) },
  ],
  ['PATCH /v1/endpoints/:id']: [
    { as: 'another URL', body: () => ({ url: `https://example.com/${unique('hook')}` }) },
    { as: 'another description', body: () => ({ description: unique('d') }) },
  ],
  ['PATCH /signet/v1/endpoints/:id']: [{ body: () => ({ events: [] }) }],
  ['POST /v1/endpoints']: [{ body: () => ({ url: `https://example.com/${unique('hook')}` }) }],
  ['POST /v1/endpoints/:id/signing-keys']: [{ as: 'a second one', first: async (of) => oneKeyOf(of) }],
  ['POST /signet/v1/endpoints/:id/signing-keys']: [
    { as: 'a second one', first: async (of) => oneKeyOf(of), body: () => ({ type: 'hmac' }) },
  ],
  // The caller's own login, so later routes need another caller.
  ['DELETE /signet/v1/me/sessions/:session_id']: [{ first: () => Promise.resolve() }],
  ['POST /v1/projects']: [{ body: () => ({ name: unique('project') }) }],
  ['PUT /v1/projects/:id']: [{ body: () => ({ name: unique('project') }) }],
  ['POST /v3/projects']: [{ body: () => ({ project: { name: unique('project') } }) }],
  ['POST /v3/groups']: [{ body: () => ({ group: { name: unique('group') } }) }],
  ['POST /v3.0/OS-ROLE/roles']: [
    {
      body: () => ({
        role: { display_name: unique('policy'), policy: { Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:signs:list'] }] } },
      }),
    },
  ],
  ...Object.fromEntries(
    [
      '/v3/projects/:project_id/groups/:group_id/roles/:role_id',
      '/v3/projects/:project_id/users/:user_id/roles/:role_id',
      '/v3/groups/:group_id/users/:user_id',
    ].map((path) => [`DELETE ${path}`, [{ first: (of: Signed) => put(of, path) }]]),
  ),
  ['POST /v3.0/OS-CREDENTIAL/securitytokens']: [
    { body: () => ({ auth: { identity: { methods: ['token'], token: { duration_seconds: 900 } } } }) },
  ],
  ['POST /v1/api-keys']: [{ body: () => ({ label: unique('l'), mode: 'live' }) }],
  ['POST /v2/:project_id/apigw/instances']: [
    {
      body: () => ({
        instance_name: unique('gw'),
        spec_id: 'PLATINUM',
        vpc_id: 'vpc',
        subnet_id: 'subnet',
        security_group_id: 'group',
        available_zone_ids: ['local-a'],
      }),
    },
  ],
};

/** The right that the route revokes is granted first. */
const put = async ({ caller, fixtures }: Signed, path: string) => {
  const ids: Record<string, string> = {
    project_id: fixtures.project,
    group_id: fixtures.userGroup,
    user_id: fixtures.user,
    role_id: fixtures.role,
  };
  return ok(await caller.put(path.replace(/:([a-z_]+)/g, (_, parameter: string) => ids[parameter] ?? ''))) as unknown;
};

const oneKeyOf = async (of: Signed) =>
  ok(await of.caller.call('DELETE', `/v1/endpoints/${of.fixtures.endpoint}/signing-keys/${of.fixtures.signingKey}`)) as unknown;

/** Calls that are refused while a signature could end, each with the reason. */
const REFUSED: Record<string, string> = {
  'DELETE /v1/projects/:id': 'a project with gateways or endpoints is not deleted',
  'POST /v1/dlq/replay/:id': 'the message has not failed',
  'POST /v1/messages/:id/replay': 'the message is still waiting',
  'POST /v1/messages/:id/retry-now': 'the message does not wait for a retry',
  'POST /v1/messages/:id/cancel': 'the message does not wait for a retry',
  'POST /signet/v1/endpoints/:id/signing-keys/:keyId/test': 'this process does not deliver',
  'DELETE /v3/auth/tokens': 'names no token',
  'POST /signet/v1/me/totp': 'needs the password of the caller',
  'POST /signet/v1/me/totp/confirm': 'nothing waits for a confirmation',
  'POST /signet/v1/me/totp/disable': 'one-time passwords are not enabled',
};

const NOW = 1_800_000_000_000;

/**
 * The test detects which routes end signatures: it requests the same signatures before and after each call. A gateway's request uses the
 * table of a new snapshot, fetched with the process's credential; a delivery uses the data that an attempt reads.
 */
onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let routes: Route[];

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, {
      SIGNET_WEBHOOKS: 'check-dns=off,delivery=off',
      SIGNET_LIMITS: 'instances=1000',
    });
    const mutating = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
    // What a process reports about itself does not end signatures of other processes.
    routes = operationsOf(service.app).filter(
      ({ method, access }) => mutating.has(method) && access && !['public', 'machine'].includes(access.kind),
    );
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const tableOf = async ({ machine, fixtures }: Signed): Promise<KeyTable | string> => {
    const session = new TestSession(fixtures.instance, 'probe');
    const registered = await machine.register(session);
    if (registered.status !== 200) return `no session: ${registered.status}`;
    session.epoch = registered.body.epoch;
    const { status, body } = await machine.ask(session, '');
    await machine.say(session, session.report(0, { leaving: true }));
    return status === 200 ? KeyTable.from(body as Snapshot) : `no keys: ${status}`;
  };

  const signatureOf = (table: KeyTable | string, request: string): string => {
    if (typeof table === 'string') return table;
    const [environment = '', target = ''] = request.split(' ');
    const head = { method: 'GET', target, host: 'api.example', stage: environment };
    const admitted = admit(head, { environment: undefined, encodedSlashes: table.encodedSlashes });
    if (typeof admitted === 'string') return admitted;
    const route = table.match(admitted.environment, 'GET', splitTarget(target).path);
    if (!route?.key) return 'not signed';
    const sent = { method: 'GET', url: target, host: head.host, bodySha256: 'e3b0c442' };
    return sign(sent, route.key.material, { now: () => NOW }).authorization!;
  };

  const deliveryOf = async ({ fixtures }: Signed): Promise<string> => {
    const receiver = await service.app.get(EndpointResolver, { strict: false }).read(fixtures.endpoint);
    if (!receiver || receiver.deleted || receiver.paused) return 'not delivered';
    const message = { id: 'msg', body: Buffer.from('{}'), timestamp: NOW / 1000 };
    return `${receiver.url.href} ${JSON.stringify(headersOf(message, receiver.signers, receiver.headers))}`;
  };

  const signatures = async (of: Signed): Promise<Record<string, string>> => {
    const table = await tableOf(of);
    return { ...Object.fromEntries(of.requests.map((request) => [request, signatureOf(table, request)])), delivery: await deliveryOf(of) };
  };

  async function makeSigned(): Promise<Signed> {
    const caller = await service.client({ role: 'APIG Administrator' });
    const fixtures = await createFixtures(caller, await caller.gateway());
    const of: Signed = {
      caller,
      fixtures,
      machine: await Machine.of(caller, fixtures.instance),
      current: '',
      otherSign: '',
      requests: [],
      before: {},
    };
    const path = `/${unique('p')}`;
    ok(await caller.put(`${at(of)}/apis/${fixtures.api}`, { ...apiOf(of, path), match_mode: 'SWA' }));
    of.current = ok(await caller.post(`${at(of)}/apis/action`, online(fixtures))).version_id as string;
    of.otherSign = ok(await caller.post(`${at(of)}/signs`, { name: unique('n') })).id as string;
    ok(await caller.put(`${own(of)}/settings`, { encoded_slashes: 'pass' }));
    ok(await caller.post(`/v1/endpoints/${fixtures.endpoint}/resume`, {}));
    const environment = ok(await caller.get(`${at(of)}/envs`)).envs.find(({ id }: { id: string }) => id === fixtures.environment)
      .name as string;
    of.requests = [`${environment} ${path}`, `${environment} ${path}/a%2Fb`];
    of.before = await signatures(of);
    expect(Object.values(of.before).filter((signature) => !/Signature=|webhook-signature/.test(signature))).toEqual([]);
    return of;
  }

  const call = (route: Route, { body, query, ids, headers }: Way, of: Signed): Promise<Answer> => {
    const fixtures = { ...of.fixtures, ...ids?.(of) };
    const values = Object.fromEntries(idsOf(route).map(({ parameter, kind }) => [parameter, kind && fixtures[kind]]));
    const path = route.path
      .replace('/v2/:project_id', '/v2/{project}')
      .replace(/:([A-Za-z_]+)/g, (_, parameter: string) => values[parameter] ?? VALUES[parameter] ?? '1');
    const search = query ? `?${new URLSearchParams(query(fixtures)).toString()}` : '';
    const sent = body?.(fixtures) ?? (route.method === 'DELETE' ? undefined : {});
    return of.caller.call(route.method, path + search, sent, headers?.(of));
  };

  /** Deletions come last, deepest paths first, so that few sets of fixtures are needed. */
  const turn = ({ method, path }: Route) => (method === 'DELETE' ? 100 - path.split('/').length : 0);

  describe('every route that can be called', () => {
    const faults: string[] = [];
    const ended: string[] = [];
    const tried: string[] = [];

    beforeAll(async () => {
      let of: Signed | undefined;
      for (const route of routes.sort((a, b) => turn(a) - turn(b))) {
        const key = `${route.method} ${route.path}`;
        for (const way of (WAYS[key] ?? examplesOf(route)) as readonly Way[]) {
          const { as, first } = way;
          const called = as === undefined ? key : `${key} (${as})`;
          tried.push(key);
          // Changes of an earlier step must not be attributed to this route.
          if (!of || first) of = await makeSigned();
          if (first) {
            await first(of);
            of.before = await signatures(of);
          }
          const answer = await call(route, way, of);
          if (key in REFUSED !== answer.status >= 400) faults.push(`${called}: ${answer.status} ${answer.text}`);
          const after = await signatures(of);
          const changed = Object.keys(after).some(
            (request) => /Signature=|webhook-signature/.test(of!.before[request]!) && after[request] !== of!.before[request],
          );
          const receipt = answer.headers.get('signet-receipt');
          if (changed) {
            ended.push(called);
            if (receipt === null) faults.push(`${called} ends signatures, and has no receipt`);
          }
          if (receipt !== null) {
            const { status, body } = await of.caller.get(receipt);
            if (status !== 200 || body.revision !== Number(answer.headers.get('signet-revision')))
              faults.push(`${called}: the receipt answers ${status} ${JSON.stringify(body)}`);
          }
          if (changed || first) of = undefined;
        }
      }
    });

    it('succeeds in at least one call of this test', () => {
      expect([...new Set(tried)].sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
    });

    it('answers with the URL of a receipt if it ends a signature', () => {
      expect(faults).toEqual([]);
    });

    it('is found to end signatures if it is known to do so, which shows that the detection works', () => {
      expect(ended.sort()).toEqual(ENDING.sort());
    });
  });
});

const ENDING = [
  `DELETE ${B}`,
  `DELETE ${B}/apis/versions/:version_id (the version that is online)`,
  ...[B, S].flatMap((prefix) => [
    `DELETE ${prefix}/sign-bindings/:sign_bindings_id`,
    `DELETE ${prefix}/signs/:sign_id`,
    `POST ${prefix}/sign-bindings (another key)`,
    `PUT ${prefix}/signs/:sign_id (another secret)`,
  ]),
  `DELETE ${S}/gateway-tokens/:token_id (in use)`,
  `DELETE ${S}/signs/:sign_id/rotation (promoted)`,
  `POST ${B}/apis/action (offline)`,
  `POST ${B}/apis/action (published again)`,
  `POST ${B}/apis/publish (a group offline)`,
  `POST ${B}/apis/publish (offline)`,
  `POST ${B}/apis/publish (published again)`,
  `POST ${S}/signs/:sign_id/rotation/promote`,
  `PUT ${B}/apis/publish/:api_id (the version before)`,
  `PUT ${B}/envs/:env_id`,
  `PUT ${S}/settings (encoded slashes)`,
  'DELETE /v1/endpoints/:id',
  'DELETE /v1/endpoints/:id/signing-keys/:keyId',
  'PATCH /v1/endpoints/:id (another URL)',
  'POST /signet/v1/endpoints/:id/signing-keys (a second one)',
  'POST /v1/endpoints/:id/pause',
  'POST /v1/endpoints/:id/signing-keys (a second one)',
];
