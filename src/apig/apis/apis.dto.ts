import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsIn, IsObject, IsOptional, IsString, Matches, ValidateIf, ValidateNested } from 'class-validator';
import { EmptyIsAbsent, NamedPage } from '../../platform/common/pagination.js';
import {
  AuthOpt,
  BackendApi,
  BackendParam,
  FuncInfo,
  METHODS,
  MockInfo,
  PolicyFunction,
  PolicyHttp,
  PolicyMock,
  ReqParam,
} from './api-definition.dto.js';
import {
  OneOf,
  OptionalFlag,
  OptionalOneOf,
  OptionalPart,
  OptionalParts,
  OptionalText,
  OptionalTexts,
  RESOURCE_NAME,
  Text,
} from './fields.js';

/** The characters of a URI path, plus `{parameter}`; `#` encloses an environment variable. */
const REQ_URI = /^(?=.{1,512}$)\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@%/#]|\{[A-Za-z0-9_.+-]+\})*$/;
const LIST_MAX = 100;
const SAMPLE_MAX = 20_480;

export type BackendType = 'HTTP' | 'FUNCTION' | 'MOCK' | 'GRPC';

const isHttp = ({ backend_type }: ApiInput) => backend_type === 'HTTP' || backend_type === 'GRPC';
const isFunction = ({ backend_type }: ApiInput) => backend_type === 'FUNCTION';

/**
 * Body of create and of modify (docs/contracts/apig.md §3.5): modify replaces the whole definition. Backends and policies of another
 * `backend_type` are ignored.
 */
export class ApiInput {
  @ApiProperty({ pattern: RESOURCE_NAME.source, minLength: 3, maxLength: 255, description: 'API name, unique within the group' })
  @IsDefined()
  @Matches(RESOURCE_NAME)
  name: string;

  @OneOf([1, 2], { description: '1 public, 2 private' }) type: number;
  @OneOf(['HTTP', 'HTTPS', 'BOTH', 'GRPCS']) req_protocol: string;
  @OneOf(METHODS) req_method: string;

  @ApiProperty({ pattern: REQ_URI.source, maxLength: 512, description: 'Path, with `{name}` for a path parameter' })
  @IsDefined()
  @Matches(REQ_URI)
  req_uri: string;

  @OneOf(['NONE', 'APP', 'IAM', 'AUTHORIZER']) auth_type: string;
  @OneOf(['HTTP', 'FUNCTION', 'MOCK', 'GRPC']) backend_type: BackendType;
  @Text(64) group_id: string;

  @ApiPropertyOptional({ description: 'Mandatory with auth_type AUTHORIZER' })
  @EmptyIsAbsent()
  @ValidateIf(({ auth_type, authorizer_id }: ApiInput) => auth_type === 'AUTHORIZER' || (authorizer_id ?? undefined) !== undefined)
  @IsDefined()
  @Matches(/^.{1,64}$/u)
  authorizer_id?: string;

  @OptionalPart(() => AuthOpt) auth_opt?: AuthOpt;
  @OptionalText(16) version?: string;
  @OptionalFlag({ default: false }) cors?: boolean;
  @OptionalOneOf(['SWA', 'NORMAL'], { default: 'NORMAL', description: 'SWA matches by prefix, NORMAL the whole path' }) match_mode?: string;
  @OptionalText(255) remark?: string;
  @OptionalText(SAMPLE_MAX) body_remark?: string;
  @OptionalText(SAMPLE_MAX) result_normal_sample?: string;
  @OptionalText(SAMPLE_MAX) result_failure_sample?: string;
  @OptionalText(64) response_id?: string;
  @OptionalText(128) content_type?: string;
  @OptionalFlag({ default: true, description: 'Whether the body goes to a function in Base64' }) is_send_fg_body_base64?: boolean;
  @OptionalFlag({ default: false, description: 'Whether calls are traced' }) trace_enabled?: boolean;
  @OptionalText(64, { description: 'How traced calls are chosen' }) sampling_strategy?: string;
  @OptionalText(64) sampling_param?: string;
  @OptionalTexts(128, 10) tags?: string[];
  @OptionalText(128, { description: 'The older field for one tag, which is not in `tags`' }) tag?: string;

  @OptionalPart(() => MockInfo, { description: 'Backend MOCK' }) mock_info?: MockInfo;

  @ApiPropertyOptional({ type: () => FuncInfo, description: 'Mandatory with backend_type FUNCTION' })
  @ValidateIf(isFunction)
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => FuncInfo)
  func_info?: FuncInfo;

  @ApiPropertyOptional({ type: () => BackendApi, description: 'Mandatory with backend_type HTTP and GRPC' })
  @ValidateIf(isHttp)
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => BackendApi)
  backend_api?: BackendApi;

  @OptionalParts(() => ReqParam, LIST_MAX) req_params?: ReqParam[];
  @OptionalParts(() => BackendParam, LIST_MAX) backend_params?: BackendParam[];
  @OptionalParts(() => PolicyHttp, LIST_MAX, { description: 'Backends HTTP and GRPC' }) policy_https?: PolicyHttp[];
  @OptionalParts(() => PolicyMock, LIST_MAX, { description: 'Backend MOCK' }) policy_mocks?: PolicyMock[];
  @OptionalParts(() => PolicyFunction, LIST_MAX, { description: 'Backend FUNCTION' }) policy_functions?: PolicyFunction[];
}

/** Body of the check (docs/contracts/apig.md §3.5): whether a name, or a method and path, is free. */
export class ApiCheckInput {
  /** It has no IsDefined, because the documents give a missing value the code of an invalid one. */
  @ApiProperty({ enum: ['name', 'path'], description: 'What to check' })
  @IsIn(['name', 'path'])
  type: 'name' | 'path';

  @ApiPropertyOptional({ pattern: RESOURCE_NAME.source })
  @EmptyIsAbsent()
  @ValidateIf(({ type, name }: ApiCheckInput) => type === 'name' || (name ?? undefined) !== undefined)
  @IsDefined()
  @Matches(RESOURCE_NAME)
  name?: string;

  @ApiPropertyOptional({ enum: METHODS })
  @EmptyIsAbsent()
  @ValidateIf(({ type, req_method }: ApiCheckInput) => type === 'path' || (req_method ?? undefined) !== undefined)
  @IsDefined()
  @Matches(new RegExp(`^(?:${METHODS.join('|')})$`))
  req_method?: string;

  @ApiPropertyOptional({ pattern: REQ_URI.source, maxLength: 512 })
  @EmptyIsAbsent()
  @ValidateIf(({ type, req_uri }: ApiCheckInput) => type === 'path' || (req_uri ?? undefined) !== undefined)
  @IsDefined()
  @Matches(REQ_URI)
  req_uri?: string;

  @OptionalOneOf(['SWA', 'NORMAL'], { description: 'Not compared' }) match_mode?: string;
  @OptionalText(64, { description: 'The group to search; the whole gateway if omitted' }) group_id?: string;
  @OptionalText(64, { description: 'An API to leave out of the check' }) api_id?: string;
}

/** Query of the list (docs/contracts/apig.md §3.5). `precise_search` accepts `name`, `req_uri` and `vpc_channel_name`. */
export class ApiQuery extends NamedPage {
  @ApiPropertyOptional({ description: 'Exact id' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  id?: string;

  @ApiPropertyOptional({ description: 'API group' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  group_id?: string;

  @ApiPropertyOptional({ description: 'Exact request protocol' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  req_protocol?: string;

  @ApiPropertyOptional({ description: 'Exact request method' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  req_method?: string;

  @ApiPropertyOptional({ description: 'Part of the path' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  req_uri?: string;

  @ApiPropertyOptional({ description: 'Exact authentication type' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  auth_type?: string;

  @ApiPropertyOptional({ description: 'APIs that are online in this environment' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;

  @ApiPropertyOptional({ enum: ['1', '2'], description: '1 public, 2 private' })
  @EmptyIsAbsent()
  @Matches(/^\d{1,9}$/)
  @IsOptional()
  type?: string;

  @ApiPropertyOptional({ description: "Part of a load balance channel's name" })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  vpc_channel_name?: string;
}
