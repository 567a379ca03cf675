import { isUtf8 } from 'node:buffer';

/** Node's header object, a record of headers in any case, or a fetch `Headers`. */
export type HeaderSource =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | NodeJS.Dict<string | string[]>;

/** Reads a header by its lower-case name. */
export type HeaderReader = (name: string) => string | undefined;

export function headerReader(headers: unknown): HeaderReader {
  if (typeof headers !== 'object' || headers === null) return () => undefined;
  if (isFetchHeaders(headers)) return (name) => (FIELD_NAME.test(name) ? asText(headers.get(name) ?? undefined) : undefined);
  let folded: Map<string, unknown> | undefined;
  return (name) => {
    folded ??= foldNames(headers);
    // HTTP/2 has the host in a pseudo-header.
    return asText(folded.get(name) ?? (name === 'host' ? folded.get(':authority') : undefined));
  };
}

/** Headers by lower-case name. A name that occurs in upper and lower case has the values of both, as in an HTTP message. */
function foldNames(headers: object): Map<string, unknown> {
  const folded = new Map<string, unknown>();
  for (const [key, value] of Object.entries(headers)) {
    // Only field names are used, because toLowerCase() also converts the Kelvin sign to a k.
    if (value === undefined || !(FIELD_NAME.test(key) || key === ':authority')) continue;
    const name = key.toLowerCase();
    folded.set(name, folded.has(name) ? [folded.get(name), value].flat() : value);
  }
  return folded;
}

/** The field names of RFC 9110 §5.6.2. `Headers.get` throws for other names. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

const isFetchHeaders = (headers: object): headers is { get(name: string): string | null } =>
  typeof (headers as { get?: unknown }).get === 'function';

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return wireText(value);
  if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')) return wireText(value.join(', '));
  return undefined;
}

/**
 * Restores UTF-8 text from an HTTP parser that returns one character per byte. Text with characters above U+00FF does not come from such a
 * parser and stays unchanged.
 */
export function wireText(text: string): string {
  if (!NOT_PRINTABLE.test(text) || WIDE.test(text)) return text;
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : text;
}
const NOT_PRINTABLE = /[^ -~]/;
const WIDE = /[\u0100-\uffff]/;
