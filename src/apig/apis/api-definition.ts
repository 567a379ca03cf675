import { newId } from '../../platform/common/ids.js';
import {
  type AuthOpt,
  type BackendApi,
  type BackendParam,
  type BackendPolicy,
  type Condition,
  DEFAULT_STATUS_CODE,
  DEFAULT_TIMEOUT_MS,
  type FuncInfo,
  type MockInfo,
  type PolicyFunction,
  type PolicyHttp,
  type PolicyMock,
  type ReqParam,
  type VpcChannelInfo,
} from './api-definition.dto.js';
import {
  ConditionQuotaExceeded,
  MappedParamUndefined,
  ParamNameTaken,
  ParamQuotaExceeded,
  PolicyNameTaken,
  PolicyQuotaExceeded,
} from './apis.errors.js';
import type { ApiInput, BackendType } from './apis.dto.js';
import type { Limits } from './limits.js';

type WithId<T> = T & { id: string };
/** An input in which each of these optional fields has a value. */
type Given<T, Field extends keyof T> = T & { [F in Field]-?: NonNullable<T[F]> };
/** A backend parameter, with the id of the request parameter from which its value comes; empty if the value comes from none. */
type MappedParam = WithId<BackendParam> & { req_param_id: string };
type MappedCondition = WithId<Condition> & { req_param_id: string; req_param_location: string };
/** An HTTP backend with its channel. If there is no channel, its fields are empty. */
type WithChannel<B extends BackendApi | PolicyHttp> = B & {
  retry_count: string;
  enable_client_ssl: boolean;
  vpc_channel_status: number;
  vpc_channel_info: Required<VpcChannelInfo>;
};
type Policy<P extends BackendPolicy> = Omit<WithId<P>, 'conditions' | 'backend_params'> & {
  conditions: MappedCondition[];
  backend_params: MappedParam[];
};

type GivenParam = Given<ReqParam, 'required' | 'valid_enable' | 'orchestrations'>;

/** The content of the column `apis.definition`: the contract's JSON, without the fields that have columns of their own. */
export interface ApiDefinition {
  backend_type: BackendType;
  version: string;
  auth_opt: AuthOpt;
  cors: boolean;
  match_mode: string;
  body_remark: string;
  result_normal_sample: string;
  result_failure_sample: string;
  authorizer_id: string;
  response_id: string;
  content_type: string;
  is_send_fg_body_base64: boolean;
  trace_enabled: boolean;
  sampling_strategy: string;
  sampling_param: string;
  tags: string[];
  tag: string;
  mock_info?: WithId<Given<MockInfo, 'status_code'>>;
  func_info?: WithId<FuncInfo>;
  backend_api?: WithId<WithChannel<BackendApi>>;
  req_params: WithId<GivenParam>[];
  backend_params: MappedParam[];
  policy_https: Policy<WithChannel<Given<PolicyHttp, 'timeout'>>>[];
  policy_mocks: Policy<Given<PolicyMock, 'status_code'>>[];
  policy_functions: Policy<Given<PolicyFunction, 'timeout'>>[];
}

/** Returns an empty text for a missing one, because clients send empty texts for omitted fields. */
const orEmpty = (text: string | null | undefined) => text ?? '';

/**
 * Builds the definition to store: adds defaults and an id for each part, and drops backends and policies of other types. A part that
 * existed before keeps its id.
 * @param limits the limits of the gateway
 * @param before the definition that is replaced
 * @throws ParamQuotaExceeded, PolicyQuotaExceeded, ConditionQuotaExceeded, ParamNameTaken, PolicyNameTaken, MappedParamUndefined
 */
export function definitionOf(input: ApiInput, limits: Limits, before?: ApiDefinition): ApiDefinition {
  const type = input.backend_type;
  const http = type === 'HTTP' || type === 'GRPC';
  const given = input.req_params ?? [];
  if (Math.max(given.length, (input.backend_params ?? []).length) > limits('API_PARAM_NUM_LIMIT')) throw new ParamQuotaExceeded();
  const reqParams = keepIds(given.map(withDefaults), before?.req_params, byNameAndLocation, ParamNameTaken);
  const policies = <P extends BackendPolicy>(list: P[] | null | undefined, old: Policy<P>[] | undefined) =>
    policiesOf(list ?? [], old, reqParams, limits);
  return {
    backend_type: type,
    version: orEmpty(input.version),
    auth_opt: { app_code_auth_type: input.auth_opt?.app_code_auth_type ?? 'DISABLE' },
    cors: input.cors ?? false,
    match_mode: input.match_mode ?? 'NORMAL',
    body_remark: orEmpty(input.body_remark),
    result_normal_sample: orEmpty(input.result_normal_sample),
    result_failure_sample: orEmpty(input.result_failure_sample),
    authorizer_id: orEmpty(input.authorizer_id),
    response_id: orEmpty(input.response_id),
    content_type: orEmpty(input.content_type),
    is_send_fg_body_base64: input.is_send_fg_body_base64 ?? true,
    trace_enabled: input.trace_enabled ?? false,
    sampling_strategy: orEmpty(input.sampling_strategy),
    sampling_param: orEmpty(input.sampling_param),
    tags: [...new Set(input.tags ?? [])],
    tag: orEmpty(input.tag),
    ...(type === 'MOCK' && { mock_info: { id: before?.mock_info?.id ?? newId(), ...withStatusCode(input.mock_info ?? {}) } }),
    ...(type === 'FUNCTION' && input.func_info && { func_info: { id: before?.func_info?.id ?? newId(), ...input.func_info } }),
    ...(http && input.backend_api && { backend_api: { id: before?.backend_api?.id ?? newId(), ...withChannel(input.backend_api) } }),
    req_params: reqParams,
    backend_params: mappedParams(input.backend_params ?? [], before?.backend_params, reqParams),
    policy_https: http ? policies(input.policy_https?.map(withTimeout).map(withChannel), before?.policy_https) : [],
    policy_mocks: type === 'MOCK' ? policies(input.policy_mocks?.map(withStatusCode), before?.policy_mocks) : [],
    policy_functions: type === 'FUNCTION' ? policies(input.policy_functions?.map(withTimeout), before?.policy_functions) : [],
  };
}

/** Returns the load balance channels to which a definition refers, without duplicates. */
export function channelsOf({ backend_api, policy_https }: ApiDefinition): string[] {
  const ids = [backend_api, ...policy_https].map((backend) => backend?.vpc_channel_info.vpc_channel_id);
  return [...new Set(ids.filter((id): id is string => id !== undefined && id !== ''))];
}

/** The default of `required` depends on the location (docs/contracts/apig.md §3.5). */
const withDefaults = (param: ReqParam): GivenParam => ({
  ...param,
  required: param.required ?? (param.location === 'PATH' ? 1 : 2),
  valid_enable: param.valid_enable ?? 2,
  orchestrations: param.orchestrations ?? [],
});

const withStatusCode = <M extends { status_code?: number }>(mock: M) => ({
  ...mock,
  status_code: mock.status_code ?? DEFAULT_STATUS_CODE,
});

const withTimeout = <P extends { timeout?: number }>(policy: P) => ({ ...policy, timeout: policy.timeout ?? DEFAULT_TIMEOUT_MS });

/**
 * Adds the fields of a channel. Clients read them in every HTTP backend and policy, whether or not it has a channel
 * (docs/contracts/apig-clients.md §1.3).
 */
function withChannel<B extends BackendApi | PolicyHttp>(backend: B) {
  const { vpc_channel_id = '', vpc_channel_proxy_host }: Partial<VpcChannelInfo> = backend.vpc_channel_info ?? {};
  return {
    ...backend,
    url_domain: orEmpty(backend.url_domain),
    retry_count: backend.retry_count ?? '-1',
    enable_client_ssl: backend.enable_client_ssl ?? false,
    vpc_channel_status: backend.vpc_channel_status ?? (vpc_channel_id === '' ? 2 : 1),
    vpc_channel_info: { vpc_channel_id, vpc_channel_proxy_host: orEmpty(vpc_channel_proxy_host) },
  };
}

/** Gives each part the id of the previous part with the same key, or a new id. */
function keepIds<T extends object>(
  parts: readonly T[],
  before: readonly WithId<T>[] | undefined,
  keyOf: (part: T) => string,
  taken?: new () => Error,
): WithId<T>[] {
  const old = new Map((before ?? []).map((part) => [keyOf(part), part.id]));
  const seen = new Set<string>();
  return parts.map((part) => {
    const key = keyOf(part);
    if (taken && seen.has(key)) throw new taken();
    const id = (!seen.has(key) && old.get(key)) || newId();
    seen.add(key);
    return { ...part, id };
  });
}

const byNameAndLocation = ({ name, location }: { name: string; location: string }) => `${location} ${name}`;

function mappedParams(
  params: readonly BackendParam[],
  before: readonly WithId<BackendParam>[] | undefined,
  reqParams: readonly WithId<ReqParam>[],
): MappedParam[] {
  return keepIds(params, before, byNameAndLocation, ParamNameTaken).map((param) => {
    if (param.origin !== 'REQUEST') return { ...param, req_param_id: '' };
    const source = reqParams.find(({ name }) => name === param.value);
    if (!source) throw new MappedParamUndefined();
    return { ...param, req_param_id: source.id };
  });
}

function policiesOf<P extends BackendPolicy>(
  policies: readonly P[],
  before: readonly Policy<P>[] | undefined,
  reqParams: readonly WithId<ReqParam>[],
  limits: Limits,
): Policy<P>[] {
  if (policies.length > limits('API_POLICY_NUM_LIMIT')) throw new PolicyQuotaExceeded();
  const old = new Map((before ?? []).map((policy) => [policy.name, policy]));
  const names = new Set<string>();
  return policies.map((policy) => {
    if (names.has(policy.name)) throw new PolicyNameTaken();
    names.add(policy.name);
    const was = old.get(policy.name);
    const { conditions, backend_params: params = [] } = policy;
    if (conditions.length > limits('API_CONDITION_NUM_LIMIT')) throw new ConditionQuotaExceeded();
    if ((params ?? []).length > limits('API_PARAM_NUM_LIMIT')) throw new ParamQuotaExceeded();
    return {
      ...policy,
      id: was?.id ?? newId(),
      conditions: keepIds(conditions, was?.conditions, conditionKey).map((condition) => {
        const param = reqParams.find(({ name }) => name === condition.req_param_name);
        return { ...condition, req_param_id: orEmpty(param?.id), req_param_location: orEmpty(param?.location) };
      }),
      backend_params: mappedParams(params ?? [], was?.backend_params, reqParams),
    };
  });
}

/** Contains every field of a condition, so that an unchanged condition keeps its id. */
const conditionKey = (c: Condition) =>
  [
    c.condition_origin,
    c.req_param_name,
    c.sys_param_name,
    c.cookie_param_name,
    c.frontend_authorizer_param_name,
    c.mapped_param_location,
    c.mapped_param_name,
    c.condition_type,
    c.condition_value,
  ]
    .map(orEmpty)
    .join('\n');
