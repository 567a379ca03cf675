import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsDefined, IsInt, IsObject, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { toMilliseconds } from '../common/clock.js';
import { Cursor, Limit } from '../common/cursor.js';
import { MapAsSent } from '../common/input.pipe.js';
import { URL_LENGTH_MAX, URL_LENGTH_MIN } from './targets.js';

const RATE_MAX = 1000;
const BURST_MAX = 10_000;

const headersField = {
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'Added to every delivery; at most 50, 8 KB in total. What belongs to the connection, the signature or HTTP cannot be set',
} as const;

/** What can be changed of an endpoint (endpoints §1.4). `null` is absent. */
class EndpointFields {
  // Empty PHP arrays are lists: a body of nothing at all arrives as `[]`.
  static readonly emptyList = true;

  @ApiPropertyOptional({ maxLength: 500, description: 'For people' })
  @MaxLength(500)
  @IsString()
  @IsOptional()
  description?: string | null;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: RATE_MAX, description: 'Deliveries a second; 0 is no limit' })
  @Max(RATE_MAX)
  @Min(0)
  @IsInt()
  @IsOptional()
  rate_limit_rps?: number | null;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: BURST_MAX, description: 'Deliveries at once; as rate_limit_rps if omitted' })
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

  @ApiPropertyOptional({ description: 'Accepted for clients that send it; deliveries are always signed' })
  @IsBoolean()
  @IsOptional()
  hmac_enabled?: boolean | null;
}

const urlField = {
  format: 'uri',
  minLength: URL_LENGTH_MIN,
  maxLength: URL_LENGTH_MAX,
  description: 'Where webhooks go: HTTPS, to a public address',
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

/** A row of the list. */
export class ListedWebhookEndpointView {
  @ApiProperty({ pattern: '^ep_[a-f0-9]{32}$', description: 'Endpoint' }) id: string;
  @ApiProperty({ description: 'Where webhooks go' }) url: string;
  @ApiProperty({ description: 'For people; may be empty' }) description: string;
  @ApiProperty({ description: 'Messages are accepted and not delivered' }) paused: boolean;
  @ApiProperty({ format: 'date-time', description: 'When it was created' }) created_at: string;
}

export class WebhookEndpointView extends ListedWebhookEndpointView {
  @ApiProperty({ type: 'integer', description: 'Deliveries a second; 0 is no limit' }) rate_limit_rps: number;
  @ApiProperty({ type: 'integer', description: 'Deliveries at once' }) burst: number;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, description: 'Added to every delivery' })
  headers: Record<string, string>;
  @ApiProperty({ enum: [true], description: 'Always true' }) hmac_enabled: true;
  @ApiProperty({ format: 'date-time', description: 'When it was last changed' }) updated_at: string;
}

/** Answer of modify: what the documents print, and what clients need, at once (endpoints §1.15). */
export class UpdatedWebhookEndpointView extends WebhookEndpointView {
  @ApiProperty({ enum: [true], description: 'Always true' }) updated: true;
}

/** Answer of create. */
export class NewWebhookEndpointView extends WebhookEndpointView {
  @ApiProperty({ pattern: '^sk_[a-f0-9]{32}$', description: 'Its first signing key' }) signing_key_id: string;
  @ApiProperty({ description: 'The secret of the first signing key; it is not shown again' }) signing_secret: string;
  @ApiProperty({ minLength: 4, maxLength: 4, description: 'Last four characters of the secret' }) key_hint: string;
}

export class PausedWebhookEndpointView {
  @ApiProperty({ description: 'Endpoint' }) id: string;
  @ApiProperty({ enum: [true], description: 'Always true' }) paused: true;
}

export class ResumedWebhookEndpointView {
  @ApiProperty({ description: 'Endpoint' }) id: string;
  @ApiProperty({ enum: [false], description: 'Always false' }) paused: false;
  @ApiProperty({ type: 'integer', description: 'Messages that wait for delivery again' }) messages_requeued: number;
}

/** An endpoint with its headers open, on its way out. */
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
  // Both databases keep 0 and 1.
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
