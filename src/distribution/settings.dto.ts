import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min, ValidateIf } from 'class-validator';
import { NODE_REPORT_SECONDS } from '../lib/protocol/protocol.js';

/** Two reports, so that one that is lost does not stop a node. */
const LEASE_MIN = 2 * NODE_REPORT_SECONDS;
const LEASE_MAX = 86_400;

export class SettingsInput {
  @ApiProperty({
    type: 'integer',
    nullable: true,
    minimum: LEASE_MIN,
    maximum: LEASE_MAX,
    description: 'A node that has lost the control plane stops signing after this time; null: it goes on',
  })
  @ValidateIf((_, value) => value !== null)
  @IsInt()
  @Min(LEASE_MIN)
  @Max(LEASE_MAX)
  lease_seconds: number | null;
}

export class SettingsView {
  @ApiProperty({ type: 'integer', nullable: true, description: 'Null: no lease' }) lease_seconds: number | null;
}
