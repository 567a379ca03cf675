import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { toNanoseconds, toSeconds } from '../../platform/common/clock.js';
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
import { UrlDomainView } from './group-domains.dto.js';
import { slDomain } from './groups.dto.js';
import { fromJson } from './listing.js';
import { Api } from './api.entity.js';
import { ApiGroup } from './group.entity.js';
import { Environment } from './environment.entity.js';
import { Publication } from './publication.entity.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';

class ReqParamView extends ReqParam {
  @ApiProperty() id: string;
  @ApiProperty({ enum: [1, 2], required: true }) declare required: number;
  @ApiProperty({ enum: [1, 2], required: true }) declare valid_enable: number;
  @ApiProperty({ type: [String], required: true }) declare orchestrations: string[];
}

class BackendParamView extends BackendParam {
  @ApiProperty() id: string;
  @ApiProperty({ description: 'Request parameter from which the value comes; empty if there is none' }) req_param_id: string;
}

class ConditionView extends Condition {
  @ApiProperty() id: string;
  @ApiProperty() req_param_id: string;
  @ApiProperty({ description: 'Location of this request parameter; empty if there is none' }) req_param_location: string;
}

/** Always present, because clients read its fields without checking whether it exists (docs/contracts/apig-clients.md §1.3). */
class VpcChannelInfoView {
  @ApiProperty({ description: 'Empty without a load balance channel' }) vpc_channel_id: string;
  @ApiProperty() vpc_channel_proxy_host: string;
}

class MockInfoView extends MockInfo {
  @ApiProperty() id: string;
  @ApiProperty({ type: 'integer', required: true }) declare status_code: number;
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
  @ApiProperty({ required: true }) declare retry_count: string;
  @ApiProperty({ required: true }) declare enable_client_ssl: boolean;
  @ApiProperty({ type: 'integer', required: true }) declare vpc_channel_status: number;
  @ApiProperty({ type: () => VpcChannelInfoView, required: true }) declare vpc_channel_info: VpcChannelInfoView;
  @ApiProperty({ type: 'integer' }) status: number;
  @ApiProperty({ format: 'date-time' }) register_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
}

class PolicyHttpView extends PolicyHttp {
  @ApiProperty() id: string;
  @ApiProperty({ required: true }) declare retry_count: string;
  @ApiProperty({ type: 'integer', required: true }) declare timeout: number;
  @ApiProperty({ type: 'integer', required: true }) declare vpc_channel_status: number;
  @ApiProperty({ type: () => VpcChannelInfoView, required: true }) declare vpc_channel_info: VpcChannelInfoView;
  @ApiProperty({ type: [ConditionView], required: true }) declare conditions: ConditionView[];
  @ApiProperty({ type: [BackendParamView], required: true }) declare backend_params: BackendParamView[];
}

class PolicyMockView extends PolicyMock {
  @ApiProperty() id: string;
  @ApiProperty({ type: 'integer', required: true }) declare status_code: number;
  @ApiProperty({ type: [ConditionView], required: true }) declare conditions: ConditionView[];
  @ApiProperty({ type: [BackendParamView], required: true }) declare backend_params: BackendParamView[];
}

class PolicyFunctionView extends PolicyFunction {
  @ApiProperty() id: string;
  @ApiProperty({ type: [ConditionView], required: true }) declare conditions: ConditionView[];
  @ApiProperty({ type: [BackendParamView], required: true }) declare backend_params: BackendParamView[];
}

/** An API without its publications. A publication freezes this part (docs/contracts/apig.md §3.5). */
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
  @ApiProperty() is_send_fg_body_base64: boolean;
  @ApiProperty() trace_enabled: boolean;
  @ApiProperty() sampling_strategy: string;
  @ApiProperty() sampling_param: string;
  @ApiProperty({ type: [String] }) tags: string[];
  @ApiProperty() tag: string;
  @ApiProperty() group_id: string;
  @ApiProperty() group_name: string;
  @ApiProperty() group_version: string;
  @ApiProperty({ type: 'integer', description: 'Always 1: valid' }) status: number;
  @ApiProperty({ type: 'integer', description: 'Always 2, which means not orchestrated' }) arrange_necessary: number;
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
  @ApiProperty({ type: [UrlDomainView] }) url_domains: UrlDomainView[];
  @ApiProperty({ format: 'date-time' }) register_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
  @ApiProperty({ type: 'integer' }) on_sell_status: number;
  @ApiProperty() sl_domain_access_enabled: boolean;
}

/** An API in the responses of create, modify, get and list (docs/contracts/apig.md §3.5). */
export class ApiView extends ApiBodyView {
  @ApiProperty({ description: 'Environments in which the API is online, separated by `|`, in the same order as in the next three fields' })
  run_env_id: string;
  @ApiProperty() run_env_name: string;
  @ApiProperty() publish_id: string;
  @ApiProperty() publish_time: string;
  @ApiProperty() api_group_info: ApiGroupInfoView;
}

export class ApiListView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [ApiView] }) apis: ApiView[];
}

const OF_API = columnsOf(Api, 'a').except('projectId', 'instanceId', 'groupId');
const OF_GROUP = columnsOf(ApiGroup, 'g').pick({
  groupId: 'id',
  groupName: 'name',
  groupCreatedAt: 'createdAt',
  groupUpdatedAt: 'updatedAt',
  groupDomainEnabled: 'slDomainAccessEnabled',
});
export const API = `${OF_API.select}, ${OF_GROUP.select}`;

/** An API with its group, as read by statements. */
export interface ApiRow extends RowOf<typeof OF_API>, RowOf<typeof OF_GROUP> {}

const PUBLICATION = columnsOf(Publication, 'p').pick('apiId', { publishId: 'id' }, 'envId', 'publishedAt');
const ENVIRONMENT = columnsOf(Environment, 'e').pick({ envName: 'name' });
export const ONLINE = `${PUBLICATION.select}, ${ENVIRONMENT.select}`;

/** Where an API is online, and since when. */
export interface OnlineIn extends RowOf<typeof PUBLICATION>, RowOf<typeof ENVIRONMENT> {}

/** @param now the time of the write that returns this view; times in the view then have nine digits */
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

/** Data about an API from other tables. */
interface Around {
  /** Where the API is online. The order may be any, but must always be the same. */
  online: readonly OnlineIn[];
  /** The domains of the API's group. */
  domains: UrlDomainView[];
  region: string;
}

export function toApiView(row: ApiRow, { online, domains, region }: Around, now?: number): ApiView {
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
      url_domains: domains,
      register_time: toSeconds(row.groupCreatedAt),
      update_time: toSeconds(row.groupUpdatedAt),
      on_sell_status: 2,
      sl_domain_access_enabled: row.groupDomainEnabled === 1,
    },
  };
}
