import { isUtf8 } from 'node:buffer';

/** Node's header object, any record of headers in whatever case, or a fetch `Headers`. */
export type HeaderSource =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | NodeJS.Dict<string | string[]>;

/** Finds a header by its lower-case name. */
export type HeaderReader = (name: string) => string | undefined;

export function headerReader(headers: unknown): HeaderReader {
  if (typeof headers !== 'object' || headers === null) return () => undefined;
  if (isFetchHeaders(headers)) return (name) => (FIELD_NAME.test(name) ? asText(headers.get(name) ?? undefined) : undefined);
  let folded: Map<string, unknown> | undefined;
  return (name) => {
    if (Object.hasOwn(headers, name)) return asText((headers as Record<string, unknown>)[name]);
    folded ??= new Map(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]));
    // HTTP/2 says the host in a pseudo-header.
    return asText(folded.get(name) ?? (name === 'host' ? folded.get(':authority') : undefined));
  };
}

/** RFC 9110 §5.6.2; `Headers.get` throws on anything else. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

const isFetchHeaders = (headers: object): headers is { get(name: string): string | null } =>
  typeof (headers as { get?: unknown }).get === 'function';

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return wireText(value);
  if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')) return wireText(value.join(', '));
  return undefined;
}

/**
 * What a sender wrote, where the HTTP parser hands out one character per byte: UTF-8 is put together again. Text with
 * characters above U+00FF did not come from such a parser and stays.
 */
export function wireText(text: string): string {
  if (!NOT_PRINTABLE.test(text) || WIDE.test(text)) return text;
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : text;
}
const NOT_PRINTABLE = /[^ -~]/;
const WIDE = /[\u0100-\uffff]/;
