import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsDefined, IsInt, IsOptional, IsString, Max, MaxLength, Min, MinLength } from 'class-validator';
import { toMilliseconds } from '../../platform/common/clock.js';

/** The value that a limit of 0 means (docs/contracts/endpoints.md §1.10). */
const RATE_LIMIT_DEFAULT = 1000;
const RATE_LIMIT_MAX = 1_000_000;

class WebhookProjectFields {
  static readonly emptyList = true;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: RATE_LIMIT_MAX,
    description: `Requests per minute, for information only: the operator sets the effective limits. 0 means ${RATE_LIMIT_DEFAULT}`,
  })
  @Max(RATE_LIMIT_MAX)
  @Min(0)
  @IsInt()
  @IsOptional()
  rate_limit_default?: number | null;
}

const nameField = { type: String, minLength: 1, maxLength: 255, description: 'Name' } as const;

export class WebhookProjectInput extends WebhookProjectFields {
  @ApiProperty(nameField)
  @MaxLength(255)
  @MinLength(1)
  @IsString()
  @IsDefined()
  name: string;
}

export class WebhookProjectPatch extends WebhookProjectFields {
  @ApiPropertyOptional(nameField)
  @MaxLength(255)
  @MinLength(1)
  @IsString()
  @IsOptional()
  name?: string | null;
}

export class WebhookProjectView {
  @ApiProperty({ description: 'Project' }) id: string;
  @ApiProperty({ description: 'Id of the domain of the project' }) tenant_id: string;
  @ApiProperty({ description: 'Name' }) name: string;
  @ApiProperty({ enum: ['active'], description: 'Always active' }) status: 'active';
  @ApiProperty({ type: 'integer', description: 'Requests per minute' }) rate_limit_default: number;
  @ApiProperty({ format: 'date-time', description: 'When the project was created' }) created_at: string;
}

/** A project, joined with its webhook fields. */
export interface WebhookProjectRow {
  id: string;
  domainId: string;
  name: string;
  createdAt: number;
  shownName: string | null;
  rateLimitDefault: number | null;
}

export const toView = ({ id, domainId, name, createdAt, shownName, rateLimitDefault }: WebhookProjectRow): WebhookProjectView => ({
  id,
  tenant_id: domainId,
  name: shownName ?? name,
  status: 'active',

  rate_limit_default: rateLimitDefault || RATE_LIMIT_DEFAULT,
  created_at: toMilliseconds(createdAt),
});
