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

  @ApiPropertyOptional({ enum: API_KEY_MODES, default: 'live', description: 'How the key begins: `hb_live_` or `hb_test_`' })
  @IsIn(API_KEY_MODES)
  @IsOptional()
  mode?: ApiKeyMode | null;
}

export class ApiKeyView {
  @ApiProperty({ description: 'API key; not the key itself' }) key_id: string;
  @ApiProperty({ type: 'string', nullable: true, description: 'For people' }) label: string | null;
  @ApiProperty({ description: 'First 11 characters of the key', example: 'hb_live_abc' }) prefix: string;
  @ApiProperty({ format: 'date-time', description: 'When it was created' }) created_at: string;
}

export class ListedApiKeyView extends ApiKeyView {
  @ApiProperty({ type: 'string', nullable: true, description: 'The API key that created it; null if a person did' })
  parent_id: string | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, description: 'When it was last used, to the minute' })
  last_used_at: string | null;
}

export class DeleteApiKeyQuery {
  @ApiPropertyOptional({
    enum: ['true', 'false'],
    default: 'false',
    description: 'Whether to keep the keys created with it; by default all descendants are revoked',
  })
  @EmptyIsAbsent()
  @IsIn(['true', 'false'])
  @IsOptional()
  keep_children?: 'true' | 'false';
}

export class DeletedApiKeyView extends DeletedView {
  @ApiPropertyOptional({ type: [String], description: 'Descendants that were revoked with it; absent if there are none' })
  also_deleted?: string[];
}

export class NewApiKeyView extends ApiKeyView {
  @ApiProperty({ description: 'The key, for `Authorization: Bearer`; it is not shown again' }) key: string;
}

export const toView = ({ id, label, prefix, createdAt }: Pick<ApiKey, 'id' | 'label' | 'prefix' | 'createdAt'>): ApiKeyView => ({
  key_id: id,
  label,
  prefix,
  created_at: toMilliseconds(createdAt),
});
