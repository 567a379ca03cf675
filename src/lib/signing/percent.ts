/**
 * Percent-encoding on byte strings (one character per byte, 0–255). On bytes nothing is invalid: `%FF` stays `%FF`, and
 * comparing two byte strings of UTF-8 with `<` compares code points, which comparing JavaScript strings does not.
 */

const ESCAPE = /%([0-9A-Fa-f]{2})/g;
const RESERVED = /[^A-Za-z0-9\-._~]/g;
const ESCAPED = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`);
const NOT_PRINTABLE = /[^ -~]/;

/**
 * The bytes that `text` stands for. A `%` without two hexadecimal digits is a literal percent sign; characters that were
 * not escaped count as their UTF-8 bytes, a lone surrogate as U+FFFD.
 */
export function percentDecode(text: string): string {
  const bytes = NOT_PRINTABLE.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
  return bytes.includes('%') ? bytes.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : bytes;
}

/** Everything but the unreserved characters of RFC 3986 escaped, upper-case. */
export function percentEncode(bytes: string): string {
  return bytes.replace(RESERVED, (byte) => ESCAPED[byte.charCodeAt(0)] ?? '');
}
