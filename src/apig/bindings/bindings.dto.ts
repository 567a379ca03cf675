import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsDefined, IsNotEmpty, IsOptional, IsString } from 'class-validator';
import { EmptyIsAbsent, Page } from '../../platform/common/pagination.js';
import { CONTRACT_SIGN_ALGORITHMS, CONTRACT_SIGN_TYPES, SIGN_ALGORITHMS, SIGN_TYPES, type SignType } from '#signing/algorithms.js';

const PUBLISH_IDS_MAX = 1000;

/**
 * Body of bind (docs/contracts/apig.md §2.1). An invalid value is answered with `APIG.2012`, and so is a missing `sign_id`
 * (docs/contracts/apig.md §2.5), which is why it has no `IsDefined`.
 */
export class BindInput {
  static readonly invalidCode = 'APIG.2012';

  @ApiProperty({ description: 'Signature key' })
  @IsString()
  @IsNotEmpty()
  sign_id: string;

  @ApiProperty({
    type: [String],
    minItems: 1,
    maxItems: PUBLISH_IDS_MAX,
    description: 'Publications to bind; a repeated one counts once',
  })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(PUBLISH_IDS_MAX)
  @IsString({ each: true })
  publish_ids: string[];
}

/** Query of the APIs that are bound, or not bound, to a key (docs/contracts/apig.md §2.1). A missing `sign_id` is `APIG.2012`. */
export class ApisOfSignQuery extends Page {
  @ApiProperty({ description: 'Signature key' })
  @EmptyIsAbsent()
  @IsString()
  sign_id: string;

  @ApiPropertyOptional({ description: 'Environment' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;

  @ApiPropertyOptional({ description: 'API' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  api_id?: string;

  @ApiPropertyOptional({ description: 'Substring of the API name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  api_name?: string;

  @ApiPropertyOptional({ description: 'API group' })
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

/** Query of the keys bound to an API (docs/contracts/apig.md §2.1). */
export class SignsOfApiQuery extends Page {
  @ApiProperty({ description: 'API' })
  @EmptyIsAbsent()
  @IsDefined()
  @IsString()
  api_id: string;

  @ApiPropertyOptional({ description: 'Signature key' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  sign_id?: string;

  @ApiPropertyOptional({ description: 'Substring of the key name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  sign_name?: string;

  @ApiPropertyOptional({ description: 'Environment' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;
}

/** A binding in the list of a key (docs/contracts/apig.md §2.2 `SignApiBindingBase`). */
export class BoundApiView {
  @ApiProperty({ description: 'Binding record id' }) id: string;
  @ApiProperty({ description: 'Publication of the API in the environment' }) publish_id: string;
  @ApiProperty({ description: 'API' }) api_id: string;
  @ApiProperty({ description: 'API name' }) api_name: string;
  @ApiProperty({ type: 'integer', enum: [1, 2], description: '1 public, 2 private' }) api_type: number;
  @ApiProperty({ description: 'Description of the API' }) api_remark: string;
  @ApiProperty({ description: 'Name of the API group' }) group_name: string;
  @ApiProperty({ description: 'Method of the API' }) req_method: string;
  @ApiProperty({ description: 'Environment' }) env_id: string;
  @ApiProperty({ description: 'Environment name' }) env_name: string;
  @ApiProperty({ format: 'date-time', description: 'When the key was bound' }) binding_time: string;
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({ description: 'Signature key name' }) sign_name: string;
  @ApiProperty({ type: [String], description: 'Tags of the API' }) tags: string[];
}

/** A binding with its key (docs/contracts/apig.md §2.2 `SignApiBindingInfo`). */
export class BindingView extends BoundApiView {
  @ApiProperty({ enum: CONTRACT_SIGN_TYPES, description: 'How the key signs' }) sign_type: SignType;
  @ApiProperty({ description: 'Key, in clear' }) sign_key: string;
  @ApiProperty({ description: 'Secret, in clear' }) sign_secret: string;
  @ApiPropertyOptional({ enum: CONTRACT_SIGN_ALGORITHMS, description: 'Cipher; present for aes keys only' }) sign_algorithm?: string;
}

export class BindView {
  @ApiProperty({ type: [BindingView] }) bindings: BindingView[];
}

/** A binding with its key on `/signet/v1`. */
export class OwnBindingView extends BindingView {
  @ApiProperty({ enum: SIGN_TYPES, description: 'How the key signs' }) declare sign_type: SignType;
  @ApiPropertyOptional({ enum: SIGN_ALGORITHMS, description: 'Present for types with algorithms' }) declare sign_algorithm?: string;
}

export class OwnBindView extends BindView {
  @ApiProperty({ type: [OwnBindingView] }) declare bindings: OwnBindingView[];
}

export class BoundApisView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [BoundApiView] }) bindings: BoundApiView[];
}

export class BoundSignsView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [BindingView] }) bindings: BindingView[];
}

/** A publication that a key could be bound to (docs/contracts/apig.md §2.2 `ApiForSign`): one row per API and environment. */
export class UnboundApiView {
  @ApiProperty({ description: 'API' }) id: string;
  @ApiProperty({ description: 'API name' }) name: string;
  @ApiProperty({ type: 'integer', enum: [1, 2], description: '1 public, 2 private' }) type: number;
  @ApiProperty({ description: 'How callers of the API authenticate' }) auth_type: string;
  @ApiProperty({ description: 'Path of the API' }) req_uri: string;
  @ApiProperty({ description: 'Method of the API' }) req_method: string;
  @ApiProperty({ description: 'Description of the API' }) remark: string;
  @ApiProperty({ description: 'API group' }) group_id: string;
  @ApiProperty({ description: 'Name of the API group' }) group_name: string;
  @ApiProperty({ description: 'Environment' }) run_env_id: string;
  @ApiProperty({ description: 'Environment name' }) run_env_name: string;
  @ApiProperty({ description: 'Publication of the API in the environment' }) publish_id: string;
  @ApiProperty({ description: 'Name of the key that is bound to this publication; empty if there is none' }) signature_name: string;
  @ApiProperty({ type: [String], description: 'Tags of the API' }) tags: string[];
}

export class UnboundApisView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [UnboundApiView] }) apis: UnboundApiView[];
}
