import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { publication, sign } from '../../../test/support/control-plane.js';
import { canonicalSegment } from '#signing/canonical-request.js';
import type { GatewayPublication } from '../../lib/protocol/protocol.js';
import { haproxyMaps } from './haproxy-maps.js';
import { KeyTable } from '../keys/key-table.js';

const REFUSE = { environment: undefined, unbound: 'refuse' } as const;
const tableOf = (publications: GatewayPublication[]) =>
  KeyTable.from({
    instance_id: 'i',
    epoch: 'e',
    revision: 1,
    partial: false,
    encoded_slashes: 'refuse',
    open_connections: 'keep',
    publications,
  });
const base64 = (secret: string) => Buffer.from(secret).toString('base64');

it('the maps contain each key of a route once, in base64, and the reason for a route without a key', () => {
  const key = sign({ sign_id: 's1', sign_key: 'access', sign_secret: 'secret' });
  const table = tableOf([
    publication({ publish_id: 'p1', req_uri: '/a', match_mode: 'NORMAL', req_method: 'GET', sign: key }),
    publication({ publish_id: 'p2', req_uri: '/b.c/{id}', match_mode: 'NORMAL', sign: key }),
    publication({ req_uri: '/d', sign: sign({ sign_type: 'basic' }) }),
    publication({ req_uri: '/e', match_mode: 'NORMAL' }),
    publication({ req_uri: '/' }),
  ]);
  expect(haproxyMaps(table, REFUSE)).toEqual({
    'keys.map': [`s1 ${base64('secret')}|access`],
    'exact.map': ['RELEASE|GET|/a s1|p1', 'RELEASE|ANY|/e !unbound'],
    'patterns.map': [
      '^RELEASE[|][A-Z]+[|]/b[.]c/[^/|]+$ s1|p2',
      '^RELEASE[|][A-Z]+[|]/d(/.*)?$ !unsupported',
      '^RELEASE[|][A-Z]+[|](/.*)?$ !unbound',
    ],
    'settings.map': ['encoded_slashes refuse'],
  });
  expect(haproxyMaps(table, { ...REFUSE, unbound: 'unsigned' })['exact.map'][1]).toBe('RELEASE|ANY|/e !unsigned');
});

it('two keys with the same access id have separate secrets', () => {
  const keys = ['one', 'two'].map((secret) => sign({ sign_id: `id_${secret}`, sign_key: 'shared', sign_secret: secret }));
  const maps = haproxyMaps(
    tableOf(keys.map((key) => publication({ req_uri: `/${key.sign_id}`, match_mode: 'NORMAL', sign: key }))),
    REFUSE,
  );
  expect(maps['keys.map']).toEqual([`id_one ${base64('one')}|shared`, `id_two ${base64('two')}|shared`]);
  expect(maps['exact.map'].map((line) => line.split(/[ |]/)[3])).toEqual(['id_one', 'id_two']);
});

it('an environment that the operator configures is the only one, and a malformed name selects no environment', () => {
  const table = tableOf([
    publication({ env_name: 'RELEASE', req_uri: '/r', match_mode: 'NORMAL' }),
    publication({ env_name: 'staging', req_uri: '/s', match_mode: 'NORMAL' }),
    publication({ env_name: 'RELEASE|GET', req_uri: '/x', match_mode: 'NORMAL' }),
  ]);
  expect(haproxyMaps(table, REFUSE)['exact.map']).toEqual(['RELEASE|ANY|/r !unbound', 'staging|ANY|/s !unbound']);
  expect(haproxyMaps(table, { ...REFUSE, environment: 'staging' })['exact.map']).toEqual(['staging|ANY|/s !unbound']);
});

it('a look-up like HAProxy’s has the same result as the key table', () => {
  const segment = fc.constantFrom('a', 'b.', '{x}', 'c+', 'd%2De', '%C3%A9', '|');
  const template = fc.array(segment, { maxLength: 3 }).map((segments) => `/${segments.join('/')}`);
  const pattern = fc.record({
    req_uri: template,
    req_method: fc.constantFrom('GET', 'ANY'),
    match_mode: fc.constantFrom('NORMAL' as const, 'SWA' as const),
  });
  const path = fc
    .array(fc.constantFrom('a', '%61', 'b.', 'bx', 'c+', 'cc', '', 'd-e', 'é', '%c3%a9', '|', '%7C', 'RELEASE|GET|'), { maxLength: 4 })
    .map((segments) => `/${segments.join('/')}`);
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 8 }), fc.constantFrom('GET', 'POST'), path, (patterns, method, asked) => {
      const table = tableOf(patterns.map((each) => publication({ ...each, sign: sign() })));
      const { 'exact.map': exact, 'patterns.map': regexes } = haproxyMaps(table, REFUSE);
      const split = (line: string) => line.split(' ') as [string, string];
      const literal = new Map(exact.map(split));
      // The look-up key in the form in which signet.lua writes it.
      const canonical = asked.split('/').map(canonicalSegment).join('/');
      const found =
        literal.get(`RELEASE|${method}|${canonical}`) ??
        literal.get(`RELEASE|ANY|${canonical}`) ??
        regexes.map(split).find(([regex]) => new RegExp(regex).test(`RELEASE|${method}|${canonical}`))?.[1];
      expect(found?.split('|')[0]).toBe(table.match('RELEASE', method, asked)?.key?.sign.sign_id);
    }),
    { numRuns: 2000 },
  );
});

it('a key that ended in another epoch of the database does not sign, and its secret is in no map', () => {
  const [ended, other] = [sign({ sign_id: 'ended', version: 2 }), sign({ sign_id: 'other' })];
  const table = tableOf([
    publication({ publish_id: 'p1', req_uri: '/a', match_mode: 'NORMAL', sign: ended }),
    publication({ publish_id: 'p2', req_uri: '/b', match_mode: 'NORMAL', sign: other }),
  ]);
  const maps = haproxyMaps(table, REFUSE, ({ signId, version }) => signId === 'ended' && version === 2);
  expect(maps['exact.map'].map((line) => line.split(' ')[1])).toEqual(['!gone', 'other|p2']);
  expect(maps['keys.map'].map((line) => line.split(' ')[0])).toEqual(['other']);
});
