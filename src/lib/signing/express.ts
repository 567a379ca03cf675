import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from './errors.js';
import { BodyTooLargeError, DEFAULT_LIMIT_BYTES, type FrameworkRequest, type MiddlewareOptions, rawBodyOf } from './raw-body.js';
import { createVerifier } from './verifier.js';

export interface ExpressVerifierOptions extends MiddlewareOptions {
  /** Answers a refused request. Default: 401 with `{code, hint}` as JSON. */
  onRefused?: (refusal: Refusal, request: IncomingMessage, response: ServerResponse) => void;
}

/**
 * Express middleware. Lets a request pass with `req.signature`, `req.rawBody` and, unless a parser ran before, the raw
 * bytes as `req.body`. A JSON parser goes before it only with `express.json({ verify: keepRawBody })`.
 */
export function expressVerifier(options: ExpressVerifierOptions) {
  const verifier = createVerifier(options);
  const limitBytes = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
  const onRefused = options.onRefused ?? answerRefusal;
  const check = async (request: FrameworkRequest, response: ServerResponse): Promise<boolean> => {
    const body = await rawBodyOf(request, request, limitBytes);
    const { method = '', headers } = request;
    const verdict = await verifier.verify({ method, url: request.originalUrl ?? request.url ?? '', headers, body });
    if (!verdict.ok) {
      onRefused(verdict, request, response);
      return false;
    }
    request.signature = verdict;
    request.rawBody = body;
    request.body ??= body;
    return true;
  };
  return (request: FrameworkRequest, response: ServerResponse, next: (error?: unknown) => void): void => {
    check(request, response).then(
      (passed) => {
        if (passed) next();
      },
      (error: unknown) => {
        if (error instanceof BodyTooLargeError) answer(response, 413, { code: 'too_large', hint: error.message }, { connection: 'close' });
        else next(error);
      },
    );
  };
}

/** For the `verify` option of Express's body parsers. */
export function keepRawBody(request: FrameworkRequest, _response: ServerResponse, bytes: Uint8Array): void {
  request.rawBody = bytes;
}

function answerRefusal({ code, hint }: Refusal, _request: IncomingMessage, response: ServerResponse): void {
  answer(response, 401, { code, hint }, { 'www-authenticate': 'SDK-HMAC-SHA256' });
}

function answer(response: ServerResponse, status: number, body: { code: string; hint: string }, headers: Record<string, string>): void {
  response.writeHead(status, { ...headers, 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
