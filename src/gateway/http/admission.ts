import { isUtf8 } from 'node:buffer';
import type { EncodedSlashes } from '../../lib/protocol/protocol.js';

/**
 * Checks that every entrypoint makes before it looks up the signing key. Ambiguous requests are refused here, because the request that is
 * matched, the one that is signed and the one that the backend reads must be the same. HAProxy applies the same rules in its own
 * configuration (src/cli/gen/haproxy.ts).
 */

/** Why a request is refused before any look-up. */
export type AdmissionFault = 'method_not_allowed' | 'uri_too_large' | 'bad_target' | 'bad_host' | 'bad_environment';

/** The parts of a request that select its API, as the client sent them. */
export interface RequestHead {
  method: string;
  /** Request target in origin form: path and query, one character per byte. */
  target: string;
  host: string;
  /** The value of `X-Stage`; several values are joined by a comma. An absent value and an empty one mean the same. */
  stage: string | undefined;
}

export interface AdmissionRules {
  /** Set by the operator. It overrides the client's `X-Stage`, which must still be well-formed. */
  environment: string | undefined;
  encodedSlashes: EncodedSlashes;
}

/**
 * The methods of the contract (docs/contracts/apig.md §3.5) without `ANY`, which is not an HTTP method. TRACE is refused, because the
 * response would contain the signature.
 */
export const METHODS: readonly string[] = ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS'];
const ALLOWED: ReadonlySet<string> = new Set(METHODS);

/** Maximum length of the target in bytes (docs/contracts/apig.md §5.6). */
const TARGET_LIMIT = 32 * 1024;
const DEFAULT_ENVIRONMENT = 'RELEASE';
/**
 * Format of the name of an environment, including the default one (docs/contracts/apig.md §3.4). A name contains no separator of HAProxy's
 * look-up keys.
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

/**
 * Format of `Host`: a name or an IP address, with an optional port (RFC 9110 §7.2). Some parsers would read any other text as user info, a
 * path or a second host.
 */
const HOST = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;
const isHost = (host: string): boolean => HOST.test(host);

/** Fast path for most targets: the path contains no escape, and no segment begins with a dot. */
const PLAIN = /^(?:\/(?!\.)[A-Za-z0-9\-._~]*)+(?:\?[\x21\x22\x24-\x7e]*)?$/;
/** Visible ASCII. A `#` is excluded, because it begins a fragment, which no request target has. */
const VISIBLE = /^[\x21\x22\x24-\x7e]+$/;
const MALFORMED_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const SLASH = /%2f/i;
/** `%00`–`%1F`, `%7F` and `%5C`. */
const CONTROL_OR_BACKSLASH = /%(?:[01][0-9a-f]|7f|5c)/i;
/**
 * `.` and `..`, with each dot percent-encoded any number of times. Also matches them before path parameters, which servlet containers
 * remove.
 */
const DOT_SEGMENT = /^(?:\.|%(?:25)*2e){1,2}(?:$|;|%(?:25)*3b)/i;

/** Whether all parsers read the same path from this target. An empty segment (`//`) is kept as it was sent. */
export function isTarget(target: string, encodedSlashes: EncodedSlashes): boolean {
  if (PLAIN.test(target)) return true;
  if (!target.startsWith('/') || !VISIBLE.test(target)) return false;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  if (path.includes('\\') || MALFORMED_ESCAPE.test(path) || CONTROL_OR_BACKSLASH.test(path)) return false;
  if (encodedSlashes === 'refuse' && SLASH.test(path)) return false;
  // With `pass`, a backend that decodes `%2F` treats it as the end of a segment.
  if (path.split(/\/|%2f/i).some((segment) => DOT_SEGMENT.test(segment))) return false;
  return !path.includes('%') || isUtf8(decoded(path));
}

/** @param path a path whose escapes are all well-formed */
const decoded = (path: string) =>
  Buffer.from(
    path.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );

/**
 * Whether the framing of the body is unambiguous: there is no transfer coding except one `chunked`, and none in HTTP/1.0.
 * @param codings each line of `Transfer-Encoding`
 */
export const isValidFraming = (codings: readonly string[], httpVersion: string): boolean =>
  codings.length === 0 || (codings.length === 1 && codings[0]?.trim().toLowerCase() === 'chunked' && httpVersion === '1.1');

/**
 * Normalises the name of a header as CGI and WSGI do: both `X_Sdk_Date` and `X.Sdk.Date` become `X-Sdk-Date`.
 * @param name the name in lower case
 */
export const foldedName = (name: string): string => (ODD_NAME.test(name) ? name.replaceAll(ODD_NAME_ALL, '-') : name);
const ODD_NAME = /[^a-z0-9-]/;
const ODD_NAME_ALL = /[^a-z0-9-]/g;
