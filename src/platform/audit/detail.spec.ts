import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { DETAIL_MAX_BYTES, detailText } from './detail.js';

describe('the detail of an audit row', () => {
  const ids = (count: number, start = 'a') => Array.from({ length: count }, (_, i) => `${start}${String(i).padStart(31, '0')}`);

  it('contains all names if they fit; a thousand ids fit', () => {
    const detail = { publish_ids: ids(1000), replaced_sign_ids: ids(200, 'b') };
    expect(JSON.parse(detailText(detail))).toEqual(detail);
  });

  it.each([
    ['two lists of a thousand', { publish_ids: ids(1000), replaced_sign_ids: ids(1000, 'b'), name: 'x' }],
    ['a list of ten thousand', { publish_ids: ids(10_000), name: 'x' }],
    ['two lists that each are too long', { publish_ids: ids(5000), replaced_sign_ids: ids(4000, 'b'), name: 'x' }],
    ['characters of four bytes', { names: Array.from({ length: 1000 }, () => '😀'.repeat(64)), name: 'x' }],
  ])('fits its column with %s, and contains a hash of the truncated list', (_, detail) => {
    const text = detailText(detail);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(DETAIL_MAX_BYTES);
    const fitted = JSON.parse(text) as Record<string, unknown[]>;
    expect(fitted['name']).toBe('x');
    const cut = Object.entries(detail).filter(([name]) => `${name}_sha256` in fitted);
    expect(cut.length).toBeGreaterThan(0);
    for (const [name, list] of cut) {
      expect(fitted[`${name}_count`]).toBe(list.length);
      expect(fitted[`${name}_sha256`]).toBe(createHash('sha256').update(JSON.stringify(list)).digest('hex'));
      expect(fitted[name]).toEqual((list as unknown[]).slice(0, fitted[name]!.length));
    }
  });
});
