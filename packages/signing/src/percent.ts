/**
 * Percent-encoding of byte strings (one character per byte, 0–255). Every byte is valid (`%FF` stays `%FF`), and `<` on UTF-8 byte strings
 * compares code points, unlike on JavaScript strings.
 */

const ESCAPE = /%([0-9A-Fa-f]{2})/g;
const RESERVED = /[^A-Za-z0-9\-._~]/g;
const ESCAPED = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`);
const NOT_PRINTABLE = /[^ -~]/;

/**
 * Decodes `text` to bytes. A `%` without two hexadecimal digits is a literal percent sign; unescaped characters count as their UTF-8 bytes,
 * a lone surrogate as U+FFFD.
 */
export function percentDecode(text: string): string {
  const bytes = NOT_PRINTABLE.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
  return bytes.includes('%') ? bytes.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : bytes;
}

/** Encodes everything but the unreserved characters of RFC 3986, in upper case. */
export function percentEncode(bytes: string): string {
  return bytes.replace(RESERVED, (byte) => ESCAPED[byte.charCodeAt(0)] ?? '');
}
