import { randomBytes } from 'node:crypto';
import type { Route } from './routes.js';
import type { Client } from './service.js';

/** What an id is an id of. */
export type Kind =
  | 'accessKey'
  | 'api'
  | 'apiGroup'
  | 'apiKey'
  | 'binding'
  | 'endpoint'
  | 'environment'
  | 'gatewayToken'
  | 'instance'
  | 'message'
  | 'node'
  | 'project'
  | 'publication'
  | 'role'
  | 'sign'
  | 'signingKey'
  | 'user'
  | 'userGroup'
  | 'version'
  | 'vpcChannel';

/** One of each, in one gateway of one project. */
export type World = Record<Kind, string>;

/** Kinds that a gateway holds: another gateway of the same project must not see them. */
export const IN_GATEWAY: ReadonlySet<Kind> = new Set<Kind>([
  ...(['api', 'apiGroup', 'binding', 'environment', 'gatewayToken', 'node', 'publication', 'sign', 'version', 'vpcChannel'] as const),
]);

/** Kinds that a domain holds: its administrator sees them from every project. */
export const IN_DOMAIN: ReadonlySet<Kind> = new Set<Kind>(['accessKey', 'project', 'role', 'user', 'userGroup']);

/** What each parameter of a path is, by the beginning of the path; `undefined`: no id. The first that fits counts. */
const PARAMETERS: [path: RegExp, parameters: Record<string, Kind | undefined>][] = [
  // The project of the token; another is refused by the guard (test/architecture/routes.spec.ts).
  [/^\/v2\//, { project_id: undefined, group_id: 'apiGroup' }],
  [/^\/v3\//, { project_id: 'project', group_id: 'userGroup' }],
  [/^\/(signet\/)?v1\/endpoints\//, { id: 'endpoint', keyId: 'signingKey' }],
  [/^\/v1\/(messages|dlq)\//, { id: 'message' }],
  [/^\/v1\/api-keys\//, { id: 'apiKey' }],
  [/^\/v1\/projects\//, { id: 'project' }],
  [
    /^\//,
    {
      access_key: 'accessKey',
      api_id: 'api',
      env_id: 'environment',
      instance_id: 'instance',
      node_id: 'node',
      revision: undefined,
      role_id: 'role',
      sign_bindings_id: 'binding',
      sign_id: 'sign',
      token_id: 'gatewayToken',
      user_id: 'user',
      version_id: 'version',
      vpc_channel_id: 'vpcChannel',
    },
  ],
];

/** The parameters of a route's path that are ids, and of what. @throws Error for one that nobody has told about yet */
export function idsOf({ path }: Pick<Route, 'path'>): { parameter: string; kind: Kind | undefined }[] {
  return [...path.matchAll(/:([A-Za-z_]+)/g)].map(([, parameter]) => {
    const table = PARAMETERS.find(([start, parameters]) => start.test(path) && parameter! in parameters)?.[1];
    if (!table) throw new Error(`${path}: say in test/support/worlds.ts what :${parameter} is an id of, and make one`);
    return { parameter: parameter!, kind: table[parameter!] };
  });
}

/** What a route is called with, if not with an empty body and no query. Ids in it are tried like those of the path. */
export interface Example {
  body?: (of: World) => object;
  query?: (of: World) => Record<string, string>;
}

const policy = { Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:signs:list'] }] };
const named = () => ({ name: unique('n') });
const api = (of: World) => ({
  ...named(),
  type: 1,
  req_protocol: 'HTTPS',
  req_method: 'GET',
  req_uri: `/${unique('p')}`,
  auth_type: 'NONE',
  backend_type: 'MOCK',
  group_id: of.apiGroup,
});
const channel = () => ({
  ...named(),
  port: 80,
  balance_strategy: 1,
  member_type: 'ip',
  type: 2,
  members: [{ host: '192.0.2.1', weight: 1 }],
});
const B = '/v2/:project_id/apigw/instances/:instance_id';

/** By method and path. A route whose ids count must answer with them as an example here says, or it is not tried at all. */
export const EXAMPLES: Record<string, Example | readonly Example[]> = {
  [`PUT ${B}`]: { body: () => ({ description: 'of a test' }) },
  [`POST ${B}/features`]: { body: () => ({ name: 'ratelimit', enable: true, config: JSON.stringify({ api_limits: 300 }) }) },
  [`POST ${B}/api-groups`]: { body: named },
  [`POST ${B}/api-groups/check`]: { body: named },
  [`PUT ${B}/api-groups/:group_id`]: { body: named },
  [`PUT ${B}/api-groups/:group_id/sl-domain-access-settings`]: { body: () => ({ sl_domain_access_enabled: true }) },
  [`GET ${B}/env-variables`]: { query: (of) => ({ group_id: of.apiGroup, env_id: of.environment }) },
  [`POST ${B}/envs`]: { body: named },
  [`PUT ${B}/envs/:env_id`]: { body: named },
  [`POST ${B}/apis`]: { body: api },
  [`PUT ${B}/apis/:api_id`]: { body: api },
  [`GET ${B}/apis`]: { query: (of) => ({ id: of.api, group_id: of.apiGroup, env_id: of.environment }) },
  [`POST ${B}/apis/check`]: { body: (of) => ({ type: 'name', ...named(), group_id: of.apiGroup, api_id: of.api }) },
  [`POST ${B}/apis/action`]: { body: (of) => ({ action: 'online', env_id: of.environment, api_id: of.api }) },
  [`POST ${B}/apis/publish`]: [
    { query: () => ({ action: 'online' }), body: (of) => ({ env_id: of.environment, apis: [of.api] }) },
    { query: () => ({ action: 'online' }), body: (of) => ({ env_id: of.environment, group_id: of.apiGroup }) },
  ],
  [`PUT ${B}/apis/publish/:api_id`]: { body: (of) => ({ version_id: of.version }) },
  [`GET ${B}/apis/publish/:api_id`]: { query: (of) => ({ env_id: of.environment }) },
  [`GET ${B}/apis/runtime/:api_id`]: { query: (of) => ({ env_id: of.environment }) },
  [`GET ${B}/api-groups`]: { query: (of) => ({ id: of.apiGroup }) },
  [`GET ${B}/vpc-channels`]: { query: (of) => ({ id: of.vpcChannel }) },
  [`POST ${B}/vpc-channels`]: { body: channel },
  [`PUT ${B}/vpc-channels/:vpc_channel_id`]: { body: channel },
  [`POST ${B}/vpc-channels/:vpc_channel_id/members`]: { body: () => ({ members: [{ host: '192.0.2.2', weight: 1 }] }) },
  [`POST ${B}/signs`]: { body: named },
  [`PUT ${B}/signs/:sign_id`]: { body: named },
  [`GET ${B}/signs`]: { query: (of) => ({ id: of.sign }) },
  [`POST ${B}/sign-bindings`]: { body: (of) => ({ sign_id: of.sign, publish_ids: [of.publication] }) },
  [`GET ${B}/sign-bindings/binded-apis`]: {
    query: (of) => ({ sign_id: of.sign, env_id: of.environment, api_id: of.api, group_id: of.apiGroup }),
  },
  [`GET ${B}/sign-bindings/unbinded-apis`]: {
    query: (of) => ({ sign_id: of.sign, env_id: of.environment, api_id: of.api, group_id: of.apiGroup }),
  },
  [`GET ${B}/sign-bindings/binded-signs`]: { query: (of) => ({ api_id: of.api, sign_id: of.sign, env_id: of.environment }) },
  ['GET /v2/:project_id/apigw/instances']: { query: (of) => ({ instance_id: of.instance }) },
  ['PUT /signet/v1/instances/:instance_id/settings']: { body: () => ({ lease_seconds: 60 }) },
  ['GET /signet/v1/audit/domain']: { query: (of) => ({ instance_id: of.instance, resource_id: of.sign }) },
  ['GET /signet/v1/audit']: { query: (of) => ({ instance_id: of.instance, resource_id: of.sign }) },
  ['PATCH /v3/groups/:group_id']: { body: () => ({ group: { description: 'of a test' } }) },
  ['PATCH /v3.0/OS-ROLE/roles/:role_id']: { body: () => ({ role: { policy } }) },
  ['GET /v3.0/OS-CREDENTIAL/credentials']: { query: (of) => ({ user_id: of.user }) },
  ['POST /v3.0/OS-CREDENTIAL/credentials']: { body: (of) => ({ credential: { user_id: of.user } }) },
  ['PUT /v3.0/OS-CREDENTIAL/credentials/:access_key']: { body: () => ({ credential: { description: 'of a test' } }) },
  ['PATCH /v1/endpoints/:id']: { body: () => ({ description: 'of a test' }) },
  ['PATCH /signet/v1/endpoints/:id/signing-keys/:keyId']: { body: () => ({ expires_at: '2099-01-01T00:00:00Z' }) },
  ['POST /signet/v1/endpoints/:id/signing-keys']: { body: () => ({ type: 'hmac' }) },
  ['POST /v1/webhooks/send']: { body: (of) => ({ endpoint_id: of.endpoint, payload: { a: 1 } }) },
  ['POST /v1/messages/replay-all']: { query: (of) => ({ endpoint_id: of.endpoint, status: 'failed_permanent' }) },
  ['GET /v1/metrics']: { query: (of) => ({ endpoint_id: of.endpoint }) },
  ['GET /v1/metrics/timeseries']: { query: (of) => ({ endpoint_id: of.endpoint, window: '1h' }) },
  ['GET /v1/logs']: { query: (of) => ({ endpoint_id: of.endpoint }) },
  ['POST /v1/messages/replay-batch']: { body: (of) => ({ message_ids: [of.message] }) },
};

/** The ways in which a route is called here. */
export const examplesOf = ({ method, path }: Pick<Route, 'method' | 'path'>): readonly Example[] =>
  [EXAMPLES[`${method} ${path}`] ?? {}].flat();

/** An id of the same shape that nothing has. */
export const unknownLike = (id: string): string => id.replace(/[0-9a-f](?=[0-9a-f]*$)/gi, (digit) => OTHER[digit] ?? digit);
const OTHER: Record<string, string> = Object.fromEntries([...'0123456789abcdef'].map((digit, i, all) => [digit, all[(i + 5) % 16]!]));

export const unique = (name: string) => `${name}_${randomBytes(6).toString('hex')}`;

/** Makes one of each in a gateway. @param caller an administrator of its domain */
export async function makeWorld(caller: Client, instance: string): Promise<World> {
  const made = async (path: string, body: object, method = 'POST', headers: Record<string, string> = {}): Promise<any> => {
    const answer = await caller.call(method, path, body, headers);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  const at = `/v2/{project}/apigw/instances/${instance}`;
  const own = `/signet/v1/instances/${instance}`;
  const apiGroup = (await made(`${at}/api-groups`, named())).id as string;
  const environment = (await made(`${at}/envs`, named())).id as string;
  const apiId = (await made(`${at}/apis`, api({ apiGroup } as World))).id as string;
  const published = await made(`${at}/apis/action`, { action: 'online', env_id: environment, api_id: apiId });
  const sign = (await made(`${at}/signs`, named())).id as string;
  const { bindings } = await made(`${at}/sign-bindings`, { sign_id: sign, publish_ids: [published.publish_id] });
  const vpcChannel = (await made(`${at}/vpc-channels`, channel())).id as string;
  const token = await made(`${own}/gateway-tokens`, { role: 'gateway' });
  const node = unique('node');
  const report = { applied_revision: 0, version: '1.0.0' };
  await made(`${own}/nodes/${node}`, report, 'PUT', { 'x-auth-token': '', authorization: `Bearer ${token.token}` });
  await made(`${own}/signs/${sign}/rotation`, {});
  const userGroup = (await made('/v3/groups', { group: named() })).group.id as string;
  const role = (await made('/v3.0/OS-ROLE/roles', { role: { display_name: unique('policy'), policy } })).role.id as string;
  const { user_id: user } = (await caller.get('/signet/v1/me/permissions')).body as { user_id: string };
  const accessKey = (await made('/v3.0/OS-CREDENTIAL/credentials', { credential: {} })).credential.access as string;
  const endpoint = (await made('/v1/endpoints', { url: `https://example.com/${unique('hook')}` })).data.id as string;
  await made(`/v1/endpoints/${endpoint}/pause`, {});
  const signingKey = (await made(`/v1/endpoints/${endpoint}/signing-keys`, {})).data.id as string;
  const message = (await made('/v1/webhooks/send', { endpoint_id: endpoint, payload: { a: 1 } })).data.message_id as string;
  const apiKey = (await made('/v1/api-keys', { label: 'of a test', mode: 'live' })).data.key_id as string;
  return {
    ...{
      accessKey,
      api: apiId,
      apiGroup,
      apiKey,
      binding: bindings[0].id as string,
      endpoint,
      environment,
      gatewayToken: token.id as string,
    },
    ...{ instance, message, node, project: caller.projectId, publication: published.publish_id as string, role, sign, signingKey },
    ...{ user, userGroup, version: published.version_id as string, vpcChannel },
  };
}
