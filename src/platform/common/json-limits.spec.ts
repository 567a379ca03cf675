import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exceeded } from './json-limits.js';

const LIMITS = { depth: 4, names: 3, values: 12 };
const judge = (text: string) => exceeded(Buffer.from(text), LIMITS);

describe('the limits of a JSON text', () => {
  it.each([
    ['[[[[1]]]]', undefined],
    ['[[[[[1]]]]]', 'is nested deeper than 4 levels'],
    ['{"a":{"b":{"c":{"d":{}}}}}', 'is nested deeper than 4 levels'],
    ['{"a":1,"b":2,"c":3}', undefined],
    ['{"a":1,"b":2,"c":3,"d":4}', 'has an object with more than 3 names'],
    ['{"a":1,"a":2,"a":3,"a":4}', 'has an object with more than 3 names'],
    ['{"a":{"b":1,"c":2,"d":3},"e":{"f":1,"g":2,"h":3}}', undefined],
    [`[${'1,'.repeat(12)}1]`, 'has more than 12 values'],
    [`[${'[],'.repeat(12)}[]]`, 'has more than 12 values'],
    ['{"a":"[[[[[[[[","b":":,:,:,:,:,:,:,:,:,:,","c":"\\"[[[[[[["}', undefined],
    ['{"a":"\\\\","b":[[[[[1]]]]]}', 'is nested deeper than 4 levels'],
    [`[${'9'.repeat(400)}]`, undefined],
    [`[${'9'.repeat(401)}]`, 'has a number of more than 400 characters'],
    [`[1,${' '.repeat(5000)}2]`, undefined],
  ])('%s', (text, expected) => {
    expect(judge(text)).toBe(expected);
  });

  it('are counted as a parser counts, whatever strings contain', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = Buffer.from(JSON.stringify(value));
        const depth = depthOf(value);
        const roomy = { names: 1e6, values: 1e6 };
        expect(exceeded(text, { ...roomy, depth })).toBeUndefined();
        if (depth > 0) expect(exceeded(text, { ...roomy, depth: depth - 1 })).toMatch(/deeper/);
      }),
    );
  });

  it('accept any bytes without an exception', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => ['string', 'undefined'].includes(typeof exceeded(bytes, LIMITS))));
  });
});
