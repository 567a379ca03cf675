import { randomBytes } from 'node:crypto';
import { newerPrefix, type Route } from './routes.js';
import { TestSession } from './session.js';
import type { Client } from './service.js';

/** The types of resources. */
export type Kind =
  | 'accessKey'
  | 'api'
  | 'apiGroup'
  | 'apiKey'
  | 'binding'
  | 'channelMember'
  | 'domain'
  | 'endpoint'
  | 'environment'
  | 'gatewayToken'
  | 'ingressPort'
  | 'instance'
  | 'loginSession'
  | 'memberGroup'
  | 'message'
  | 'session'
  | 'project'
  | 'publication'
  | 'referredChannel'
  | 'response'
  | 'role'
  | 'sign'
  | 'signingKey'
  | 'user'
  | 'userGroup'
  | 'variable'
  | 'verifier'
  | 'version'
  | 'vpcChannel';

/** The id of one resource of each type, all in one gateway of one project. */
export type Fixtures = Record<Kind, string>;

/** Types of resources that belong to a gateway, and are invisible to other gateways of the project. */
export const IN_GATEWAY: ReadonlySet<Kind> = new Set<Kind>([
  ...([
    'api',
    'apiGroup',
    'binding',
    'channelMember',
    'domain',
    'environment',
    'gatewayToken',
    'ingressPort',
    'memberGroup',
    'session',
    'publication',
    'referredChannel',
    'response',
    'sign',
    'variable',
    'verifier',
    'version',
    'vpcChannel',
  ] as const),
]);

/** Types of resources that belong to a domain, and are visible to its administrator in every project. */
export const IN_DOMAIN: ReadonlySet<Kind> = new Set<Kind>(['accessKey', 'project', 'role', 'user', 'userGroup']);

/** The type of each path parameter by path prefix, where the first match counts. `undefined` marks a parameter that is not an id. */
const PARAMETERS: [path: RegExp, parameters: Record<string, Kind | undefined>][] = [
  // The project of the token; the guard refuses another project (test/architecture/routes.spec.ts).
  [/^\/v2\//, { project_id: undefined, group_id: 'apiGroup' }],
  [/^\/v3\//, { project_id: 'project', group_id: 'userGroup' }],
  [/^\/(signet\/)?v1\/endpoints\//, { id: 'endpoint', keyId: 'signingKey' }],
  [/^\/v1\/(messages|dlq)\//, { id: 'message' }],
  [/^\/v1\/api-keys\//, { id: 'apiKey' }],
  [/^\/v1\/projects\//, { id: 'project' }],
  [/^\/signet\/v1\/me\//, { session_id: 'loginSession' }],
  [
    /^\//,
    {
      access_key: 'accessKey',
      api_id: 'api',
      domain_id: 'domain',
      env_id: 'environment',
      env_variable_id: 'variable',
      ingress_port_id: 'ingressPort',
      instance_id: 'instance',
      member_group_id: 'memberGroup',
      member_id: 'channelMember',
      session_id: 'session',
      response_id: 'response',
      response_type: undefined,
      revision: undefined,
      role_id: 'role',
      sign_bindings_id: 'binding',
      sign_id: 'sign',
      token_id: 'gatewayToken',
      verifier_id: 'verifier',
      user_id: 'user',
      version_id: 'version',
      vpc_channel_id: 'vpcChannel',
    },
  ],
];

/** The parameters of a route's path that are ids, with their types. @throws Error for a parameter that is not in the table */
export function idsOf({ path }: Pick<Route, 'path'>): { parameter: string; kind: Kind | undefined }[] {
  return [...path.matchAll(/:([A-Za-z_]+)/g)].map(([, parameter]) => {
    const table = PARAMETERS.find(([start, parameters]) => start.test(path) && parameter! in parameters)?.[1];
    if (!table) throw new Error(`${path}: say in test/support/fixtures.ts what :${parameter} is an id of, and make one`);
    return { parameter: parameter!, kind: table[parameter!] };
  });
}

/** The value of a path parameter that is not an id. */
export const VALUES: Record<string, string> = { response_type: 'THROTTLED' };

/** Body and query of a route; default: an empty body and no query. Their ids are tested like those of the path. */
export interface Example {
  body?: (of: Fixtures) => object;
  query?: (of: Fixtures) => Record<string, string>;
}

const policy = { Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:signs:list'] }] };
const named = () => ({ name: unique('n') });
const api = (of: Fixtures) => ({
  ...named(),
  type: 1,
  req_protocol: 'HTTPS',
  req_method: 'GET',
  req_uri: `/${unique('p')}`,
  auth_type: 'NONE',
  backend_type: 'MOCK',
  group_id: of.apiGroup,
});
const groupOfMembers = (of: Fixtures) => ({ member_group_name: unique('n'), reference_vpc_channel_id: of.referredChannel });
const channel = () => ({
  ...named(),
  port: 80,
  balance_strategy: 1,
  member_type: 'ip',
  type: 2,
  members: [{ host: '192.0.2.1', weight: 1 }],
});
const channelWithGroup = (of: Fixtures) => ({ ...channel(), member_groups: [groupOfMembers(of)] });
const health = { protocol: 'TCP', threshold_normal: 1, threshold_abnormal: 1, time_interval: 1, timeout: 1 };
const B = '/v2/:project_id/apigw/instances/:instance_id';
/** Signature keys of every type, below our own prefix. */
const OWN = '/signet/v1/instances/:instance_id';

/**
 * The examples by method and path. With the caller's own ids, a route must answer as its example says, or the test of its ids would prove
 * nothing.
 */
export const EXAMPLES: Record<string, Example | readonly Example[]> = {
  [`PUT ${B}`]: { body: () => ({ description: 'of a test' }) },
  [`POST ${B}/features`]: { body: () => ({ name: 'ratelimit', enable: true, config: JSON.stringify({ api_limits: 300 }) }) },
  [`POST ${B}/postpaid-resize`]: { body: () => ({ spec_id: 'PLATINUM_X2' }) },
  [`PUT ${B}/eip`]: { body: () => ({ eip_id: 'elsewhere' }) },
  [`POST ${B}/custom-ingress-ports`]: { body: () => ({ protocol: 'HTTP', ingress_port: 3662 }) },
  [`POST ${B}/extra-elbs`]: { body: () => ({ elb_details: [{ id: 'elsewhere' }] }) },
  [`DELETE ${B}/extra-elbs`]: { body: () => ({ elb_ids: ['elsewhere'] }) },
  [`POST ${B}/instance-tags/action`]: [
    { body: () => ({ action: 'create', tags: [{ key: 'stage', value: 'test' }] }) },
    { body: () => ({ action: 'delete', tags: [{ key: 'stage' }] }) },
  ],
  [`POST ${B}/api-groups`]: { body: named },
  [`POST ${B}/api-groups/check`]: { body: named },
  [`PUT ${B}/api-groups/:group_id`]: { body: named },
  [`PUT ${B}/api-groups/:group_id/sl-domain-access-settings`]: { body: () => ({ sl_domain_access_enabled: true }) },
  [`POST ${B}/api-groups/:group_id/domains`]: { body: () => ({ url_domain: `${unique('d').replace('_', '-')}.example` }) },
  [`POST ${B}/api-groups/:group_id/domains/:domain_id/certificates/attach`]: { body: () => ({ certificate_ids: ['certificate'] }) },
  [`POST ${B}/api-groups/:group_id/domains/:domain_id/certificates/detach`]: { body: () => ({ certificate_ids: ['certificate'] }) },
  [`POST ${B}/api-groups/:group_id/gateway-responses`]: { body: named },
  [`PUT ${B}/api-groups/:group_id/gateway-responses/:response_id`]: { body: named },
  [`PUT ${B}/api-groups/:group_id/gateway-responses/:response_id/:response_type`]: { body: () => ({ body: '{}' }) },
  [`GET ${B}/env-variables`]: { query: (of) => ({ group_id: of.apiGroup, env_id: of.environment }) },
  [`POST ${B}/env-variables`]: {
    body: (of) => ({ variable_name: unique('v'), variable_value: '/a', env_id: of.environment, group_id: of.apiGroup }),
  },
  [`PUT ${B}/env-variables/:env_variable_id`]: { body: () => ({ variable_value: '/b' }) },
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
  [`GET ${B}/vpc-channels`]: { query: (of) => ({ id: of.vpcChannel, member_group_id: of.memberGroup }) },
  [`POST ${B}/vpc-channels`]: { body: channelWithGroup },
  // The body has no members, so the channel keeps its members.
  [`PUT ${B}/vpc-channels/:vpc_channel_id`]: {
    body: (of) => ({ ...named(), port: 80, member_type: 'ip', member_groups: [{ ...groupOfMembers(of), member_group_name: 'fixed' }] }),
  },
  [`PUT ${B}/vpc-channels/:vpc_channel_id/health-config`]: { body: () => health },
  [`GET ${B}/vpc-channels/:vpc_channel_id/members`]: { query: (of) => ({ member_group_id: of.memberGroup }) },
  [`POST ${B}/vpc-channels/:vpc_channel_id/members`]: { body: () => ({ members: [{ host: '192.0.2.2', weight: 1 }] }) },
  [`PUT ${B}/vpc-channels/:vpc_channel_id/members`]: {
    body: () => ({ members: [{ host: '192.0.2.3', member_group_name: 'fixed' }], member_group_name: 'fixed' }),
  },
  [`POST ${B}/vpc-channels/:vpc_channel_id/members/batch-enable`]: { body: (of) => ({ member_ids: [of.channelMember] }) },
  [`POST ${B}/vpc-channels/:vpc_channel_id/members/batch-disable`]: { body: (of) => ({ member_ids: [of.channelMember] }) },
  [`POST ${B}/vpc-channels/:vpc_channel_id/member-groups`]: { body: (of) => ({ member_groups: [groupOfMembers(of)] }) },
  [`PUT ${B}/vpc-channels/:vpc_channel_id/member-groups/:member_group_id`]: {
    body: (of) => ({ ...groupOfMembers(of), member_group_name: 'fixed' }),
  },
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
  [`GET ${OWN}/signs`]: { query: (of) => ({ id: of.sign }) },
  [`POST ${OWN}/signs`]: { body: named },
  [`PUT ${OWN}/signs/:sign_id`]: { body: named },
  [`POST ${OWN}/sign-bindings`]: { body: (of) => ({ sign_id: of.sign, publish_ids: [of.publication] }) },
  [`GET ${OWN}/sign-bindings`]: {
    query: (of) => ({ sign_id: of.sign, env_id: of.environment, api_id: of.api, group_id: of.apiGroup }),
  },
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
  ['PATCH /signet/v1/endpoints/:id']: { body: () => ({ events: ['endpoint.disabled'] }) },
  ['PATCH /signet/v1/endpoints/:id/signing-keys/:keyId']: { body: () => ({ expires_at: '2099-01-01T00:00:00Z' }) },
  ['POST /signet/v1/endpoints/:id/signing-keys']: { body: () => ({ type: 'hmac' }) },
  ['POST /signet/v1/endpoints/:id/replay']: { body: () => ({ from: '2026-01-01T00:00:00Z', to: '2099-01-01T00:00:00Z' }) },
  ['POST /v1/webhooks/send']: { body: (of) => ({ endpoint_id: of.endpoint, payload: { a: 1 } }) },
  ['POST /v1/messages/replay-all']: { query: (of) => ({ endpoint_id: of.endpoint, status: 'failed_permanent' }) },
  ['GET /v1/metrics']: { query: (of) => ({ endpoint_id: of.endpoint }) },
  ['GET /v1/metrics/timeseries']: { query: (of) => ({ endpoint_id: of.endpoint, window: '1h' }) },
  ['GET /v1/logs']: { query: (of) => ({ endpoint_id: of.endpoint }) },
  ['POST /v1/messages/replay-batch']: { body: (of) => ({ message_ids: [of.message] }) },
};

/** The examples of a route. */
export const examplesOf = ({ method, path }: Pick<Route, 'method' | 'path'>): readonly Example[] =>
  [EXAMPLES[`${method} ${newerPrefix(path)}`] ?? {}].flat();

/** An unused id of the same format. */
export const unknownLike = (id: string): string => id.replace(/[0-9a-f](?=[0-9a-f]*$)/gi, (digit) => OTHER[digit] ?? digit);
const OTHER: Record<string, string> = Object.fromEntries([...'0123456789abcdef'].map((digit, i, all) => [digit, all[(i + 5) % 16]!]));

export const unique = (name: string) => `${name}_${randomBytes(6).toString('hex')}`;

/** Creates one resource of each type in a gateway. @param caller an administrator of its domain */
export async function createFixtures(caller: Client, instance: string): Promise<Fixtures> {
  const made = async (path: string, body: object | undefined, method = 'POST', headers: Record<string, string> = {}): Promise<any> => {
    const answer = await caller.call(method, path, body, headers);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  const at = `/v2/{project}/apigw/instances/${instance}`;
  const own = `/signet/v1/instances/${instance}`;
  const apiGroup = (await made(`${at}/api-groups`, named())).id as string;
  const url_domain = `${unique('d').replace('_', '-')}.example`;
  const domain = (await made(`${at}/api-groups/${apiGroup}/domains`, { url_domain })).id as string;
  await made(`${at}/api-groups/${apiGroup}/domains/${domain}/certificates/attach`, { certificate_ids: ['certificate'] });
  const response = (await made(`${at}/api-groups/${apiGroup}/gateway-responses`, named())).id as string;
  const environment = (await made(`${at}/envs`, named())).id as string;
  const variableOf = { variable_name: unique('v'), variable_value: '/a', env_id: environment, group_id: apiGroup };
  const variable = (await made(`${at}/env-variables`, variableOf)).id as string;
  const apiId = (await made(`${at}/apis`, api({ apiGroup } as Fixtures))).id as string;
  const published = await made(`${at}/apis/action`, { action: 'online', env_id: environment, api_id: apiId });
  const sign = (await made(`${at}/signs`, named())).id as string;
  const { bindings } = await made(`${at}/sign-bindings`, { sign_id: sign, publish_ids: [published.publish_id] });
  const referredChannel = (await made(`${at}/vpc-channels`, channel())).id as string;
  const groups = [{ member_group_name: 'fixed' }];
  const withGroup = await made(`${at}/vpc-channels`, { ...channel(), member_groups: groups });
  const vpcChannel = withGroup.id as string;
  const channelMember = withGroup.members[0].id as string;
  const memberGroup = withGroup.member_groups[0].member_group_id as string;
  const ingressPort = (await made(`${at}/custom-ingress-ports`, { protocol: 'HTTPS', ingress_port: 4000 })).ingress_port_id as string;
  const token = await made(`${own}/gateway-tokens`, { role: 'gateway' });
  const process = new TestSession(instance, unique('node'));
  const asMachine = { 'x-auth-token': '', authorization: `Bearer ${token.token}` };
  await made(`${own}/sessions/${process.sessionId}`, process.registration(), 'PUT', asMachine);
  const { token: verifying } = await made(`${own}/gateway-tokens`, { role: 'verifier' });
  await made(`${own}/verification-keys`, undefined, 'GET', { 'x-auth-token': '', authorization: `Bearer ${verifying}` });
  const verifier = (await made(`${own}/verifiers`, undefined, 'GET')).verifiers[0].verifier_id as string;
  await made(`${own}/signs/${sign}/rotation`, {});
  const userGroup = (await made('/v3/groups', { group: named() })).group.id as string;
  const role = (await made('/v3.0/OS-ROLE/roles', { role: { display_name: unique('policy'), policy } })).role.id as string;
  const { sessions } = (await caller.get('/signet/v1/me/sessions')).body as { sessions: { id: string; current: boolean }[] };
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
      channelMember,
      domain,
      endpoint,
      environment,
      gatewayToken: token.id as string,
      ingressPort,
    },
    ...{
      instance,
      loginSession: sessions.find(({ current }) => current)!.id,
      memberGroup,
      message,
      session: process.sessionId,
      project: caller.projectId,
      publication: published.publish_id as string,
      referredChannel,
      response,
      role,
      sign,
      signingKey,
    },
    ...{ user, userGroup, variable, verifier, version: published.version_id as string, vpcChannel },
  };
}
