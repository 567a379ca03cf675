import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { toMilliseconds } from '../../platform/common/clock.js';
import { DeletedView } from '../../platform/common/envelope.js';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';
import { API_KEY_MODES, type ApiKeyMode } from '../../platform/common/access.js';
import type { ApiKey } from './api-key.entity.js';

export class ApiKeyInput {
  static readonly emptyList = true;

  @ApiPropertyOptional({ type: String, maxLength: 255, description: 'For people' })
  @MaxLength(255)
  @IsString()
  @IsOptional()
  label?: string | null;

  @ApiPropertyOptional({ enum: API_KEY_MODES, default: 'live', description: 'Prefix of the key: `hb_live_` or `hb_test_`' })
  @IsIn(API_KEY_MODES)
  @IsOptional()
  mode?: ApiKeyMode | null;
}

export class ApiKeyView {
  @ApiProperty({ description: 'Id of the API key; not the key itself' }) key_id: string;
  @ApiProperty({ type: 'string', nullable: true, description: 'For people' }) label: string | null;
  @ApiProperty({ description: 'The first 11 characters of the key', example: 'hb_live_abc' }) prefix: string;
  @ApiProperty({ format: 'date-time', description: 'When the key was created' }) created_at: string;
}

export class ListedApiKeyView extends ApiKeyView {
  @ApiProperty({ type: 'string', nullable: true, description: 'Id of the API key that created this key; null if a person created it' })
  parent_id: string | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, description: 'When the key was last used, accurate to a minute' })
  last_used_at: string | null;
}

export class DeleteApiKeyQuery {
  @ApiPropertyOptional({
    enum: ['true', 'false'],
    default: 'false',
    description: 'Whether to keep the keys created with this key. Default: all descendants are revoked too',
  })
  @EmptyIsAbsent()
  @IsIn(['true', 'false'])
  @IsOptional()
  keep_children?: 'true' | 'false';
}

export class DeletedApiKeyView extends DeletedView {
  @ApiPropertyOptional({ type: [String], description: 'Ids of the descendants that were revoked too; absent if there are none' })
  also_deleted?: string[];
}

export class NewApiKeyView extends ApiKeyView {
  @ApiProperty({ description: 'The key, for `Authorization: Bearer`; not shown again' }) key: string;
}

export const toView = ({ id, label, prefix, createdAt }: Pick<ApiKey, 'id' | 'label' | 'prefix' | 'createdAt'>): ApiKeyView => ({
  key_id: id,
  label,
  prefix,
  created_at: toMilliseconds(createdAt),
});
