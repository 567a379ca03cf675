import { hash, timingSafeEqual } from 'node:crypto';

/** Compares two texts in constant time; hashing hides the secret's length. */
export function sameText(given: string, expected: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', expected, 'buffer'));
}

/**
 * Compares two hexadecimal signatures of either case in constant time; their length is public. Compares as UTF-8, because Latin-1 keeps
 * only the low byte of a wide character, which may be a digit. Converts to lower case first, because this may change the length.
 */
export function sameHex(given: string, expected: string): boolean {
  const [bytes, right] = [Buffer.from(given.toLowerCase(), 'utf8'), Buffer.from(expected, 'utf8')];
  return bytes.length === right.length && timingSafeEqual(bytes, right);
}
