import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalQuery, canonicalRequest, canonicalUri, splitTarget } from './canonical-request.js';

describe('the path', () => {
  it.each([
    ['', '/'],
    ['/', '/'],
    ['/v1/orders', '/v1/orders/'],
    ['/v1//a/./b/..', '/v1//a/./b/../'],
    ['/a%2fb', '/a%2Fb/'],
    ['/%7Euser/%41', '/~user/A/'],
    ["/a+b*c!'()", '/a%2Bb%2Ac%21%27%28%29/'],
    ['/中', '/%E4%B8%AD/'],
    ['/%E4%b8%ad', '/%E4%B8%AD/'],
    ['*', '%2A/'],
  ])('%s becomes %s', (path, expected) => expect(canonicalUri(path)).toBe(expected));
});

describe('bad percent-encoding', () => {
  it.each([
    ['/100%', '/100%25/', 'a percent sign alone is itself'],
    ['/%zz%4', '/%25zz%254/', 'a percent sign without two hexadecimal digits is itself'],
    ['/%ff%C0%80', '/%FF%C0%80/', 'bytes that are not UTF-8 stay unchanged'],
    ['/\ud800', '/%EF%BF%BD/', 'a lone surrogate is U+FFFD'],
    ['/%00', '/%00/', 'a zero byte stays unchanged'],
  ])('%j becomes %s: %s', (path, expected) => expect(canonicalUri(path)).toBe(expected));
});

describe('the query', () => {
  it.each([
    ['a=1', 'a=1'],
    ['b=2&a=1', 'a=1&b=2'],
    ['a=2&a=1', 'a=1&a=2'],
    // U+10000 comes after U+E000, although its first UTF-16 unit comes before.
    ['%F0%90%80%80=1&%EE%80%80=2', '%EE%80%80=2&%F0%90%80%80=1'],
    ['a=%F0%90%80%80&a=%EE%80%80', 'a=%EE%80%80&a=%F0%90%80%80'],
    ['a', 'a='],
    ['&&a=1&', 'a=1'],
    ['=v', '=v'],
    ['a=b=c', 'a=b%3Dc'],
    ['a+b=c%20d+e', 'a%20b=c%20d%20e'],
    ['a=%2B', 'a=%2B'],
    ['q=?x&q=#y', 'q=%23y&q=%3Fx'],
    ['a%3D=1&a=2', 'a=2&a%3D=1'],
    ['A=1&a=1&_=1', 'A=1&_=1&a=1'],
  ])('%s becomes %s', (query, expected) => expect(canonicalQuery(query)).toBe(expected));

  it('is sorted by the decoded names', () => {
    // The encoded "%7B" would come before "z", but the decoded "{" comes after it.
    expect(canonicalQuery('%7B=1&z=1')).toBe('z=1&%7B=1');
  });

  it('is sorted by code point, although UTF-16 would put the emoji first', () => {
    expect(canonicalQuery('%F0%9F%98%80=1&%EF%BC%81=1')).toBe('%EF%BC%81=1&%F0%9F%98%80=1');
  });
});

it('the canonical request has six parts', () => {
  const parts = { method: 'get', url: 'http://h:1/a?b', headerLines: 'host:h\nx:y\n', signedHeaders: 'host;x', payload: 'p' };
  expect(canonicalRequest(parts)).toBe('GET\n/a/\nb=\nhost:h\nx:y\n\nhost;x\np');
});

it('the query starts at the first question mark', () => {
  expect(splitTarget('/a?b?c')).toEqual({ path: '/a', query: 'b?c' });
  expect(splitTarget('https://h')).toEqual({ path: '', query: '' });
  expect(splitTarget('//h/a')).toEqual({ path: '//h/a', query: '' });
});

it('every string has a canonical form, which is its own canonical form', () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom(...'%&=+/?#.~%%2FfE'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
  });
  fc.assert(
    fc.property(text, (any) => {
      const [uri, query] = [canonicalUri(any), canonicalQuery(any)];
      expect(uri).toMatch(/^[A-Za-z0-9\-._~%/]*\/$/);
      expect(query).toMatch(/^[A-Za-z0-9\-._~%&=]*$/);
      expect([canonicalUri(uri), canonicalQuery(query)]).toEqual([uri, query]);
    }),
    { numRuns: 3000 },
  );
});

it('a query has one canonical form for every order and spelling of its pairs', () => {
  const pair = fc.tuple(fc.string({ minLength: 1 }), fc.string());
  const write = (pairs: [string, string][]) => pairs.map(([name, value]) => `${escape(name)}=${escape(value)}`).join('&');
  const escape = (text: string) => encodeURIComponent(text.toWellFormed());
  fc.assert(
    fc.property(fc.array(pair), (pairs) => {
      expect(canonicalQuery(write(pairs.toReversed()))).toBe(canonicalQuery(write(pairs)));
      expect(canonicalQuery(write(pairs).replaceAll('%20', '+'))).toBe(canonicalQuery(write(pairs)));
    }),
  );
});
