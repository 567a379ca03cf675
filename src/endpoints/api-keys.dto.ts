import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { toMilliseconds } from '../common/clock.js';
import { API_KEY_MODES, type ApiKeyMode } from '../common/principal.js';
import type { ApiKey } from './api-key.entity.js';

export class ApiKeyInput {
  static readonly emptyList = true;

  @ApiPropertyOptional({ maxLength: 255, description: 'For people' })
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
  @ApiProperty({ format: 'date-time', description: 'When it was made' }) created_at: string;
}

export class ListedApiKeyView extends ApiKeyView {
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, description: 'When it was last used, to the minute' })
  last_used_at: string | null;
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
