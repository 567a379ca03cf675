import { createHash } from 'node:crypto';

/**
 * Digest of a key table: the sum of the SHA-256 hashes of its rows, modulo 2²⁵⁶. It does not depend on the order of the rows. Adding or
 * removing a row costs one hash.
 */
export type TableDigest = bigint;

export const EMPTY_DIGEST: TableDigest = 0n;

/** The fields of a publication that affect signing. */
export interface DigestRow {
  /** Name of the environment. */
  environment: string;
  method: string;
  path: string;
  matchMode: string;
  publishId: string;
  /** Null: no key is bound. */
  signId: string | null;
  secretVersion: number | null;
}

/** Hashes a JSON array in UTF-8, in which the boundaries of the fields are unambiguous. */
function hashOf({ environment, method, path, matchMode, publishId, signId, secretVersion }: DigestRow): bigint {
  const row = JSON.stringify([environment, method, path, matchMode, publishId, signId, secretVersion]);
  return BigInt(`0x${createHash('sha256').update(row, 'utf8').digest('hex')}`);
}

export const withRow = (digest: TableDigest, row: DigestRow): TableDigest => BigInt.asUintN(256, digest + hashOf(row));

export const withoutRow = (digest: TableDigest, row: DigestRow): TableDigest => BigInt.asUintN(256, digest - hashOf(row));

export const digestOf = (rows: Iterable<DigestRow>): TableDigest => {
  let digest = EMPTY_DIGEST;
  for (const row of rows) digest = withRow(digest, row);
  return digest;
};

/** The digest as reports contain it: 64 hexadecimal digits. */
export const digestText = (digest: TableDigest): string => digest.toString(16).padStart(64, '0');
