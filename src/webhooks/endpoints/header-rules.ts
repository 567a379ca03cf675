import { InvalidHeaders } from './endpoints.errors.js';

/** Limits of the headers (docs/contracts/endpoints.md §1.6). The limit of bytes counts names and values. */
const HEADERS_MAX = 50;
const HEADERS_MAX_BYTES = 8192;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII with spaces and tabs inside. Excludes line breaks, NUL and characters whose encoding is ambiguous. */
const VALUE = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;

/** Headers that belong to the connection, the signature, the identity of the sender, or a proxy. */
const FORBIDDEN = new Set([
  // An assignment to this name would set the prototype of the object.
  '__proto__',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'date',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'origin',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'via',
]);
const FORBIDDEN_PREFIX = /^(?:proxy-|sec-|webhook-|x-webhook-|x-forwarded-)/;

/** Validates the headers that an endpoint or a message adds to its deliveries. @throws InvalidHeaders */
export function assertHeaders(headers: object): asserts headers is Record<string, string> {
  const entries = Object.entries(headers) as [string, unknown][];
  if (entries.length > HEADERS_MAX) throw new InvalidHeaders(`headers must have at most ${HEADERS_MAX} entries`);
  const seen = new Set<string>();
  let bytes = 0;
  for (const [name, value] of entries) {
    if (!TOKEN.test(name)) throw new InvalidHeaders("header names must be letters, digits and !#$%&'*+-.^_`|~");
    const lower = name.toLowerCase();
    if (FORBIDDEN.has(lower) || FORBIDDEN_PREFIX.test(lower))
      throw new InvalidHeaders(`header '${name}' is forbidden and cannot be overridden`);
    if (seen.has(lower)) throw new InvalidHeaders(`header '${name}' occurs more than once`);
    seen.add(lower);
    if (typeof value !== 'string') throw new InvalidHeaders(`header '${name}' must be a string`);
    if (!VALUE.test(value)) throw new InvalidHeaders(`header '${name}' must contain only visible ASCII without line breaks`);
    bytes += name.length + value.length;
  }
  if (bytes > HEADERS_MAX_BYTES) throw new InvalidHeaders(`headers must have at most ${HEADERS_MAX_BYTES} bytes in total`);
}
