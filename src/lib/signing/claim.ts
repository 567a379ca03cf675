import { EMPTY_SHA256, type RawBody, sha256 } from './body.js';
import { canonicalRequest, splitTarget, stringToSign, UNSIGNED_PAYLOAD } from './canonical-request.js';
import { type Refusal, refuse } from './errors.js';
import { headerReader, type HeaderReader, type HeaderSource, wireText } from './headers.js';
import type { Credentials, Scheme } from './scheme.js';
import { schemeNamed } from './schemes.js';
import { parseSdkDate } from './sdk-date.js';

/** A request as it arrived. */
export interface ReceivedRequest {
  method: string;
  /** The target as it arrived: path and query, undecoded, before any router took a prefix away. */
  url: string;
  headers: HeaderSource;
  /** The bytes as they arrived, never a parsed body; `null` when the request has none. */
  body?: RawBody;
  /** Instead of `body`: the hex SHA-256 of a body that was hashed while it arrived. */
  bodySha256?: string;
}

/** What a request says about itself, before any key is looked at. */
export interface Claim extends Credentials {
  ok: true;
  scheme: Scheme;
  /** Milliseconds since the epoch; 0 for a scheme that signs nothing. */
  signedAt: number;
  bodySigned: boolean;
  /** What every candidate key is tried on. */
  stringToSign: string;
  canonicalRequest: string;
  /** Whether the body is the one that `X-Sdk-Content-Sha256` announces; costs a hash, so it is asked last. */
  bodyMatches(): boolean;
}

/** The scheme of an Authorization header. @param name its first word @param credentials what follows */
export type SchemeFinder = (name: string, credentials: string) => Scheme | undefined;

/** Never throws, whatever the request holds. @param schemeOf the schemes that are accepted; those of signature keys by default */
export function readClaim(request: ReceivedRequest, signatureHeader: string, schemeOf: SchemeFinder = schemeNamed): Claim | Refusal {
  if (typeof request !== 'object' || request === null) return refuse('malformed', 'there is no request');
  const header = headerReader(request.headers);
  const authorization = header(signatureHeader.toLowerCase())?.trim();
  if (authorization === undefined || authorization === '') return refuse('no_authorization', `there is no ${signatureHeader} header`);
  if (authorization === 'unsigned') return refuse('no_authorization', 'the gateway let this request pass without signing it');
  const space = authorization.indexOf(' ');
  const name = space < 0 ? authorization : authorization.slice(0, space);
  const rest = authorization.slice(name.length).trim();
  const scheme = schemeOf(name, rest);
  if (scheme === undefined) return refuse('malformed', 'the header names no scheme that is known here');
  const credentials = scheme.parse(rest);
  if (credentials === undefined) return refuse('malformed', `the header does not have the form of ${scheme.name}`);
  return scheme.coversRequest ? readSigned(request, header, scheme, credentials) : { ...credentials, ...UNCOVERED, scheme };
}

const UNCOVERED = { ok: true, signedAt: 0, bodySigned: false, stringToSign: '', canonicalRequest: '', bodyMatches: () => true } as const;

function readSigned(request: ReceivedRequest, header: HeaderReader, scheme: Scheme, credentials: Credentials): Claim | Refusal {
  const { method, url, body, bodySha256 } = request;
  if (typeof method !== 'string' || typeof url !== 'string') return refuse('malformed', 'a request has a method and a url');
  const actual = bodyHash(body, bodySha256);
  if (actual === undefined) return refuse('malformed', 'pass the raw body bytes (or null), not a parsed body');

  const form = scheme.canonicalForm;
  const names = credentials.signedHeaders.split(';');
  if (!names.some((name) => name.toLowerCase() === 'x-sdk-date')) return refuse('missing_signed_header', 'x-sdk-date is not signed');
  let headerLines = '';
  for (const name of names) {
    const lower = name.toLowerCase();
    const value = header(lower)?.trim();
    if (value === undefined) return refuse('missing_signed_header', `a signed header did not arrive: ${printable(lower)}`);
    if (LINE_BREAK.test(value)) return refuse('malformed', 'a header value has a line break');
    headerLines += `${lower}:${form === undefined ? value : form.headerValue(value)}\n`;
  }
  const date = header('x-sdk-date')?.trim() ?? '';
  const signedAt = parseSdkDate(date);
  if (signedAt === undefined) return refuse('malformed', 'X-Sdk-Date has the form YYYYMMDDTHHMMSSZ');
  const { scope } = credentials;
  if (scope !== undefined && !scope.startsWith(date.slice(0, 8))) return refuse('malformed', 'X-Sdk-Date is of another day than the key');

  const announced = header('x-sdk-content-sha256')?.trim();
  if (announced !== undefined && LINE_BREAK.test(announced)) return refuse('malformed', 'a header value has a line break');
  const target = wireText(url);
  const queryIsPayload = form !== undefined && method.toUpperCase() === 'POST' && actual() === EMPTY_SHA256;
  const payload = announced ?? (queryIsPayload ? sha256(form.queryAsPayload(splitTarget(target).query)) : actual());
  const canonical = canonicalRequest({
    method,
    url: target,
    headerLines,
    signedHeaders: credentials.signedHeaders,
    payload,
    ...(form !== undefined && { queryLine: queryIsPayload ? () => '' : form.query }),
  });
  return {
    ok: true,
    ...credentials,
    scheme,
    signedAt,
    bodySigned: payload !== UNSIGNED_PAYLOAD,
    canonicalRequest: canonical,
    // The scope is a line of its own, after the date.
    stringToSign: stringToSign(scheme.name, scope === undefined ? date : `${date}\n${scope}`, canonical),
    bodyMatches: () => announced === undefined || announced === UNSIGNED_PAYLOAD || announced === actual(),
  };
}

const LINE_BREAK = /[\r\n]/;
const printable = (name: string) => name.replace(/[^!-~]/g, '?').slice(0, 64);

/** How to get the hash of the body; undefined when what was passed is no body. */
function bodyHash(body: unknown, bodySha256: unknown): (() => string) | undefined {
  if (typeof bodySha256 === 'string') return () => bodySha256;
  if (body === null) return () => EMPTY_SHA256;
  return typeof body === 'string' || body instanceof Uint8Array ? () => sha256(body) : undefined;
}
