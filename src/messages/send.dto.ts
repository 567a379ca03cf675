import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Fault, invalid } from '../common/api-error.js';
import { assertHeaders } from '../endpoints/header-rules.js';

/** Levels of nesting: more than anybody sends, less than MariaDB's JSON functions take. */
export const PAYLOAD_DEPTH_MAX = 30;
const IDEMPOTENCY_KEY = /^[a-zA-Z0-9_-]{1,255}$/;

/** Body of send (endpoints §1.6). */
export class SendInput {
  @ApiProperty({ description: 'Endpoint, `ep_…`' }) endpoint_id: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'Sent as it is; at most 1 MB. Whole numbers beyond 2^53 must be strings: JSON parsers do not agree on them',
  })
  payload: object;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Added to this delivery, over those of the endpoint; at most 50, 8 KB in total',
  })
  headers?: Record<string, string>;

  @ApiPropertyOptional({
    pattern: IDEMPOTENCY_KEY.source,
    description: 'A second send with it and the same payload answers the first message',
  })
  idempotency_key?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    description: 'How long the payload is kept; 0: until it is delivered. At most, and by default, as long as the service keeps payloads',
  })
  retention_hours?: number;
}

/**
 * Parameter decorator: the body of send. Judged by hand: the pipe would copy every payload, value by value, to look at five fields.
 * @throws Fault, InvalidHeaders
 */
export const SendBody = createParamDecorator((_: unknown, context: ExecutionContext) =>
  readSend(context.switchToHttp().getRequest<FastifyRequest>().body),
);

/** @param body parsed JSON of any kind @throws Fault, InvalidHeaders */
export function readSend(body: unknown): SendInput {
  if (typeof (body ?? {}) !== 'object' || Array.isArray(body))
    throw new Fault('unparsable', { detail: 'the request body must be a JSON object' });
  const { endpoint_id, payload, headers, idempotency_key, retention_hours } = (body ?? {}) as Record<string, unknown>;
  if (endpoint_id === undefined || endpoint_id === null) throw new Fault('missing', { parameter: 'endpoint_id' });
  if (typeof endpoint_id !== 'string' || !endpoint_id.startsWith('ep_'))
    throw invalid('endpoint_id', { rule: 'endpoint_id must be in format ep_xxx' });
  if (payload === undefined || payload === null) throw new Fault('missing', { parameter: 'payload' });
  if (idempotency_key !== undefined && idempotency_key !== null) {
    if (typeof idempotency_key !== 'string' || !IDEMPOTENCY_KEY.test(idempotency_key))
      throw invalid('idempotency_key', { rule: 'idempotency_key must be 1 to 255 letters, digits, - and _' });
  }
  if (retention_hours !== undefined && retention_hours !== null) {
    if (!Number.isSafeInteger(retention_hours) || (retention_hours as number) < 0)
      throw invalid('retention_hours', { rule: 'retention_hours must be a whole number of at least 0' });
  }
  const own = emptyMap(headers ?? undefined);
  if (own !== undefined) {
    if (typeof own !== 'object' || Array.isArray(own)) throw invalid('headers', { rule: 'headers must be an object' });
    assertHeaders(own as object);
  }
  const content = emptyMap(payload);
  if (typeof content !== 'object' || Array.isArray(content)) throw invalid('payload', { rule: 'payload must be a JSON object' });
  assertPortable(content, 1);
  return {
    endpoint_id,
    payload: content as object,
    ...(own !== undefined && { headers: own as Record<string, string> }),
    ...(typeof idempotency_key === 'string' && { idempotency_key }),
    ...(typeof retention_hours === 'number' && { retention_hours }),
  };
}

/** PHP writes an empty map as an empty list (endpoints §2.3). */
const emptyMap = (value: unknown): unknown => (Array.isArray(value) && value.length === 0 ? {} : value);

/** What every receiver reads as we do (RFC 7493): a number that was rounded on its way in would go out as another one. */
function assertPortable(value: unknown, depth: number): void {
  if (typeof value === 'string') return assertWellFormed(value);
  if (typeof value === 'number') {
    if (Number.isInteger(value) && !Number.isSafeInteger(value))
      throw invalid('payload', { rule: 'payload must not hold whole numbers beyond 2^53: send them as strings' });
    if (!Number.isFinite(value)) throw invalid('payload', { rule: 'payload must not hold numbers beyond what a double holds' });
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (depth > PAYLOAD_DEPTH_MAX) throw invalid('payload', { rule: `payload must not be nested deeper than ${PAYLOAD_DEPTH_MAX} levels` });
  if (Array.isArray(value)) for (const each of value) assertPortable(each, depth + 1);
  else
    for (const key in value) {
      assertWellFormed(key);
      assertPortable((value as Record<string, unknown>)[key], depth + 1);
    }
}

/** Half of a surrogate pair is no character: it has no bytes in UTF-8. */
function assertWellFormed(text: string): void {
  if (!text.isWellFormed()) throw invalid('payload', { rule: 'payload must not hold half of a surrogate pair' });
}

export class SentView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) message_id: string;
  @ApiProperty({ enum: ['queued'], description: 'Accepted and stored' }) status: 'queued';
}
