import { describe, expect, it } from '@jest/globals';
import { validate, version } from 'uuid';
import { newId } from './ids.js';

const dashed = (id: string) => id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

describe('ids', () => {
  const ids = Array.from({ length: 20_000 }, newId);

  it('are UUIDv7 without dashes, with the current time', () => {
    for (const id of ids.slice(0, 300)) {
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      expect(validate(dashed(id)) && version(dashed(id))).toBe(7);
    }
    expect(Math.abs(Number.parseInt(ids[0]!.slice(0, 12), 16) - new Date().getTime())).toBeLessThan(60_000);
  });

  it('are in order, even thousands of them within a millisecond', () => {
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('end in random digits', () => {
    expect(new Set(ids.map((id) => id.slice(-10))).size).toBe(ids.length);
  });
});
