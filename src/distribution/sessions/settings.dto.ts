import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsOptional, Max, Min, ValidateIf } from 'class-validator';
import {
  ENCODED_SLASHES,
  type EncodedSlashes,
  NODE_REPORT_SECONDS,
  OPEN_CONNECTIONS,
  type OpenConnections,
} from '../../lib/protocol/protocol.js';

/** Minimum lease: two intervals between reports, so that one lost report does not stop a node. */
const LEASE_MIN = 2 * NODE_REPORT_SECONDS;
const LEASE_MAX = 86_400;

export class SettingsInput {
  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: LEASE_MIN,
    maximum: LEASE_MAX,
    description:
      'Lease in seconds: a node without a response from the control plane stops signing after this time; null means that it continues. Unchanged if an update omits it',
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
      'Whether secrets are masked as in `dc0********2b3`, except in responses that set a secret. Unchanged if omitted. To switch it off also requires  ' +
      'the action `signet:signs:reveal`',
  })
  @IsBoolean()
  @IsOptional()
  mask_secrets?: boolean;

  @ApiPropertyOptional({
    enum: ENCODED_SLASHES,
    description:
      'refuse: a request with `%2F` in its path gets 400, because a backend may treat it as a slash; pass: the path is matched and signed as it was  ' +
      'sent. Unchanged if omitted',
  })
  @IsIn(ENCODED_SLASHES)
  @IsOptional()
  encoded_slashes?: EncodedSlashes;

  @ApiPropertyOptional({
    enum: OPEN_CONNECTIONS,
    description:
      'close: the signing proxy closes an open WebSocket or stream when the key that signed it is deleted or unbound, or when its API goes ' +
      'offline, and then acknowledges the change; keep: it stays open. Unchanged if omitted',
  })
  @IsIn(OPEN_CONNECTIONS)
  @IsOptional()
  open_connections?: OpenConnections;
}

export class SettingsView {
  @ApiProperty({ type: 'integer', nullable: true, description: 'Lease of the nodes in seconds; null means no lease' }) lease_seconds:
    | number
    | null;
  @ApiProperty({ description: 'Whether secrets are masked in responses' }) mask_secrets: boolean;
  @ApiProperty({ enum: ENCODED_SLASHES, description: 'What happens to a request with `%2F` in its path' }) encoded_slashes: EncodedSlashes;
  @ApiProperty({ enum: OPEN_CONNECTIONS, description: 'What happens to open connections when their key is deleted' })
  open_connections: OpenConnections;
}
