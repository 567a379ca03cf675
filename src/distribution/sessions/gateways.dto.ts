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

/** The name of a host or pod; safe in a path. */
const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

const ids = ({ value }: { value: unknown }): unknown => (typeof value === 'string' ? value.split(',').filter((id) => id !== '') : value);

export class SnapshotQuery {
  @ApiPropertyOptional({ type: String, description: `Only these publications, separated by commas, at most ${SNAPSHOT_IDS_MAX}` })
  @Transform(ids)
  @IsArray()
  @ArrayMaxSize(SNAPSHOT_IDS_MAX)
  @Matches(ID_PATTERN, { each: true })
  @IsOptional()
  publish_ids?: string[];

  @ApiPropertyOptional({
    type: String,
    description: `Only publications bound to these keys, separated by commas, at most ${SNAPSHOT_IDS_MAX}`,
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
    description: 'The revision that the subscriber has; `Last-Event-ID` takes precedence',
  })
  @EmptyIsAbsent()
  @Matches(/^\d{1,15}$/)
  @IsOptional()
  from?: string;
}

class GatewaySignView implements GatewaySign {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({ enum: SIGN_TYPES, description: 'How the key signs' }) sign_type: SignType;
  @ApiProperty({ enum: SIGN_ALGORITHMS, nullable: true, type: String, description: 'Cipher of an aes key' })
  sign_algorithm: SignAlgorithm | null;
  @ApiProperty({ description: 'Key, in clear' }) sign_key: string;
  @ApiProperty({ description: 'Secret, in clear' }) sign_secret: string;
  @ApiProperty({ type: 'integer', description: 'The version of the secret; each new secret increases it' }) version: number;
}

class GatewayPublicationView implements GatewayPublication {
  @ApiProperty({ description: 'Publication' }) publish_id: string;
  @ApiProperty({ description: 'API' }) api_id: string;
  @ApiProperty({ description: 'API group' }) group_id: string;
  @ApiProperty({ description: 'Environment' }) env_id: string;
  @ApiProperty({ description: 'Environment name, as in `X-Stage`' }) env_name: string;
  @ApiProperty({ description: 'Method, or ANY' }) req_method: string;
  @ApiProperty({ description: 'Path template' }) req_uri: string;
  @ApiProperty({ enum: ['NORMAL', 'SWA'], description: 'NORMAL matches the whole path, SWA by prefix' }) match_mode: 'NORMAL' | 'SWA';
  @ApiProperty({ type: GatewaySignView, nullable: true, description: 'The key that signs; null if there is none' })
  sign: GatewaySignView | null;
}

export class SnapshotView implements Snapshot {
  @ApiProperty({ description: 'Gateway' }) instance_id: string;
  @ApiProperty({ description: 'The history of the database to which the revision belongs' }) epoch: string;
  @ApiProperty({ type: 'integer', description: 'The revision of this response' }) revision: number;
  @ApiProperty({
    description: 'Whether the response contains only the requested publications. A requested publication that is absent no longer exists',
  })
  partial: boolean;
  @ApiProperty({ enum: ENCODED_SLASHES, description: 'Whether `%2F` in a path is refused or treated as data' })
  encoded_slashes: EncodedSlashes;
  @ApiProperty({
    enum: OPEN_CONNECTIONS,
    description: 'With close, open WebSockets and streams are closed when their key is deleted, before the deletion is acknowledged',
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

  @ApiProperty({ type: 'integer', minimum: 1, description: 'Requests signed since the last report' })
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

/** Base64url of 32 bytes (keys) and 64 bytes (signatures). */
const PUBLIC_KEY = /^[A-Za-z0-9_-]{43}$/;
const SIGNATURE = /^[A-Za-z0-9_-]{86}$/;
export const SESSION_ID = /^[0-9a-f]{32}$/;
const LEASE_MAX = 1_000_000;
const INT_MAX = 2_147_483_647;

class SuccessionInput implements SessionSuccession {
  @ApiProperty({ description: 'The session before this one in the same process, or one whose process has died' })
  @IsDefined()
  @Matches(SESSION_ID)
  session_id: string;

  @ApiProperty({
    description: 'Signature by the private key of that session over the ids of the gateway and of both sessions, and the new public key',
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

  @ApiProperty({ type: 'integer', minimum: 1, description: 'The version of the signature key’s secret that has ended' })
  @IsDefined()
  @Min(1)
  @Max(INT_MAX)
  @IsInt()
  version: number;

  @ApiProperty({ type: String, nullable: true, description: 'Publication; null means all publications' })
  @ValidateIf((_, value) => value !== null)
  @IsDefined()
  @Matches(ID_PATTERN)
  publish_id: string | null;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'The revision at which the key ended; it counts in `epoch`' })
  @IsDefined()
  @Min(0)
  @Max(WHOLE_MAX)
  @IsInt()
  revision: number;

  @ApiProperty({ description: 'The history of the database to which the revision belongs' })
  @IsDefined()
  @Matches(EPOCH)
  epoch: string;
}

class TombstoneView implements WireTombstone {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({ type: 'integer', description: 'The version of the signature key’s secret that has ended' }) version: number;
  @ApiProperty({ type: String, nullable: true, description: 'Publication; null means all publications' }) publish_id: string | null;
  @ApiProperty({ type: 'integer', description: 'The revision at which the key ended; it counts in `epoch`' }) revision: number;
  @ApiProperty({ description: 'The history of the database to which the revision belongs' }) epoch: string;
}

export class SessionInput implements SessionRegistration {
  @ApiProperty({ description: 'The name of the process, for people' })
  @IsDefined()
  @Matches(NODE_ID)
  node_id: string;

  @ApiProperty({ minLength: 1, maxLength: 64, description: 'Version of the software' })
  @IsDefined()
  @Length(1, 64)
  @IsString()
  version: string;

  @ApiProperty({ description: 'Ed25519, 32 bytes as base64url' })
  @IsDefined()
  @Matches(PUBLIC_KEY)
  public_key: string;

  @ApiPropertyOptional({ description: 'Whether the process holds a table from before a restore of the database, and signs with it' })
  @IsBoolean()
  @IsOptional()
  with_table?: boolean;

  @ApiPropertyOptional({ type: 'integer', nullable: true, minimum: 0, description: 'The lease of that table; null means unlimited' })
  @Min(0)
  @Max(LEASE_MAX)
  @IsInt()
  @IsOptional()
  lease_seconds?: number | null;

  @ApiProperty({
    description: 'Signature by the session’s private key over the gateway, the session, its name, and what it keeps from before a restore',
  })
  @IsDefined()
  @Matches(SIGNATURE)
  signature: string;

  @ApiPropertyOptional({ type: SuccessionInput, description: 'Ends a session whose process has died, or which this process replaces' })
  @ValidateNested()
  @Type(() => SuccessionInput)
  @IsObject()
  @IsOptional()
  succeeds?: SuccessionInput;

  @ApiPropertyOptional({
    type: [TombstoneInput],
    maxItems: TOMBSTONES_MAX,
    description: 'Tombstones of the keys that ended last; sent after a restore of the database was detected',
  })
  @ValidateNested({ each: true })
  @Type(() => TombstoneInput)
  @ArrayMaxSize(TOMBSTONES_MAX)
  @IsArray()
  @IsOptional()
  tombstones?: TombstoneInput[];
}

export class SessionAdmissionView implements SessionAdmission {
  @ApiProperty({ description: 'The history of the database to which revisions belong' }) epoch: string;
  @ApiProperty({ type: [TombstoneView], description: 'Keys that ended in another epoch and that an operator has allowed to sign again' })
  accepted: TombstoneView[];
  @ApiProperty({ type: 'integer', description: 'For how many days tombstones are kept' }) receipt_retention_days: number;
}

export class SessionReportInput implements SessionReport {
  @ApiProperty({ description: 'The epoch in the answer to the registration' })
  @IsDefined()
  @Matches(EPOCH)
  epoch: string;

  @ApiProperty({ type: 'integer', minimum: 1, description: 'Number of the report, one higher than that of the last report' })
  @IsDefined()
  @Min(1)
  @Max(WHOLE_MAX)
  @IsInt()
  counter: number;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Every revision up to this one is in effect; 0 means none yet' })
  @IsDefined()
  @Min(0)
  @Max(WHOLE_MAX)
  @IsInt()
  applied_revision: number;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'The newest revision of any row of the table' })
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
    description: 'The lease that the process applies; 0 means none yet, null means unlimited',
  })
  @ValidateIf((_, value) => value !== null)
  @IsDefined()
  @Min(0)
  @Max(LEASE_MAX)
  @IsInt()
  lease_seconds: number | null;

  @ApiProperty({ description: 'The process has stopped signing and is shutting down' })
  @IsDefined()
  @IsBoolean()
  leaving: boolean;

  @ApiProperty({ description: 'Signature by the session’s private key over the gateway, the session and all fields above' })
  @IsDefined()
  @Matches(SIGNATURE)
  signature: string;

  @ApiPropertyOptional({ type: SuccessionInput, description: 'Ends a session whose process has died' })
  @ValidateNested()
  @Type(() => SuccessionInput)
  @IsObject()
  @IsOptional()
  succeeds?: SuccessionInput;

  @ApiPropertyOptional({ type: [UsageInput], maxItems: USAGE_ROWS_MAX, description: 'The signatures since the last report' })
  @ValidateNested({ each: true })
  @Type(() => UsageInput)
  @ArrayMaxSize(USAGE_ROWS_MAX)
  @IsArray()
  @IsOptional()
  usage?: UsageInput[];
}

export class SessionTermsView implements SessionTerms {
  @ApiProperty({ description: 'The history of the database' }) epoch: string;
  @ApiProperty({ type: 'integer', description: 'Counter of the report that this answers' }) counter: number;
  @ApiProperty({ type: 'integer', description: "The session's counter before that report" }) previous_counter: number;
  @ApiProperty({ type: 'integer', description: 'The current revision' }) revision: number;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'The process must stop signing after this time without an answer; null means unlimited',
  })
  lease_seconds: number | null;
  @ApiProperty({
    type: 'integer',
    description: "The control plane's clock at the answer: Unix time in milliseconds; for information only",
  })
  time_ms: number;
}
