import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, cutPayload } from './payload-text.js';

/** The JSON text of a value, with spaces between its tokens. */
const spaced = (value: unknown, blank: string): string =>
  JSON.stringify(value, null, blank.length > 0 ? 1 : 0).replaceAll('\n', `\n${blank}`);

describe('the payload of a request', () => {
  it('is found at any position, and is the text from which JSON.parse reads the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom('', ' ', '\t'), (payload, others, blank) => {
        const member = `"payload"${blank}:${blank}${spaced(payload, blank)}`;
        const rest = spaced({ before: others, ...others }, blank).slice(1, -1);
        const body = `{${member.replace('payload', 'p\\u0061yload').replace(/:[^]*/, ':[1]')},${rest},${member}${blank}}`;
        const cut = cutPayload(body);
        expect(cut?.text).toBe(spaced(payload, blank));
        expect(JSON.parse(cut?.text ?? '')).toEqual((JSON.parse(body) as { payload: unknown }).payload);
      }),
    );
  });

  it.each([
    ['{}', 1],
    ['{"a":1}', 1],
    ['{"a":[]}', 2],
    ['{"a":[{}],"b":{}}', 3],
  ])('%s has %i levels of nesting', (payload, depth) => {
    expect(cutPayload(`{"other":[[[[[]]]]],"payload":${payload},"more":[[[[[]]]]]}`)).toEqual({ text: payload, depth });
  });

  it('is absent if no member at the first level has this name', () => {
    for (const body of ['{}', '{"a":"payload"}', '{"a":{"payload":1}}', '{"a":["payload"]}', '{"payloads":1}', '{"a":{},"b":"payload"}'])
      expect(cutPayload(body)).toBeUndefined();
  });
});

describe('the canonical form', () => {
  it('is equal for equal values, keeps the meaning, and is its own canonical form', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const canonical = canonicalJson(JSON.stringify(value));
        expect(canonicalJson(reversed(value))).toBe(canonical);
        expect(canonicalJson(canonical)).toBe(canonical);
        expect(JSON.parse(canonical)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it.each([
    ['{"b":1,"a":[1.0,-0.0,0.0]}', '{"a":[1,-0,0],"b":1}'],
    ['{"n":[1e21,1E-7,100,1.50]}', '{"n":[1e+21,1e-7,100,1.5]}'],
    ['{"n":[12345678901234567890,0.12345678901234567890]}', '{"n":[1234567890123456789e1,1234567890123456789e-19]}'],
    ['{"a":"\\u0041\\/","\\u0061":null}', '{"a":"A/","a":null}'],
  ])('of %s is %s', (text, canonical) => {
    expect(canonicalJson(text)).toBe(canonical);
  });

  it('of a megabyte of digits is computed quickly', () => {
    const digits = '9'.repeat(1_000_000);
    const started = performance.now();
    canonicalJson(`{"a":1e${digits}}`);
    canonicalJson(`{"a":0.${'0'.repeat(500_000)}${digits}}`);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

/** Returns the JSON text of a value with its members in reverse order. */
function reversed(value: unknown): string {
  if (Array.isArray(value)) return `[ ${value.map(reversed).join(' , ')} ]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)} : ${reversed(each)}`);
  return `{ ${members.reverse().join(' , ')} }`;
}
