import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { ArrayNotEmpty, IsArray, IsDefined, IsObject, IsOptional, Matches, ValidateIf, ValidateNested } from 'class-validator';
import { ZeroMeansNotGiven } from '../../platform/common/left-out.js';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';
import {
  OneOf,
  OneOfOrEmpty,
  OptionalFlag,
  OptionalOneOf,
  OptionalPart,
  OptionalParts,
  OptionalText,
  OptionalTexts,
  OptionalWhole,
  Text,
  Whole,
} from './fields.js';

export const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'ANY'] as const;
const BACKEND_PROTOCOLS = ['HTTP', 'HTTPS', 'GRPC', 'GRPCS'] as const;
const LOCATIONS = ['PATH', 'QUERY', 'HEADER'] as const;
const YES_NO = { description: '1 yes, 2 no' };
const TIMEOUT_MAX_MS = 600_000;
const TEXT_MAX = 20_480;
/** Default status code of a mock backend. */
export const DEFAULT_STATUS_CODE = 200;
export const DEFAULT_TIMEOUT_MS = 5000;
/** Limits the cost of the validation. A shorter list that exceeds the quota is refused with the code of the quota (api-definition.ts). */
const LIST_MAX = 100;

const CHANNEL_STATUSES = [1, 2, 4] as const;
const CHANNEL_STATUS = {
  description:
    '1: through a load balance channel, 2: by domain, 4: through the groups of a channel. Default: 1 with a channel, 2 without a channel',
};
const isGiven = (value: unknown) => value !== undefined && value !== null;
/** Whether a backend is called through a channel. */
const throughChannel = (status: number | undefined) => status === 1 || status === 4;
/**
 * Treats a channel with empty fields as absent. Responses about a backend without a channel contain such a channel
 * (docs/contracts/apig-clients.md §1.3), and clients send it back.
 */
const EmptyChannelIsAbsent = () =>
  Transform(({ value, obj }: { value: unknown; obj: { vpc_channel_status?: number } }) =>
    isGiven(value) && !throughChannel(obj.vpc_channel_status) && isEmptyChannel(value) ? undefined : value,
  );
const isEmptyChannel = (value: unknown) => value instanceof VpcChannelInfo && !value.vpc_channel_id && !value.vpc_channel_proxy_host;
const RetryCount = () =>
  applyDecorators(
    ApiPropertyOptional({
      pattern: '^(-1|[0-9]|10)$',
      default: '-1',
      description: 'Number of retries; -1 means that the request method decides',
    }),
    EmptyIsAbsent(),
    Matches(/^(?:-1|\d|10)$/),
    IsOptional(),
  );

export class AuthOpt {
  @OptionalOneOf(['DISABLE', 'HEADER'], { default: 'DISABLE' })
  app_code_auth_type?: string;
}

export class MockHeader {
  @Text(128) name: string;
  @OptionalText(1024) value?: string;
}

/** Backend MOCK (docs/contracts/apig.md §3.5). */
export class MockInfo {
  @OptionalText(255) remark?: string;
  @OptionalText(TEXT_MAX) result_content?: string;
  @OptionalText(64) version?: string;
  @OptionalText(64) authorizer_id?: string;
  @OptionalWhole(100, 599, { default: DEFAULT_STATUS_CODE }) status_code?: number;
  @OptionalParts(() => MockHeader, LIST_MAX) header?: MockHeader[];
}

/** Backend FUNCTION (docs/contracts/apig.md §3.5). */
export class FuncInfo {
  @Text(512) function_urn: string;
  @OneOf(['async', 'sync']) invocation_type: string;
  @OneOfOrEmpty(['V1', 'V2']) network_type: string;
  @Whole(1, TIMEOUT_MAX_MS, { description: 'Milliseconds' }) timeout: number;
  @OptionalText(255) remark?: string;
  @OptionalText(64) version?: string;
  @OptionalText(512) alias_urn?: string;
  @OptionalText(64) authorizer_id?: string;
  @OptionalText(16) req_protocol?: string;
}

export class VpcChannelInfo {
  @Text(64, { description: 'A load balance channel of this gateway' }) vpc_channel_id: string;
  @OptionalText(255) vpc_channel_proxy_host?: string;
}

/** How one group of a channel's servers is called. */
export class MemberGroupUrlInfo {
  @Text(64) member_group_id: string;
  @OneOf(BACKEND_PROTOCOLS) req_protocol: string;
  @OneOf(METHODS) req_method: string;
  @Text(512) req_uri: string;
}

/** Backend HTTP or GRPC: a domain, or a load balance channel (docs/contracts/apig.md §3.5). */
export class BackendApi {
  @OneOf(BACKEND_PROTOCOLS) req_protocol: string;
  @OneOfOrEmpty(METHODS, { description: 'Empty: the method of the API' }) req_method: string;
  @Text(512) req_uri: string;
  @Whole(1, TIMEOUT_MAX_MS, { description: 'Milliseconds' }) timeout: number;
  @OptionalOneOf(CHANNEL_STATUSES, CHANNEL_STATUS) vpc_channel_status?: number;

  @ApiPropertyOptional({ type: () => VpcChannelInfo, description: 'Required with vpc_channel_status 1 and 4' })
  @EmptyChannelIsAbsent()
  @ValidateIf(({ vpc_channel_status, vpc_channel_info }: BackendApi) => throughChannel(vpc_channel_status) || isGiven(vpc_channel_info))
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => VpcChannelInfo)
  vpc_channel_info?: VpcChannelInfo;

  @ApiPropertyOptional({ maxLength: 255, description: 'Required without a load balance channel' })
  @ValidateIf(({ vpc_channel_status, url_domain }: BackendApi) => !throughChannel(vpc_channel_status) || isGiven(url_domain))
  @EmptyIsAbsent()
  @IsDefined()
  @Matches(/^[^]{1,255}$/u)
  url_domain?: string;

  @RetryCount() retry_count?: string;
  @OptionalFlag() enable_client_ssl?: boolean;
  @OptionalFlag() enable_sm_channel?: boolean;
  @OptionalParts(() => MemberGroupUrlInfo, LIST_MAX) member_group_url_infos?: MemberGroupUrlInfo[];
  @OptionalText(255) remark?: string;
  @OptionalText(64) version?: string;
  @OptionalText(64) authorizer_id?: string;
}

/** A request parameter (docs/contracts/apig.md §3.5). */
export class ReqParam {
  @Text(32) name: string;
  @OneOf(['STRING', 'NUMBER']) type: string;
  @OneOf(LOCATIONS) location: string;
  @OptionalText(255) default_value?: string;
  @OptionalText(255) sample_value?: string;
  @OptionalOneOf([1, 2], { description: '1: yes, 2: no. Default: 1 for a parameter in the path, otherwise 2' }) required?: number;
  @OptionalOneOf([1, 2], { ...YES_NO, default: 2 }) valid_enable?: number;
  @OptionalText(255) remark?: string;
  @OptionalText(TEXT_MAX, { description: 'Allowed values, separated by commas' }) enumerations?: string;
  @ZeroMeansNotGiven() @OptionalWhole(-(2 ** 31), 2 ** 31 - 1) min_num?: number;
  @ZeroMeansNotGiven() @OptionalWhole(-(2 ** 31), 2 ** 31 - 1) max_num?: number;
  @ZeroMeansNotGiven() @OptionalWhole(0, 2 ** 31 - 1) min_size?: number;
  @ZeroMeansNotGiven() @OptionalWhole(0, 2 ** 31 - 1) max_size?: number;
  @OptionalText(TEXT_MAX) regular?: string;
  @OptionalText(TEXT_MAX) json_schema?: string;
  @OptionalOneOf([1, 2], YES_NO) pass_through?: number;
  @OptionalTexts(64, LIST_MAX, { description: 'Ids of orchestration rules' }) orchestrations?: string[];
}

/** A backend parameter (docs/contracts/apig.md §3.5). */
export class BackendParam {
  @OneOf(['REQUEST', 'CONSTANT', 'SYSTEM'], { description: 'Where the value comes from' }) origin: string;
  @Text(64) name: string;
  @OneOf(LOCATIONS) location: string;
  @Text(255, {
    description: 'For REQUEST, the name of a request parameter; for CONSTANT, the value; for SYSTEM, the name of a system parameter',
  })
  value: string;
  @OptionalText(255) remark?: string;
}

/** A condition under which a policy takes effect (docs/contracts/apig.md §3.5). */
export class Condition {
  @OneOf(['param', 'source', 'system', 'cookie', 'frontend_authorizer']) condition_origin: string;
  @OptionalText(255) req_param_name?: string;
  @OptionalText(255) sys_param_name?: string;
  @OptionalText(255) cookie_param_name?: string;
  @OptionalText(255) frontend_authorizer_param_name?: string;
  @OptionalText(16) mapped_param_location?: string;
  @OptionalText(255) mapped_param_name?: string;
  @OptionalOneOf(['exact', 'enum', 'pattern']) condition_type?: string;
  @OptionalText(4096) condition_value?: string;
}

const POLICY_NAME = /^[A-Za-z0-9_\-\u4e00-\u9fa5]{3,64}$/;

/** The fields that all three kinds of policy share (docs/contracts/apig.md §3.5). */
export class BackendPolicy {
  @ApiProperty({ pattern: POLICY_NAME.source, minLength: 3, maxLength: 64 })
  @IsDefined()
  @Matches(POLICY_NAME)
  name: string;

  @OneOf(['ALL', 'ANY'], { description: 'Whether all conditions or any condition must be true' }) effect_mode: string;

  @ApiProperty({ type: () => Condition, isArray: true, minItems: 1 })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => Condition)
  conditions: Condition[];

  @OptionalParts(() => BackendParam, LIST_MAX) backend_params?: BackendParam[];
  @OptionalText(64) authorizer_id?: string;
}

export class PolicyMock extends BackendPolicy {
  @OptionalText(TEXT_MAX) result_content?: string;
  @OptionalWhole(100, 599, { default: DEFAULT_STATUS_CODE }) status_code?: number;
  @OptionalParts(() => MockHeader, LIST_MAX) header?: MockHeader[];
}

export class PolicyFunction extends BackendPolicy {
  @Text(512) function_urn: string;
  @OneOf(['async', 'sync']) invocation_type: string;
  @OptionalOneOf(['V1', 'V2']) network_type?: string;
  @OptionalWhole(1, TIMEOUT_MAX_MS, { default: DEFAULT_TIMEOUT_MS }) timeout?: number;
  @OptionalText(64) version?: string;
  @OptionalText(512) alias_urn?: string;
  @OptionalText(16) req_protocol?: string;
}

export class PolicyHttp extends BackendPolicy {
  @OneOfOrEmpty(BACKEND_PROTOCOLS, { description: 'Empty: the protocol of the backend' }) req_protocol: string;
  @OneOf(METHODS) req_method: string;
  @Text(512) req_uri: string;
  @OptionalText(255) url_domain?: string;
  @OptionalOneOf(CHANNEL_STATUSES, CHANNEL_STATUS) vpc_channel_status?: number;
  @EmptyChannelIsAbsent() @OptionalPart(() => VpcChannelInfo) vpc_channel_info?: VpcChannelInfo;
  @OptionalWhole(1, TIMEOUT_MAX_MS, { default: DEFAULT_TIMEOUT_MS }) timeout?: number;

  @RetryCount() retry_count?: string;
  @OptionalFlag() enable_client_ssl?: boolean;
  @OptionalFlag() enable_sm_channel?: boolean;
  @OptionalParts(() => MemberGroupUrlInfo, LIST_MAX) member_group_url_infos?: MemberGroupUrlInfo[];
}
