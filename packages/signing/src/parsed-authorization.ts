import { EMPTY_SHA256, sha256 } from './body.js';
import { canonicalRequest, headerLine, isTarget, splitTarget, stringToSign, UNSIGNED_PAYLOAD } from './canonical-request.js';
import { type Refusal, refuse } from './errors.js';
import { headerReader, type HeaderReader, wireText } from './headers.js';
import { parseMessageSignature } from './parsed-message-signature.js';
import type { Credentials, Scheme } from './scheme.js';
import {
  bodyHash,
  type ParsedAuthorization,
  type ReceivedBody,
  type RequestHead,
  SIGNED_CHARS_MAX,
  SIGNED_HEADERS_MAX,
  type SignedContent,
} from './received.js';
import { schemeNamed } from './schemes.js';
import { parseSdkDate } from './sdk-date.js';

/** Finds the scheme of an Authorization header. @param name its first word @param credentials what follows */
export type SchemeFinder = (name: string, credentials: string) => Scheme | undefined;

/**
 * Parses the signature headers. Never throws. A message signature with our tag decides, whatever Authorization has: that may be the
 * application's own.
 * @param schemeOf accepted schemes; by default those of signature keys, message signatures included
 */
export function parseAuthorization(request: RequestHead, signatureHeader: string, schemeOf?: SchemeFinder): ParsedAuthorization | Refusal {
  if (typeof request !== 'object' || request === null) return refuse('malformed', 'there is no request');
  const header = headerReader(request.headers);
  const authorization = header(signatureHeader.toLowerCase())?.trim();
  const message = schemeOf === undefined ? parseMessageSignature(request, header, Boolean(authorization)) : undefined;
  return message ?? parseHeader(request, header, authorization, signatureHeader, schemeOf ?? schemeNamed);
}

function parseHeader(
  request: RequestHead,
  header: HeaderReader,
  authorization: string | undefined,
  signatureHeader: string,
  schemeOf: SchemeFinder,
): ParsedAuthorization | Refusal {
  if (authorization === undefined || authorization === '') return refuse('no_authorization', `there is no ${signatureHeader} header`);
  if (authorization === 'unsigned') return refuse('no_authorization', 'the gateway let this request pass without signing it');
  const space = authorization.indexOf(' ');
  const name = space < 0 ? authorization : authorization.slice(0, space);
  const rest = authorization.slice(name.length).trim();
  const scheme = schemeOf(name, rest);
  if (scheme === undefined) return refuse('malformed', 'the header names no scheme that is known here');
  const credentials = scheme.parse(rest);
  if (credentials === undefined) return refuse('malformed', `the header does not have the form of ${scheme.name}`);
  const { method, url } = request;
  if (typeof method !== 'string' || typeof url !== 'string') return refuse('malformed', 'a request has a method and a url');
  if (!isTarget(url)) return refuse('malformed', 'a request target has no #, space or control character');
  return scheme.coversRequest ? readSigned(request, header, scheme, credentials) : { ...credentials, ...UNCOVERED, scheme };
}

const UNCOVERED = {
  ok: true,
  signedAt: 0,
  bodySigned: false,
  signedContent: (): SignedContent => ({ ok: true, stringToSign: '', canonicalRequest: '', bodyMatches: () => true }),
} as const;

function readSigned(
  { method, url }: RequestHead,
  header: HeaderReader,
  scheme: Scheme,
  credentials: Credentials,
): ParsedAuthorization | Refusal {
  const form = scheme.canonicalForm;
  const signed = readSignedHeaders(header, credentials.signedHeaders, url.length);
  if ('code' in signed) return signed;
  const date = header('x-sdk-date')?.trim() ?? '';
  const signedAt = parseSdkDate(date);
  if (signedAt === undefined) return refuse('malformed', 'X-Sdk-Date has the form YYYYMMDDTHHMMSSZ');
  const { scope } = credentials;
  if (scope !== undefined && !scope.startsWith(date.slice(0, 8))) return refuse('malformed', 'X-Sdk-Date is of another day than the key');
  const announced = header('x-sdk-content-sha256')?.trim();
  if (announced !== undefined && LINE_BREAK.test(announced)) return refuse('malformed', 'a header value has a line break');

  const signedContent = ({ body, bodySha256 }: ReceivedBody): SignedContent | Refusal => {
    const actual = bodyHash(body, bodySha256);
    if (actual === undefined) return refuse('malformed', 'pass the raw body bytes (or null), not a parsed body');
    let headerLines = '';
    for (const [name, value] of signed) headerLines += headerLine(name, form === undefined ? value : form.headerValue(value));
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
      canonicalRequest: canonical,
      // The scope is on a line of its own after the date.
      stringToSign: stringToSign(scheme.name, scope === undefined ? date : `${date}\n${scope}`, canonical),
      bodyMatches: () => announced === undefined || announced === UNSIGNED_PAYLOAD || announced === actual(),
    };
  };
  return { ok: true, ...credentials, scheme, signedAt, bodySigned: announced !== UNSIGNED_PAYLOAD, signedContent };
}

/** Reads the signed headers in order, names in lower case. @param urlChars length of the target, which is signed as well */
function readSignedHeaders(header: HeaderReader, signedHeaders: string, urlChars: number): Map<string, string> | Refusal {
  const names = signedHeaders.split(';', SIGNED_HEADERS_MAX + 1);
  if (names.length > SIGNED_HEADERS_MAX) return refuse('malformed', `more than ${SIGNED_HEADERS_MAX} headers are signed`);
  const signed = new Map<string, string>();
  let chars = urlChars;
  for (const name of names) {
    const lower = name.toLowerCase();
    if (signed.has(lower)) return refuse('malformed', `a header is signed twice: ${printable(lower)}`);
    const value = header(lower)?.trim();
    if (value === undefined) return refuse('missing_signed_header', `a signed header did not arrive: ${printable(lower)}`);
    if ((chars += value.length) > SIGNED_CHARS_MAX) return refuse('malformed', `more than ${SIGNED_CHARS_MAX} characters are signed`);
    if (LINE_BREAK.test(value)) return refuse('malformed', 'a header value has a line break');
    signed.set(lower, value);
  }
  return signed.has('x-sdk-date') ? signed : refuse('missing_signed_header', 'x-sdk-date is not signed');
}

const LINE_BREAK = /[\r\n]/;
const printable = (name: string) => name.replace(/[^!-~]/g, '?').slice(0, 64);
