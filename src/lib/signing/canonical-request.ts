import { hash } from 'node:crypto';
import { percentDecode, percentEncode } from './percent.js';

/** Payload line of a request whose body the signature does not cover (apig §6.2). */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

/** What a canonical request is made of (apig §6.2). */
export interface CanonicalParts {
  method: string;
  /** The request target as sent: path and query, undecoded. An absolute URL counts without its scheme and authority. */
  url: string;
  /** `name:value\n` for each signed header, in the order of `signedHeaders`. */
  headerLines: string;
  /** Names joined by `;`, exactly as in the Authorization header. */
  signedHeaders: string;
  /** Hex SHA-256 of the body, or whatever `X-Sdk-Content-Sha256` says. */
  payload: string;
  /** Writes the query line; {@link canonicalQuery} unless a scheme has a way of its own. */
  queryLine?: (query: string) => string;
}

const PLAIN_PATH = /^\/[A-Za-z0-9\-._~/]*$/;
const PLAIN_QUERY = /^[A-Za-z0-9\-._~&=]*$/;
const AUTHORITY = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?]*/;

/** Never throws: every string has a canonical form (docs/signing.md, "Bad percent-encoding"). */
export function canonicalRequest({ method, url, headerLines, signedHeaders, payload, queryLine = canonicalQuery }: CanonicalParts): string {
  const { path, query } = splitTarget(url);
  return `${method.toUpperCase()}\n${canonicalUri(path)}\n${queryLine(query)}\n${headerLines}\n${signedHeaders}\n${payload}`;
}

/** @param scheme the name the Authorization header starts with */
export const stringToSign = (scheme: string, date: string, canonical: string): string =>
  `${scheme}\n${date}\n${hash('sha256', canonical, 'hex')}`;

/** The query starts at the first `?`; a fragment is no part of a request target, so a `#` is a character like any other. */
export function splitTarget(url: string): { path: string; query: string } {
  const target = url.startsWith('/') ? url : url.replace(AUTHORITY, '');
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** Decoded and encoded again segment by segment, so `%2F` stays within its segment; dot segments and `//` are left alone. */
export function canonicalUri(path: string): string {
  const encoded = PLAIN_PATH.test(path)
    ? path
    : path
        .split('/')
        .map((segment) => percentEncode(percentDecode(segment)))
        .join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}

/** Sorted by decoded name, then decoded value; a name without `=` gets one, empty pairs vanish, `+` is a space. */
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

/** The pairs of a query, decoded and encoded again, in the order in which they stand. */
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

/** The common case, where nothing but the order and a second `=` of a pair can need a change. */
function plainQuery(query: string): string {
  const first = query.indexOf('=');
  if (first >= 0 && !query.includes('&') && !query.includes('=', first + 1)) return query;
  return pairsOf(query, (text) => text)
    .sort(byNameThenValue)
    .map(([name, value]) => `${name}=${value.replaceAll('=', '%3D')}`)
    .join('&');
}
