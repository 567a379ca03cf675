import { hash } from 'node:crypto';
import type { RawBody } from './body.js';
import { isInnerList, parseDictionary } from './structured-fields.js';

/** Algorithms of RFC 9530 §5 that are not deprecated, and their names in Node. */
const ALGORITHMS = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const;
type DigestAlgorithm = keyof typeof ALGORITHMS;

/** Digests in base64 by algorithm; algorithms that are not known here are left out. */
export type Digests = ReadonlyMap<DigestAlgorithm, string>;

/** @param sha256 in hexadecimal */
export const formatContentDigest = (sha256: string): string => `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;

/** Undefined for text that is not a Content-Digest (RFC 9530 §2), or that has no digest of a known algorithm. */
export function parseContentDigest(text: string): Digests | undefined {
  const dictionary = parseDictionary(text);
  const digests = new Map<DigestAlgorithm, string>();
  for (const [name, member] of dictionary ?? []) {
    if (isInnerList(member) || member.bare.type !== 'bytes') return undefined;
    if (Object.hasOwn(ALGORITHMS, name)) digests.set(name as DigestAlgorithm, member.bare.value);
  }
  return digests.size > 0 ? digests : undefined;
}

/** Whether the body has each of these digests. @param body undefined: only its SHA-256 is known, so no other digest is compared */
export const hasDigests = (digests: Digests, body: RawBody | undefined, sha256: () => string): boolean =>
  [...digests].every(([algorithm, digest]) => {
    if (algorithm === 'sha-256') return digest === Buffer.from(sha256(), 'hex').toString('base64');
    return body === undefined || digest === hash(ALGORITHMS[algorithm], body ?? '', 'base64');
  });
