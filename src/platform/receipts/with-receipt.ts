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
import { Committed } from '../common/committed.js';
import { preferredWait, receiptPath, WAIT_MAX_SECONDS } from './receipt-path.js';
import { ReceiptsService } from './receipts.service.js';

/** Returns the value of a write's result, sets the receipt headers, and waits for the receipt if the caller asked for that. */
@Injectable()
class ReceiptInterceptor implements NestInterceptor {
  constructor(private readonly receipts: ReceiptsService) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const [request, reply] = [http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>()];
    return next
      .handle()
      .pipe(mergeMap((answer: unknown) => (answer instanceof Committed ? this.receipt(answer, request, reply) : [answer])));
  }

  private async receipt(
    { value, scope, revision, epoch, receiptTarget }: Committed<unknown>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    if (!receiptTarget) return value;
    void reply.header('signet-revision', revision).header('signet-receipt', receiptPath(scope, revision, epoch));
    const seconds = preferredWait(request.headers['prefer']);
    if (seconds === undefined) return value;
    const gone = new AbortController();
    const leave = () => gone.abort();
    request.raw.socket.once('close', leave);
    await this.receipts.whenComplete(receiptTarget.scope, receiptTarget.revision, seconds * 1000, gone.signal);
    request.raw.socket.off('close', leave);
    void reply.header('preference-applied', `wait=${seconds}`);
    return value;
  }
}

/**
 * Method decorator for routes that return a {@link Committed}: the response contains its value, and has headers with the revision and the
 * receipt.
 */
export const WithReceipt = () =>
  applyDecorators(
    UseInterceptors(ReceiptInterceptor),
    ApiHeader({
      name: 'Prefer',
      required: false,
      description: `With \`wait=N\`, the response is sent when every signing process has applied the change, or after N seconds (RFC 7240); the maximum is ${WAIT_MAX_SECONDS}`,
      schema: { type: 'string', example: 'wait=5' },
    }),
  );

/** OpenAPI descriptions of the receipt headers. */
export const RECEIPT_HEADERS = {
  headers: {
    'Signet-Revision': {
      description: 'Revision of the gateway or the endpoint that contains the change',
      schema: { type: 'integer' as const },
    },
    'Signet-Receipt': {
      description: 'URL of the receipt, which shows which processes have applied the change',
      schema: { type: 'string' as const },
    },
    'Preference-Applied': { description: 'Present if `Prefer` had an effect', schema: { type: 'string' as const } },
  },
};
