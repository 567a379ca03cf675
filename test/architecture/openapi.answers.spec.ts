import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Document, type Operation } from '../support/document.js';
import { LOOPBACK_ENV } from '../support/receiver.js';
import { type Answer, type Client, READ_ONLY, TestService } from '../support/service.js';

const NOWHERE = '0123456789abcdef0123456789abcdef';
const RELEASE = 'DEFAULT_ENVIRONMENT_RELEASE_ID';

interface Request {
  body?: unknown;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  [pathParameter: string]: unknown;
}

let database: TestDatabase;
let service: TestService;
let client: Client;
let document: Document;
const answered = new Set<string>();

beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database, { SIGNET_BODY_LIMIT_BYTES: '8192', SIGNET_WEBHOOK_CHECK_DNS: 'false', ...LOOPBACK_ENV });
  client = await service.client({ role: 'APIG Administrator' });
  document = new Document((await client.get('/openapi.json')).body as OpenAPIObject);
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

/** What is not named is nowhere. */
const pathOf = (operation: Operation, parameters: Record<string, unknown>) => {
  const values = { project_id: client.projectId, ...parameters } as Record<string, string>;
  return operation.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => values[name] ?? NOWHERE);
};

/** Nearly every answer holds a secret or says who has one, so none is for a cache. */
const judge = (operation: Operation, { status, headers, body, text }: Answer) => [
  ...document.faults(operation, {
    status,
    mediaType: headers.get('content-type')?.split(';', 1)[0],
    body: body ?? (text === '' ? undefined : text),
  }),
  ...(headers.get('cache-control') === 'no-store' ? [] : [`${operation.operationId} ${status} may be cached`]),
];

/** Calls an operation by its name, and refuses an answer that the document does not describe or that is no success. */
async function call(operationId: string, { body, query, headers, ...parameters }: Request = {}): Promise<any> {
  const operation = document.operation(operationId);
  const search = query ? `?${new URLSearchParams(query).toString()}` : '';
  const answer = await client.call(operation.method, pathOf(operation, parameters) + search, body, headers);
  expect([operationId, answer.status < 300 ? '' : answer.text, judge(operation, answer)]).toEqual([operationId, '', []]);
  answered.add(operationId);
  return answer.body;
}

describe('every answer is one that the document describes, field for field', () => {
  let instance_id: string;
  let group_id: string;
  let api_id: string;
  let publish_id: string;

  it('of the gateways', async () => {
    await call('ListAvailableZonesV2');
    await call('ListProjectInstanceConfigsV2');
    ({ instance_id } = await call('CreateInstanceV2', {
      body: {
        instance_name: 'gateway',
        spec_id: 'BASIC',
        vpc_id: 'vpc',
        subnet_id: 'subnet',
        security_group_id: 'group',
        available_zone_ids: ['local-a'],
        tags: [{ key: 'stage', value: 'test' }],
        bandwidth_size: 5,
      },
    }));
    await call('ListInstancesV2', { query: { limit: '1' } });
    await call('ShowDetailsOfInstanceV2', { instance_id });
    await call('UpdateInstanceV2', { instance_id, body: { description: 'of a test' } });
    await call('ShowDetailsOfInstanceProgressV2', { instance_id });
    await call('ShowRestrictionOfInstanceV2', { instance_id });
    await call('ListInstanceFeatures', { instance_id });
    await call('ListInstanceTags', { instance_id });
    await call('ListInstanceIngressPortsV2', { instance_id });
    await call('ListInstanceConfigsV2', { instance_id });
    await call('CreateFeatureV2', { instance_id, body: { name: 'public_key', enable: true, config: 'on' } });
    await call('ListFeaturesV2', { instance_id });
  });

  it('of groups, environments and load balance channels', async () => {
    ({ id: group_id } = await call('CreateApiGroupV2', { instance_id, body: { name: 'group' } }));
    await call('CheckApiGroupsV2', { instance_id, body: { name: 'another' } });
    await call('ListApiGroupsV2', { instance_id });
    await call('ShowDetailsOfApiGroupV2', { instance_id, group_id });
    await call('UpdateApiGroupV2', { instance_id, group_id, body: { name: 'group', remark: 'of a test' } });
    await call('UpdateSlDomainSettingV2', { instance_id, group_id, body: { sl_domain_access_enabled: false } });
    await call('ListEnvironmentVariablesV2', { instance_id, query: { group_id } });
    const { id: env_id } = await call('CreateEnvironmentV2', { instance_id, body: { name: 'test' } });
    await call('ListEnvironmentsV2', { instance_id });
    await call('UpdateEnvironmentV2', { instance_id, env_id, body: { name: 'test', remark: 'of a test' } });
    await call('DeleteEnvironmentV2', { instance_id, env_id });
    const channel = {
      name: 'channel',
      port: 80,
      balance_strategy: 1,
      member_type: 'ip',
      type: 2,
      member_groups: [{ member_group_name: 'default', microservice_labels: [{ label_name: 'a', label_value: 'b' }] }],
      members: [{ host: '192.0.2.1', weight: 1, is_backup: false, port: 80, status: 1 }],
      vpc_health_config: { protocol: 'HTTP', path: '/', threshold_normal: 1, threshold_abnormal: 5, time_interval: 10, timeout: 5 },
    };
    const { id: vpc_channel_id } = await call('CreateVpcChannelV2', { instance_id, body: channel });
    await call('ListVpcChannelsV2', { instance_id });
    await call('ShowDetailsOfVpcChannelV2', { instance_id, vpc_channel_id });
    await call('UpdateVpcChannelV2', { instance_id, vpc_channel_id, body: channel });
    await call('AddingBackendInstancesV2', { instance_id, vpc_channel_id, body: { members: [{ host: '192.0.2.2' }] } });
    await call('ListBackendInstancesV2', { instance_id, vpc_channel_id });
    await call('DeleteVpcChannelV2', { instance_id, vpc_channel_id });
  });

  const backend = { req_protocol: 'HTTP', req_method: 'GET', req_uri: '/', url_domain: 'example.com', timeout: 1000 };
  const conditions = [{ condition_origin: 'param', req_param_name: 'id', condition_type: 'exact', condition_value: '1' }];
  const kinds = {
    MOCK: {
      mock_info: { result_content: 'ok', status_code: 200, header: [{ name: 'a', value: 'b' }] },
      policy_mocks: [{ name: 'policy', effect_mode: 'ALL', conditions, result_content: 'ok' }],
    },
    HTTP: { backend_api: { ...backend, retry_count: '1' }, policy_https: [{ name: 'policy', effect_mode: 'ANY', conditions, ...backend }] },
    FUNCTION: {
      func_info: { function_urn: 'urn', invocation_type: 'sync', network_type: 'V1', timeout: 1000 },
      policy_functions: [{ name: 'policy', effect_mode: 'ALL', conditions, function_urn: 'urn', invocation_type: 'async' }],
    },
  };
  const definition = (backend_type: keyof typeof kinds) => ({
    name: `api_${backend_type}`,
    type: 1,
    req_protocol: 'HTTPS',
    req_method: 'GET',
    req_uri: `/${backend_type}/{id}`,
    auth_type: 'NONE',
    backend_type,
    group_id,
    tags: ['a'],
    req_params: [{ name: 'id', type: 'STRING', location: 'PATH', required: 1, sample_value: '1' }],
    backend_params: [{ name: 'id', location: 'QUERY', origin: 'REQUEST', value: 'id' }],
    ...kinds[backend_type],
  });

  it('of APIs and their publication', async () => {
    for (const kind of ['MOCK', 'HTTP', 'FUNCTION'] as const)
      ({ id: api_id } = await call('CreateApiV2', { instance_id, body: definition(kind) }));
    await call('CheckApisV2', { instance_id, body: { type: 'name', name: 'another' } });
    ({ publish_id } = await call('CreateOrDeletePublishRecordForApiV2', {
      instance_id,
      body: { action: 'online', env_id: RELEASE, api_id },
    }));
    await call('UpdateApiV2', { instance_id, api_id, body: definition('FUNCTION') });
    const batch = { query: { action: 'online' }, body: { apis: [api_id, NOWHERE], env_id: RELEASE } };
    const { failure } = await call('BatchPublishOrOfflineApiV2', { instance_id, ...batch });
    expect(failure).toHaveLength(1);
    await call('ShowDetailsOfApiV2', { instance_id, api_id });
    await call('ListApisV2', { instance_id, query: { env_id: RELEASE } });
    const { api_versions } = await call('ListApiVersionsV2', { instance_id, api_id });
    const [{ version_id }, { version_id: before }] = api_versions;
    await call('ListApiVersionDetailV2', { instance_id, version_id });
    await call('ListApiRuntimeDefinitionV2', { instance_id, api_id });
    await call('ChangeApiVersionV2', { instance_id, api_id, body: { version_id: before } });
  });

  it('of the nine operations of signature keys', async () => {
    const keys = [];
    for (const fields of [
      { sign_type: 'hmac' },
      { sign_type: 'basic' },
      { sign_type: 'aes', sign_algorithm: 'aes-256-cfb' },
      { sign_type: 'public_key' },
    ])
      keys.push(await call('CreateSignatureKeyV2', { instance_id, body: { name: `key_${fields.sign_type}`, ...fields } }));
    const [, , { id: sign_id }, { id: other }] = keys;
    await call('UpdateSignatureKeyV2', { instance_id, sign_id, body: { name: 'renamed' } });
    await call('RevealSignatureKey', { instance_id, sign_id });
    await call('AssociateSignatureKeyV2', { instance_id, body: { sign_id: other, publish_ids: [publish_id] } });
    const { bindings } = await call('AssociateSignatureKeyV2', { instance_id, body: { sign_id, publish_ids: [publish_id] } });
    const { signs } = await call('ListSignatureKeysV2', { instance_id });
    const bound = await call('ListApisBindedToSignatureKeyV2', { instance_id, query: { sign_id } });
    const unbound = await call('ListApisNotBoundWithSignatureKeyV2', { instance_id, query: { sign_id: other } });
    const carried = await call('ListSignatureKeysBindedToApiV2', { instance_id, query: { api_id } });
    expect([signs.length, bindings.length, bound.size, unbound.size, carried.size]).toEqual([4, 1, 1, 1, 1]);
    await call('DisassociateSignatureKeyV2', { instance_id, sign_bindings_id: bindings[0].id });
    await call('DeleteSignatureKeyV2', { instance_id, sign_id });
  });

  it('of the data plane', async () => {
    const { id: sign_id } = await call('CreateSignatureKeyV2', { instance_id, body: { name: 'rotated' } });
    await call('AssociateSignatureKeyV2', { instance_id, body: { sign_id, publish_ids: [publish_id] } });
    const bearer = async (role: string) => {
      const { token } = await call('CreateGatewayToken', { instance_id, body: { role } });
      return { headers: { authorization: `Bearer ${token}` } };
    };
    const [gateway, verifier] = [await bearer('gateway'), await bearer('verifier')];
    const usage = [{ publish_id, sign_id, count: 1, last_signed_at: 1 }];
    const report = { applied_revision: 1, version: '1', usage, started_at: 1, lease_seconds: null };
    await call('ReportNode', { instance_id, node_id: 'node', body: report, ...gateway });
    const { revision, publications } = await call('ShowSnapshot', { instance_id, ...gateway });
    expect(publications[0].sign.sign_id).toBe(sign_id);
    await call('WatchChanges', { instance_id, query: { from: String(revision + 1) }, ...gateway });
    await call('ListVerificationKeys', { instance_id, ...verifier });
    await call('ListGatewayNodes', { instance_id });
    await call('ShowReceipt', { instance_id, revision: 1 });
    await call('UpdateInstanceSettings', { instance_id, body: { lease_seconds: 20 } });
    await call('ShowInstanceSettings', { instance_id });
    await call('ShowSignatureKeyImpact', { instance_id, sign_id });
    expect(await call('DeleteSignatureKeyV2', { instance_id, sign_id, query: { dry_run: 'true' } })).toMatchObject({ signed_count: 1 });
    await call('StageSignatureKeyRotation', { instance_id, sign_id, body: {} });
    await call('ShowSignatureKeyRotation', { instance_id, sign_id });
    await call('PromoteSignatureKeyRotation', { instance_id, sign_id, body: {} });
    await call('ListVerificationKeys', { instance_id, ...verifier });
    await call('CancelSignatureKeyRotation', { instance_id, sign_id });
    const { gateway_tokens } = await call('ListGatewayTokens', { instance_id });
    await call('DeleteGatewayToken', { instance_id, token_id: gateway_tokens[0].id });
    await call('DeleteGatewayNode', { instance_id, node_id: 'node' });
  });

  it('of the identity service, the audit trail and the probes', async () => {
    const subject = { headers: { 'x-subject-token': client.token } };
    const identity = { methods: ['token'], token: { id: client.token } };
    await call('KeystoneCreateToken', { body: { auth: { identity, scope: { project: { id: client.projectId } } } } });
    await call('KeystoneCreateToken', { body: { auth: { identity } } });
    await call('KeystoneValidateToken', subject);
    await call('KeystoneCreateProject', { body: { project: { name: 'new_project' } } });
    for (const id of ['Projects', 'AuthProjects', 'AuthDomains', 'Users', 'Regions', 'Versions']) await call(`KeystoneList${id}`);
    for (const id of ['KeystoneShowVersion', 'KeystoneShowCatalog', 'ShowLiveness', 'ShowReadiness', 'ListMetrics']) await call(id);
    const { next_cursor } = await call('ListAuditEvents', { query: { limit: '1' } });
    await call('ListAuditEvents', { query: { cursor: next_cursor } });
    await call('ListDomainAuditEvents', { query: { limit: '1' } });
    await call('ExportAuditEvents');
  });

  it('of webhook endpoints, their signing keys and API keys', async () => {
    const { key_id } = (await call('CreateAPIKey', { body: { label: 'of a test', mode: 'test' } })).data;
    const { id: project } = (await call('CreateProject', { body: { name: 'of_a_test' } })).data;
    await call('ListProjects');
    await call('GetProject', { id: project });
    await call('UpdateProject', { id: project, body: { name: 'Of a test' } });
    await call('DeleteProject', { id: project });
    await call('ListAPIKeys');
    await call('DeleteAPIKey', { id: key_id });
    const headers = { 'X-Tenant': 'a' };
    const { id } = (await call('CreateEndpoint', { body: { url: 'https://example.com/hook', description: 'of a test', headers } })).data;
    await call('CreateEndpoint', { body: { url: 'https://example.com/other' } });
    const { next_cursor } = (await call('ListEndpoints', { query: { limit: '1' } })).meta;
    await call('ListEndpoints', { query: { cursor: next_cursor } });
    await call('GetEndpoint', { id });
    await call('UpdateEndpoint', { id, body: { rate_limit_rps: 10 } });
    await call('PauseEndpoint', { id });
    await call('ResumeEndpoint', { id });
    const { id: keyId } = (await call('CreateEndpointSigningKey', { id })).data;
    await call('ListEndpointSigningKeys', { id });
    await call('ListSigningKeyDetails', { id });
    await call('UpdateSigningKey', { id, keyId, body: { expires_at: '2099-01-01T00:00:00Z' } });
    await call('DeleteEndpointSigningKey', { id, keyId });
    await call('AddSigningKey', { id, body: { type: 'ed25519', overlap_seconds: 60 } });
    await call('DeleteEndpoint', { id });
  });

  it('of webhook messages', async () => {
    // Nobody listens there: the first attempt fails, and the next is half an hour away.
    const { id: endpoint_id } = (await call('CreateEndpoint', { body: { url: 'http://127.0.0.1:1/hook' } })).data;
    const send = async () => (await call('SendWebhook', { body: { endpoint_id, payload: { a: 1 } } })).data.message_id as string;
    const failing = async () => {
      const id = await send();
      while ((await call('GetMessage', { id })).data.status !== 'pending_retry') await new Promise((resolve) => setTimeout(resolve, 10));
      return id;
    };
    const [id, other] = [await failing(), await failing()];
    expect((await call('GetMessageAttempts', { id })).data).toHaveLength(1);
    await call('RetryMessageNow', { id: other });
    await call('CancelMessageRetry', { id });
    const { next_cursor } = (await call('GetLogs', { query: { limit: '1' } })).meta;
    await call('GetLogs', { query: { cursor: next_cursor } });
    expect((await call('ListDLQMessages')).data.messages).toHaveLength(1);
    await call('GetMetrics');
    await call('GetTimeSeriesMetrics', { query: { window: '1h' } });
    await call('ReplayFromDLQ', { id });
    await call('ReplayBatchMessages', { body: { message_ids: [id, 'none'] } });
    await call('ReplayAllMessages', { query: { status: 'failed_permanent' } });
    await call('CancelMessageRetry', { id: await failing() });
    const last = (await call('ListDLQMessages')).data.messages[0].message_id as string;
    await call('ReplayMessage', { id: last });
    await call('DeleteMessage', { id: last });
  });

  it('of access keys', async () => {
    const { credential } = await call('CreatePermanentAccessKey', { body: { credential: { description: 'of a test' } } });
    const { access: access_key, user_id } = credential;
    expect((await call('ListPermanentAccessKeys', { query: { user_id } })).credentials).toHaveLength(1);
    await call('ShowPermanentAccessKey', { access_key });
    await call('UpdatePermanentAccessKey', { access_key, body: { credential: { status: 'inactive' } } });
    await call('DeletePermanentAccessKey', { access_key });
    await call('CreateTemporaryAccessKeyByToken', { body: { auth: { identity: { methods: ['token'] } } } });
  });

  it('of the deletions', async () => {
    const { api_versions } = await call('ListApiVersionsV2', { instance_id, api_id });
    for (const { version_id } of api_versions) await call('DeleteApiByVersionIdV2', { instance_id, version_id });
    for (const { id } of (await call('ListApisV2', { instance_id })).apis) await call('DeleteApiV2', { instance_id, api_id: id });
    await call('DeleteApiGroupV2', { instance_id, group_id });
    await call('DeleteInstancesV2', { instance_id });
    const { token } = await service.client();
    await call('KeystoneRevokeToken', { headers: { 'x-auth-token': token, 'x-subject-token': token } });
  });

  it('of groups, policies and roles', async () => {
    await call('ShowMyPermissions');
    const policy = { Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:signs:list'] }] };
    const { role } = await call('CreateCloudServiceCustomPolicy', { body: { role: { display_name: 'lists', policy } } });
    const role_id = role.id as string;
    await call('UpdateCloudServiceCustomPolicy', { role_id, body: { role: { description: 'of a test' } } });
    for (const id of ['KeystoneListPermissions', 'ListCustomPolicies']) await call(id);
    for (const id of ['KeystoneShowPermission', 'ShowCustomPolicy']) await call(id, { role_id });
    const { group } = await call('KeystoneCreateGroup', { body: { group: { name: 'readers' } } });
    const [group_id, user_id] = [group.id as string, (await call('ShowMyPermissions')).user_id as string];
    await call('KeystoneUpdateGroup', { group_id, body: { group: { description: 'of a test' } } });
    await call('KeystoneListGroups');
    await call('KeystoneShowGroup', { group_id });
    for (const [by, holder] of Object.entries({ Group: { group_id }, User: { user_id } })) {
      await call(`UpdateProjectPermissionFor${by}`, { ...holder, role_id });
      await call(`KeystoneCheckProjectPermissionFor${by}`, { ...holder, role_id });
      await call(`KeystoneListProjectPermissionsFor${by}`, { ...holder });
      await call(`KeystoneRemoveProjectPermissionFrom${by}`, { ...holder, role_id });
    }
    for (const id of ['AddUserToGroup', 'CheckUserInGroup']) await call(`Keystone${id}`, { group_id, user_id });
    await call('KeystoneListUsersForGroup', { group_id });
    await call('KeystoneListGroupsForUser', { user_id });
    await call('KeystoneRemoveUserFromGroup', { group_id, user_id });
    await call('KeystoneDeleteGroup', { group_id });
    await call('DeleteCustomPolicy', { role_id });
  });

  it('of every operation there is', () => {
    expect(document.operations.map(({ operationId }) => operationId).filter((id) => !answered.has(id))).toEqual([]);
  });
});

describe('every refusal is one that the document describes, with its code', () => {
  /** Sends one thing to many operations. @returns the faults of the answers, and how many of each status there were */
  async function refused(operations: Operation[], send: (operation: Operation) => Promise<Answer>) {
    const statuses: Record<number, number> = {};
    const faults: string[] = [];
    for (const operation of operations) {
      const answer = await send(operation);
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      faults.push(...judge(operation, answer));
    }
    expect(faults).toEqual([]);
    return statuses;
  }
  const guarded = () => document.operations.filter(({ security }) => security === undefined || forProject({ security }));
  const forProject = ({ security }: Pick<Operation, 'security'>) => security?.some((scheme) => 'api_key' in scheme) === true;
  const forMachines = ({ security }: Operation) => security?.some((scheme) => 'machine' in scheme) === true;
  const withBody = () => document.operations.filter((operation) => operation.requestBody !== undefined && !forMachines(operation));
  const reading = (operation: Operation) => !('requestBody' in operation);
  const token = (value: string) => ({ 'x-auth-token': value });

  it('without a token, and with a bad one', async () => {
    for (const headers of [token(''), token('bad')]) {
      const statuses = await refused(guarded(), (operation) => client.call(operation.method, pathOf(operation, {}), undefined, headers));
      expect(statuses).toEqual({ 401: guarded().length });
    }
  });

  it('to machines', async () => {
    const operations = document.operations.filter(forMachines);
    const instance_id = await client.gateway();
    const credential = async (role: string) =>
      `Bearer ${(await client.post(`/signet/v1/instances/${instance_id}/gateway-tokens`, { role })).body.token as string}`;
    // A watch from what is ahead ends at once.
    const send = (authorization: string, body?: unknown, at: Record<string, string> = { instance_id }) =>
      refused(operations, (operation) =>
        client.call(operation.method, `${pathOf(operation, at)}?from=999`, operation.requestBody && body, { authorization }),
      );
    const [gateway, verifier] = [await credential('gateway'), await credential('verifier')];
    expect(await send('')).toEqual({ 401: operations.length });
    expect(await send('Bearer bad')).toEqual({ 401: operations.length });
    expect(await send(gateway, {}, {})).toEqual({ 404: operations.length });
    const roles = [await send(gateway, {}), await send(verifier, {})].map((statuses) => statuses[403]);
    expect(roles.reduce<number>((sum, refusals) => sum + (refusals ?? 0), 0)).toBe(operations.length);
  });

  it('without a right', async () => {
    const reader = await service.client({ role: READ_ONLY });
    const foreign = guarded().filter(
      (operation) => operation.path.includes('{project_id}') || (forProject(operation) && operation.method !== 'GET'),
    );
    const statuses = await refused(foreign, (operation) => reader.call(operation.method, pathOf(operation, {}), undefined));
    expect(statuses).toEqual({ 403: foreign.length });
  });

  it('for what is not there, in a gateway and without one', async () => {
    const about = guarded().filter((operation) => operation.path.includes('{instance_id}') && reading(operation));
    const query = '?sign_id=x&api_id=x&group_id=x';
    const nowhere = await refused(about, (operation) => client.call(operation.method, pathOf(operation, {}) + query));
    expect(nowhere).toEqual({ 404: about.length });
    const instance_id = await client.gateway();
    const within = about.filter(({ operationId }) => operationId !== 'DeleteInstancesV2');
    await refused(within, (operation) => client.call(operation.method, pathOf(operation, { instance_id }) + query));
  });

  it('for a query that is none', async () => {
    const queried = guarded().filter(({ parameters = [] }) =>
      parameters.some((parameter) => 'in' in parameter && parameter.in === 'query'),
    );
    for (const query of ['?limit=x', '?name=a&name=b&env_id=a&env_id=b&api_id=a&api_id=b&instance_id=a&instance_id=b&action=a&action=b'])
      await refused(queried, (operation) =>
        client.call(operation.method, pathOf(operation, {}) + query, reading(operation) ? undefined : {}),
      );
  });

  it('for a body that is empty, malformed, of another type or too large', async () => {
    const send = (body: unknown, headers?: Record<string, string>) =>
      refused(withBody(), (operation) => client.call(operation.method, pathOf(operation, {}), body, headers));
    const all = withBody().length;
    await send({});
    expect(await send('{')).toEqual({ 400: all });
    expect(await send('[1]')).toEqual({ 400: all });
    // The webhook contract has neither status.
    const plain = withBody().filter(({ path }) => path.startsWith('/v1/')).length;
    expect(await send('a=b', { 'content-type': 'application/x-www-form-urlencoded' })).toEqual({ 400: plain, 415: all - plain });
    expect(await send(`"${'x'.repeat(8192)}"`)).toEqual({ 400: plain, 413: all - plain });
  });

  it('for a body whose fields are wrong', async () => {
    const wrong = { name: 1, auth: { identity: { methods: [] } }, project: { name: '' }, sign_id: 1, members: 1, instance_name: '' };
    await refused(withBody(), (operation) => client.call(operation.method, pathOf(operation, {}), wrong));
  });
});
