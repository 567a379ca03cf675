import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsDefined, IsNotEmpty, IsOptional, IsString } from 'class-validator';
import { EmptyIsAbsent, Page } from '../../platform/common/pagination.js';
import { CONTRACT_SIGN_ALGORITHMS, CONTRACT_SIGN_TYPES, SIGN_ALGORITHMS, SIGN_TYPES, type SignType } from '#signing/algorithms.js';

const PUBLISH_IDS_MAX = 1000;

/**
 * Body of bind (docs/contracts/apig.md §2.1). The error for an invalid value is `APIG.2012`. So is the error for a missing `sign_id`
 * (docs/contracts/apig.md §2.5), which is why the field has no `IsDefined`.
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
    description: 'Ids of the publications (publish_id); duplicates count once',
  })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(PUBLISH_IDS_MAX)
  @IsString({ each: true })
  publish_ids: string[];
}

/**
 * Query of the APIs to which a key is bound, or not bound (docs/contracts/apig.md §2.1). The error for a missing `sign_id` is `APIG.2012`.
 */
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

  @ApiPropertyOptional({ description: 'Text that the name of the API must contain' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  api_name?: string;

  @ApiPropertyOptional({ description: 'API group' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  group_id?: string;

  @ApiPropertyOptional({
    description: 'Tags, separated by commas, of which the API must have at least one; `#no_tags#` matches APIs without tags',
  })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  tags?: string;
}

/** Query of the keys that are bound to an API (docs/contracts/apig.md §2.1). */
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

  @ApiPropertyOptional({ description: 'Text that the name of the key must contain' })
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
  @ApiProperty({ description: 'Id of the binding record' }) id: string;
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
  @ApiProperty({ enum: CONTRACT_SIGN_TYPES, description: 'Type of the key' }) sign_type: SignType;
  @ApiProperty({ description: 'Key in plain text' }) sign_key: string;
  @ApiProperty({ description: 'Secret in plain text' }) sign_secret: string;
  @ApiPropertyOptional({ enum: CONTRACT_SIGN_ALGORITHMS, description: 'Cipher; only present for aes keys' }) sign_algorithm?: string;
}

export class BindView {
  @ApiProperty({ type: [BindingView] }) bindings: BindingView[];
}

/** A binding with its key, on `/signet/v1`. */
export class OwnBindingView extends BindingView {
  @ApiProperty({ enum: SIGN_TYPES, description: 'Type of the key' }) declare sign_type: SignType;
  @ApiPropertyOptional({ enum: SIGN_ALGORITHMS, description: 'Algorithm; only present for types that have algorithms' })
  declare sign_algorithm?: string;
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

/** A publication to which a key could be bound (docs/contracts/apig.md §2.2 `ApiForSign`). There is one row per API and environment. */
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
  @ApiProperty({ description: 'Name of the key that is bound to the publication; empty if there is none' }) signature_name: string;
  @ApiProperty({ type: [String], description: 'Tags of the API' }) tags: string[];
}

export class UnboundApisView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [UnboundApiView] }) apis: UnboundApiView[];
}
