import { type Refusal, refuse } from './errors.js';
import { answerTo } from './answers.js';
import { BodyTooLargeError, collect, DEFAULT_LIMIT_BYTES, type MiddlewareOptions, tooLarge, verifierOf } from './raw-body.js';
import type { Verifier } from './verifier.js';
import type { Verified } from './verify.js';

/**
 * Verifies a fetch `Request`, which stays readable. Its URL is parsed, so `/./` and `/../` are resolved already: a sender that signs such a
 * path is refused. Where the runtime hides the Host header, the URL's host is used.
 */
export async function verifyRequest(
  request: Request,
  verifier: Verifier,
  { limitBytes = DEFAULT_LIMIT_BYTES }: { limitBytes?: number } = {},
): Promise<(Verified & { body: Uint8Array | null }) | Refusal> {
  const { host, pathname, search } = new URL(request.url);
  const headers = { get: (name: string) => request.headers.get(name) ?? (name === 'host' ? host : null) };
  if (request.bodyUsed) return refuse('malformed', 'the body was read before it could be verified');
  // URL has no fragment for a `#` at the end.
  const fragment = request.url.includes('#') ? '#' : '';
  const begun = await verifier.begin({ method: request.method, url: `${pathname}${search}${fragment}`, headers });
  if (!begun.ok) return begun;
  const copy = request.clone().body;
  let body: Uint8Array | null = null;
  try {
    if (copy !== null) body = await collect(copy.values({ preventCancel: true }), limitBytes);
  } catch (error) {
    // Not awaited: a clone is cancelled once its original is, too.
    copy?.cancel().catch(() => undefined);
    if (error instanceof BodyTooLargeError) return tooLarge(limitBytes);
    throw error;
  }
  const verdict = await begun.finish({ body });
  return verdict.ok ? { ...verdict, body } : verdict;
}

/** The default answer to a refused request: 401, 413 or 503 with `{code, hint}` as JSON. */
export function refusalResponse(refusal: Refusal): Response {
  const { status, headers, body } = answerTo(refusal);
  return new Response(JSON.stringify(body), { status, headers });
}

/**
 * Wraps a handler of fetch requests, which then gets signed ones only, with the signature; undefined when report-only mode let the request
 * pass.
 */
export function fetchVerifier(
  handler: (request: Request, signature: Verified | undefined) => Response | Promise<Response>,
  options: MiddlewareOptions,
): (request: Request) => Promise<Response> {
  const verifier = verifierOf(options);
  return async (request) => {
    const { url, method } = request;
    const verdict = await verifyRequest(request, verifier, options);
    if (!verifier.passes(verdict, { method, url: new URL(url).pathname }) && !verdict.ok) return refusalResponse(verdict);
    return handler(request, verdict.ok ? verdict : undefined);
  };
}
