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

/** The characters of a URI path and of a `{parameter}`; `#` encloses the name of an environment variable. */
const REQ_URI = /^(?=.{1,512}$)\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@%/#]|\{[A-Za-z0-9_.+-]+\})*$/;
const LIST_MAX = 100;
const SAMPLE_MAX = 20_480;

export type BackendType = 'HTTP' | 'FUNCTION' | 'MOCK' | 'GRPC';

const isHttp = ({ backend_type }: ApiInput) => backend_type === 'HTTP' || backend_type === 'GRPC';
const isFunction = ({ backend_type }: ApiInput) => backend_type === 'FUNCTION';

/**
 * Body of create and of modify (docs/contracts/apig.md §3.5). Modify replaces the whole definition. Backends and policies of another type
 * than `backend_type` are ignored.
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

  @ApiPropertyOptional({ description: 'Required with auth_type AUTHORIZER' })
  @EmptyIsAbsent()
  @ValidateIf(({ auth_type, authorizer_id }: ApiInput) => auth_type === 'AUTHORIZER' || (authorizer_id ?? undefined) !== undefined)
  @IsDefined()
  @Matches(/^.{1,64}$/u)
  authorizer_id?: string;

  @OptionalPart(() => AuthOpt) auth_opt?: AuthOpt;
  @OptionalText(16) version?: string;
  @OptionalFlag({ default: false }) cors?: boolean;
  @OptionalOneOf(['SWA', 'NORMAL'], { default: 'NORMAL', description: 'SWA: the path is a prefix, NORMAL: the whole path must match' })
  match_mode?: string;
  @OptionalText(255) remark?: string;
  @OptionalText(SAMPLE_MAX) body_remark?: string;
  @OptionalText(SAMPLE_MAX) result_normal_sample?: string;
  @OptionalText(SAMPLE_MAX) result_failure_sample?: string;
  @OptionalText(64) response_id?: string;
  @OptionalText(128) content_type?: string;
  @OptionalFlag({ default: true, description: 'Whether the body is sent to a function in Base64' }) is_send_fg_body_base64?: boolean;
  @OptionalFlag({ default: false, description: 'Whether calls are traced' }) trace_enabled?: boolean;
  @OptionalText(64, { description: 'How calls are selected for tracing' }) sampling_strategy?: string;
  @OptionalText(64) sampling_param?: string;
  @OptionalTexts(128, 10) tags?: string[];
  @OptionalText(128, { description: 'Older field for a single tag, which `tags` does not contain' }) tag?: string;

  @OptionalPart(() => MockInfo, { description: 'Backend MOCK' }) mock_info?: MockInfo;

  @ApiPropertyOptional({ type: () => FuncInfo, description: 'Required with backend_type FUNCTION' })
  @ValidateIf(isFunction)
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => FuncInfo)
  func_info?: FuncInfo;

  @ApiPropertyOptional({ type: () => BackendApi, description: 'Required with backend_type HTTP and GRPC' })
  @ValidateIf(isHttp)
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => BackendApi)
  backend_api?: BackendApi;

  @OptionalParts(() => ReqParam, LIST_MAX) req_params?: ReqParam[];
  @OptionalParts(() => BackendParam, LIST_MAX) backend_params?: BackendParam[];
  @OptionalParts(() => PolicyHttp, LIST_MAX, { description: 'Policies for backends HTTP and GRPC' }) policy_https?: PolicyHttp[];
  @OptionalParts(() => PolicyMock, LIST_MAX, { description: 'Backend MOCK' }) policy_mocks?: PolicyMock[];
  @OptionalParts(() => PolicyFunction, LIST_MAX, { description: 'Backend FUNCTION' }) policy_functions?: PolicyFunction[];
}

/** Body of the check whether a name, or a pair of method and path, is in use (docs/contracts/apig.md §3.5). */
export class ApiCheckInput {
  /** There is no `IsDefined`, because the code for a missing value is that for an invalid one (docs/contracts/apig.md §3.5). */
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
  @OptionalText(64, { description: 'Group to search; default: all groups of the gateway' }) group_id?: string;
  @OptionalText(64, { description: 'Id of an API that the check ignores' }) api_id?: string;
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

  @ApiPropertyOptional({ description: 'Request protocol, matched exactly' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  req_protocol?: string;

  @ApiPropertyOptional({ description: 'Request method, matched exactly' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  req_method?: string;

  @ApiPropertyOptional({ description: 'Text that the path must contain' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  req_uri?: string;

  @ApiPropertyOptional({ description: 'Authentication type, matched exactly' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  auth_type?: string;

  @ApiPropertyOptional({ description: 'Only APIs that are online in this environment' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;

  @ApiPropertyOptional({ enum: ['1', '2'], description: '1 public, 2 private' })
  @EmptyIsAbsent()
  @Matches(/^\d{1,9}$/)
  @IsOptional()
  type?: string;

  @ApiPropertyOptional({ description: 'Text that the name of a load balance channel must contain' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  vpc_channel_name?: string;
}
