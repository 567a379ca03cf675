import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { ID_PATTERN } from '../common/ids.js';
import { EmptyIsAbsent } from '../common/pagination.js';
import {
  type GatewayPublication,
  type GatewaySign,
  type NodeReport,
  type NodeTerms,
  type Snapshot,
  SNAPSHOT_IDS_MAX,
  type Usage,
} from '../lib/protocol/protocol.js';
import { SIGN_ALGORITHMS, SIGN_TYPES, type SignAlgorithm, type SignType } from '../lib/signing/algorithms.js';

/** What names a node: a host's name, a pod's, a path-safe word. */
export const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

const ids = ({ value }: { value: unknown }): unknown => (typeof value === 'string' ? value.split(',').filter((id) => id !== '') : value);

export class SnapshotQuery {
  @ApiPropertyOptional({ type: String, description: `Only these publications, separated by commas, ${SNAPSHOT_IDS_MAX} at most` })
  @Transform(ids)
  @IsArray()
  @ArrayMaxSize(SNAPSHOT_IDS_MAX)
  @Matches(ID_PATTERN, { each: true })
  @IsOptional()
  publish_ids?: string[];

  @ApiPropertyOptional({
    type: String,
    description: `Only publications that carry these keys, separated by commas, ${SNAPSHOT_IDS_MAX} at most`,
  })
  @Transform(ids)
  @IsArray()
  @ArrayMaxSize(SNAPSHOT_IDS_MAX)
  @Matches(ID_PATTERN, { each: true })
  @IsOptional()
  sign_ids?: string[];
}

export class WatchQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 0, description: 'The revision that the watcher has; `Last-Event-ID` goes before it' })
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
  @ApiProperty({ type: 'integer', description: 'Counts the secrets the key has had' }) version: number;
}

class GatewayPublicationView implements GatewayPublication {
  @ApiProperty({ description: 'Publication' }) publish_id: string;
  @ApiProperty({ description: 'API' }) api_id: string;
  @ApiProperty({ description: 'API group' }) group_id: string;
  @ApiProperty({ description: 'Environment' }) env_id: string;
  @ApiProperty({ description: 'Environment name, as in `X-Stage`' }) env_name: string;
  @ApiProperty({ description: 'Method, or ANY' }) req_method: string;
  @ApiProperty({ description: 'Path template' }) req_uri: string;
  @ApiProperty({ enum: ['NORMAL', 'SWA'], description: 'NORMAL: the whole path; SWA: by prefix' }) match_mode: 'NORMAL' | 'SWA';
  @ApiProperty({ type: GatewaySignView, nullable: true, description: 'The key that signs; null: none' }) sign: GatewaySignView | null;
}

export class SnapshotView implements Snapshot {
  @ApiProperty({ description: 'Gateway' }) instance_id: string;
  @ApiProperty({ type: 'integer', description: 'What is here is as of this revision' }) revision: number;
  @ApiProperty({ description: 'Only what was asked for; what is missing is gone' }) partial: boolean;
  @ApiProperty({ type: [GatewayPublicationView], description: 'APIs that are online' }) publications: GatewayPublicationView[];
}

const WHOLE_MAX = Number.MAX_SAFE_INTEGER;
const USAGE_MAX = 10_000;

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

  @ApiProperty({ type: 'integer', minimum: 0, description: 'When the last one was, milliseconds since the epoch' })
  @IsDefined()
  @Min(0)
  @Max(WHOLE_MAX)
  @IsInt()
  last_signed_at: number;
}

export class NodeReportInput implements NodeReport {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'Everything up to this revision is in effect; 0: nothing yet' })
  @IsDefined()
  @Min(0)
  @Max(WHOLE_MAX)
  @IsInt()
  applied_revision: number;

  @ApiProperty({ minLength: 1, maxLength: 64, description: 'Version of the software' })
  @IsDefined()
  @Length(1, 64)
  @IsString()
  version: string;

  @ApiPropertyOptional({ type: [UsageInput], maxItems: USAGE_MAX, description: 'What was signed since the last report' })
  @ValidateNested({ each: true })
  @Type(() => UsageInput)
  @ArrayMaxSize(USAGE_MAX)
  @IsArray()
  @IsOptional()
  usage?: UsageInput[];

  @ApiPropertyOptional({ type: 'integer', minimum: 0, description: 'When the process began, milliseconds since the epoch' })
  @Min(0)
  @Max(WHOLE_MAX)
  @IsInt()
  @IsOptional()
  started_at?: number;

  @ApiPropertyOptional({ type: 'integer', nullable: true, minimum: 1, description: 'The lease that the node goes by now; absent: none' })
  @Min(1)
  @Max(1_000_000)
  @IsInt()
  @IsOptional()
  lease_seconds?: number | null;

  @ApiPropertyOptional({ description: 'The process has stopped signing and ends: forget the node' })
  @IsBoolean()
  @IsOptional()
  leaving?: boolean;
}

export class NodeTermsView implements NodeTerms {
  @ApiProperty({ type: 'integer', description: 'The revision now' }) revision: number;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Without an answer for this long, stop signing; null: go on' })
  lease_seconds: number | null;
}
