import { describe, expect, it } from '@jest/globals';
import { parseDictionary, serializeString } from './structured-fields.js';

describe('a dictionary', () => {
  it('has items, inner lists and parameters of every type of RFC 8941', () => {
    const text = 'a=1, b=-2.50;x,c="q\\"\\\\" ,\td=to/k:en*;y=?0;z=:AQI=:, e=("s" t;u=1 -3);v="w", f;g, *k-_.9=?1';
    const dictionary = parseDictionary(text)!;
    expect([...dictionary.keys()]).toEqual(['a', 'b', 'c', 'd', 'e', 'f', '*k-_.9']);
    expect(dictionary.get('b')).toEqual({
      bare: { type: 'decimal', value: '-2.50' },
      parameters: new Map([['x', { type: 'boolean', value: 'true' }]]),
    });
    expect(dictionary.get('c')).toMatchObject({ bare: { type: 'string', value: 'q"\\' } });
    expect(dictionary.get('d')).toMatchObject({ bare: { type: 'token', value: 'to/k:en*' } });
    expect(dictionary.get('e')).toMatchObject({
      items: [{ bare: { value: 's' } }, { bare: { value: 't' } }, { bare: { type: 'integer', value: '-3' } }],
    });
    expect(dictionary.get('f')).toMatchObject({ bare: { type: 'boolean', value: 'true' } });
    expect(parseDictionary('')?.size).toBe(0);
    expect(parseDictionary('  a=()  ')?.size).toBe(1);
  });

  it.each([
    ['a key twice', 'a=1, a=2'],
    ['a parameter twice', 'a=1;b=1;b=2'],
    ['a parameter of an item twice', 'a=("x";b;b)'],
    ['a comma at the end', 'a=1,'],
    ['no comma', 'a=1 b=2'],
    ['a key in upper case', 'A=1'],
    ['a key that begins with a digit', '1a=1'],
    ['sixteen digits', 'a=1234567890123456'],
    ['thirteen digits before the point', 'a=1234567890123.1'],
    ['four digits after the point', 'a=1.2345'],
    ['a point at the end', 'a=1.'],
    ['a minus alone', 'a=-'],
    ['an unknown escape', 'a="\\n"'],
    ['a string that does not end', 'a="b'],
    ['a character outside ASCII', 'a="é"'],
    ['a control character', 'a="\u0001"'],
    ['base64 without padding', 'a=:AQ:'],
    ['base64 with bits left over', 'a=:AR==:'],
    ['base64url', 'a=:-_==:'],
    ['a boolean of two', 'a=?2'],
    ['a list that does not end', 'a=("b"'],
    ['items without a space', 'a=("b""c")'],
    ['a tab between items', 'a=("b"\t"c")'],
    ['a nested list', 'a=(("b"))'],
    ['a date of RFC 9651', 'a=@1'],
    ['a display string of RFC 9651', 'a=%"b"'],
    ['a tab before it', '\ta=1'],
    ['nothing after the equals sign', 'a='],
    ['a space before the parameter', 'a=1 ;b'],
  ])('has not %s', (_name, text) => {
    expect(parseDictionary(text)).toBeUndefined();
  });
});

it('a string is written with its escapes, and only printable ASCII', () => {
  expect(serializeString('a"b\\c')).toBe('"a\\"b\\\\c"');
  expect(() => serializeString('é')).toThrow(TypeError);
  expect(() => serializeString('a\n')).toThrow(TypeError);
});
