import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsInt, IsOptional, Max, Min, ValidateIf } from 'class-validator';
import { NODE_REPORT_SECONDS } from '../lib/protocol/protocol.js';

/** Two reports, so that one that is lost does not stop a node. */
const LEASE_MIN = 2 * NODE_REPORT_SECONDS;
const LEASE_MAX = 86_400;

export class SettingsInput {
  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: LEASE_MIN,
    maximum: LEASE_MAX,
    description:
      'A node that has lost the control plane stops signing after this time; null: it goes on. Left out beside another: as it is',
  })
  @ValidateIf(({ mask_secrets }: SettingsInput, value) => value !== null && (value !== undefined || mask_secrets === undefined))
  @Min(LEASE_MIN)
  @Max(LEASE_MAX)
  @IsInt()
  lease_seconds?: number | null;

  @ApiPropertyOptional({
    description:
      'Lists, bindings and answers that change no secret show `dc0********2b3`. Left out: as it is. To switch it off takes ' +
      '`signet:signs:reveal` as well',
  })
  @IsBoolean()
  @IsOptional()
  mask_secrets?: boolean;
}

export class SettingsView {
  @ApiProperty({ type: 'integer', nullable: true, description: 'Null: no lease' }) lease_seconds: number | null;
  @ApiProperty({ description: 'Whether secrets are masked where they are shown' }) mask_secrets: boolean;
}
