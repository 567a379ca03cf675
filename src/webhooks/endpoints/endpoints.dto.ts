import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { toMilliseconds } from '../../platform/common/clock.js';
import { EVENT_KINDS, type EventKind } from '../../platform/common/events.js';
import { Cursor, Limit } from '../../platform/common/cursor.js';
import { MapAsSent } from '../../platform/common/input.pipe.js';
import { URL_LENGTH_MAX, URL_LENGTH_MIN } from './ssrf-guard.js';

const RATE_MAX = 1000;
const BURST_MAX = 10_000;

const headersField = {
  type: 'object',
  additionalProperties: { type: 'string' },
  description:
    'Headers that are added to every delivery: at most 50, with at most 8 KB in total. Headers of the connection, of the signature and of HTTP itself are not allowed',
} as const;

/** The fields of an endpoint that can be changed (docs/contracts/endpoints.md §1.4). `null` counts as absent. */
class EndpointFields {
  // PHP clients encode an empty map as `[]`.
  static readonly emptyList = true;

  @ApiPropertyOptional({ type: String, maxLength: 500, description: 'For people' })
  @MaxLength(500)
  @IsString()
  @IsOptional()
  description?: string | null;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: RATE_MAX,
    description: 'Maximum number of deliveries per second; 0 means no limit',
  })
  @Max(RATE_MAX)
  @Min(0)
  @IsInt()
  @IsOptional()
  rate_limit_rps?: number | null;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: BURST_MAX,
    description: 'Maximum number of deliveries at once. Default: rate_limit_rps',
  })
  @Max(BURST_MAX)
  @Min(0)
  @IsInt()
  @IsOptional()
  burst?: number | null;

  @ApiPropertyOptional(headersField)
  @MapAsSent()
  @IsObject()
  @IsOptional()
  headers?: object | null;

  @ApiPropertyOptional({ type: Boolean, description: 'Accepted because clients send it, but ignored: deliveries are always signed' })
  @IsBoolean()
  @IsOptional()
  hmac_enabled?: boolean | null;
}

const urlField = {
  type: String,
  format: 'uri',
  minLength: URL_LENGTH_MIN,
  maxLength: URL_LENGTH_MAX,
  description: 'URL of the receiver: HTTPS, with a public address',
} as const;

export class EndpointInput extends EndpointFields {
  @ApiProperty(urlField)
  @IsString()
  @IsDefined()
  url: string;
}

export class EndpointPatch extends EndpointFields {
  @ApiPropertyOptional(urlField)
  @IsString()
  @IsOptional()
  url?: string | null;
}

export class EndpointQuery {
  @Limit(100, 50)
  limit: number = 50;

  @Cursor()
  cursor?: string;
}

export class ListedWebhookEndpointView {
  @ApiProperty({ pattern: '^ep_[a-f0-9]{32}$', description: 'Endpoint' }) id: string;
  @ApiProperty({ description: 'URL to which webhooks are sent' }) url: string;
  @ApiProperty({ description: 'A description for people; may be empty' }) description: string;
  @ApiProperty({ description: 'Whether messages are accepted without being delivered' }) paused: boolean;
  @ApiProperty({ format: 'date-time', description: 'When the endpoint was created' }) created_at: string;
}

export class WebhookEndpointView extends ListedWebhookEndpointView {
  @ApiProperty({ type: 'integer', description: 'Maximum number of deliveries per second; 0 means no limit' }) rate_limit_rps: number;
  @ApiProperty({ type: 'integer', description: 'Maximum number of deliveries at once' }) burst: number;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, description: 'Headers that are added to every delivery' })
  headers: Record<string, string>;
  @ApiProperty({ enum: [true], description: 'Always true' }) hmac_enabled: true;
  @ApiProperty({ format: 'date-time', description: 'When the endpoint was last changed' }) updated_at: string;
}

/** Not part of the contract. */
export class EndpointStatePatch {
  @ApiProperty({ enum: EVENT_KINDS, isArray: true, description: 'Events to which the endpoint subscribes, in place of the earlier list' })
  @IsIn(EVENT_KINDS, { each: true })
  @ArrayUnique()
  @ArrayMaxSize(EVENT_KINDS.length)
  @IsArray()
  @IsDefined()
  events: EventKind[];
}

export class EndpointStateView {
  @ApiProperty({ description: 'Endpoint' }) id: string;
  @ApiProperty({ description: 'Whether messages are accepted without being delivered' }) paused: boolean;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'Time of the first failed attempt since the last success',
  })
  failing_since: string | null;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'When the service warned that the endpoint will be disabled',
  })
  warned_at: string | null;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'Time from which on the next failed attempt disables the endpoint',
  })
  disables_at: string | null;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'When the service disabled the endpoint; null if it did not',
  })
  disabled_at: string | null;
  @ApiProperty({ type: 'string', nullable: true, description: 'Why the service disabled the endpoint' }) disabled_reason: string | null;
  @ApiProperty({ enum: EVENT_KINDS, isArray: true, description: 'Events to which the endpoint subscribes' }) events: EventKind[];
}

/**
 * Response of update: `updated`, which the contract specifies, and the endpoint, which clients read (docs/contracts/endpoints.md §1.15).
 */
export class UpdatedWebhookEndpointView extends WebhookEndpointView {
  @ApiProperty({ enum: [true], description: 'Always true' }) updated: true;
}

/** Response of create. */
export class NewWebhookEndpointView extends WebhookEndpointView {
  @ApiProperty({ pattern: '^sk_[a-f0-9]{32}$', description: 'The first signing key of the endpoint' }) signing_key_id: string;
  @ApiProperty({ description: 'The secret of the first signing key; not shown again' }) signing_secret: string;
  @ApiProperty({ minLength: 4, maxLength: 4, description: 'Last four characters of the secret' }) key_hint: string;
}

export class PausedWebhookEndpointView {
  @ApiProperty({ description: 'Endpoint' }) id: string;
  @ApiProperty({ enum: [true], description: 'Always true' }) paused: true;
}

export class ResumedWebhookEndpointView {
  @ApiProperty({ description: 'Endpoint' }) id: string;
  @ApiProperty({ enum: [false], description: 'Always false' }) paused: false;
  @ApiProperty({ type: 'integer', description: 'Requeued messages' }) messages_requeued: number;
}

/** An endpoint with decrypted headers. */
export interface OpenEndpoint {
  id: string;
  url: string;
  description: string;
  rateLimitRps: number;
  burst: number | null;
  headers: Record<string, string>;
  paused: boolean | number;
  createdAt: number;
  updatedAt: number;
}

export const toListItem = ({
  id,
  url,
  description,
  paused,
  createdAt,
}: Pick<OpenEndpoint, 'id' | 'url' | 'description' | 'paused' | 'createdAt'>): ListedWebhookEndpointView => ({
  id,
  url,
  description,
  // Both databases return 0 or 1.
  paused: Boolean(paused),
  created_at: toMilliseconds(createdAt),
});

export const toView = (endpoint: OpenEndpoint): WebhookEndpointView => ({
  ...toListItem(endpoint),
  rate_limit_rps: endpoint.rateLimitRps,
  burst: endpoint.burst ?? endpoint.rateLimitRps,
  headers: endpoint.headers,
  hmac_enabled: true,
  updated_at: toMilliseconds(endpoint.updatedAt),
});
