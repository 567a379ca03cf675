import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { ApiProperty, type ApiResponseOptions } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { Answers } from './answers.js';
import type { ApiError } from './api-error.js';
import { Committed } from './committed.js';

/** A response of the webhook contract with fields beside `data` (docs/contracts/endpoints.md §1.1). */
export class Enveloped<T> {
  constructor(
    readonly data: T,
    /** A page has `nextCursor`, null on the last page. A list without pages has `hasMore`. An action has `message`, a text for people. */
    readonly more: { nextCursor?: string | null; hasMore?: boolean; message?: string },
  ) {}
}

/** Wraps a handler's result in the contract's envelope, together with the id of the request. */
@Injectable()
class EnvelopeInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { id } = context.switchToHttp().getRequest<FastifyRequest>();
    return next
      .handle()
      .pipe(map((answer: unknown) => (answer instanceof Committed ? answer.with(envelope(answer.value, id)) : envelope(answer, id))));
  }
}

function envelope(answer: unknown, requestId: string): object {
  if (!(answer instanceof Enveloped)) return { data: answer, meta: { request_id: requestId } };
  const { nextCursor, message, hasMore = nextCursor !== null } = answer.more;
  const page = nextCursor === undefined ? {} : { next_cursor: nextCursor, has_more: hasMore };
  return { data: answer.data as unknown, ...(message !== undefined && { message }), meta: { request_id: requestId, ...page } };
}

class MetaView {
  @ApiProperty({ description: 'Id of this request, also in the log and in X-Request-Id', example: 'req_xyz123' }) request_id: string;
}

class PageMetaView extends MetaView {
  @ApiProperty({ type: 'string', nullable: true, description: 'The `cursor` of the next page; null on the last page' }) next_cursor:
    | string
    | null;
  @ApiProperty({ description: 'Whether there is a next page' }) has_more: boolean;
}

interface Shape {
  /** What `data` contains: one view, a whole list of views, or a page of a list. */
  of?: 'one' | 'list' | 'page';
  /** Whether the response has a `message` beside `data`. */
  message?: boolean;
  /** As in {@link Answers}. */
  headers?: ApiResponseOptions['headers'];
}

const made = new Map<string, { view: Type; type: Type }>();

/** Returns the class of a view's envelope in the OpenAPI document. There is one class per view and shape. */
function envelopeOf(view: Type, { of = 'one', message = false }: Shape): Type {
  const name = `${view.name.replace(/View$/, '')}${{ one: '', list: 'List', page: 'Page' }[of]}${message ? 'Action' : ''}Envelope`;
  const there = made.get(name);
  if (there) {
    if (there.view !== view) throw new Error(`two views have the name ${view.name}`);
    return there.type;
  }
  const type = { [name]: class {} }[name] as Type;
  const prototype = type.prototype as object;
  ApiProperty({ type: of === 'one' ? view : [view] })(prototype, 'data');
  if (message) ApiProperty({ type: String, description: 'What was done, as a text for people' })(prototype, 'message');
  ApiProperty({ type: of === 'page' ? PageMetaView : MetaView })(prototype, 'meta');
  made.set(name, { view, type });
  return type;
}

/**
 * As {@link Answers}, for the webhook contract: the handler's result becomes `data` of the envelope. The handler of a page returns an
 * {@link Enveloped} with `nextCursor`, that of an action one with `message`.
 * @param view class of `data`, or of its elements
 */
export const AnswersEnvelope = (
  status: number,
  view: Type,
  operationId: string,
  summary: string,
  errors: readonly ApiError[] = [],
  shape: Shape = {},
) =>
  applyDecorators(
    UseInterceptors(EnvelopeInterceptor),
    Answers(status, envelopeOf(view, shape), operationId, summary, errors, shape.headers && { headers: shape.headers }),
  );

export class DeletedView {
  @ApiProperty({ enum: [true], description: 'Always true' }) deleted: true;
}
