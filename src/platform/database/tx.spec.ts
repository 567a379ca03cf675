import { describe, expect, it } from '@jest/globals';
import { padded, rowsPerInsert } from './tx.js';

describe('statements with any number of values', () => {
  const counts = Array.from({ length: 1024 }, (_, i) => i + 1);
  const list = (count: number) => Array.from({ length: count }, (_, i) => `id_${i}`);

  it('have a padded list with the same values and at most 63 repetitions', () => {
    for (const count of counts) {
      const all = padded(list(count));
      expect([...new Set(all)]).toEqual(list(count));
      expect(all.length - count).toBeLessThan(64);
    }
    expect(padded([])).toEqual([]);
  });

  it('are prepared for at most twenty-two lengths of lists, and for twenty-two of INSERTs', () => {
    expect(new Set(counts.map((count) => padded(list(count)).length)).size).toBe(22);
    expect(new Set(counts.map(rowsPerInsert)).size).toBe(22);
  });
});
