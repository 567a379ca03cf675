import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { publication, sign } from '../../test/support/control-plane.js';
import type { GatewayPublication } from '../lib/protocol/protocol.js';
import { haproxyMaps } from './haproxy-maps.js';
import { KeyTable } from './key-table.js';

const tableOf = (publications: GatewayPublication[]) => KeyTable.from({ instance_id: 'i', revision: 1, partial: false, publications });

it('every key of a route is there once, in base64, and a route without one says why', () => {
  const key = sign({ sign_id: 's1', sign_key: 'access', sign_secret: 'secret' });
  const table = tableOf([
    publication({ publish_id: 'p1', req_uri: '/a', match_mode: 'NORMAL', req_method: 'GET', sign: key }),
    publication({ publish_id: 'p2', req_uri: '/b.c/{id}', match_mode: 'NORMAL', sign: key }),
    publication({ req_uri: '/d', sign: sign({ sign_type: 'basic' }) }),
    publication({ req_uri: '/e', match_mode: 'NORMAL' }),
    publication({ req_uri: '/' }),
  ]);
  expect(haproxyMaps(table, 'refuse')).toEqual({
    'keys.map': [`access ${Buffer.from('secret').toString('base64')}`],
    'exact.map': ['RELEASE|GET|/a access|p1|s1', 'RELEASE|ANY|/e !unbound'],
    'patterns.map': [
      '^RELEASE[|][A-Z]+[|]/b[.]c/[^/]+$ access|p2|s1',
      '^RELEASE[|][A-Z]+[|]/d(/|$) !unsupported',
      '^RELEASE[|][A-Z]+[|]/ !unbound',
    ],
  });
  expect(haproxyMaps(table, 'unsigned')['exact.map'][1]).toBe('RELEASE|ANY|/e !unsigned');
});

it('looking up as HAProxy does finds what the key table finds', () => {
  const template = fc.array(fc.constantFrom('a', 'b.', '{x}', 'c+'), { maxLength: 3 }).map((segments) => `/${segments.join('/')}`);
  const pattern = fc.record({
    req_uri: template,
    req_method: fc.constantFrom('GET', 'ANY'),
    match_mode: fc.constantFrom('NORMAL' as const, 'SWA' as const),
  });
  const path = fc.array(fc.constantFrom('a', 'b.', 'bx', 'c+', 'cc', ''), { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 8 }), fc.constantFrom('GET', 'POST'), path, (patterns, method, asked) => {
      const table = tableOf(patterns.map((each) => publication({ ...each, sign: sign() })));
      const { 'exact.map': exact, 'patterns.map': regexes } = haproxyMaps(table, 'refuse');
      const split = (line: string) => line.split(' ') as [string, string];
      const literal = new Map(exact.map(split));
      const found =
        literal.get(`RELEASE|${method}|${asked}`) ??
        literal.get(`RELEASE|ANY|${asked}`) ??
        regexes.map(split).find(([regex]) => new RegExp(regex).test(`RELEASE|${method}|${asked}`))?.[1];
      expect(found?.split('|')[0]).toBe(table.match('RELEASE', method, asked)?.key?.sign.sign_key);
    }),
    { numRuns: 2000 },
  );
});
