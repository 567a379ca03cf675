import { newId } from '../common/ids.js';
import type {
  AuthOpt,
  BackendApi,
  BackendParam,
  BackendPolicy,
  Condition,
  FuncInfo,
  MockInfo,
  PolicyFunction,
  PolicyHttp,
  PolicyMock,
  ReqParam,
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
/** A backend parameter points at the request parameter that it takes its value from; empty when it takes none. */
type MappedParam = WithId<BackendParam> & { req_param_id: string };
type MappedCondition = WithId<Condition> & { req_param_id: string };
type Policy<P extends BackendPolicy> = Omit<WithId<P>, 'conditions' | 'backend_params'> & {
  conditions: MappedCondition[];
  backend_params: MappedParam[];
};

/** What `apis.definition` holds: the contract's JSON, without what has a column of its own. */
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
  tags: string[];
  mock_info?: WithId<MockInfo>;
  func_info?: WithId<FuncInfo>;
  backend_api?: WithId<BackendApi>;
  req_params: WithId<ReqParam>[];
  backend_params: MappedParam[];
  policy_https: Policy<PolicyHttp>[];
  policy_mocks: Policy<PolicyMock>[];
  policy_functions: Policy<PolicyFunction>[];
}

/** Whether a text is set: clients send empty texts for what they leave out. */
const orEmpty = (text: string | null | undefined) => text ?? '';

/**
 * An input as it is stored: defaults filled in, backends and policies of other types left out, and an id for each part; a
 * part that was there before keeps its id.
 * @param limits of the gateway
 * @param before the definition that is replaced
 * @throws ParamQuotaExceeded, PolicyQuotaExceeded, ConditionQuotaExceeded, ParamNameTaken, PolicyNameTaken, MappedParamUndefined
 */
export function definitionOf(input: ApiInput, limits: Limits, before?: ApiDefinition): ApiDefinition {
  const type = input.backend_type;
  const http = type === 'HTTP' || type === 'GRPC';
  const given = input.req_params ?? [];
  if (Math.max(given.length, (input.backend_params ?? []).length) > limits('API_PARAM_NUM_LIMIT')) throw new ParamQuotaExceeded();
  const reqParams = keepIds(given, before?.req_params, byNameAndLocation, ParamNameTaken);
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
    tags: [...new Set(input.tags ?? [])],
    ...(type === 'MOCK' && { mock_info: { id: before?.mock_info?.id ?? newId(), ...input.mock_info } }),
    ...(type === 'FUNCTION' && input.func_info && { func_info: { id: before?.func_info?.id ?? newId(), ...input.func_info } }),
    ...(http && input.backend_api && { backend_api: { id: before?.backend_api?.id ?? newId(), ...input.backend_api } }),
    req_params: reqParams,
    backend_params: mappedParams(input.backend_params ?? [], before?.backend_params, reqParams),
    policy_https: http ? policies(input.policy_https, before?.policy_https) : [],
    policy_mocks: type === 'MOCK' ? policies(input.policy_mocks, before?.policy_mocks) : [],
    policy_functions: type === 'FUNCTION' ? policies(input.policy_functions, before?.policy_functions) : [],
  };
}

/** The load balance channels that a definition refers to, each once. */
export function channelsOf({ backend_api, policy_https }: ApiDefinition): string[] {
  const ids = [backend_api, ...policy_https].map((backend) => backend?.vpc_channel_info?.vpc_channel_id);
  return [...new Set(ids.filter((id) => id !== undefined))];
}

/** The same parts with ids: that of the old part of the same key, else a new one. */
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
      conditions: keepIds(conditions, was?.conditions, conditionKey).map((condition) => ({
        ...condition,
        req_param_id: reqParams.find(({ name }) => name === condition.req_param_name)?.id ?? '',
      })),
      backend_params: mappedParams(params ?? [], was?.backend_params, reqParams),
    };
  });
}

/** Everything a caller says of a condition, so that an unchanged one keeps its id. */
const conditionKey = (c: Condition) =>
  [
    c.condition_origin,
    c.req_param_name,
    c.sys_param_name,
    c.cookie_param_name,
    c.frontend_authorizer_param_name,
    c.condition_type,
    c.condition_value,
  ]
    .map(orEmpty)
    .join('\n');
