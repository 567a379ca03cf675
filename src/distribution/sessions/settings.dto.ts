import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsOptional, Max, Min, ValidateIf } from 'class-validator';
import {
  ENCODED_SLASHES,
  type EncodedSlashes,
  NODE_REPORT_SECONDS,
  OPEN_CONNECTIONS,
  type OpenConnections,
} from '../../lib/protocol/protocol.js';

/** The minimum lease is two report intervals, so that one lost report does not stop a node. */
const LEASE_MIN = 2 * NODE_REPORT_SECONDS;
const LEASE_MAX = 86_400;

export class SettingsInput {
  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: LEASE_MIN,
    maximum: LEASE_MAX,
    description:
      'A node that has lost the control plane stops signing after this time; with null it continues. Unchanged if an update omits it',
  })
  @ValidateIf(
    ({ mask_secrets, encoded_slashes, open_connections }: SettingsInput, value) =>
      value !== null && (value !== undefined || (mask_secrets ?? encoded_slashes ?? open_connections) === undefined),
  )
  @Min(LEASE_MIN)
  @Max(LEASE_MAX)
  @IsInt()
  lease_seconds?: number | null;

  @ApiPropertyOptional({
    description:
      'Lists, bindings and answers that change no secret show `dc0********2b3`. Unchanged if omitted. To switch it off requires  ' +
      '`signet:signs:reveal` as well',
  })
  @IsBoolean()
  @IsOptional()
  mask_secrets?: boolean;

  @ApiPropertyOptional({
    enum: ENCODED_SLASHES,
    description:
      'With refuse, a request whose path has `%2F` gets 400, because a backend may read it as a slash; with pass, it is matched and signed as it was  ' +
      'sent. Omitted: unchanged',
  })
  @IsIn(ENCODED_SLASHES)
  @IsOptional()
  encoded_slashes?: EncodedSlashes;

  @ApiPropertyOptional({
    enum: OPEN_CONNECTIONS,
    description:
      'With close, the signing proxy closes an open WebSocket or stream when the key that signed it is deleted or unbound, or its API goes ' +
      'offline, and acknowledges the change only then; with keep, it stays open. Unchanged if omitted',
  })
  @IsIn(OPEN_CONNECTIONS)
  @IsOptional()
  open_connections?: OpenConnections;
}

export class SettingsView {
  @ApiProperty({ type: 'integer', nullable: true, description: 'Null means no lease' }) lease_seconds: number | null;
  @ApiProperty({ description: 'Whether secrets are masked where they are shown' }) mask_secrets: boolean;
  @ApiProperty({ enum: ENCODED_SLASHES, description: 'How a path with `%2F` is handled' }) encoded_slashes: EncodedSlashes;
  @ApiProperty({ enum: OPEN_CONNECTIONS, description: 'What happens to open connections when their key is deleted' })
  open_connections: OpenConnections;
}
