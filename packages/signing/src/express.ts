import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendRefusal } from './answers.js';
import { type Refusal, refuse } from './errors.js';
import {
  concluded,
  DEFAULT_LIMIT_BYTES,
  type FrameworkRequest,
  isRefused,
  type MiddlewareOptions,
  rawBodyOf,
  verifierOf,
} from './raw-body.js';

/** Marks a body that a parser has decompressed. */
const UNPACKED = Symbol('unpacked');
const WAS_UNPACKED = refuse(
  'malformed',
  'a parser unpacked the body before it could be verified: put expressVerifier before express.json, and unpack and parse req.rawBody yourself',
);

export type ExpressVerifierOptions = MiddlewareOptions & {
  /** Sends the response to a refused request. Default: 401, 413 or 503 with `{code, hint}` as JSON. */
  onRefused?: (refusal: Refusal, request: IncomingMessage, response: ServerResponse) => void;
};

/**
 * Express middleware. Sets `req.signature`, `req.rawBody` and, unless a parser ran before, the raw bytes as `req.body`. A JSON parser may run
 * before it only with `express.json({ verify: keepRawBody })`.
 */
export function expressVerifier(options: ExpressVerifierOptions) {
  const verifier = verifierOf(options);
  const { limitBytes = DEFAULT_LIMIT_BYTES, onRefused = sendRefusal } = options;
  const check = async (request: FrameworkRequest, response: ServerResponse): Promise<boolean> => {
    const { method = '', headers } = request;
    const head = { method, url: request.originalUrl ?? request.url ?? '', headers };
    const begun = await verifier.begin(head);
    const unpacked = request.rawBody === UNPACKED;
    // Does not read the body of a request refused by its headers, unless its handler gets it nevertheless.
    const body = (begun.ok || verifier.reportOnly) && !unpacked ? await rawBodyOf(request, request, limitBytes) : null;
    const verdict = begun.ok ? await concluded(begun, unpacked ? WAS_UNPACKED : body) : begun;
    if (!verifier.passes(verdict, head)) {
      if (!verdict.ok) onRefused(verdict, request, response);
      return false;
    }
    if (verdict.ok) request.signature = verdict;
    if (!unpacked && !isRefused(body)) {
      request.rawBody = body;
      request.body ??= body;
    }
    return true;
  };
  return (request: FrameworkRequest, response: ServerResponse, next: (error?: unknown) => void): void => {
    check(request, response).then((passed) => {
      if (passed) next();
    }, next);
  };
}

/**
 * For the `verify` option of Express's body parsers. Parsers decompress a body with a `Content-Encoding` first, but the signature covers the
 * received bytes, so such a request is refused. To accept it, verify before any parser.
 */
export function keepRawBody(request: FrameworkRequest, _response: ServerResponse, bytes: Uint8Array): void {
  const coding = request.headers['content-encoding'];
  request.rawBody = coding === undefined || coding === 'identity' ? bytes : UNPACKED;
}
