import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, ContractError, ApiFault, type FaultKind } from './api-error.js';
import { render } from './error-formats.js';

const BY_STATUS: Record<number, FaultKind> = {
  400: 'unparsable',
  401: 'token_invalid',
  403: 'forbidden',
  404: 'route_unknown',
  405: 'route_unknown',
  413: 'too_large',
  414: 'bad_url',
  415: 'media_type',
  429: 'rate_limited',
  503: 'unavailable',
};

/** Seconds after which a client may retry when the database or a key provider was unavailable. */
const RETRY_AFTER_SECONDS = 5;

declare module 'fastify' {
  interface FastifyRequest {
    /** Kind or code of the error response. */
    refusal?: string;
  }
}

/** Converts anything thrown to an {@link ApiError}. An unexpected error becomes `internal`, and its message is not sent. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const status = thrown instanceof HttpException ? thrown.getStatus() : (thrown as { statusCode?: number } | undefined)?.statusCode;
  const code = (thrown as { code?: string } | undefined)?.code;
  const kind = code === 'FST_ERR_BAD_URL' ? 'bad_url' : (BY_STATUS[status ?? 500] ?? 'internal');
  return new ApiFault(kind, kind === 'unparsable' ? { detail: 'Serialization error: the request body is not valid JSON' } : {}, {
    cause: thrown,
  });
}

/** Sends an error in the format of its path. Logs the details, which only the operator may see. */
export function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = toApiError(thrown);
  request.refusal = error instanceof ApiFault ? error.kind : error instanceof ContractError ? error.code : error.name;
  const { status, contentType, body } = render(error, request.url.split('?', 1)[0] ?? '', request.id);
  if (error instanceof ApiFault && error.fault.retryAfterSeconds !== undefined) reply.header('retry-after', error.fault.retryAfterSeconds);
  // A 401 must name the accepted authentication schemes (RFC 9110 §11.6.1).
  if (status === 401 && !reply.hasHeader('www-authenticate')) void reply.header('www-authenticate', challengeOf(request.url));
  if (status >= 500) request.log.error({ err: error.cause ?? error, status }, 'request failed');
  if (status === 503 && !reply.hasHeader('retry-after')) void reply.header('retry-after', RETRY_AFTER_SECONDS);
  void reply.header('content-type', contentType).status(status).send(body);
}

/** The authentication schemes of the contract that the path belongs to. */
const challengeOf = (url: string): string => (url.startsWith('/v1/') ? 'Bearer realm="signet"' : 'Keystone uri="/v3", SDK-HMAC-SHA256');

/** Turns thrown errors into HTTP responses. */
@Catch()
export class ApiErrorFilter implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendError(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}
