import { isUtf8 } from 'node:buffer';
import type { EncodedSlashes } from '../../lib/protocol/protocol.js';

/**
 * Checks that every entrypoint makes before it looks up the signing key. Ambiguous requests are refused here, because what is
 * matched, what is signed and what the backend resolves must be the same request.
 * HAProxy applies the same rules in its own configuration (src/cli/gen/haproxy.ts).
 */

/** Why a request is refused before any look-up. */
export type AdmissionFault = 'method_not_allowed' | 'uri_too_large' | 'bad_target' | 'bad_host' | 'bad_environment';

/** The parts of a request that select its API, as the client sent them. */
export interface RequestHead {
  method: string;
  /** Origin form: path and query, one character per byte. */
  target: string;
  host: string;
  /** `X-Stage`; several values are joined by a comma. Absent and empty mean the same. */
  stage: string | undefined;
}

export interface AdmissionRules {
  /** Set by the operator: overrides the client's `X-Stage`, which must still be well-formed. */
  environment: string | undefined;
  encodedSlashes: EncodedSlashes;
}

/**
 * The contract's methods (docs/contracts/apig.md §3.5) without `ANY`, which is no HTTP method. TRACE is refused: it would echo the signature to the client.
 */
export const METHODS: readonly string[] = ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS'];
const ALLOWED: ReadonlySet<string> = new Set(METHODS);

/** Bytes (docs/contracts/apig.md §5.6). */
const TARGET_LIMIT = 32 * 1024;
const DEFAULT_ENVIRONMENT = 'RELEASE';
/**
 * Valid environment names (docs/contracts/apig.md §3.4), the default included. None contains a separator of HAProxy's look-up keys.
 */
export const ENVIRONMENT_NAME = /^[A-Za-z][A-Za-z0-9_]{2,63}$/;

/** Returns the environment of the request, or why the request is refused. */
export function admit(request: RequestHead, rules: AdmissionRules): { environment: string } | AdmissionFault {
  if (!ALLOWED.has(request.method)) return 'method_not_allowed';
  if (!isHost(request.host)) return 'bad_host';
  if (request.target.length > TARGET_LIMIT) return 'uri_too_large';
  if (!isTarget(request.target, rules.encodedSlashes)) return 'bad_target';
  const stage = request.stage || DEFAULT_ENVIRONMENT;
  if (!ENVIRONMENT_NAME.test(stage)) return 'bad_environment';
  return { environment: rules.environment ?? stage };
}

/** A name or an IP address, with an optional port (RFC 9110 §7.2). Parsers read anything else as user info, a path or a second host. */
const HOST = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;
const isHost = (host: string): boolean => HOST.test(host);

/** Fast path for most targets: no escape in the path, and no segment that begins with a dot. */
const PLAIN = /^(?:\/(?!\.)[A-Za-z0-9\-._~]*)+(?:\?[\x21\x22\x24-\x7e]*)?$/;
/** Visible ASCII; a `#` starts a fragment, which no request target has. */
const VISIBLE = /^[\x21\x22\x24-\x7e]+$/;
const MALFORMED_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const SLASH = /%2f/i;
/** `%00`–`%1F`, `%7F` and `%5C`. */
const CONTROL_OR_BACKSLASH = /%(?:[01][0-9a-f]|7f|5c)/i;
/** `.` and `..`, each dot percent-encoded any number of times, also before path parameters, which servlet containers strip. */
const DOT_SEGMENT = /^(?:\.|%(?:25)*2e){1,2}(?:$|;|%(?:25)*3b)/i;

/** Whether all parsers read the same path from this target. An empty segment (`//`) is kept as sent. */
export function isTarget(target: string, encodedSlashes: EncodedSlashes): boolean {
  if (PLAIN.test(target)) return true;
  if (!target.startsWith('/') || !VISIBLE.test(target)) return false;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  if (path.includes('\\') || MALFORMED_ESCAPE.test(path) || CONTROL_OR_BACKSLASH.test(path)) return false;
  if (encodedSlashes === 'refuse' && SLASH.test(path)) return false;
  // With `pass`, a backend that decodes `%2F` sees a segment end there.
  if (path.split(/\/|%2f/i).some((segment) => DOT_SEGMENT.test(segment))) return false;
  return !path.includes('%') || isUtf8(decoded(path));
}

/** @param path whose escapes are all well-formed */
const decoded = (path: string) =>
  Buffer.from(
    path.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );

/**
 * Whether the body framing is unambiguous: no transfer coding except one `chunked`, and none in HTTP/1.0.
 * @param codings each `Transfer-Encoding` line
 */
export const isValidFraming = (codings: readonly string[], httpVersion: string): boolean =>
  codings.length === 0 || (codings.length === 1 && codings[0]?.trim().toLowerCase() === 'chunked' && httpVersion === '1.1');

/**
 * Normalizes a header name as CGI and WSGI do: `X_Sdk_Date` and `X.Sdk.Date` both become `X-Sdk-Date` there.
 * @param name lower case
 */
export const foldedName = (name: string): string => (ODD_NAME.test(name) ? name.replaceAll(ODD_NAME_ALL, '-') : name);
const ODD_NAME = /[^a-z0-9-]/;
const ODD_NAME_ALL = /[^a-z0-9-]/g;
