import { hash } from 'node:crypto';
import { percentDecode, percentEncode } from './percent.js';

/** Payload line for a body that the signature does not cover (docs/contracts/apig.md §6.2). */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

/** Input of a canonical request (docs/contracts/apig.md §6.2). */
export interface CanonicalParts {
  method: string;
  /** The request target as sent: path and query, undecoded. The scheme and authority of an absolute URL are ignored. */
  url: string;
  /** {@link headerLine} of each signed header, in the order of `signedHeaders`. */
  headerLines: string;
  /** Names joined by `;`, exactly as in the Authorization header. */
  signedHeaders: string;
  /** Hex SHA-256 of the body, or the value of `X-Sdk-Content-Sha256`. */
  payload: string;
  /** Formats the query line; default: {@link canonicalQuery}. */
  queryLine?: (query: string) => string;
}

const PLAIN_PATH = /^\/[A-Za-z0-9\-._~/]*$/;
const PLAIN_QUERY = /^[A-Za-z0-9\-._~&=]*$/;
const AUTHORITY = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/;
/** The characters of a request target: all but `#`, spaces and control characters (RFC 9112 §3.2). Bytes above ASCII occur in practice. */
const TARGET = /^[!"$-~\u0080-\uffff]*$/;

/** Never throws: every string has a canonical form (docs/signing.md). */
export function canonicalRequest({ method, url, headerLines, signedHeaders, payload, queryLine = canonicalQuery }: CanonicalParts): string {
  const { path, query } = splitTarget(url);
  return `${method.toUpperCase()}\n${canonicalUri(path)}\n${queryLine(query)}\n${headerLines}\n${signedHeaders}\n${payload}`;
}

/** The line of one signed header. @param name in lower case */
export const headerLine = (name: string, value: string): string => `${name}:${value}\n`;

/** @param scheme first word of the Authorization header */
export const stringToSign = (scheme: string, date: string, canonical: string): string =>
  `${scheme}\n${date}\n${hash('sha256', canonical, 'hex')}`;

/** Whether a received text is a valid target. Parsers read different paths from a target with other characters. */
export const isTarget = (url: string): boolean => TARGET.test(url);

/** The query starts at the first `?`. For a target that {@link isTarget} accepts; `#` is an ordinary character here. */
export function splitTarget(url: string): { path: string; query: string } {
  const target = url.startsWith('/') ? url : url.replace(AUTHORITY, '');
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** Canonical form of a path segment: everything but unreserved characters percent-encoded in upper case. */
export const canonicalSegment = (segment: string): string => percentEncode(percentDecode(segment));

/** Decodes and encodes each segment, so `%2F` stays in its segment; dot segments and `//` are kept. */
export function canonicalUri(path: string): string {
  const encoded = PLAIN_PATH.test(path) ? path : path.split('/').map(canonicalSegment).join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}

/** Sorted by decoded name, then decoded value; a missing `=` is added, empty pairs are removed, `+` is a space. */
export function canonicalQuery(query: string): string {
  if (query === '') return '';
  if (PLAIN_QUERY.test(query)) return plainQuery(query);
  return decodedPairs(query)
    .sort(byNameThenValue)
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .join('&');
}

type Pair = [name: string, value: string];

const decodedPairs = (query: string) => pairsOf(query, (text) => percentDecode(text.replaceAll('+', ' ')));

/** The pairs of a query, decoded and encoded again, in their original order. */
export const canonicalPairs = (query: string): Pair[] =>
  decodedPairs(query).map(([name, value]) => [percentEncode(name), percentEncode(value)]);

const byNameThenValue = (a: Pair, b: Pair) => (a[0] === b[0] ? compare(a[1], b[1]) : compare(a[0], b[0]));
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function pairsOf(query: string, decode: (text: string) => string): Pair[] {
  const pairs: Pair[] = [];
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    pairs.push(equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]);
  }
  return pairs;
}

/** The common case, in which at most the order or a second `=` in a pair needs a change. */
function plainQuery(query: string): string {
  const first = query.indexOf('=');
  if (first >= 0 && !query.includes('&') && !query.includes('=', first + 1)) return query;
  return pairsOf(query, (text) => text)
    .sort(byNameThenValue)
    .map(([name, value]) => `${name}=${value.replaceAll('=', '%3D')}`)
    .join('&');
}
