import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { mergeMap, type Observable } from 'rxjs';
import { preferredWait, receiptPath, Receipts, WAIT_MAX_SECONDS } from './receipts.js';
import { Written } from './written.js';

/** Unwraps what a write answers, says where its receipt is, and waits for it if the caller prefers that. */
@Injectable()
export class ReceiptInterceptor implements NestInterceptor {
  constructor(private readonly receipts: Receipts) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const [request, reply] = [http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>()];
    return next.handle().pipe(mergeMap((answer: unknown) => (answer instanceof Written ? this.receipt(answer, request, reply) : [answer])));
  }

  private async receipt({ value, scopeId, revision }: Written<unknown>, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    void reply.header('signet-revision', revision).header('signet-receipt', receiptPath(scopeId, revision));
    const seconds = preferredWait(request.headers['prefer']);
    if (seconds === undefined) return value;
    const gone = new AbortController();
    const leave = () => gone.abort();
    request.raw.socket.once('close', leave);
    await this.receipts.settled(scopeId, revision, seconds * 1000, gone.signal);
    request.raw.socket.off('close', leave);
    void reply.header('preference-applied', `wait=${seconds}`);
    return value;
  }
}

/** The route answers a {@link Written}: the caller gets its value, and the headers that lead to its receipt. */
export const Receipted = () =>
  applyDecorators(
    UseInterceptors(ReceiptInterceptor),
    ApiHeader({
      name: 'Prefer',
      required: false,
      description: `\`wait=N\`: answer when every gateway has applied the change, or after N seconds, ${WAIT_MAX_SECONDS} at most (RFC 7240)`,
      schema: { type: 'string', example: 'wait=5' },
    }),
  );

/** The headers of a {@link Receipted} answer, as they stand in the OpenAPI document. */
export const RECEIPT_HEADERS = {
  headers: {
    'Signet-Revision': {
      description: 'Revision of the gateway from which on the change is in effect',
      schema: { type: 'integer' as const },
    },
    'Signet-Receipt': { description: 'Where the receipt is: which nodes have applied it', schema: { type: 'string' as const } },
    'Preference-Applied': { description: 'Present when `Prefer` had an effect', schema: { type: 'string' as const } },
  },
};
