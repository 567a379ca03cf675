import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsDefined, IsNotEmpty, IsOptional, IsString } from 'class-validator';
import { EmptyIsAbsent, Page } from '../common/pagination.js';
import { SIGN_TYPES, type SignType } from '../lib/signing/algorithms.js';

const PUBLISH_IDS_MAX = 1000;

/** Body of bind (apig §2.1). This operation answers a bad value with `APIG.2012` (apig §2.5). */
export class BindInput {
  static readonly invalidCode = 'APIG.2012';

  @ApiProperty()
  @IsDefined()
  @IsString()
  @IsNotEmpty()
  sign_id: string;

  @ApiProperty({
    type: [String],
    minItems: 1,
    maxItems: PUBLISH_IDS_MAX,
    description: 'Publications to bind; an id that stands twice counts once',
  })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(PUBLISH_IDS_MAX)
  @IsString({ each: true })
  publish_ids: string[];
}

/** Query of the APIs bound, and of those not bound, to a key (apig §2.1). */
export class ApisOfSignQuery extends Page {
  @ApiProperty()
  @EmptyIsAbsent()
  @IsDefined()
  @IsString()
  sign_id: string;

  @ApiPropertyOptional()
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;

  @ApiPropertyOptional()
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  api_id?: string;

  @ApiPropertyOptional({ description: 'Substring of the API name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  api_name?: string;

  @ApiPropertyOptional()
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  group_id?: string;

  @ApiPropertyOptional({ description: 'Tags separated by commas, any of which matches; `#no_tags#` matches untagged APIs' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  tags?: string;
}

/** Query of the keys bound to an API (apig §2.1). */
export class SignsOfApiQuery extends Page {
  @ApiProperty()
  @EmptyIsAbsent()
  @IsDefined()
  @IsString()
  api_id: string;

  @ApiPropertyOptional()
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  sign_id?: string;

  @ApiPropertyOptional({ description: 'Substring of the key name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  sign_name?: string;

  @ApiPropertyOptional()
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;
}

/** A binding seen from its key (apig §2.2 `SignApiBindingBase`). */
export class BoundApiView {
  @ApiProperty({ description: 'Binding record id' }) id: string;
  @ApiProperty() publish_id: string;
  @ApiProperty() api_id: string;
  @ApiProperty() api_name: string;
  @ApiProperty({ type: 'integer', enum: [1, 2], description: '1 public, 2 private' }) api_type: number;
  @ApiProperty() api_remark: string;
  @ApiProperty() group_name: string;
  @ApiProperty() req_method: string;
  @ApiProperty() env_id: string;
  @ApiProperty() env_name: string;
  @ApiProperty({ format: 'date-time' }) binding_time: string;
  @ApiProperty() sign_id: string;
  @ApiProperty() sign_name: string;
  @ApiProperty({ type: [String] }) tags: string[];
}

/** A binding with its key (apig §2.2 `SignApiBindingInfo`). */
export class BindingView extends BoundApiView {
  @ApiProperty({ enum: SIGN_TYPES }) sign_type: SignType;
  @ApiProperty() sign_key: string;
  @ApiProperty() sign_secret: string;
  @ApiPropertyOptional({ description: 'Present for aes keys only' }) sign_algorithm?: string;
}

export class BindView {
  @ApiProperty({ type: [BindingView] }) bindings: BindingView[];
}

export class BoundApisView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [BoundApiView] }) bindings: BoundApiView[];
}

export class BoundSignsView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [BindingView] }) bindings: BindingView[];
}

/** A publication that a key could be bound to (apig §2.2 `ApiForSign`): one row per API and environment. */
export class UnboundApiView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: 'integer', enum: [1, 2] }) type: number;
  @ApiProperty() auth_type: string;
  @ApiProperty() req_uri: string;
  @ApiProperty() req_method: string;
  @ApiProperty() remark: string;
  @ApiProperty() group_id: string;
  @ApiProperty() group_name: string;
  @ApiProperty() run_env_id: string;
  @ApiProperty() run_env_name: string;
  @ApiProperty() publish_id: string;
  @ApiProperty({ description: 'Name of the key bound to this publication now; empty when there is none' }) signature_name: string;
  @ApiProperty({ type: [String] }) tags: string[];
}

export class UnboundApisView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [UnboundApiView] }) apis: UnboundApiView[];
}
