import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { assertHeaders } from '../endpoints/header-rules.js';
import { cutPayload } from './payload-text.js';

/** Maximum nesting depth of a payload, which limits the recursion over it. */
const PAYLOAD_DEPTH_MAX = 30;
const IDEMPOTENCY_KEY = /^[a-zA-Z0-9_-]{1,255}$/;

/** Body of send (docs/contracts/endpoints.md §1.6). */
export class SendInput {
  @ApiProperty({ description: 'Endpoint, `ep_…`' }) endpoint_id: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'Stored, signed and delivered byte by byte as in the request; at most 1 MB',
  })
  payload: object;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Headers that are added to this delivery and override those of the endpoint: at most 50, with at most 8 KB in total',
  })
  headers?: Record<string, string>;

  @ApiPropertyOptional({
    pattern: IDEMPOTENCY_KEY.source,
    description: 'A second send with the same key and payload returns the first message',
  })
  idempotency_key?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    description:
      'Number of hours for which the payload is stored; 0 means until the message is delivered. The retention of the service is the maximum and the default',
  })
  retention_hours?: number;
}

/** A validated send. */
export interface AcceptedInput extends Omit<SendInput, 'payload'> {
  /** JSON text of an object, exactly as it was sent. */
  payload: string;
}

/**
 * Parameter decorator: the validated body of a send. It is validated without the pipe, which would copy the whole payload.
 * @throws ApiFault, InvalidHeaders
 */
export const SendBody = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const { body, bodyText } = context.switchToHttp().getRequest<FastifyRequest>();
  return readSend(body, bodyText ?? '');
});

/**
 * @param body any parsed JSON value
 * @param text the text from which it was parsed
 * @throws ApiFault, InvalidHeaders
 */
function readSend(body: unknown, text: string): AcceptedInput {
  if (typeof (body ?? {}) !== 'object' || Array.isArray(body))
    throw new ApiFault('unparsable', { detail: 'the request body must be a JSON object' });
  const { endpoint_id, payload, headers, idempotency_key, retention_hours } = (body ?? {}) as Record<string, unknown>;
  if (endpoint_id === undefined || endpoint_id === null) throw new ApiFault('missing', { parameter: 'endpoint_id' });
  if (typeof endpoint_id !== 'string' || !endpoint_id.startsWith('ep_'))
    throw invalid('endpoint_id', { rule: 'endpoint_id must be in format ep_xxx' });
  if (payload === undefined || payload === null) throw new ApiFault('missing', { parameter: 'payload' });
  if (idempotency_key !== undefined && idempotency_key !== null) {
    if (typeof idempotency_key !== 'string' || !IDEMPOTENCY_KEY.test(idempotency_key))
      throw invalid('idempotency_key', { rule: 'idempotency_key must be 1 to 255 letters, digits, - and _' });
  }
  if (retention_hours !== undefined && retention_hours !== null) {
    if (!Number.isSafeInteger(retention_hours) || (retention_hours as number) < 0)
      throw invalid('retention_hours', { rule: 'retention_hours must be a whole number of at least 0' });
  }
  const own = isEmptyList(headers) ? {} : (headers ?? undefined);
  if (own !== undefined) {
    if (typeof own !== 'object' || Array.isArray(own)) throw invalid('headers', { rule: 'headers must be an object' });
    assertHeaders(own);
  }
  return {
    endpoint_id,
    payload: payloadOf(payload, text),
    ...(own !== undefined && { headers: own }),
    ...(typeof idempotency_key === 'string' && { idempotency_key }),
    ...(typeof retention_hours === 'number' && { retention_hours }),
  };
}

/** @returns the text of the payload exactly as it was sent, except that PHP's empty list becomes `{}` */
function payloadOf(payload: unknown, text: string): string {
  if (isEmptyList(payload)) return '{}';
  if (typeof payload !== 'object' || Array.isArray(payload)) throw invalid('payload', { rule: 'payload must be a JSON object' });
  const cut = cutPayload(text);
  if (!cut) throw new ApiFault('missing', { parameter: 'payload' });
  if (cut.depth > PAYLOAD_DEPTH_MAX)
    throw invalid('payload', { rule: `payload must not be nested deeper than ${PAYLOAD_DEPTH_MAX} levels` });
  return cut.text;
}

/** Whether the value is an empty list, which PHP clients send for an empty map (docs/contracts/endpoints.md §2.3). */
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

export class SentView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) message_id: string;
  @ApiProperty({ enum: ['queued'], description: 'Accepted and stored' }) status: 'queued';
}
