import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  aad,
  decode,
  encode,
  fromColumn,
  openBytes,
  SEALED_PREFIX,
  DecryptionFailed,
  sealBytes,
  type EncryptionContext,
  toColumn,
} from './sealed.js';

const key = createSecretKey(randomBytes(32));
const place: EncryptionContext = { projectId: 'p1', ownerId: 'g1', field: 'signs.hmac', rowId: 'r1', version: 1 };
const seal = (at: EncryptionContext, text: string) => encode(sealBytes(key, 7, aad(at), Buffer.from(text)));
const open = (at: EncryptionContext, column: string) => openBytes(key, aad(at), decode(fromColumn(column)).record).toString();

describe('a sealed secret', () => {
  it('can be decrypted in its own context, and its stored form contains no part of it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 2048 }).filter((text) => text.isWellFormed()),
        (text) => {
          const column = toColumn(seal(place, text));
          expect(column.startsWith(SEALED_PREFIX)).toBe(true);
          expect(text.length < 4 || !column.includes(text)).toBe(true);
          expect(open(place, column)).toBe(text);
        },
      ),
    );
  });

  it.each([
    ['project', { ...place, projectId: 'p2' }],
    ['owner', { ...place, ownerId: 'g2' }],
    ['field', { ...place, field: 'signs.basic' }],
    ['row', { ...place, rowId: 'r2' }],
    ['version', { ...place, version: 2 }],
    ['context whose parts join to the same text', { ...place, projectId: 'p1g1', ownerId: '' }],
  ])('cannot be decrypted under another %s', (_, elsewhere) => {
    expect(() => open(elsewhere, toColumn(seal(place, 'top secret')))).toThrow(DecryptionFailed);
  });

  it('cannot be decrypted after any single bit is flipped', () => {
    const { record } = decode(seal(place, 'top secret'));
    for (let bit = 0; bit < record.length * 8; bit++) {
      const flipped = Buffer.from(record);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => open(place, toColumn(encode(flipped)))).toThrow(DecryptionFailed);
    }
  });

  it('cannot be decrypted if it is truncated, empty, plain text or null', () => {
    const column = toColumn(seal(place, 'top secret'));
    for (const text of [column.slice(0, -4), SEALED_PREFIX, '', 'top secret', null as unknown as string]) {
      expect(() => open(place, text)).toThrow(DecryptionFailed);
    }
  });

  it('cannot be decrypted with another key', () => {
    const other = createSecretKey(randomBytes(32));
    const { record } = decode(seal(place, 'top secret'));
    expect(() => openBytes(other, aad(place), record)).toThrow(DecryptionFailed);
  });
});
