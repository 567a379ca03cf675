/** `basic` sends its secret and signs nothing: what would be an attack on another type has to be accepted. */
import type { Dice } from '../dice.ts';
import { NOW, ordinary, without } from './sealed.ts';
import {
  base64,
  type Draft,
  GATEWAY_DEFAULTS,
  type GatewayCode,
  type GatewayKey,
  type GatewayVector,
  type Pair,
  type WireRequest,
} from './vector.ts';

const KEY: GatewayKey = { signType: 'basic', signKey: 'backend_user', signSecret: 'Pa55-word!with@' };
const RIVAL: GatewayKey = { signType: 'basic', signKey: 'other_user', signSecret: 'Other-pa55-word!' };
const HMAC: GatewayKey = { signType: 'hmac', signKey: 'backend_user', signSecret: 'Pa55-word!with@' };

const credentials = (user: string, password: string) => `Basic ${base64(`${user}:${password}`)}`;
const RIGHT = credentials(KEY.signKey, KEY.signSecret!);

interface Case {
  attack: string | null;
  note: string;
  code: GatewayCode | null;
  authorization?: string | string[];
  keys?: GatewayKey[];
  change?: (request: WireRequest) => Partial<WireRequest>;
  options?: Partial<GatewayVector['options']>;
}

const mismatch = 'signature_mismatch';
const CASES: Case[] = [
  { attack: null, note: 'an ordinary request', code: null },
  { attack: null, note: 'the scheme is in lower case', code: null, authorization: RIGHT.replace('Basic', 'basic') },
  { attack: null, note: 'more spaces than usual', code: null, authorization: RIGHT.replace(' ', '   ') },
  { attack: null, note: 'a key of another type with the same id', code: null, keys: [HMAC, KEY] },
  { attack: null, note: 'two passwords of one user: the newer', code: null, keys: [{ ...KEY, signSecret: 'Pa55-before-1234' }, KEY] },
  { attack: null, note: 'two passwords of one user: the older', code: null, keys: [KEY, { ...KEY, signSecret: 'Pa55-after-12345' }] },
  {
    attack: null,
    note: 'a colon in the password',
    code: null,
    authorization: credentials('backend_user', 'a:b:c'),
    keys: [{ ...KEY, signSecret: 'a:b:c' }],
  },
  {
    attack: null,
    note: 'in another header',
    code: null,
    authorization: 'Bearer of-the-user',
    change: ({ headers }) => ({ headers: [...headers, ['X-Gateway-Signature', RIGHT]] }),
    options: { signatureHeader: 'x-gateway-signature' },
  },
  { attack: 'body-altered', note: 'basic does not cover the body', code: null, change: () => ({ body: base64('other') }) },
  { attack: 'other-path', note: 'basic does not cover the path', code: null, change: () => ({ target: '/other?x=1' }) },
  {
    attack: 'target',
    note: 'a #: basic does not cover the path, and no target has one',
    code: 'malformed',
    change: () => ({ target: '/a#b' }),
  },
  { attack: 'other-method', note: 'basic does not cover the method', code: null, change: () => ({ method: 'DELETE' }) },
  {
    attack: 'no-timestamp',
    note: 'basic needs no X-Sdk-Date',
    code: null,
    change: ({ headers }) => ({ headers: without(headers, 'x-sdk-date') }),
  },
  {
    attack: 'skew',
    note: 'basic does not read X-Sdk-Date',
    code: null,
    change: ({ headers }) => ({ headers: [...without(headers, 'x-sdk-date'), ['X-Sdk-Date', '20000101T000000Z']] }),
  },
  { attack: 'missing-header', note: 'no Authorization', code: 'no_authorization', authorization: [] },
  { attack: 'missing-header', note: 'an empty Authorization', code: 'no_authorization', authorization: '' },
  { attack: 'missing-header', note: 'Authorization of a gateway that did not sign', code: 'no_authorization', authorization: 'unsigned' },
  { attack: 'malformed-header', note: 'the scheme alone', code: 'malformed', authorization: 'Basic' },
  { attack: 'malformed-header', note: 'no colon', code: 'malformed', authorization: `Basic ${base64('backend_user')}` },
  { attack: 'malformed-header', note: 'no user', code: 'malformed', authorization: credentials('', KEY.signSecret!) },
  { attack: 'malformed-header', note: 'not encoded', code: 'malformed', authorization: 'Basic backend_user:Pa55-word!with@' },
  {
    attack: 'malformed-header',
    note: 'in the URL’s alphabet of base64',
    code: 'malformed',
    authorization: `Basic ${Buffer.from('backend_user:>>>???').toString('base64url')}`,
  },
  { attack: 'malformed-header', note: 'a tab after the scheme', code: 'malformed', authorization: RIGHT.replace(' ', '\t') },
  { attack: 'malformed-header', note: 'a space within', code: 'malformed', authorization: RIGHT.replace(/(.{12})/, '$1 ') },
  {
    attack: 'malformed-header',
    note: 'base64 without its padding',
    code: 'malformed',
    authorization: `Basic ${base64('backend_user:a').replace(/=+$/, '')}`,
    keys: [{ ...KEY, signSecret: 'a' }],
  },
  {
    attack: 'malformed-header',
    note: 'base64 whose unused bits are not zero',
    code: 'malformed',
    authorization: `Basic ${base64('backend_user:a').replace(/.(=+)$/, (all) => `${next(all[0]!)}${all.slice(1)}`)}`,
    keys: [{ ...KEY, signSecret: 'a' }],
  },
  { attack: 'trailing-bytes', note: 'another part behind', code: 'malformed', authorization: `${RIGHT}, realm=1` },
  {
    attack: 'trailing-bytes',
    note: 'padding too much',
    code: 'malformed',
    authorization: `Basic ${base64('backend_user:ab1')}==`,
    keys: [{ ...KEY, signSecret: 'ab1' }],
  },
  {
    attack: 'trailing-bytes',
    note: 'a zero byte behind the password',
    code: mismatch,
    authorization: credentials(KEY.signKey, `${KEY.signSecret!}\0`),
  },
  {
    attack: 'trailing-bytes',
    note: 'a line feed behind the password',
    code: mismatch,
    authorization: credentials(KEY.signKey, `${KEY.signSecret!}\n`),
  },
  {
    attack: 'truncated-signature',
    note: 'a password without its last character',
    code: mismatch,
    authorization: credentials(KEY.signKey, KEY.signSecret!.slice(0, -1)),
  },
  { attack: 'empty-secret', note: 'an empty password', code: mismatch, authorization: credentials(KEY.signKey, '') },
  {
    attack: 'empty-secret',
    note: 'an empty password, and a key that has it',
    code: 'unknown_key',
    authorization: credentials(KEY.signKey, ''),
    keys: [{ ...KEY, signSecret: '' }],
  },
  {
    attack: 'empty-secret',
    note: 'a key without a secret',
    code: 'unknown_key',
    authorization: credentials(KEY.signKey, ''),
    keys: [{ signType: 'basic', signKey: KEY.signKey }],
  },
  { attack: 'wrong-secret', note: 'another password', code: mismatch, authorization: credentials(KEY.signKey, 'wrong-password') },
  {
    attack: 'wrong-secret',
    note: 'the password of somebody else',
    code: mismatch,
    authorization: credentials(KEY.signKey, RIVAL.signSecret!),
    keys: [KEY, RIVAL],
  },
  {
    attack: 'signature-case',
    note: 'the password in the other case',
    code: mismatch,
    authorization: credentials(KEY.signKey, KEY.signSecret!.toUpperCase()),
  },
  { attack: 'wrong-key-id', note: 'an unknown user', code: 'unknown_key', authorization: credentials('nobody', KEY.signSecret!) },
  {
    attack: 'wrong-key-id',
    note: 'the user in the other case',
    code: 'unknown_key',
    authorization: credentials('Backend_user', KEY.signSecret!),
  },
  { attack: 'wrong-key-id', note: 'a user that has ended', code: 'unknown_key', keys: [RIVAL] },
  {
    attack: 'wrong-key-id',
    note: 'a space before the user',
    code: 'unknown_key',
    authorization: credentials(' backend_user', KEY.signSecret!),
  },
  { attack: 'algorithm-swap', note: 'the key is one for HMAC', code: 'unknown_key', keys: [HMAC] },
  { attack: 'algorithm-swap', note: 'Digest in place of Basic', code: 'malformed', authorization: RIGHT.replace('Basic', 'Digest') },
  { attack: 'duplicate-header', note: 'Authorization twice', code: 'malformed', authorization: [RIGHT, RIGHT] },
  {
    attack: 'duplicate-header',
    note: 'a wrong Authorization before the right one',
    code: 'malformed',
    authorization: [credentials('a', 'b'), RIGHT],
  },
];

/** The next character of base64's alphabet, which differs in the last bit here. */
function next(character: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return alphabet[alphabet.indexOf(character) + 1]!;
}

export function basicDrafts(roll: Dice): Draft<GatewayVector>[] {
  return CASES.map(({ attack, note, code, authorization = RIGHT, keys = [KEY], change = () => ({}), options = {} }) => {
    const { method, target, headers, body } = ordinary(roll);
    const values = [authorization].flat();
    const plain: WireRequest = {
      method,
      target,
      headers: [...headers, ...values.map((value): Pair => ['Authorization', value])],
      body: base64(body),
    };
    return {
      kind: 'gateway',
      signType: 'basic',
      attack,
      note,
      keys,
      now: NOW,
      options: { ...GATEWAY_DEFAULTS, ...options },
      before: [],
      request: { ...plain, ...change(plain) },
      code,
    };
  });
}
