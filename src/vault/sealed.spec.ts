import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  contextOf,
  decode,
  encode,
  fromColumn,
  openBytes,
  SEALED_PREFIX,
  SealBroken,
  sealBytes,
  type SecretPlace,
  toColumn,
} from './sealed.js';

const key = createSecretKey(randomBytes(32));
const place: SecretPlace = { projectId: 'p1', field: 'signs.sign_secret', rowId: 'r1', version: 1 };
const seal = (at: SecretPlace, text: string) => encode(sealBytes(key, 7, contextOf(at), Buffer.from(text)));
const open = (at: SecretPlace, column: string) => openBytes(key, contextOf(at), decode(fromColumn(column)).record).toString();

describe('a sealed secret', () => {
  it('opens in its place and shows nothing of itself', () => {
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
    ['field', { ...place, field: 'signs.sign_key' }],
    ['row', { ...place, rowId: 'r2' }],
    ['version', { ...place, version: 2 }],
    ['neighbouring parts that join to the same text', { ...place, projectId: 'p1signs.sign_secret', field: '' }],
  ])('does not open under another %s', (_, elsewhere) => {
    expect(() => open(elsewhere, toColumn(seal(place, 'top secret')))).toThrow(SealBroken);
  });

  it('does not open when any one bit is flipped', () => {
    const { record } = decode(seal(place, 'top secret'));
    for (let bit = 0; bit < record.length * 8; bit++) {
      const flipped = Buffer.from(record);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => open(place, toColumn(encode(flipped)))).toThrow(SealBroken);
    }
  });

  it('does not open when it is cut, empty, plain text or null', () => {
    const column = toColumn(seal(place, 'top secret'));
    for (const text of [column.slice(0, -4), SEALED_PREFIX, '', 'top secret', null as unknown as string]) {
      expect(() => open(place, text)).toThrow(SealBroken);
    }
  });

  it('does not open under another key', () => {
    const other = createSecretKey(randomBytes(32));
    const { record } = decode(seal(place, 'top secret'));
    expect(() => openBytes(other, contextOf(place), record)).toThrow(SealBroken);
  });
});
