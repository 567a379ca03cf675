import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayNotEmpty, IsArray, IsDefined, IsObject, IsOptional, Matches, ValidateIf, ValidateNested } from 'class-validator';
import { EmptyIsAbsent } from '../common/pagination.js';
import { OneOf, OptionalFlag, OptionalOneOf, OptionalPart, OptionalParts, OptionalText, OptionalWhole, Text, Whole } from './fields.js';

export const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'ANY'] as const;
const BACKEND_PROTOCOLS = ['HTTP', 'HTTPS', 'GRPC', 'GRPCS'] as const;
const LOCATIONS = ['PATH', 'QUERY', 'HEADER'] as const;
const YES_NO = { description: '1 yes, 2 no' };
const TIMEOUT_MAX_MS = 600_000;
const TEXT_MAX = 20_480;
/** Larger lists are refused with the quota's code (api-definition.ts); this only bounds the work of looking. */
const LIST_MAX = 1000;

const CHANNEL_STATUS = { description: '1 through a load balance channel, 2 by domain' };
const isGiven = (value: unknown) => value !== undefined && value !== null;
const RetryCount = () =>
  applyDecorators(
    ApiPropertyOptional({ pattern: '^(-1|[0-9]|10)$', description: 'Retries; -1: as the request method allows' }),
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

/** Backend MOCK (apig §3.5). */
export class MockInfo {
  @OptionalText(255) remark?: string;
  @OptionalText(TEXT_MAX) result_content?: string;
  @OptionalText(64) version?: string;
  @OptionalText(64) authorizer_id?: string;
  @OptionalWhole(100, 599) status_code?: number;
  @OptionalParts(() => MockHeader, LIST_MAX) header?: MockHeader[];
}

/** Backend FUNCTION (apig §3.5). */
export class FuncInfo {
  @Text(512) function_urn: string;
  @OneOf(['async', 'sync']) invocation_type: string;
  @OneOf(['V1', 'V2']) network_type: string;
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

/** Backend HTTP or GRPC: a domain, or a load balance channel (apig §3.5). */
export class BackendApi {
  @OneOf(BACKEND_PROTOCOLS) req_protocol: string;
  @OneOf(METHODS) req_method: string;
  @Text(512) req_uri: string;
  @Whole(1, TIMEOUT_MAX_MS, { description: 'Milliseconds' }) timeout: number;
  @OptionalOneOf([1, 2], CHANNEL_STATUS) vpc_channel_status?: number;

  @ApiPropertyOptional({ type: () => VpcChannelInfo, description: 'Mandatory with vpc_channel_status 1' })
  @ValidateIf(({ vpc_channel_status, vpc_channel_info }: BackendApi) => vpc_channel_status === 1 || isGiven(vpc_channel_info))
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => VpcChannelInfo)
  vpc_channel_info?: VpcChannelInfo;

  @ApiPropertyOptional({ maxLength: 255, description: 'Mandatory without a load balance channel' })
  @ValidateIf(({ vpc_channel_status, url_domain }: BackendApi) => vpc_channel_status !== 1 || isGiven(url_domain))
  @EmptyIsAbsent()
  @IsDefined()
  @Matches(/^[^]{1,255}$/u)
  url_domain?: string;

  @RetryCount() retry_count?: string;
  @OptionalFlag() enable_client_ssl?: boolean;
  @OptionalText(255) remark?: string;
  @OptionalText(64) version?: string;
  @OptionalText(64) authorizer_id?: string;
}

/** A request parameter (apig §3.5). */
export class ReqParam {
  @Text(32) name: string;
  @OneOf(['STRING', 'NUMBER']) type: string;
  @OneOf(LOCATIONS) location: string;
  @OptionalText(255) default_value?: string;
  @OptionalText(255) sample_value?: string;
  @OptionalOneOf([1, 2], YES_NO) required?: number;
  @OptionalOneOf([1, 2], YES_NO) valid_enable?: number;
  @OptionalText(255) remark?: string;
  @OptionalText(TEXT_MAX, { description: 'Allowed values, separated by commas' }) enumerations?: string;
  @OptionalWhole(-(2 ** 31), 2 ** 31 - 1) min_num?: number;
  @OptionalWhole(-(2 ** 31), 2 ** 31 - 1) max_num?: number;
  @OptionalWhole(0, 2 ** 31 - 1) min_size?: number;
  @OptionalWhole(0, 2 ** 31 - 1) max_size?: number;
  @OptionalOneOf([1, 2], YES_NO) pass_through?: number;
}

/** What the backend gets (apig §3.5). */
export class BackendParam {
  @OneOf(['REQUEST', 'CONSTANT', 'SYSTEM'], { description: 'Where the value comes from' }) origin: string;
  @Text(64) name: string;
  @OneOf(LOCATIONS) location: string;
  @Text(255, { description: "REQUEST: a request parameter's name; CONSTANT: the value; SYSTEM: a system parameter" }) value: string;
  @OptionalText(255) remark?: string;
}

/** When a policy takes effect (apig §3.5). */
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

/** What the three kinds of policy share (apig §3.5). */
export class BackendPolicy {
  @ApiProperty({ pattern: POLICY_NAME.source, minLength: 3, maxLength: 64 })
  @IsDefined()
  @Matches(POLICY_NAME)
  name: string;

  @OneOf(['ALL', 'ANY'], { description: 'Whether all conditions must hold' }) effect_mode: string;

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
  @OptionalWhole(100, 599) status_code?: number;
  @OptionalParts(() => MockHeader, LIST_MAX) header?: MockHeader[];
}

export class PolicyFunction extends BackendPolicy {
  @Text(512) function_urn: string;
  @OneOf(['async', 'sync']) invocation_type: string;
  @OptionalOneOf(['V1', 'V2']) network_type?: string;
  @OptionalWhole(1, TIMEOUT_MAX_MS) timeout?: number;
  @OptionalText(64) version?: string;
  @OptionalText(512) alias_urn?: string;
  @OptionalText(16) req_protocol?: string;
}

export class PolicyHttp extends BackendPolicy {
  @OneOf(BACKEND_PROTOCOLS) req_protocol: string;
  @OneOf(METHODS) req_method: string;
  @Text(512) req_uri: string;
  @OptionalText(255) url_domain?: string;
  @OptionalOneOf([1, 2], CHANNEL_STATUS) vpc_channel_status?: number;
  @OptionalPart(() => VpcChannelInfo) vpc_channel_info?: VpcChannelInfo;
  @OptionalWhole(1, TIMEOUT_MAX_MS) timeout?: number;

  @RetryCount() retry_count?: string;
  @OptionalFlag() enable_client_ssl?: boolean;
}
