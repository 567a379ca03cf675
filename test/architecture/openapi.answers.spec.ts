import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject, ReferenceObject, SchemaObject } from '@nestjs/swagger';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { RESPONSE_TYPES } from '../../src/apig/apis/gateway-responses.dto.js';
import { type TOTP, URI } from 'otpauth';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { freePort } from '../support/process.js';
import { apiKey, createSignetClient, token } from 'signet-client';
import { Document, type Operation } from '../support/document.js';
import { LOOPBACK_ENV } from '../support/receiver.js';
import { type Answer, type Client, READ_ONLY, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';

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
  service = await TestService.start(database, { SIGNET_LIMITS: 'body=8192', ...LOOPBACK_ENV });
  client = await service.client({ role: 'APIG Administrator' });
  document = new Document((await client.get('/openapi.json')).body as OpenAPIObject);
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

/** All other values are unknown ids. */
const pathOf = (operation: Operation, parameters: Record<string, unknown>) => {
  const values = { project_id: client.projectId, ...parameters } as Record<string, string>;
  return operation.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => values[name] ?? NOWHERE);
};

/** No answer may be cached, because nearly every answer contains a secret or names its owner. */
const judge = (operation: Operation, { status, headers, body, text }: Answer) => [
  ...document.faults(operation, {
    status,
    mediaType: headers.get('content-type')?.split(';', 1)[0],
    body: body ?? (text === '' ? undefined : text),
  }),
  ...(headers.get('cache-control') === 'no-store' ? [] : [`${operation.operationId} ${status} may be cached`]),
];

/** As a caller who knows the operation only by its name. */
type Untyped = Record<string, (path: string, init: object) => Promise<{ data: unknown; response: Response }>>;

/** A machine's credential and another user's token are those of another client; every other header is a parameter. */
function clientFor({ authorization, 'x-auth-token': other, ...header }: Record<string, string>) {
  const credentials = authorization === undefined ? token(other ?? client.token) : apiKey(authorization.replace('Bearer ', ''));
  return { signet: createSignetClient({ baseUrl: service.baseUrl, credentials }) as unknown as Untyped, header };
}

/** Calls an operation through `signet-client`. Fails if the document does not describe the answer, or if it is no success. */
async function call(operationId: string, { body, query, headers = {}, ...path }: Request = {}): Promise<any> {
  const operation = document.operation(operationId);
  const { signet, header } = clientFor(headers);
  const json = Object.entries(operation.responses).every(
    ([status, response]) => !status.startsWith('2') || !response || !('content' in response) || 'application/json' in response.content!,
  );
  const params = { path: { project_id: client.projectId, ...path }, query, header };
  const { data, response } = await signet[operation.method]!(operation.path, { params, body, ...(!json && { parseAs: 'text' }) });
  const answer = { status: response.status, headers: response.headers, body: data, text: '' };
  expect([operationId, judge(operation, answer)]).toEqual([operationId, []]);
  answered.add(operationId);
  return data;
}

describe('signet-client gets an answer with exactly the documented fields in the operations', () => {
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
    await call('BatchCreateOrDeleteInstanceTags', { instance_id, body: { action: 'create', tags: [{ key: 'team', value: 'a' }] } });
    await call('ListProjectInstanceTags');
    expect((await call('ListInstancesByTags', { body: { tags: [{ key: 'team' }] } })).resources).toHaveLength(1);
    expect((await call('CountInstancesByTags', { body: {} })).total_count).toBe(1);
    const { ingress_port_id } = await call('AddCustomIngressPort', { instance_id, body: { protocol: 'HTTP', ingress_port: 3662 } });
    expect((await call('ListCustomIngressPorts', { instance_id })).size).toBe(1);
    await call('DeleteCustomIngressPort', { instance_id, ingress_port_id });
    await call('RemoveEngressEipV2', { instance_id });
    await call('AddEngressEipV2', { instance_id, body: { bandwidth_size: '5' } });
    await call('UpdateEngressEipV2', { instance_id, body: { bandwidth_size: 8 } });
    await call('AddEipV2', { instance_id, body: { eip_id: 'elsewhere' } });
    await call('AddIngressEipV2', { instance_id, body: {} });
    await call('UpdateIngressEipV2', { instance_id, body: { bandwidth_size: 8 } });
    await call('AddExtraElbs', { instance_id, body: { elb_details: [{ id: 'elsewhere', force_overwrite_enabled: true }] } });
    expect((await call('ListExtraElbs', { instance_id })).elbs).toHaveLength(1);
    await call('ShowDetailsOfInstanceV2', { instance_id });
    await call('RemoveEipV2', { instance_id });
    await call('RemoveIngressEipV2', { instance_id });
    await call('RemoveExtraElbs', { instance_id, body: { elb_ids: ['elsewhere'] } });
    await call('CreatePostPayResizeOrder', { instance_id, body: { spec_id: 'PROFESSIONAL' } });
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
    const { id: env_id } = await call('CreateEnvironmentV2', { instance_id, body: { name: 'test' } });
    const inGroup = { instance_id, group_id };
    const responses = { THROTTLED: { body: '{}', status: 430, headers: [{ key: 'a', value: 'b' }] } };
    const { id: response_id } = await call('CreateGatewayResponseV2', { ...inGroup, body: { name: 'mine', responses } });
    await call('ListGatewayResponsesV2', inGroup);
    await call('ShowDetailsOfGatewayResponseV2', { ...inGroup, response_id });
    await call('UpdateGatewayResponseV2', { ...inGroup, response_id, body: { name: 'mine', responses } });
    const type = { ...inGroup, response_id, response_type: 'THROTTLED' };
    await call('ShowDetailsOfGatewayResponseTypeV2', type);
    await call('UpdateGatewayResponseTypeV2', { ...type, body: responses.THROTTLED });
    await call('DeleteGatewayResponseTypeV2', type);
    await call('DeleteGatewayResponseV2', { ...inGroup, response_id });
    const { id: domain_id } = await call('AssociateDomainV2', { ...inGroup, body: { url_domain: 'a.example' } });
    await call('UpdateDomainV2', { ...inGroup, domain_id, body: { min_ssl_version: 'TLSv1.2' } });
    await call('BatchAssociateCertsV2', { ...inGroup, domain_id, body: { certificate_ids: ['certificate'] } });
    await call('ShowDetailsOfApiGroupV2', inGroup);
    await call('ListApiGroupsV2', { instance_id });
    await call('BatchDisassociateCertsV2', { ...inGroup, domain_id, body: { certificate_ids: ['certificate'] } });
    await call('DisassociateDomainV2', { ...inGroup, domain_id });
    const variable = { variable_name: 'path', variable_value: '/a', env_id, group_id };
    const { id: env_variable_id } = await call('CreateEnvironmentVariableV2', { instance_id, body: variable });
    await call('ListEnvironmentVariablesV2', { instance_id, query: { group_id } });
    await call('ShowDetailsOfEnvironmentVariableV2', { instance_id, env_variable_id });
    await call('UpdateEnvironmentVariableV2', { instance_id, env_variable_id, body: { variable_value: '/b' } });
    await call('DeleteEnvironmentVariableV2', { instance_id, env_variable_id });
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
      members: [{ host: '192.0.2.1', weight: 1, is_backup: false, port: 80, status: 1, member_group_name: 'default' }],
      microservice_info: { service_type: 'CCE', cce_info: { cluster_id: 'c', namespace: 'n', workload_type: 'deployment', app_name: 'a' } },
      vpc_health_config: { protocol: 'HTTP', path: '/', threshold_normal: 1, threshold_abnormal: 5, time_interval: 10, timeout: 5 },
    };
    const { id: vpc_channel_id } = await call('CreateVpcChannelV2', { instance_id, body: channel });
    await call('ListVpcChannelsV2', { instance_id });
    await call('ShowDetailsOfVpcChannelV2', { instance_id, vpc_channel_id });
    await call('UpdateVpcChannelV2', { instance_id, vpc_channel_id, body: channel });
    await call('AddingBackendInstancesV2', { instance_id, vpc_channel_id, body: { members: [{ host: '192.0.2.2' }] } });
    const { members } = await call('ListBackendInstancesV2', { instance_id, vpc_channel_id });
    await call('UpdateBackendInstancesV2', { instance_id, vpc_channel_id, body: { members } });
    const [{ id: member_id }] = members;
    await call('BatchDisableMembers', { instance_id, vpc_channel_id, body: { member_ids: [member_id] } });
    await call('BatchEnableMembers', { instance_id, vpc_channel_id, body: { member_ids: [member_id] } });
    await call('DeleteBackendInstanceV2', { instance_id, vpc_channel_id, member_id });
    const { id: another } = await call('CreateVpcChannelV2', { instance_id, body: { ...channel, name: 'another' } });
    const group = { member_group_name: 'referring', reference_vpc_channel_id: another };
    const { member_groups } = await call('CreateMemberGroup', { instance_id, vpc_channel_id, body: { member_groups: [group] } });
    const { member_group_id } = member_groups[0];
    await call('ListMemberGroups', { instance_id, vpc_channel_id });
    await call('ShowDetailsOfMemberGroup', { instance_id, vpc_channel_id, member_group_id });
    await call('UpdateMemberGroup', { instance_id, vpc_channel_id, member_group_id, body: group });
    await call('DeleteMemberGroup', { instance_id, vpc_channel_id, member_group_id });
    await call('UpdateHealthCheck', { instance_id, vpc_channel_id, body: channel.vpc_health_config });
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
    expect((await call('ListTagsV2', { instance_id })).tags).toEqual(['a']);
    for (const id of ['ListApiGroupsQuantitiesV2', 'ListApiQuantitiesV2', 'ListAppQuantitiesV2']) await call(id, { instance_id });
    const { api_versions } = await call('ListApiVersionsV2', { instance_id, api_id });
    const [{ version_id }, { version_id: before }] = api_versions;
    await call('ListApiVersionDetailV2', { instance_id, version_id });
    await call('ListApiRuntimeDefinitionV2', { instance_id, api_id });
    await call('ChangeApiVersionV2', { instance_id, api_id, body: { version_id: before } });
  });

  it('of signature keys', async () => {
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

  it('of signature keys of every type', async () => {
    const fields = { sign_type: 'http-message-signatures', sign_algorithm: 'ed25519' };
    const { id: sign_id } = await call('CreateSignatureKey', { instance_id, body: { name: 'own', ...fields } });
    await call('UpdateSignatureKey', { instance_id, sign_id, body: { name: 'own_renamed' } });
    const { bindings } = await call('BindSignatureKey', { instance_id, body: { sign_id, publish_ids: [publish_id] } });
    const { signs } = await call('ListSignatureKeys', { instance_id, query: { id: sign_id } });
    const bound = await call('ListSignatureKeyBindings', { instance_id, query: { sign_id } });
    expect([signs[0].sign_algorithm, bindings.length, bound.size]).toEqual(['ed25519', 1, 1]);
    await call('RevealSignatureKey', { instance_id, sign_id });
    await call('UnbindSignatureKey', { instance_id, sign_bindings_id: bindings[0].id });
    await call('DeleteSignatureKey', { instance_id, sign_id });
  });

  it('of signature keys at the older prefix', async () => {
    const { id: sign_id } = await call('CreateSignatureKeyV2AtApic', { instance_id, body: { name: 'older' } });
    await call('UpdateSignatureKeyV2AtApic', { instance_id, sign_id, body: { name: 'older_renamed' } });
    const { bindings } = await call('AssociateSignatureKeyV2AtApic', { instance_id, body: { sign_id, publish_ids: [publish_id] } });
    await call('ListSignatureKeysV2AtApic', { instance_id });
    const bound = await call('ListApisBindedToSignatureKeyV2AtApic', { instance_id, query: { sign_id } });
    const unbound = await call('ListApisNotBoundWithSignatureKeyV2AtApic', { instance_id, query: { sign_id } });
    const carried = await call('ListSignatureKeysBindedToApiV2AtApic', { instance_id, query: { api_id } });
    expect([bindings.length, bound.size, unbound.size, carried.size]).toEqual([1, 1, 0, 1]);
    await call('DisassociateSignatureKeyV2AtApic', { instance_id, sign_bindings_id: bindings[0].id });
    await call('DeleteSignatureKeyV2AtApic', { instance_id, sign_id });
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
    const process = new TestSession(instance_id, 'node');
    const session_id = process.sessionId;
    process.epoch = (await call('RegisterSession', { instance_id, session_id, body: process.registration(), ...gateway })).epoch;
    const named = { headers: { ...gateway.headers, 'signet-session': session_id } };
    const { revision, publications } = await call('ShowSnapshot', { instance_id, ...named });
    await call('ReportSession', { instance_id, session_id, body: process.report(1, { usage }), ...gateway });
    expect(publications[0].sign.sign_id).toBe(sign_id);
    await call('WatchChanges', { instance_id, query: { from: String(revision + 1) }, ...gateway });
    await call('ListVerificationKeys', { instance_id, ...verifier });
    const { verifiers } = await call('ListVerifiers', { instance_id });
    await call('VouchForVerifier', { instance_id, verifier_id: verifiers[0].verifier_id });
    await call('ListSessions', { instance_id });
    await call('ShowReceipt', { instance_id, revision: 1 });
    await call('UpdateInstanceSettings', { instance_id, body: { lease_seconds: 20 } });
    await call('ShowInstanceSettings', { instance_id });
    await call('ShowSignatureKeyImpact', { instance_id, sign_id });
    expect(await call('DeleteSignatureKeyV2', { instance_id, sign_id, query: { dry_run: 'true' } })).toMatchObject({ signed_count: 1 });
    await call('StageSignatureKeyRotation', { instance_id, sign_id, body: {} });
    await call('ShowSignatureKeyRotation', { instance_id, sign_id });
    await call('PromoteSignatureKeyRotation', { instance_id, sign_id, body: {} });
    await call('ListVerificationKeys', { instance_id, ...verifier });
    await call('ShowSignatureKeyRotation', { instance_id, sign_id });
    await call('CancelSignatureKeyRotation', { instance_id, sign_id });
    await call('RetireSignatureKeyRotation', { instance_id, sign_id, body: { force: true } });
    await call('LeaveVerification', { instance_id, ...verifier });
    const { gateway_tokens } = await call('ListGatewayTokens', { instance_id });
    await call('RenewGatewayToken', { instance_id, token_id: gateway_tokens[0].id, body: {} });
    await call('DeleteGatewayToken', { instance_id, token_id: gateway_tokens[0].id });
    await call('VouchForSession', { instance_id, session_id });
  });

  it('of the identity service, the audit trail and the probes', async () => {
    const subject = { headers: { 'x-subject-token': client.token } };
    const identity = { methods: ['token'], token: { id: client.token } };
    await call('KeystoneCreateToken', { body: { auth: { identity, scope: { project: { id: client.projectId } } } } });
    await call('KeystoneCreateToken', { body: { auth: { identity } } });
    await call('KeystoneValidateToken', subject);
    const { id: user_id, password: original_password } = await service.app.get(IamAdminService).addUser({ name: 'newcomer' });
    await call('KeystoneUpdateUserPassword', { user_id, body: { user: { password: 'a-new-password', original_password } } });
    await service.app.get(IamAdminService).grant({ user: 'newcomer', project: 'default', role: READ_ONLY });
    const { token } = await service.app.get(IamAdminService).issueToken('newcomer', 'default');
    const newcomer = { headers: { 'x-auth-token': token } };
    const { uri } = await call('CreateMyTotp', { ...newcomer, body: { password: 'a-new-password' } });
    const passcode = (URI.parse(uri as string) as TOTP).generate();
    const { recovery_codes } = await call('ConfirmMyTotp', { ...newcomer, body: { passcode } });
    expect((await call('ShowMyTotp', newcomer)).enabled).toBe(true);
    await call('DisableMyTotp', { ...newcomer, body: { password: 'a-new-password', passcode: recovery_codes[0] } });
    await call('KeystoneCreateProject', { body: { project: { name: 'new_project' } } });
    for (const id of ['Projects', 'AuthProjects', 'AuthDomains', 'Users', 'Regions', 'Versions']) await call(`KeystoneList${id}`);
    for (const id of ['KeystoneShowVersion', 'KeystoneShowCatalog', 'ShowHealth', 'ShowLiveness', 'ShowReadiness', 'ListMetrics'])
      await call(id);
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
    await call('ShowEndpointReceipt', { id, revision: 2 });
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
    // Nothing listens at this URL, so the first attempt fails, and the next one follows half an hour later.
    const made = (await call('CreateEndpoint', { body: { url: `http://127.0.0.1:${await freePort()}/hook` } })).data;
    const endpoint_id = made.id as string;
    expect(await call('TestSigningKey', { id: endpoint_id, keyId: made.signing_key_id })).toMatchObject({ delivered: false });
    await call('GetEndpointMetrics', { id: endpoint_id });
    await call('UpdateEndpointEvents', { id: endpoint_id, body: { events: ['endpoint.disabled'] } });
    await call('ShowEndpointState', { id: endpoint_id });
    const stretch = { from: '2026-01-01T00:00:00Z', to: '2099-01-01T00:00:00Z' };
    await call('ReplayEndpointMessages', { id: endpoint_id, body: { ...stretch, preview: true } });
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

  it('of deletions', async () => {
    const { api_versions } = await call('ListApiVersionsV2', { instance_id, api_id });
    for (const { version_id } of api_versions) await call('DeleteApiByVersionIdV2', { instance_id, version_id });
    for (const { id } of (await call('ListApisV2', { instance_id })).apis) await call('DeleteApiV2', { instance_id, api_id: id });
    await call('DeleteApiGroupV2', { instance_id, group_id });
    await call('DeleteInstancesV2', { instance_id });
    const [{ id: session_id }] = (await call('ListMySessions', { query: { limit: '1' } })).sessions;
    expect(session_id).toMatch(/^[0-9a-f]{32}$/);
    const { token: ended } = await service.client();
    await call('DeleteMySession', { session_id: 'current', headers: { 'x-auth-token': ended } });
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

  it('of every route', () => {
    expect(document.operations.map(({ operationId }) => operationId).filter((id) => !answered.has(id))).toEqual([]);
  });
});

describe('an object or a list in an answer of the API Gateway contract', () => {
  /**
   * The objects and lists that may be absent, with the reason. Clients dereference all others without a check
   * (docs/contracts/apig-clients.md §1.3).
   */
  const MAY_BE_ABSENT: Record<string, string> = {
    mock_info: 'the backend is of another type',
    func_info: 'the backend is of another type',
    backend_api: 'the backend is of another type',
    header: 'none was given',
    headers: 'none were given',
    ...Object.fromEntries(RESPONSE_TYPES.map((type) => [type, 'another error type was requested'])),
    member_group_url_infos: 'none was given',
    vpc_health_config: 'none was given, and its zeros would come back with the next PUT',
    microservice_labels: 'none was given',
    microservice_info: 'the channel has servers',
    cce_info: 'the microservices are of another kind',
    cce_service_info: 'the microservices are of another kind',
    cse_info: 'the microservices are of another kind',
  };
  /** The operations that answer each field according to the contract, independent of the document. */
  const ALWAYS_THERE: Record<string, string[]> = {
    endpoint_service: ['ShowDetailsOfInstanceV2'],
    node_ips: ['ShowDetailsOfInstanceV2'],
    endpoint_services: ['ShowDetailsOfInstanceV2'],
    auth_opt: ['ShowDetailsOfApiV2', 'CreateApiV2', 'UpdateApiV2', 'ListApisV2'],
    vpc_channel_info: ['ShowDetailsOfApiV2', 'CreateApiV2', 'UpdateApiV2', 'ListApisV2'],
    req_params: ['ShowDetailsOfApiV2'],
    backend_params: ['ShowDetailsOfApiV2'],
    conditions: ['ShowDetailsOfApiV2'],
    policy_https: ['ShowDetailsOfApiV2'],
    policy_mocks: ['ShowDetailsOfApiV2'],
    policy_functions: ['ShowDetailsOfApiV2'],
    tags: ['ShowDetailsOfApiV2', 'ListInstanceTags'],
    members: ['ShowDetailsOfVpcChannelV2'],
    member_groups: ['ShowDetailsOfVpcChannelV2'],
    url_domains: ['ShowDetailsOfApiGroupV2', 'ListApiGroupsV2'],
    ssl_infos: ['ShowDetailsOfApiGroupV2', 'ListApiGroupsV2'],
    THROTTLED: ['CreateGatewayResponseV2', 'ShowDetailsOfGatewayResponseV2', 'UpdateGatewayResponseV2'],
  };

  interface Field {
    operationId: string;
    field: string;
    /** The types include `object` and `array`. */
    type: string | undefined;
    required: boolean;
    nullable: boolean;
  }
  /** Every field in the success answer of an operation, at any depth. */
  function fieldsOf({ operationId, responses }: Operation): Field[] {
    const schemas = document.json.components!.schemas as Record<string, SchemaObject>;
    const found: Field[] = [];
    const seen = new Set<SchemaObject>();
    const resolve = (schema: SchemaObject | ReferenceObject): SchemaObject => {
      if ('$ref' in schema) return schemas[schema.$ref.split('/').pop()!]!;
      return schema.allOf?.length === 1 ? resolve(schema.allOf[0]!) : schema;
    };
    const walk = (at: SchemaObject | ReferenceObject): void => {
      const schema = resolve(at);
      if (seen.has(schema)) return;
      seen.add(schema);
      if (schema.items) walk(schema.items);
      for (const [field, property] of Object.entries(schema.properties ?? {})) {
        const { type, properties, nullable } = resolve(property);
        const types = [type ?? (properties && 'object')].flat();
        found.push({
          operationId,
          field,
          type: types.find((one) => one !== 'null'),
          required: schema.required?.includes(field) === true,
          nullable: nullable === true || types.includes('null'),
        });
        walk(property);
      }
    };
    for (const [status, response] of Object.entries(responses)) {
      const [content] = Object.values((response as { content?: Record<string, { schema?: SchemaObject }> }).content ?? {});
      if (status.startsWith('2') && content?.schema) walk(content.schema);
    }
    return found;
  }
  const parts = () =>
    document.operations
      .filter(({ path }) => path.startsWith('/v2/'))
      .flatMap(fieldsOf)
      .filter(({ type }) => type === 'array' || type === 'object');

  it('is null only in listeners, and absent only for a stated reason', () => {
    // No gateway of Signet has it, and no client reads it.
    expect([...new Set(parts().flatMap(({ field, nullable }) => (nullable ? field : [])))]).toEqual(['listeners']);
    const optional = new Set(parts().flatMap(({ field, required }) => (required ? [] : field)));
    expect([...optional].sort()).toEqual(Object.keys(MAY_BE_ABSENT).sort());
  });

  it('has the type that clients assert', () => {
    /** The operation, the field, and the JSON type without which a provider panics. */
    const TYPES: [operationId: string, type: string, fields: string][] = [
      ['ShowDetailsOfInstanceV2', 'string', 'status available_zone_ids service_name'],
      ['ShowDetailsOfInstanceV2', 'integer', 'create_time'],
      [
        'ShowDetailsOfApiV2',
        'string',
        'retry_count match_mode sampling_strategy sampling_param publish_id run_env_id register_time update_time',
      ],
      ['ShowDetailsOfApiV2', 'integer', 'type'],
    ];
    const wrong = TYPES.flatMap(([operationId, type, fields]) => {
      const found = fieldsOf(document.operation(operationId));
      return fields.split(' ').flatMap((field) => {
        const types = new Set(found.filter((each) => each.field === field).map((each) => each.type));
        // A parameter has another field named type, with the value STRING or NUMBER.
        if (field === 'type') types.delete('string');
        return [...types].join() === type ? [] : [`${operationId} ${field}: ${[...types].join()}`];
      });
    });
    expect(wrong).toEqual([]);
  });

  it('is present wherever a client reads it without a check', () => {
    const missing = Object.entries(ALWAYS_THERE).flatMap(([field, operations]) =>
      operations.filter(
        (operationId) => !parts().some((part) => part.operationId === operationId && part.field === field && part.required),
      ),
    );
    expect(missing).toEqual([]);
  });
});

describe('the document describes every refusal with its code, in answers', () => {
  /** Sends one request to many operations. @returns the faults of the answers, and the number of answers of each status */
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
  const tokenHeader = (value: string) => ({ 'x-auth-token': value });

  it('to requests without a token or with an invalid one', async () => {
    for (const headers of [tokenHeader(''), tokenHeader('bad')]) {
      const statuses = await refused(guarded(), (operation) => client.call(operation.method, pathOf(operation, {}), undefined, headers));
      expect(statuses).toEqual({ 401: guarded().length });
    }
  });

  it('of machines', async () => {
    const operations = document.operations.filter(forMachines);
    const instance_id = await client.gateway();
    const credential = async (role: string) =>
      `Bearer ${(await client.post(`/signet/v1/instances/${instance_id}/gateway-tokens`, { role })).body.token as string}`;
    // A watch from a future revision ends at once.
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

  it('to callers without the action', async () => {
    const reader = await service.client({ role: READ_ONLY });
    const foreign = guarded().filter(
      (operation) => operation.path.includes('{project_id}') || (forProject(operation) && operation.method !== 'GET'),
    );
    const statuses = await refused(foreign, (operation) => reader.call(operation.method, pathOf(operation, {}), undefined));
    expect(statuses).toEqual({ 403: foreign.length });
  });

  it('to requests for unknown ids, in a gateway and outside of one', async () => {
    const about = guarded().filter((operation) => operation.path.includes('{instance_id}') && reading(operation));
    const query = '?sign_id=x&api_id=x&group_id=x';
    const nowhere = await refused(about, (operation) => client.call(operation.method, pathOf(operation, {}) + query));
    expect(nowhere).toEqual({ 404: about.length });
    const instance_id = await client.gateway();
    const within = about.filter(({ operationId }) => operationId !== 'DeleteInstancesV2');
    await refused(within, (operation) => client.call(operation.method, pathOf(operation, { instance_id }) + query));
  });

  it('to invalid queries', async () => {
    const queried = guarded().filter(({ parameters = [] }) =>
      parameters.some((parameter) => 'in' in parameter && parameter.in === 'query'),
    );
    for (const query of ['?limit=x', '?name=a&name=b&env_id=a&env_id=b&api_id=a&api_id=b&instance_id=a&instance_id=b&action=a&action=b'])
      await refused(queried, (operation) =>
        client.call(operation.method, pathOf(operation, {}) + query, reading(operation) ? undefined : {}),
      );
  });

  it('to bodies that are empty, malformed, of another type or too large', async () => {
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

  it('to bodies with invalid fields', async () => {
    const wrong = { name: 1, auth: { identity: { methods: [] } }, project: { name: '' }, sign_id: 1, members: 1, instance_name: '' };
    await refused(withBody(), (operation) => client.call(operation.method, pathOf(operation, {}), wrong));
  });
});
