import { type Refusal, refuse } from './errors.js';
import { BodyTooLargeError, collect, DEFAULT_LIMIT_BYTES } from './raw-body.js';
import type { Verifier } from './verifier.js';
import type { Verified } from './verify.js';

/**
 * Verifies a fetch `Request`, which stays readable. Its URL was parsed, so `/./` and `/../` are already resolved: a
 * sender that signs such a path is refused here. Where the runtime hides the Host header, the URL's host counts.
 */
export async function verifyRequest(
  request: Request,
  verifier: Verifier,
  { limitBytes = DEFAULT_LIMIT_BYTES }: { limitBytes?: number } = {},
): Promise<(Verified & { body: Uint8Array | null }) | Refusal> {
  const { host, pathname, search } = new URL(request.url);
  const headers = { get: (name: string) => request.headers.get(name) ?? (name === 'host' ? host : null) };
  if (request.bodyUsed) return refuse('malformed', 'the body was read before it could be verified');
  let body: Uint8Array | null = null;
  try {
    const copy = request.clone().body;
    if (copy !== null) body = await collect(copy as AsyncIterable<Uint8Array>, limitBytes);
  } catch (error) {
    if (error instanceof BodyTooLargeError) return refuse('malformed', error.message);
    throw error;
  }
  const verdict = await verifier.verify({ method: request.method, url: `${pathname}${search}`, headers, body });
  return verdict.ok ? { ...verdict, body } : verdict;
}
