import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { ID_PATTERN } from '../../platform/common/ids.js';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';
import {
  ENCODED_SLASHES,
  type EncodedSlashes,
  type GatewayPublication,
  type GatewaySign,
  OPEN_CONNECTIONS,
  type OpenConnections,
  type SessionAdmission,
  type SessionRegistration,
  type SessionReport,
  type SessionSuccession,
  type SessionTerms,
  type Snapshot,
  SNAPSHOT_IDS_MAX,
  TOMBSTONES_MAX,
  type Usage,
  USAGE_ROWS_MAX,
  type WireTombstone,
} from '../../lib/protocol/protocol.js';
import { EPOCH } from '../../platform/receipts/receipt.dto.js';
import { SIGN_ALGORITHMS, SIGN_TYPES, type SignAlgorithm, type SignType } from '#signing/algorithms.js';

/** The name of a host or a pod. It contains only characters that are safe in a path. */
const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

const ids = ({ value }: { value: unknown }): unknown => (typeof value === 'string' ? value.split(',').filter((id) => id !== '') : value);

export class SnapshotQuery {
  @ApiPropertyOptional({ type: String, description: `Only these publications: ids, separated by commas, at most ${SNAPSHOT_IDS_MAX}` })
  @Transform(ids)
  @IsArray()
  @ArrayMaxSize(SNAPSHOT_IDS_MAX)
  @Matches(ID_PATTERN, { each: true })
  @IsOptional()
  publish_ids?: string[];

  @ApiPropertyOptional({
    type: String,
    description: `Only publications that are bound to these keys: ids, separated by commas, at most ${SNAPSHOT_IDS_MAX}`,
  })
  @Transform(ids)
  @IsArray()
  @ArrayMaxSize(SNAPSHOT_IDS_MAX)
  @Matches(ID_PATTERN, { each: true })
  @IsOptional()
  sign_ids?: string[];
}

export class WatchQuery {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    description: 'Revision that the subscriber has; `Last-Event-ID` takes precedence',
  })
  @EmptyIsAbsent()
  @Matches(/^\d{1,15}$/)
  @IsOptional()
  from?: string;
}

class GatewaySignView implements GatewaySign {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({ enum: SIGN_TYPES, description: 'Type of the key' }) sign_type: SignType;
  @ApiProperty({ enum: SIGN_ALGORITHMS, nullable: true, type: String, description: 'Cipher of an aes key' })
  sign_algorithm: SignAlgorithm | null;
  @ApiProperty({ description: 'Key in plain text' }) sign_key: string;
  @ApiProperty({ description: 'Secret in plain text' }) sign_secret: string;
  @ApiProperty({ type: 'integer', description: 'Version of the secret; each new secret increases it' }) version: number;
}

class GatewayPublicationView implements GatewayPublication {
  @ApiProperty({ description: 'Publication' }) publish_id: string;
  @ApiProperty({ description: 'API' }) api_id: string;
  @ApiProperty({ description: 'API group' }) group_id: string;
  @ApiProperty({ description: 'Environment' }) env_id: string;
  @ApiProperty({ description: 'Name of the environment, as in `X-Stage`' }) env_name: string;
  @ApiProperty({ description: 'HTTP method, or ANY' }) req_method: string;
  @ApiProperty({ description: 'Path template' }) req_uri: string;
  @ApiProperty({ enum: ['NORMAL', 'SWA'], description: 'NORMAL: the whole path must match, SWA: the path is a prefix' }) match_mode:
    | 'NORMAL'
    | 'SWA';
  @ApiProperty({ type: GatewaySignView, nullable: true, description: 'Key that signs; null if there is none' })
  sign: GatewaySignView | null;
}

export class SnapshotView implements Snapshot {
  @ApiProperty({ description: 'Gateway' }) instance_id: string;
  @ApiProperty({ description: 'Epoch of the database to which the revision belongs' }) epoch: string;
  @ApiProperty({ type: 'integer', description: 'Revision of the gateway in this response' }) revision: number;
  @ApiProperty({
    description:
      'Whether the response contains only the requested publications. If a requested publication is absent, it does not exist any more',
  })
  partial: boolean;
  @ApiProperty({ enum: ENCODED_SLASHES, description: 'Whether a path with `%2F` is refused, or the `%2F` is treated as data' })
  encoded_slashes: EncodedSlashes;
  @ApiProperty({
    enum: OPEN_CONNECTIONS,
    description:
      'close: open WebSockets and streams are closed when their key is deleted, before the deletion is acknowledged; keep: they stay open',
  })
  open_connections: OpenConnections;
  @ApiProperty({ type: [GatewayPublicationView], description: 'APIs that are online' }) publications: GatewayPublicationView[];
}

const WHOLE_MAX = Number.MAX_SAFE_INTEGER;

class UsageInput implements Usage {
  @ApiProperty({ description: 'Publication' })
  @IsDefined()
  @Matches(ID_PATTERN)
  publish_id: string;

  @ApiProperty({ description: 'Signature key' })
  @IsDefined()
  @Matches(ID_PATTERN)
  sign_id: string;

  @ApiProperty({ type: 'integer', minimum: 1, description: 'Number of requests signed since the last report' })
  @IsDefined()
  @Min(1)
  @Max(1_000_000_000_000)
  @IsInt()
  count: number;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'When the last of these requests was signed: Unix time in milliseconds' })
  @IsDefined()
  @Min(0)
  @Max(WHOLE_MAX)
  @IsInt()
  last_signed_at: number;
}

/** Base64url of 32 bytes, for keys. */
const PUBLIC_KEY = /^[A-Za-z0-9_-]{43}$/;
const SIGNATURE = /^[A-Za-z0-9_-]{86}$/;
export const SESSION_ID = /^[0-9a-f]{32}$/;
const LEASE_MAX = 1_000_000;
const INT_MAX = 2_147_483_647;

class SuccessionInput implements SessionSuccession {
  @ApiProperty({ description: 'Id of the previous session of this process, or of a session whose process has ended' })
  @IsDefined()
  @Matches(SESSION_ID)
  session_id: string;

  @ApiProperty({
    description:
      'Signature, by the private key of the previous session, over the ids of the gateway and of both sessions, and over the new public key',
  })
  @IsDefined()
  @Matches(SIGNATURE)
  signature: string;
}

class TombstoneInput implements WireTombstone {
  @ApiProperty({ description: 'Signature key' })
  @IsDefined()
  @Matches(ID_PATTERN)
  sign_id: string;

  @ApiProperty({ type: 'integer', minimum: 1, description: 'Version of the signature key’s secret that has ended' })
  @IsDefined()
  @Min(1)
  @Max(INT_MAX)
  @IsInt()
  version: number;

  @ApiProperty({ type: String, nullable: true, description: 'Id of the publication; null means all publications' })
  @ValidateIf((_, value) => value !== null)
  @IsDefined()
  @Matches(ID_PATTERN)
  publish_id: string | null;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Revision, in `epoch`, at which the key ended' })
  @IsDefined()
  @Min(0)
  @Max(WHOLE_MAX)
  @IsInt()
  revision: number;

  @ApiProperty({ description: 'Epoch of the database to which the revision belongs' })
  @IsDefined()
  @Matches(EPOCH)
  epoch: string;
}

class TombstoneView implements WireTombstone {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({ type: 'integer', description: 'Version of the signature key’s secret that has ended' }) version: number;
  @ApiProperty({ type: String, nullable: true, description: 'Id of the publication; null means all publications' }) publish_id:
    | string
    | null;
  @ApiProperty({ type: 'integer', description: 'Revision, in `epoch`, at which the key ended' }) revision: number;
  @ApiProperty({ description: 'Epoch of the database to which the revision belongs' }) epoch: string;
}

export class SessionInput implements SessionRegistration {
  @ApiProperty({ description: 'Name of the process, for people' })
  @IsDefined()
  @Matches(NODE_ID)
  node_id: string;

  @ApiProperty({ minLength: 1, maxLength: 64, description: 'Version of the software' })
  @IsDefined()
  @Length(1, 64)
  @IsString()
  version: string;

  @ApiProperty({ description: 'Ed25519 public key, 32 bytes as base64url' })
  @IsDefined()
  @Matches(PUBLIC_KEY)
  public_key: string;

  @ApiPropertyOptional({ description: 'Whether the process has a table from before a restore of the database and signs with it' })
  @IsBoolean()
  @IsOptional()
  with_table?: boolean;

  @ApiPropertyOptional({ type: 'integer', nullable: true, minimum: 0, description: 'Lease of this table in seconds; null means unlimited' })
  @Min(0)
  @Max(LEASE_MAX)
  @IsInt()
  @IsOptional()
  lease_seconds?: number | null;

  @ApiProperty({
    description:
      'Signature, by the session’s private key, over the gateway, the session, its name, and what it keeps from before a restore',
  })
  @IsDefined()
  @Matches(SIGNATURE)
  signature: string;

  @ApiPropertyOptional({ type: SuccessionInput, description: 'Ends a session whose process has ended, or which this process replaces' })
  @ValidateNested()
  @Type(() => SuccessionInput)
  @IsObject()
  @IsOptional()
  succeeds?: SuccessionInput;

  @ApiPropertyOptional({
    type: [TombstoneInput],
    maxItems: TOMBSTONES_MAX,
    description: 'Tombstones of the keys that ended most recently; sent after a restore of the database was detected',
  })
  @ValidateNested({ each: true })
  @Type(() => TombstoneInput)
  @ArrayMaxSize(TOMBSTONES_MAX)
  @IsArray()
  @IsOptional()
  tombstones?: TombstoneInput[];
}

export class SessionAdmissionView implements SessionAdmission {
  @ApiProperty({ description: 'Epoch of the database to which the revisions belong' }) epoch: string;
  @ApiProperty({
    type: [TombstoneView],
    description: 'Tombstones of keys that ended in another epoch and that an operator has allowed to sign again',
  })
  accepted: TombstoneView[];
  @ApiProperty({ type: 'integer', description: 'For how many days tombstones are kept' }) receipt_retention_days: number;
}

export class SessionReportInput implements SessionReport {
  @ApiProperty({ description: 'Epoch in the response to the registration' })
  @IsDefined()
  @Matches(EPOCH)
  epoch: string;

  @ApiProperty({ type: 'integer', minimum: 1, description: 'Number of the report: one higher than that of the last report' })
  @IsDefined()
  @Min(1)
  @Max(WHOLE_MAX)
  @IsInt()
  counter: number;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Revision that is in effect, with all earlier ones; 0 means none yet' })
  @IsDefined()
  @Min(0)
  @Max(WHOLE_MAX)
  @IsInt()
  applied_revision: number;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Newest revision of any row in the table' })
  @IsDefined()
  @Min(0)
  @Max(WHOLE_MAX)
  @IsInt()
  newest_revision: number;

  @ApiProperty({ description: 'Digest of the table: 64 hexadecimal digits' })
  @IsDefined()
  @Matches(/^[0-9a-f]{64}$/)
  digest: string;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    minimum: 0,
    description: 'Lease, in seconds, that the process applies; 0 means none yet, null means unlimited',
  })
  @ValidateIf((_, value) => value !== null)
  @IsDefined()
  @Min(0)
  @Max(LEASE_MAX)
  @IsInt()
  lease_seconds: number | null;

  @ApiProperty({ description: 'Whether the process has stopped signing and is shutting down' })
  @IsDefined()
  @IsBoolean()
  leaving: boolean;

  @ApiProperty({ description: 'Signature, by the session’s private key, over the gateway, the session and all fields above' })
  @IsDefined()
  @Matches(SIGNATURE)
  signature: string;

  @ApiPropertyOptional({ type: SuccessionInput, description: 'Ends a session whose process has ended' })
  @ValidateNested()
  @Type(() => SuccessionInput)
  @IsObject()
  @IsOptional()
  succeeds?: SuccessionInput;

  @ApiPropertyOptional({ type: [UsageInput], maxItems: USAGE_ROWS_MAX, description: 'Numbers of signatures since the last report' })
  @ValidateNested({ each: true })
  @Type(() => UsageInput)
  @ArrayMaxSize(USAGE_ROWS_MAX)
  @IsArray()
  @IsOptional()
  usage?: UsageInput[];
}

export class SessionTermsView implements SessionTerms {
  @ApiProperty({ description: 'Epoch of the database' }) epoch: string;
  @ApiProperty({ type: 'integer', description: 'Counter of the report to which this is the response' }) counter: number;
  @ApiProperty({ type: 'integer', description: 'Counter of the session before this report' }) previous_counter: number;
  @ApiProperty({ type: 'integer', description: 'The current revision' }) revision: number;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Time in seconds without a response after which the process must stop signing; null means unlimited',
  })
  lease_seconds: number | null;
  @ApiProperty({
    type: 'integer',
    description: 'Clock of the control plane at the response: Unix time in milliseconds; for information only',
  })
  time_ms: number;
}
