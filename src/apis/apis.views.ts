import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { toNanoseconds, toSeconds } from '../common/clock.js';
import type { ApiDefinition } from './api-definition.js';
import {
  AuthOpt,
  BackendApi,
  BackendParam,
  Condition,
  FuncInfo,
  MockInfo,
  PolicyFunction,
  PolicyHttp,
  PolicyMock,
  ReqParam,
} from './api-definition.dto.js';
import { slDomain } from './groups.dto.js';
import { fromJson } from './listing.js';

class ReqParamView extends ReqParam {
  @ApiProperty() id: string;
}

class BackendParamView extends BackendParam {
  @ApiProperty() id: string;
  @ApiProperty({ description: 'The request parameter that the value comes from; empty when there is none' }) req_param_id: string;
}

class ConditionView extends Condition {
  @ApiProperty() id: string;
  @ApiProperty() req_param_id: string;
}

class MockInfoView extends MockInfo {
  @ApiProperty() id: string;
  @ApiProperty({ type: 'integer' }) status: number;
  @ApiProperty({ format: 'date-time' }) register_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
}

class FuncInfoView extends FuncInfo {
  @ApiProperty() id: string;
  @ApiProperty({ type: 'integer' }) status: number;
  @ApiProperty({ format: 'date-time' }) register_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
}

class BackendApiView extends BackendApi {
  @ApiProperty() id: string;
  @ApiProperty({ type: 'integer' }) status: number;
  @ApiProperty({ format: 'date-time' }) register_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
}

class PolicyHttpView extends PolicyHttp {
  @ApiProperty() id: string;
  @ApiProperty({ type: [ConditionView] }) declare conditions: ConditionView[];
  @ApiProperty({ type: [BackendParamView] }) declare backend_params: BackendParamView[];
}

class PolicyMockView extends PolicyMock {
  @ApiProperty() id: string;
  @ApiProperty({ type: [ConditionView] }) declare conditions: ConditionView[];
  @ApiProperty({ type: [BackendParamView] }) declare backend_params: BackendParamView[];
}

class PolicyFunctionView extends PolicyFunction {
  @ApiProperty() id: string;
  @ApiProperty({ type: [ConditionView] }) declare conditions: ConditionView[];
  @ApiProperty({ type: [BackendParamView] }) declare backend_params: BackendParamView[];
}

/** An API without where it runs: what a publication freezes (apig §3.5). */
export class ApiBodyView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: 'integer', enum: [1, 2] }) type: number;
  @ApiProperty() version: string;
  @ApiProperty() req_protocol: string;
  @ApiProperty() req_method: string;
  @ApiProperty() req_uri: string;
  @ApiProperty() auth_type: string;
  @ApiProperty() auth_opt: AuthOpt;
  @ApiProperty() cors: boolean;
  @ApiProperty() match_mode: string;
  @ApiProperty() backend_type: string;
  @ApiProperty() remark: string;
  @ApiProperty() body_remark: string;
  @ApiProperty() result_normal_sample: string;
  @ApiProperty() result_failure_sample: string;
  @ApiProperty() authorizer_id: string;
  @ApiProperty() response_id: string;
  @ApiProperty() content_type: string;
  @ApiProperty({ type: [String] }) tags: string[];
  @ApiProperty() group_id: string;
  @ApiProperty() group_name: string;
  @ApiProperty() group_version: string;
  @ApiProperty({ type: 'integer', description: 'Always 1: valid' }) status: number;
  @ApiProperty({ type: 'integer', description: 'Always 2: not orchestrated' }) arrange_necessary: number;
  @ApiProperty({ format: 'date-time' }) register_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
  @ApiPropertyOptional() mock_info?: MockInfoView;
  @ApiPropertyOptional() func_info?: FuncInfoView;
  @ApiPropertyOptional() backend_api?: BackendApiView;
  @ApiProperty({ type: [ReqParamView] }) req_params: ReqParamView[];
  @ApiProperty({ type: [BackendParamView] }) backend_params: BackendParamView[];
  @ApiProperty({ type: [PolicyHttpView] }) policy_https: PolicyHttpView[];
  @ApiProperty({ type: [PolicyMockView] }) policy_mocks: PolicyMockView[];
  @ApiProperty({ type: [PolicyFunctionView] }) policy_functions: PolicyFunctionView[];
}

class ApiGroupInfoView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: 'integer' }) status: number;
  @ApiProperty() sl_domain: string;
  @ApiProperty({ type: [String] }) sl_domains: string[];
  @ApiProperty({ type: [Object] }) url_domains: object[];
  @ApiProperty({ format: 'date-time' }) register_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
  @ApiProperty({ type: 'integer' }) on_sell_status: number;
}

/** An API as create, modify, get and list answer it (apig §3.5). */
export class ApiView extends ApiBodyView {
  @ApiProperty({ description: 'Environments in which the API is online, joined by `|`; this field and the next three are in one order' })
  run_env_id: string;
  @ApiProperty() run_env_name: string;
  @ApiProperty() publish_id: string;
  @ApiProperty() publish_time: string;
  @ApiProperty() api_group_info: ApiGroupInfoView;
}

export class ApiListView {
  @ApiProperty({ type: 'integer', description: 'Matches before paging' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Rows in this page' }) size: number;
  @ApiProperty({ type: [ApiView] }) apis: ApiView[];
}

/** An API with the group it is in, as statements read it. */
export interface ApiRow {
  id: string;
  name: string;
  type: number;
  reqProtocol: string;
  reqMethod: string;
  reqUri: string;
  authType: string;
  remark: string;
  /** JSON: {@link ApiDefinition}. */
  definition: unknown;
  createdAt: number;
  updatedAt: number;
  groupId: string;
  groupName: string;
  groupCreatedAt: number;
  groupUpdatedAt: number;
}

export const API = `a.id, a.name, a.type, a.req_protocol AS reqProtocol, a.req_method AS reqMethod, a.req_uri AS reqUri, a.auth_type AS authType,
  a.remark, a.definition, a.created_at AS createdAt, a.updated_at AS updatedAt,
  g.id AS groupId, g.name AS groupName, g.created_at AS groupCreatedAt, g.updated_at AS groupUpdatedAt`;

/** Where an API is online, and since when. */
export interface OnlineIn {
  publishId: string;
  envId: string;
  envName: string;
  publishedAt: number;
}

/** @param now the instant of the write that answers with this view: it has nine digits */
export function toApiBody(row: ApiRow, now?: number): ApiBodyView {
  const time = (instant: number) => (instant === now ? toNanoseconds(instant) : toSeconds(instant));
  const { mock_info, func_info, backend_api, ...definition } = fromJson<ApiDefinition>(row.definition);
  const times = { register_time: time(row.createdAt), update_time: time(row.updatedAt) };
  const withTimes = <T>(part: T) => ({ ...part, status: 1, ...times });
  return {
    id: row.id,
    name: row.name,
    type: row.type,
    req_protocol: row.reqProtocol,
    req_method: row.reqMethod,
    req_uri: row.reqUri,
    auth_type: row.authType,
    remark: row.remark,
    group_id: row.groupId,
    group_name: row.groupName,
    group_version: 'V1',
    status: 1,
    arrange_necessary: 2,
    ...times,
    ...definition,
    ...(mock_info && { mock_info: withTimes(mock_info) }),
    ...(func_info && { func_info: withTimes(func_info) }),
    ...(backend_api && { backend_api: withTimes(backend_api) }),
  };
}

/** @param online where the API is online, in any order that is the same each time */
export function toApiView(row: ApiRow, online: readonly OnlineIn[], region: string, now?: number): ApiView {
  const joined = (part: (publication: OnlineIn) => string) => online.map(part).join('|');
  return {
    ...toApiBody(row, now),
    run_env_id: joined(({ envId }) => envId),
    run_env_name: joined(({ envName }) => envName),
    publish_id: joined(({ publishId }) => publishId),
    publish_time: joined(({ publishedAt }) => toSeconds(publishedAt)),
    api_group_info: {
      id: row.groupId,
      name: row.groupName,
      status: 1,
      sl_domain: slDomain(row.groupId, region),
      sl_domains: [slDomain(row.groupId, region)],
      url_domains: [],
      register_time: toSeconds(row.groupCreatedAt),
      update_time: toSeconds(row.groupUpdatedAt),
      on_sell_status: 2,
    },
  };
}
