import { hash, timingSafeEqual } from 'node:crypto';

/** Whether two texts are the same, in a time that does not tell where they differ nor how long the secret one is. */
export function sameText(given: string, expected: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', expected, 'buffer'));
}

/** The same for two signatures in hexadecimal, of either case, whose length is no secret. */
export function sameHex(given: string, expected: string): boolean {
  return given.length === expected.length && timingSafeEqual(Buffer.from(given.toLowerCase(), 'latin1'), Buffer.from(expected, 'latin1'));
}
