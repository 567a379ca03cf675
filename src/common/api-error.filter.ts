import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, ContractError, Fault, type FaultKind } from './api-error.js';
import { render } from './dialects.js';

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

/** When what is not there may be there again: a database, a key provider. */
const RETRY_AFTER_SECONDS = 5;

declare module 'fastify' {
  interface FastifyRequest {
    /** Kind or code of the error that the request was answered with. */
    refusal?: string;
  }
}

/** Any thrown thing as an error with a public face. What nobody foresaw is `internal`: no text of it goes out. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const status = thrown instanceof HttpException ? thrown.getStatus() : (thrown as { statusCode?: number } | undefined)?.statusCode;
  const code = (thrown as { code?: string } | undefined)?.code;
  const kind = code === 'FST_ERR_BAD_URL' ? 'bad_url' : (BY_STATUS[status ?? 500] ?? 'internal');
  return new Fault(kind, kind === 'unparsable' ? { detail: 'Serialization error: the request body is not valid JSON' } : {}, {
    cause: thrown,
  });
}

/** Sends an error in the contract of its path and logs what only the operator may know. */
export function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = toApiError(thrown);
  request.refusal = error instanceof Fault ? error.kind : error instanceof ContractError ? error.code : error.name;
  const { status, contentType, body } = render(error, request.url.split('?', 1)[0] ?? '', request.id);
  if (error instanceof Fault && error.fault.retryAfterSeconds !== undefined) reply.header('retry-after', error.fault.retryAfterSeconds);
  if (status >= 500) request.log.error({ err: error.cause ?? error }, 'request failed');
  if (status === 503 && !reply.hasHeader('retry-after')) void reply.header('retry-after', RETRY_AFTER_SECONDS);
  void reply.header('content-type', contentType).status(status).send(body);
}

/** The one place that knows how errors look over HTTP. */
@Catch()
export class ApiErrorFilter implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendError(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}
