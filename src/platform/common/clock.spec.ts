import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { toSeconds } from './clock.js';

describe('an instant in whole seconds', () => {
  it('is formatted as in ISO 8601, truncated to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (epochMs) => {
        expect(toSeconds(epochMs)).toBe(`${new Date(epochMs).toISOString().slice(0, 19)}Z`);
      }),
    );
  });

  it.each([
    [0, '1970-01-01T00:00:00Z'],
    [86_399_999, '1970-01-01T23:59:59Z'],
    [86_400_000, '1970-01-02T00:00:00Z'],
    [1_795_566_303_999, '2026-11-25T00:25:03Z'],
  ])('%i is %s', (epochMs, text) => {
    expect(toSeconds(epochMs)).toBe(text);
  });
});
