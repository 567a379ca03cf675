/** Gateway signatures with a string to sign: every attack against every scheme. Whether one is valid is decided here, by what is done. */
import { constants, createPrivateKey, sign as signWith } from 'node:crypto';
import type { Dice } from '../dice.ts';
import { aesParty, hmacHex, hmacParty, type Party, RSA_KEYS, rsaParty, sha256 } from './party.ts';
import { type Message, NOW, ordinary, ROUTES, sdkDate, seal, type Spelling, stringToSign, withDate, without } from './sealed.ts';
import {
  base64,
  type Draft,
  GATEWAY_DEFAULTS,
  type GatewayCode,
  type GatewayKey,
  type GatewayOptions,
  type GatewayVector,
  type Pair,
  type WireRequest,
  withHeader,
  withValue,
} from './vector.ts';

interface Scene {
  /** The honest signer, whose key the verifier has. */
  party: Party;
  /** Another key of the same kind, which the verifier does not have. */
  rival: Party;
  message: Message;
  roll: Dice;
}
interface Made {
  request: WireRequest;
  keys?: GatewayKey[];
  now?: number;
  options?: Partial<GatewayOptions>;
  before?: WireRequest[];
}
type Make = (scene: Scene) => Made | WireRequest;
type Case = [attack: string | null, note: string, code: GatewayCode | null, make: Make];

const at = (message: Message, route: Pick<Message, 'target' | 'uri' | 'query'>): Message => ({ ...message, ...route });
const spelled =
  (spelling: Spelling): Make =>
  ({ party, message }) =>
    seal(party, message, message, spelling);
/** Signed as it should be, sent otherwise. */
const sent =
  (change: (message: Message) => Partial<Message>): Make =>
  ({ party, message }) =>
    seal(party, message, { ...message, ...change(message) });
const both =
  (change: (message: Message) => Partial<Message>): Make =>
  ({ party, message }) =>
    seal(party, { ...message, ...change(message) });
const dated =
  (date: string, options: Partial<GatewayOptions> = {}): Make =>
  ({ party, message }) => ({ request: seal(party, withDate(message, date)), options });
const afterwards =
  (change: (request: WireRequest) => WireRequest): Make =>
  ({ party, message }) =>
    change(seal(party, message));
/** Declares the hash of its body in a signed header. */
const declaring = (message: Message, value = sha256(message.body)): Message => ({
  ...message,
  headers: [...message.headers, ['X-Sdk-Content-Sha256', value]],
  signed: [...message.signed, 'x-sdk-content-sha256'].sort(),
  payload: value,
});
const signing = (names: (message: Message) => string[], more: Pair[] = []) =>
  both((message) => ({ signed: names(message), headers: [...message.headers, ...more] }));
const numbered = (count: number): Pair[] => Array.from({ length: count }, (_, n) => [`X-N-${n}`, String(n)]);
const flip = (digit: string) => (digit === '0' ? '1' : '0');
const wide = (text: string) => text.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
const bytesOf = (text: string) => Buffer.from(text);

const ACCEPTED: Case[] = [
  [null, 'an ordinary request', null, ({ party, message }) => seal(party, message)],
  [null, 'without a body', null, both(() => ({ method: 'GET', body: bytesOf('') }))],
  [null, 'a body of bytes that are not text', null, both(() => ({ body: Buffer.from([0, 255, 254, 128, 10, 13]) }))],
  [null, 'the method is in lower case', null, both(({ method }) => ({ method: method.toLowerCase() }))],
  [null, 'only x-sdk-date is signed', null, both(() => ({ signed: ['x-sdk-date'] }))],
  [null, 'the signed headers are not sorted', null, both(() => ({ signed: ['x-sdk-date', 'host'] }))],
  [null, 'the signed headers are in upper case', null, both(() => ({ signed: ['HOST', 'X-Sdk-Date'] }))],
  [null, 'a value has spaces around it, which are not signed', null, signing(() => ['x-padded', 'x-sdk-date'], [['X-Padded', '  a  b\t']])],
  [null, 'an empty value is signed', null, signing(() => ['x-empty', 'x-sdk-date'], [['X-Empty', '']])],
  [null, 'a value outside ASCII is signed, as UTF-8', null, signing(() => ['x-name', 'x-sdk-date'], [['X-Name', '密钥 é']])],
  [null, 'a header that is not signed is added', null, sent(({ headers }) => ({ headers: [...headers, ['X-Added', '1']] }))],
  [null, 'the hash of the body is declared', null, ({ party, message }) => seal(party, declaring(message))],
  [
    null,
    'the body is not signed, and that is allowed',
    null,
    ({ party, message }) => ({ request: seal(party, declaring(message, 'UNSIGNED-PAYLOAD')), options: { allowUnsignedPayload: true } }),
  ],
  [
    null,
    'the signature is in another header',
    null,
    ({ party, message }) => ({
      request: withHeader(seal(party, message), 'authorization', ([, value]) => [
        ['Authorization', 'Bearer of-the-user'],
        ['X-Gateway-Signature', value],
      ]),
      options: { signatureHeader: 'x-gateway-signature' },
    }),
  ],
  [null, 'the scheme is in lower case', null, afterwards((request) => withValue(request, 'authorization', lowerScheme))],
  [null, 'spaces around the signature header', null, spelled({ authorization: (header) => `  ${header} ` })],
  [null, 'spaces around the date', null, dated(` ${sdkDate(NOW)}\t`)],
  [null, 'no spaces after the commas', null, spelled({ authorization: (header) => header.replaceAll(', ', ',') })],
  [null, 'more spaces than usual', null, spelled({ authorization: (header) => header.replace(' ', '   ').replaceAll(', ', ',  ') })],
  ...[-900, -899, 0, 899, 900].map((away): Case => [null, `${away} s from now`, null, dated(sdkDate(NOW + away))]),
  [null, '5 s away of 5 s allowed', null, dated(sdkDate(NOW - 5), { skewSeconds: 5 })],
  [
    null,
    '64 headers are signed',
    null,
    signing(() => [...numbered(62).map(([name]) => name.toLowerCase()), 'host', 'x-sdk-date'], numbered(62)),
  ],
  [
    null,
    'a key rotates: signed with the newer of two',
    null,
    ({ party, rival, message }) => ({ request: seal(rival, message), keys: [party.key, rival.key] }),
  ],
  [
    null,
    'a key rotates: signed with the older of two',
    null,
    ({ party, rival, message }) => ({ request: seal(party, message), keys: [rival.key, party.key] }),
  ],
  ['signature-case', 'the signature is in upper case', null, spelled({ signature: (hex) => hex.toUpperCase() })],
  ['signature-case', 'the signature is in both cases', null, spelled({ signature: (hex) => hex.replace(/[a-f]/, (c) => c.toUpperCase()) })],
  ['query-order', 'the pairs are sent in another order', null, sentTo('/p?b=2&a=1&c=', '/p?c=&a=1&b=2', '/p/', 'a=1&b=2&c=')],
  ['query-order', 'the values of a name are sent in another order', null, sentTo('/p?a=1&a=2', '/p?a=2&a=1', '/p/', 'a=1&a=2')],
  ['query-order', 'empty pairs are sent', null, sentTo('/p?a=1&b=2', '/p?&a=1&&b=2&', '/p/', 'a=1&b=2')],
  ['query-order', 'names are sorted decoded: ! before a', null, targeted('/p?a=1&%21=2', '/p/', '%21=2&a=1')],
  ['query-order', 'names are sorted decoded: a before é', null, targeted('/p?%C3%A9=1&a~=2&a=3', '/p/', 'a=3&a~=2&%C3%A9=1')],
  [
    'query-order',
    'by code point: U+FFFD before U+1F600',
    null,
    targeted('/p?%F0%9F%98%80=1&%EF%BF%BD=2', '/p/', '%EF%BF%BD=2&%F0%9F%98%80=1'),
  ],
  ['query-order', 'a name sorts before its continuation', null, targeted('/p?ab=1&a=2&a%00=3', '/p/', 'a=2&a%00=3&ab=1')],
  ['double-encoding', 'an escape of a percent sign stays one', null, targeted('/a%252Fb?q=%2525', '/a%252Fb/', 'q=%2525')],
  ['double-encoding', 'a percent sign without digits is a literal one', null, targeted('/100%?q=%zz&r=%4', '/100%25/', 'q=%25zz&r=%254')],
  ['double-encoding', 'bytes that are not UTF-8 stay as they are', null, targeted('/%FF%fe?q=%80', '/%FF%FE/', 'q=%80')],
  ['double-encoding', 'unreserved characters are sent escaped', null, sentTo('/abc?x=~', '/%61b%63?%78=%7E', '/abc/', 'x=~')],
  ['dot-segments', 'a dot segment is signed as sent', null, targeted('/a/./b/../c', '/a/./b/../c/', '')],
  ['dot-segments', 'empty segments are signed as sent', null, targeted('//a//b', '//a//b/', '')],
  ['other-path', 'a slash at the end is added, which is signed anyway', null, sentTo('/a/b', '/a/b/', '/a/b/', '')],
  ['query-order', 'a question mark in the query is a character of it', null, targeted('/p?a?=?b', '/p/', 'a%3F=%3Fb')],
  ['query-order', 'a second equals sign belongs to the value', null, targeted('/p?a=b=c&=v', '/p/', '=v&a=b%3Dc')],
  [
    'replay',
    'the same request a second later, signed anew',
    null,
    ({ party, message }) => ({ request: seal(party, message), before: [seal(party, withDate(message, sdkDate(NOW - 1)))] }),
  ],
  [
    'replay',
    'another body in the same second',
    null,
    ({ party, message }) => ({ request: seal(party, message), before: [seal(party, { ...message, body: bytesOf('other') })] }),
  ],
];

function lowerScheme(header: string): string {
  return header.replace(/^\S+/, (scheme) => scheme.toLowerCase());
}
function targeted(target: string, uri: string, query = ''): Make {
  return both((message) => at(message, { target, uri, query }));
}
/** Signed for one target, whose canonical parts are given, and sent to another. */
function sentTo(target: string, other: string, uri: string, query: string): Make {
  return ({ party, message }) => seal(party, at(message, { target, uri, query }), at(message, { target: other, uri: '', query: '' }));
}

const MISMATCH = 'signature_mismatch';
const REFUSED: Case[] = [
  // The signature header.
  ['missing-header', 'no Authorization', 'no_authorization', afterwards((request) => withHeader(request, 'authorization', () => []))],
  ['missing-header', 'an empty Authorization', 'no_authorization', spelled({ authorization: () => '' })],
  ['missing-header', 'Authorization of a gateway that did not sign', 'no_authorization', spelled({ authorization: () => 'unsigned' })],
  [
    'missing-header',
    'the signature is in Authorization, and another header is expected',
    'no_authorization',
    ({ party, message }) => ({ request: seal(party, message), options: { signatureHeader: 'x-gateway-signature' } }),
  ],
  ['malformed-header', 'a bearer token', 'malformed', spelled({ authorization: () => 'Bearer abc' })],
  ['malformed-header', 'the scheme alone', 'malformed', spelled({ authorization: (header) => header.split(' ')[0]! })],
  ['malformed-header', 'no Access', 'malformed', spelled({ authorization: (header) => header.replace(/Access=[^,]+, /, '') })],
  ['malformed-header', 'an empty Access', 'malformed', spelled({ accessId: '' })],
  [
    'malformed-header',
    'no SignedHeaders',
    'malformed',
    spelled({ authorization: (header) => header.replace(/SignedHeaders=[^,]+, /, '') }),
  ],
  ['malformed-header', 'empty SignedHeaders', 'malformed', spelled({ signedHeaders: '' })],
  ['malformed-header', 'the parts in another order', 'malformed', spelled({ authorization: swapped })],
  ['malformed-header', 'a part twice', 'malformed', spelled({ authorization: (header) => header.replace(', ', ', Access=other, ') })],
  ['malformed-header', 'a tab after the scheme', 'malformed', spelled({ authorization: (header) => header.replace(' ', '\t') })],
  [
    'malformed-header',
    'names of parts in lower case',
    'malformed',
    spelled({ authorization: (header) => header.replace('Access', 'access') }),
  ],
  [
    'malformed-header',
    'quotation marks',
    'malformed',
    spelled({ authorization: (header) => header.replace(/Signature=(.*)$/, 'Signature="$1"') }),
  ],
  ['truncated-signature', 'no signature', 'malformed', spelled({ signature: () => '' })],
  ['truncated-signature', 'one digit less', 'malformed', spelled({ signature: (hex) => hex.slice(0, -1) })],
  ['truncated-signature', 'one byte less', MISMATCH, spelled({ signature: (hex) => hex.slice(0, -2) })],
  ['truncated-signature', 'the first byte alone', MISMATCH, spelled({ signature: (hex) => hex.slice(0, 2) })],
  ['truncated-signature', 'the last half', MISMATCH, spelled({ signature: (hex) => hex.slice(hex.length / 2) })],
  ['trailing-bytes', 'the signature has a byte more', MISMATCH, spelled({ signature: (hex) => `${hex}00` })],
  ['trailing-bytes', 'the signature twice', MISMATCH, spelled({ signature: (hex) => hex + hex })],
  ['trailing-bytes', 'a comma after the signature', 'malformed', spelled({ authorization: (header) => `${header},` })],
  ['trailing-bytes', 'another part after the signature', 'malformed', spelled({ authorization: (header) => `${header}, Extra=1` })],
  ['trailing-bytes', 'a character after the signature that is not a digit', 'malformed', spelled({ signature: (hex) => `${hex}zz` })],
  ['trailing-bytes', 'the body has a line feed more', MISMATCH, sent(({ body }) => ({ body: Buffer.concat([body, bytesOf('\n')]) }))],
  ['trailing-bytes', 'the body has a zero byte more', MISMATCH, sent(({ body }) => ({ body: Buffer.concat([body, Buffer.alloc(1)]) }))],
  ['altered-signature', 'the first digit', MISMATCH, spelled({ signature: (hex) => flip(hex[0]!) + hex.slice(1) })],
  ['altered-signature', 'the last digit', MISMATCH, spelled({ signature: (hex) => hex.slice(0, -1) + flip(hex.at(-1)!) })],
  ['altered-signature', 'a zero byte before it', MISMATCH, spelled({ signature: (hex) => `00${hex}` })],
  [
    'altered-signature',
    'its bytes in the other order',
    MISMATCH,
    spelled({ signature: (hex) => Buffer.from(hex, 'hex').reverse().toString('hex') }),
  ],
  ['altered-signature', 'zeros', MISMATCH, spelled({ signature: (hex) => hex.replace(/./g, '0') })],
  ['altered-signature', 'in base64', 'malformed', spelled({ signature: (hex) => base64(Buffer.from(hex, 'hex')) })],
  ['altered-signature', 'digits that only look like digits', 'malformed', spelled({ signature: (hex) => wide(`0${hex.slice(1)}`) })],
  // Keys.
  ['wrong-key-id', 'nobody has this id', 'unknown_key', spelled({ accessId: 'nobody-000' })],
  [
    'wrong-key-id',
    'the id and a character',
    'unknown_key',
    ({ party, message }) => seal(party, message, message, { accessId: `${party.accessId}0` }),
  ],
  [
    'wrong-key-id',
    'the id in the other case',
    'unknown_key',
    ({ party, message }) => seal(party, message, message, { accessId: party.accessId.replace(/[a-z]/, (c) => c.toUpperCase()) }),
  ],
  [
    'wrong-key-id',
    'the id of one key, the signature of another',
    MISMATCH,
    ({ party, rival, message }) => ({
      request: seal(rival, message, message, { accessId: party.accessId }),
      keys: [party.key, rival.key],
    }),
  ],
  ['wrong-key-id', 'signed with an unknown key', 'unknown_key', ({ rival, message }) => seal(rival, message)],
  [
    'wrong-key-id',
    'a key that has ended',
    'unknown_key',
    ({ party, rival, message }) => ({ request: seal(party, message), keys: [rival.key] }),
  ],
  ['wrong-key-id', 'there is no key at all', 'unknown_key', ({ party, message }) => ({ request: seal(party, message), keys: [] })],
  [
    'wrong-secret',
    'signed with the secret of somebody else',
    MISMATCH,
    ({ party, rival, message }) => seal(rival, message, message, { accessId: party.accessId }),
  ],
  [
    'wrong-secret',
    'the signature of another request',
    MISMATCH,
    ({ party, message, roll }) => {
      const other = party.mac(stringToSign(party.scheme, { ...ordinary(roll), target: '/other', uri: '/other/', query: '' }));
      return seal(party, message, message, { signature: () => other });
    },
  ],
  // Time.
  ...[-86_400, -901, 901, 86_400].map((away): Case => ['skew', `${away} s from now`, 'skew', dated(sdkDate(NOW + away))]),
  ['skew', '6 s away of 5 s allowed', 'skew', dated(sdkDate(NOW + 6), { skewSeconds: 5 })],
  ['skew', 'a year away', 'skew', dated('20250615T120000Z')],
  [
    'skew',
    'the date is changed after signing',
    MISMATCH,
    ({ party, message }) => seal(party, message, withDate(message, sdkDate(NOW + 1))),
  ],
  [
    'skew',
    'an old date is renewed after signing',
    MISMATCH,
    ({ party, message }) => seal(party, withDate(message, sdkDate(NOW - 9000)), message),
  ],
  ...[
    ['a date that does not exist', '20260230T120000Z'],
    ['hour 24', '20260614T240000Z'],
    ['second 60', '20260615T115960Z'],
    ['no zone', '20260615T120000'],
    ['another zone', '20260615T120000+0000'],
    ['lower case', '20260615t120000z'],
    ['ISO 8601 with separators', '2026-06-15T12:00:00Z'],
    ['seconds since the epoch', String(NOW)],
    ['of HTTP', 'Mon, 15 Jun 2026 12:00:00 GMT'],
    ['a fraction', '20260615T120000.000Z'],
    ['characters behind', '20260615T120000Z0'],
    ['digits that only look like digits', wide('20260615T120000Z')],
    ['month 13', '20261315T120000Z'],
    ['month 0', '20260015T120000Z'],
  ].map(([note, date]): Case => ['skew', `the date's form: ${note!}`, 'malformed', dated(date!)]),
  // Headers.
  [
    'no-timestamp',
    'X-Sdk-Date is signed and did not arrive',
    'missing_signed_header',
    sent(({ headers }) => ({ headers: without(headers, 'x-sdk-date') })),
  ],
  ['no-timestamp', 'X-Sdk-Date is there and not signed', 'missing_signed_header', both(() => ({ signed: ['host'] }))],
  [
    'no-timestamp',
    'neither signed nor there',
    'missing_signed_header',
    both(({ headers }) => ({ signed: ['host'], headers: without(headers, 'x-sdk-date') })),
  ],
  ['no-timestamp', 'X-Sdk-Date is empty', 'malformed', dated('')],
  [
    'no-timestamp',
    'Date in its place',
    'missing_signed_header',
    both(({ headers }) => ({
      signed: ['date', 'host'],
      headers: [...without(headers, 'x-sdk-date'), ['Date', 'Mon, 15 Jun 2026 12:00:00 GMT']],
    })),
  ],
  ['missing-header', 'a signed header is removed', 'missing_signed_header', sent(({ headers }) => ({ headers: without(headers, 'host') }))],
  [
    'missing-header',
    'a header that never was is named as signed',
    'missing_signed_header',
    spelled({ signedHeaders: 'host;x-none;x-sdk-date' }),
  ],
  ['missing-header', 'an empty name among the signed', 'missing_signed_header', spelled({ signedHeaders: 'host;;x-sdk-date' })],
  ['missing-header', 'a signed header is taken from the list', MISMATCH, spelled({ signedHeaders: 'x-sdk-date' })],
  [
    'altered-header',
    'another host',
    MISMATCH,
    sent(({ headers }) => ({ headers: [...without(headers, 'host'), ['Host', 'evil.example']] })),
  ],
  [
    'altered-header',
    'the port is removed',
    MISMATCH,
    ({ party, message }) => {
      const hosted = (value: string): Message => ({ ...message, headers: [...without(message.headers, 'host'), ['Host', value]] });
      return seal(party, hosted('backend.internal:8080'), hosted('backend.internal'));
    },
  ],
  [
    'altered-header',
    'spaces within a value are made one',
    MISMATCH,
    ({ party, message }) => {
      const spaced = (value: string): Message => ({
        ...message,
        headers: [...message.headers, ['X-Spaced', value]],
        signed: ['x-sdk-date', 'x-spaced'],
      });
      return seal(party, spaced('a  b'), spaced('a b'));
    },
  ],
  [
    'folded-names',
    'an underscore in the name of a signed header',
    'missing_signed_header',
    sent(({ headers }) => ({ headers: [...without(headers, 'x-sdk-date'), ['X_Sdk_Date', sdkDate(NOW)]] })),
  ],
  [
    'folded-names',
    'a dash that is not one',
    'missing_signed_header',
    sent(({ headers }) => ({ headers: [...without(headers, 'x-sdk-date'), ['X\u2010Sdk\u2010Date', sdkDate(NOW)]] })),
  ],
  [
    'folded-names',
    'the Kelvin sign as the k of a header',
    'missing_signed_header',
    sent(({ headers }) => ({ headers: [...without(headers, 'x-sdk-date'), ['X-Sd\u212a-Date', sdkDate(NOW)]] })),
  ],
  ['folded-names', 'the Kelvin sign as the k of a signed name', 'malformed', both(() => ({ signed: ['host', 'x-sd\u212a-date'] }))],
  [
    'folded-names',
    'the Kelvin sign in the scheme',
    'malformed',
    spelled({ authorization: (header) => header.replace(/^SDK|^SIGNET/, (name) => (name === 'SDK' ? 'SD\u212a' : '\u017fIGNET')) }),
  ],
  ['folded-names', 'a line break in a value', 'malformed', signing(() => ['x-folded', 'x-sdk-date'], [['X-Folded', 'a\r\n b']])],
  [
    'folded-names',
    'a line break that adds a line',
    'malformed',
    signing(() => ['x-folded', 'x-sdk-date'], [['X-Folded', 'a\nhost:evil.example']]),
  ],
  [
    'folded-names',
    'a value with a line break, in place of two headers',
    'malformed',
    ({ party, message }) => {
      const honest: Message = {
        ...message,
        headers: [...message.headers, ['X-A', '1'], ['X-B', '2']],
        signed: ['x-a', 'x-b', 'x-sdk-date'],
      };
      const folded: Message = { ...message, headers: [...message.headers, ['X-A', '1\nx-b:2']] };
      return seal(party, honest, folded, { signedHeaders: 'x-a;x-sdk-date' });
    },
  ],
  [
    'duplicate-header',
    'Authorization twice',
    'malformed',
    afterwards((request) => withHeader(request, 'authorization', (pair) => [pair, pair])),
  ],
  [
    'duplicate-header',
    'a wrong Authorization before the right one',
    'malformed',
    ({ party, rival, message }) =>
      withHeader(seal(party, message), 'authorization', (pair) => [['authorization', seal(rival, message).headers.at(-1)![1]], pair]),
  ],
  [
    'duplicate-header',
    'a bearer token behind the right Authorization',
    'malformed',
    afterwards((request) => withHeader(request, 'authorization', (pair) => [pair, ['Authorization', 'Bearer abc']])),
  ],
  [
    'duplicate-header',
    'X-Sdk-Date twice, the same',
    'malformed',
    afterwards((request) => withHeader(request, 'x-sdk-date', (pair) => [pair, pair])),
  ],
  [
    'duplicate-header',
    'X-Sdk-Date twice: an old one that was signed, and one of now',
    'malformed',
    ({ party, message }) =>
      withHeader(seal(party, withDate(message, sdkDate(NOW - 9000))), 'x-sdk-date', (pair) => [pair, ['x-sdk-date', sdkDate(NOW)]]),
  ],
  [
    'duplicate-header',
    'a second Host behind the first',
    MISMATCH,
    afterwards((request) => ({ ...request, headers: [...request.headers, ['HOST', 'evil.example']] })),
  ],
  [
    'duplicate-header',
    'a second Host before the first',
    MISMATCH,
    afterwards((request) => ({ ...request, headers: [['host', 'evil.example'], ...request.headers] })),
  ],
  ['duplicate-header', 'the same Host twice', MISMATCH, afterwards((request) => withHeader(request, 'host', (pair) => [pair, pair]))],
  [
    'duplicate-header',
    'X-Sdk-Content-Sha256 twice: of the body that was signed, and of another',
    MISMATCH,
    ({ party, message }) =>
      withHeader(seal(party, declaring(message)), 'x-sdk-content-sha256', (pair) => [pair, ['x-sdk-content-sha256', sha256('other')]]),
  ],
  [
    'too-many-signed-headers',
    '65 names, all there',
    'malformed',
    signing(() => [...numbered(63).map(([name]) => name.toLowerCase()), 'host', 'x-sdk-date'], numbered(63)),
  ],
  ['too-many-signed-headers', '65 times the same name', 'malformed', spelled({ signedHeaders: Array(65).fill('x-sdk-date').join(';') })],
  ['too-many-signed-headers', '1000 names that are not there', 'malformed', spelled({ signedHeaders: `x-sdk-date;${'a;'.repeat(1000)}b` })],
  ['duplicate-signed-header', 'host twice', 'malformed', both(() => ({ signed: ['host', 'host', 'x-sdk-date'] }))],
  ['duplicate-signed-header', 'host in two cases', 'malformed', both(() => ({ signed: ['host', 'Host', 'x-sdk-date'] }))],
  ['duplicate-signed-header', 'x-sdk-date twice', 'malformed', both(() => ({ signed: ['x-sdk-date', 'x-sdk-date'] }))],
  // What was signed.
  ['other-method', 'a GET', MISMATCH, sent(() => ({ method: 'GET' }))],
  ['other-method', 'a DELETE', MISMATCH, sent(() => ({ method: 'DELETE' }))],
  [
    'other-method',
    'an overriding header changes nothing',
    MISMATCH,
    sent(({ method, headers }) => ({ method: 'GET', headers: [...headers, ['X-HTTP-Method-Override', method]] })),
  ],
  ['other-path', 'another path', MISMATCH, sentTo('/v1/orders/1', '/v1/orders/2', '/v1/orders/1/', '')],
  ['other-path', 'upper case', MISMATCH, sentTo('/v1/orders', '/v1/Orders', '/v1/orders/', '')],
  ['other-path', 'a prefix is removed', MISMATCH, sentTo('/api/v1/orders', '/v1/orders', '/api/v1/orders/', '')],
  ['other-path', 'a prefix is added', MISMATCH, sentTo('/v1/orders', '/api/v1/orders', '/v1/orders/', '')],
  ['other-path', 'an escaped slash is sent as a slash', MISMATCH, sentTo('/a%2Fb', '/a/b', '/a%2Fb/', '')],
  ['other-path', 'a slash is sent escaped', MISMATCH, sentTo('/a/b', '/a%2Fb', '/a/b/', '')],
  ['other-path', 'two slashes at the end', MISMATCH, sentTo('/a', '/a//', '/a/', '')],
  ['other-path', 'two slashes are made one', MISMATCH, sentTo('/a//b', '/a/b', '/a//b/', '')],
  ['other-path', 'a plus is sent as a space', MISMATCH, sentTo('/a+b', '/a%20b', '/a%2Bb/', '')],
  ['other-path', 'the query is sent as part of the path', MISMATCH, sentTo('/a?b=1', '/a%3Fb=1', '/a/', 'b=1')],
  ['other-path', 'parameters of a segment are removed', MISMATCH, sentTo('/a;admin=1', '/a', '/a%3Badmin%3D1/', '')],
  ['query-altered', 'a pair is added', MISMATCH, sentTo('/p?a=1', '/p?a=1&admin=1', '/p/', 'a=1')],
  ['query-altered', 'a pair is removed', MISMATCH, sentTo('/p?a=1&b=2', '/p?a=1', '/p/', 'a=1&b=2')],
  ['query-altered', 'a value is changed', MISMATCH, sentTo('/p?a=1', '/p?a=2', '/p/', 'a=1')],
  ['query-altered', 'a name is repeated', MISMATCH, sentTo('/p?a=1', '/p?a=1&a=1', '/p/', 'a=1')],
  ['query-altered', 'a pair is split', MISMATCH, sentTo('/p?a=1%26b%3D2', '/p?a=1&b=2', '/p/', 'a=1%26b%3D2')],
  ['query-altered', 'a semicolon does not split', MISMATCH, sentTo('/p?a=1&b=2', '/p?a=1;b=2', '/p/', 'a=1&b=2')],
  ['query-altered', 'a plus is sent as %2B', MISMATCH, sentTo('/p?a=+', '/p?a=%2B', '/p/', 'a=%20')],
  ['query-altered', 'values change places', MISMATCH, sentTo('/p?a=1&b=2', '/p?a=2&b=1', '/p/', 'a=1&b=2')],
  ['query-order', 'the signer did not sort', MISMATCH, signedUnder('/p?b=2&a=1', '/p/', 'b=2&a=1')],
  ['query-order', 'the signer sorted by name alone', MISMATCH, signedUnder('/p?a=2&a=1', '/p/', 'a=2&a=1')],
  ['query-order', 'the signer sorted what was encoded', MISMATCH, signedUnder('/p?%7B=1&a=2', '/p/', '%7B=1&a=2')],
  [
    'query-order',
    'the signer sorted by UTF-16 unit',
    MISMATCH,
    signedUnder('/p?%F0%9F%98%80=1&%EF%BF%BD=2', '/p/', '%F0%9F%98%80=1&%EF%BF%BD=2'),
  ],
  ['query-order', 'the signer left an equals sign out', MISMATCH, signedUnder('/p?a', '/p/', 'a')],
  ['query-order', 'the signer kept a plus', MISMATCH, signedUnder('/p?a=b+c', '/p/', 'a=b%2Bc')],
  ['query-order', 'the signer signed the query as sent', MISMATCH, signedUnder('/p?a=%e4', '/p/', 'a=%e4')],
  ['double-encoding', 'a percent sign is escaped once more on the way', MISMATCH, sentTo('/a%2Fb', '/a%252Fb', '/a%2Fb/', '')],
  ['double-encoding', 'an escape is decoded once on the way', MISMATCH, sentTo('/a%252Fb', '/a%2Fb', '/a%252Fb/', '')],
  ['double-encoding', 'the signer escaped twice', MISMATCH, signedUnder('/a%2Fb', '/a%252Fb/', '')],
  ['double-encoding', 'in the query, the signer escaped twice', MISMATCH, signedUnder('/p?a=%20', '/p/', 'a=%2520')],
  ['double-encoding', 'in the query, decoded once on the way', MISMATCH, sentTo('/p?a=%2526', '/p?a=%26', '/p/', 'a=%2526')],
  ['dot-segments', 'a dot segment is added', MISMATCH, sentTo('/a/b', '/a/./b', '/a/b/', '')],
  ['dot-segments', 'dot segments that lead to the same path', MISMATCH, sentTo('/a/b', '/a/x/../b', '/a/b/', '')],
  ['dot-segments', 'escaped dot segments', MISMATCH, sentTo('/a/b', '/a/x/%2e%2E/b', '/a/b/', '')],
  ['dot-segments', 'dot segments are resolved on the way', MISMATCH, sentTo('/public/../admin', '/admin', '/public/../admin/', '')],
  ['dot-segments', 'the signer resolved them', MISMATCH, signedUnder('/public/../admin', '/admin/', '')],
  ['other-path', 'the signer added no slash', MISMATCH, signedUnder('/a/b', '/a/b', '')],
  ['body-altered', 'another body', MISMATCH, sent(() => ({ body: bytesOf('{"order":0}') }))],
  ['body-altered', 'one bit', MISMATCH, sent(({ body }) => ({ body: body.map((byte, n) => (n === 0 ? byte ^ 1 : byte)) as Buffer }))],
  ['body-altered', 'no body any more', MISMATCH, sent(() => ({ body: bytesOf('') }))],
  [
    'body-altered',
    'a body where there was none',
    MISMATCH,
    ({ party, message }) => seal(party, { ...message, body: bytesOf('') }, message),
  ],
  [
    'body-altered',
    'other than declared',
    'body_hash_mismatch',
    ({ party, message }) => seal(party, declaring(message), { ...declaring(message), body: bytesOf('other') }),
  ],
  [
    'body-altered',
    'other than declared, and the declaration adapted',
    MISMATCH,
    ({ party, message }) => seal(party, declaring(message), { ...declaring(message, sha256('other')), body: bytesOf('other') }),
  ],
  [
    'body-altered',
    'a declaration of the new body is added',
    MISMATCH,
    sent(({ headers }) => ({ body: bytesOf('other'), headers: [...headers, ['X-Sdk-Content-Sha256', sha256('other')]] })),
  ],
  [
    'body-altered',
    'a declaration of the old body is added',
    'body_hash_mismatch',
    sent(({ body, headers }) => ({ body: bytesOf('other'), headers: [...headers, ['X-Sdk-Content-Sha256', sha256(body)]] })),
  ],
  [
    'folded-names',
    'a line break in the payload line, of a header that is not signed',
    'malformed',
    ({ party, message }) => {
      const payload = `${sha256(message.body)}\n${sha256('other')}`;
      return seal(party, { ...message, payload, headers: [...message.headers, ['X-Sdk-Content-Sha256', payload]] });
    },
  ],
  [
    'body-altered',
    'the declared hash is in upper case',
    'body_hash_mismatch',
    ({ party, message }) => seal(party, declaring(message, sha256(message.body).toUpperCase())),
  ],
  [
    'unsigned-body',
    'UNSIGNED-PAYLOAD without leave',
    'body_unsigned',
    ({ party, message }) => seal(party, declaring(message, 'UNSIGNED-PAYLOAD')),
  ],
  [
    'unsigned-body',
    'UNSIGNED-PAYLOAD is added on the way',
    'body_unsigned',
    sent(({ headers }) => ({ headers: [...headers, ['X-Sdk-Content-Sha256', 'UNSIGNED-PAYLOAD']], body: bytesOf('other') })),
  ],
  [
    'unsigned-body',
    'UNSIGNED-PAYLOAD is added on the way, where it is allowed',
    MISMATCH,
    ({ party, message }) => ({
      request: seal(party, message, { ...message, headers: [...message.headers, ['X-Sdk-Content-Sha256', 'UNSIGNED-PAYLOAD']] }),
      options: { allowUnsignedPayload: true },
    }),
  ],
  [
    'unsigned-body',
    'unsigned-payload in lower case is no leave',
    'body_hash_mismatch',
    ({ party, message }) => ({ request: seal(party, declaring(message, 'unsigned-payload')), options: { allowUnsignedPayload: true } }),
  ],
  [
    'unsigned-body',
    'UNSIGNED-PAYLOAD is removed on the way',
    'missing_signed_header',
    ({ party, message }) => ({
      request: withHeader(seal(party, declaring(message, 'UNSIGNED-PAYLOAD')), 'x-sdk-content-sha256', () => []),
      options: { allowUnsignedPayload: true },
    }),
  ],
  [
    're-serialised-body',
    'with spaces',
    MISMATCH,
    sent(({ body }) => ({ body: bytesOf(JSON.stringify(JSON.parse(String(body)), null, 1)) })),
  ],
  ['re-serialised-body', 'its names in another order', MISMATCH, sent(({ body }) => ({ body: bytesOf(reordered(String(body))) }))],
  [
    're-serialised-body',
    'its characters escaped',
    MISMATCH,
    ({ party, message }) => seal(party, { ...message, body: bytesOf('{"n":"é"}') }, { ...message, body: bytesOf('{"n":"\\u00e9"}') }),
  ],
  [
    're-serialised-body',
    'with a byte order mark',
    MISMATCH,
    sent(({ body }) => ({ body: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]) })),
  ],
  [
    're-serialised-body',
    'and its hash declared before',
    'body_hash_mismatch',
    ({ party, message }) => seal(party, declaring(message), { ...declaring(message), body: bytesOf(` ${String(message.body)}`) }),
  ],
  // Schemes.
  ['algorithm-swap', 'an unknown scheme', 'malformed', spelled({ scheme: 'SDK-HMAC-SHA1' })],
  ['algorithm-swap', 'none', 'malformed', spelled({ scheme: 'none' })],
  ['algorithm-swap', 'the scheme of another vendor', 'malformed', spelled({ scheme: 'AWS4-HMAC-SHA256' })],
  ['algorithm-swap', 'the vendor’s other scheme', 'malformed', spelled({ scheme: 'V11-HMAC-SHA256' })],
  [
    'algorithm-swap',
    'the vendor’s older form, with a derived key',
    'malformed',
    ({ party, message }) =>
      seal(party, message, message, {
        scheme: 'SDK-HMAC-SHA256',
        authorization: (header) => header.replace(/Access=([^,]+)/, 'Credential=$1/20260615///sdk_request'),
      }),
  ],
  [
    'algorithm-swap',
    'another scheme that is known, with the same key id',
    'unknown_key',
    ({ party, message }) =>
      seal(party, message, message, { scheme: party.scheme === 'SDK-HMAC-SHA256' ? 'SIGNET-AES-128-CFB-MAC' : 'SDK-HMAC-SHA256' }),
  ],
  [
    'algorithm-swap',
    'an HMAC whose secret is the sign_key of this key',
    'unknown_key',
    ({ party, message }) =>
      seal(hmacParty(party.accessId, party.key.signKey), message, message, {
        scheme: party.scheme === 'SDK-HMAC-SHA256' ? 'SIGNET-RSA-PSS-SHA256' : 'SDK-HMAC-SHA256',
      }),
  ],
  [
    'algorithm-swap',
    'an HMAC whose secret is the sign_key, under the name of the right scheme',
    MISMATCH,
    ({ party, message }) => seal({ ...party, mac: (text) => hmacHex(party.key.signKey, text) }, message),
  ],
  ['algorithm-swap', 'a hash without a key', MISMATCH, ({ party, message }) => seal({ ...party, mac: (text) => sha256(text) }, message)],
  [
    'empty-secret',
    'an HMAC with an empty secret',
    MISMATCH,
    ({ party, message }) => seal({ ...party, mac: (text) => hmacHex('', text) }, message),
  ],
  // Replays.
  ['replay', 'the same request', 'replayed', ({ party, message }) => twice(seal(party, message))],
  [
    'replay',
    'the same request, its signature in upper case',
    'replayed',
    ({ party, message }) => twice(seal(party, message), (hex) => hex.toUpperCase()),
  ],
  [
    'replay',
    'the same request, with a header that is not signed',
    'replayed',
    ({ party, message }) => {
      const request = seal(party, message);
      return { before: [request], request: { ...request, headers: [...request.headers, ['X-Added', '1']] } };
    },
  ],
  [
    'replay',
    'the same request, signed again in its second',
    'replayed',
    ({ party, message }) => ({ before: [seal(party, message)], request: seal(party, message) }),
  ],
  [
    'replay',
    'the first of three',
    'replayed',
    ({ party, message }) => ({
      before: [0, 1, 2].map((n) => seal(party, { ...message, body: bytesOf(String(n)) })),
      request: seal(party, { ...message, body: bytesOf('0') }),
    }),
  ],
  [
    'replay',
    'a changed body is not a replay',
    MISMATCH,
    ({ party, message }) => ({ before: [seal(party, message)], request: seal(party, message, { ...message, body: bytesOf('other') }) }),
  ],
  // Two faults: which is told.
  ['two-faults', 'too old, and an unknown key', 'skew', ({ rival, message }) => seal(rival, withDate(message, sdkDate(NOW - 9000)))],
  [
    'two-faults',
    'too old, and the body unsigned',
    'skew',
    ({ party, message }) => seal(party, withDate(declaring(message, 'UNSIGNED-PAYLOAD'), sdkDate(NOW - 9000))),
  ],
  [
    'two-faults',
    'the body unsigned, and an unknown key',
    'body_unsigned',
    ({ rival, message }) => seal(rival, declaring(message, 'UNSIGNED-PAYLOAD')),
  ],
  [
    'two-faults',
    'an unknown key, and another body',
    'unknown_key',
    ({ rival, message }) => seal(rival, message, { ...message, body: bytesOf('other') }),
  ],
  [
    'two-faults',
    'another body than declared, and another path',
    MISMATCH,
    ({ party, message }) =>
      seal(party, declaring(message), { ...declaring(message), ...ROUTES[0]!, target: '/other', body: bytesOf('other') }),
  ],
  [
    'two-faults',
    'a signed header is missing, and the date is too old',
    'missing_signed_header',
    ({ party, message }) => seal(party, withDate(message, sdkDate(NOW - 9000)), { ...message, headers: without(message.headers, 'host') }),
  ],
  ['two-faults', 'a name twice, and another that is missing', 'malformed', spelled({ signedHeaders: 'x-sdk-date;x-sdk-date;x-none' })],
  [
    'two-faults',
    'a name that is missing, and another twice',
    'missing_signed_header',
    spelled({ signedHeaders: 'x-none;x-sdk-date;x-sdk-date' }),
  ],
  ['two-faults', 'too many names, the first missing', 'malformed', spelled({ signedHeaders: `x-none;${'x;'.repeat(63)}x-sdk-date` })],
];

function swapped(header: string): string {
  return header.replace(/(Access=[^,]+), (SignedHeaders=[^,]+)/, '$2, $1');
}
/** Sent as it should be, signed over canonical parts that are not those of the contract. */
function signedUnder(target: string, uri: string, query: string): Make {
  return ({ party, message }) => seal(party, at(message, { target, uri, query }));
}
function reordered(json: string): string {
  return JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(json) as object).reverse()));
}
function twice(request: WireRequest, signature: (hex: string) => string = (hex) => hex): Made {
  const again = withValue(request, 'authorization', (value) => value.replace(/[0-9a-f]+$/, signature));
  return { before: [request], request: again };
}

/** A target so long that it and X-Sdk-Date, the only signed header, have this many characters. */
function long(characters: number): Make {
  const target = `/${'a'.repeat(characters - 1 - sdkDate(NOW).length)}`;
  return both((message) => ({ ...at(message, { target, uri: `${target}/`, query: '' }), signed: ['x-sdk-date'] }));
}

/** What concerns keys of one type only. */
const HMAC_ONLY: Case[] = [
  [
    'empty-secret',
    'the key has an empty secret, and the request is signed with it',
    'unknown_key',
    ({ message }) => {
      const empty = hmacParty('gateway-empty', '');
      return { request: seal(empty, message), keys: [empty.key] };
    },
  ],
  [
    'empty-secret',
    'one of two keys with the same id has an empty secret',
    MISMATCH,
    ({ party, message }) => {
      const empty = hmacParty(party.accessId, '');
      return { request: seal(empty, message), keys: [empty.key, party.key] };
    },
  ],
  [
    'empty-secret',
    'the key has no secret',
    'unknown_key',
    ({ party, message }) => {
      const key: GatewayKey = { signType: 'hmac', signKey: party.accessId };
      return { request: seal(hmacParty(party.accessId, ''), message), keys: [key] };
    },
  ],
  [
    'empty-secret',
    'an unusable key beside the right one does no harm',
    null,
    ({ party, message }) => ({ request: seal(party, message), keys: [hmacParty(party.accessId, '').key, party.key] }),
  ],
  [
    'prefix-in-secret',
    'SDK before the secret',
    MISMATCH,
    ({ party, message }) => seal({ ...party, mac: (text) => hmacHex(`SDK${party.key.signSecret!}`, text) }, message),
  ],
  [
    'prefix-in-secret',
    'the secret decoded from hexadecimal',
    MISMATCH,
    ({ message }) => {
      const party = hmacParty('gateway-hex-1', 'a1b2c3d4'.repeat(8));
      return {
        request: seal({ ...party, mac: (text) => hmacHex(Buffer.from(party.key.signSecret!, 'hex'), text) }, message),
        keys: [party.key],
      };
    },
  ],
  [
    'prefix-in-secret',
    'the key of the vendor’s older scheme',
    MISMATCH,
    ({ party, message }) => {
      const derive = (secret: string | Buffer, text: string) => Buffer.from(hmacHex(secret, text), 'hex');
      const derived = ['20260615', '', '', 'sdk_request'].reduce<string | Buffer>(derive, `SDK${party.key.signSecret!}`);
      return seal({ ...party, mac: (text) => hmacHex(derived, text) }, message);
    },
  ],
  [null, '65536 characters are signed: the target and one date', null, long(65_536)],
  ['too-long', '65537 characters are signed: the target and one date', 'malformed', long(65_537)],
  ['truncated-signature', 'SHA-1 under the name of SHA-256', MISMATCH, spelled({ signature: (hex) => hex.slice(0, 40) })],
  ...(['older', 'newer'] as const).map(
    (which): Case => [
      null,
      `two secrets under one id: signed with the ${which}`,
      null,
      ({ party, message }) => {
        const next = hmacParty(party.accessId, 'Next-secret-0123456789!', 'next');
        return { request: seal(which === 'newer' ? next : party, message), keys: [party.key, next.key] };
      },
    ],
  ),
  [
    'wrong-secret',
    'two secrets under one id: signed with a third',
    MISMATCH,
    ({ party, message }) => ({
      request: seal(hmacParty(party.accessId, 'Third-secret-0123456789'), message),
      keys: [party.key, hmacParty(party.accessId, 'Next-secret-0123456789!').key],
    }),
  ],
  [
    null,
    'keys of every type: the one that the request names is used',
    null,
    ({ party, message, roll }) => ({
      request: seal(party, message),
      keys: [rsaParty(RSA_KEYS.first, roll).key, { signType: 'basic', signKey: party.accessId, signSecret: 'Pa55-word!' }, party.key],
    }),
  ],
  [
    'algorithm-swap',
    'a basic key with the same id and secret does not verify an HMAC',
    'unknown_key',
    ({ party, message }) => ({ request: seal(party, message), keys: [{ ...party.key, signType: 'basic' }] }),
  ],
];

const AES_ONLY: Case[] = [
  [
    'algorithm-swap',
    'the other cipher',
    'unknown_key',
    ({ party, message }) => ({
      request: seal(party, message),
      keys: [
        party.key.signAlgorithm === 'aes-128-cfb'
          ? aesParty('aes-256-cfb', party.key.signKey + party.key.signKey, party.key.signSecret!).key
          : aesParty('aes-128-cfb', party.key.signKey.slice(0, 16), party.key.signSecret!).key,
      ],
    }),
  ],
  [
    'empty-secret',
    'an empty vector is no key',
    'unknown_key',
    ({ party, message }) => ({ request: seal(party, message), keys: [{ ...party.key, signSecret: '' }] }),
  ],
  [
    'wrong-secret',
    'the key is too short to be one',
    'unknown_key',
    ({ party, message }) => ({ request: seal(party, message), keys: [{ ...party.key, signKey: party.key.signKey.slice(1) }] }),
  ],
  [
    'wrong-key-id',
    'the id is sign_key itself',
    'unknown_key',
    ({ party, message }) => seal(party, message, message, { accessId: party.key.signKey }),
  ],
];

const RSA_ONLY: Case[] = [
  ...[0, 20, 31, 33, 222].map(
    (bytes): Case => [
      'algorithm-swap',
      `a salt of ${bytes} bytes`,
      MISMATCH,
      ({ message, roll }) => seal(rsaParty(RSA_KEYS.first, roll, bytes), message),
    ],
  ),
  [
    'algorithm-swap',
    'PKCS #1 v1.5 in place of PSS',
    MISMATCH,
    ({ party, message }) => seal({ ...party, mac: (text) => pkcs1('sha256', text) }, message),
  ],
  [
    'algorithm-swap',
    'PKCS #1 v1.5 with SHA-1',
    MISMATCH,
    ({ party, message }) => seal({ ...party, mac: (text) => pkcs1('sha1', text) }, message),
  ],
  [
    'wrong-secret',
    'an RSA key of 1024 bits is no key',
    'unknown_key',
    ({ message, roll }) => {
      const short = rsaParty(RSA_KEYS.short, roll);
      return { request: seal(short, message), keys: [short.key] };
    },
  ],
  [
    'wrong-secret',
    'text that is not a public key is no key',
    'unknown_key',
    ({ party, message }) => ({ request: seal(party, message), keys: [{ signType: 'public_key', signKey: base64('not a public key') }] }),
  ],
  [
    'empty-secret',
    'an HMAC with the public key as its secret, and the key id as its user',
    'unknown_key',
    ({ party, message }) => seal(hmacParty(party.accessId, party.key.signKey), message),
  ],
];

function pkcs1(algorithm: string, text: string): string {
  const key = createPrivateKey({ key: Buffer.from(RSA_KEYS.first.privateKey, 'base64'), format: 'der', type: 'pkcs8' });
  return signWith(algorithm, bytesOf(text), { key, padding: constants.RSA_PKCS1_PADDING }).toString('hex');
}

const HASHED = { target: '/a#b', uri: '/a%23b/', query: '' };
/** The signatures are right: a verifier reads one path from such a target where the application may read another. */
const TARGETS: Case[] = [
  [null, 'the target is absolute', null, targeted('http://backend.internal/v1/orders?b=2&a=1', '/v1/orders/', 'a=1&b=2')],
  [null, 'the target is absolute, with a port and without a query', null, targeted('HTTPS://backend.internal:8443/a%20b', '/a%20b/', '')],
  ['target', 'a # in the path', 'malformed', targeted('/public#/../admin', '/public%23/../admin/')],
  ['target', 'a # at the end', 'malformed', targeted('/public#', '/public%23/')],
  ['target', 'a # before the query', 'malformed', targeted('/public#?a=1', '/public%23/', 'a=1')],
  ['target', 'a # in the query', 'malformed', targeted('/p?a=1#&b=2', '/p/', 'a=1%23&b=2')],
  ['target', 'a fragment is added on the way', 'malformed', sentTo('/p', '/p#x', '/p/', '')],
  ['target', 'a # that is sent escaped is an ordinary character', null, targeted('/a%23b?c=%23', '/a%23b/', 'c=%23')],
  ['target', 'absolute, a # behind the authority', 'malformed', targeted('http://backend.internal#/admin', '/')],
  ['target', 'absolute, a # behind the authority, signed as a path', 'malformed', targeted('http://backend.internal#/admin', '%23/admin/')],
  ['target', 'absolute, a # in the path', 'malformed', targeted('http://backend.internal/public#x', '/public%23x/')],
  ...(
    [
      ['TAB', '\t', '%09'],
      ['NUL', '\0', '%00'],
      ['0x7F', '\x7f', '%7F'],
      ['a space', ' ', '%20'],
      ['a line feed', '\n', '%0A'],
      ['a carriage return', '\r', '%0D'],
      ['0x1F', '\x1f', '%1F'],
    ] as const
  ).flatMap(([name, character, escape]): Case[] => [
    ['target', `${name} in the path`, 'malformed', targeted(`/a${character}b`, `/a${escape}b/`)],
    ['target', `${name} in the query`, 'malformed', targeted(`/p?a=${character}`, '/p/', `a=${escape}`)],
    ['target', `${name} before the path`, 'malformed', targeted(`${character}/a`, `${escape}/a/`)],
    ['target', `${name} behind the target`, 'malformed', targeted(`/a${character}`, `/a${escape}/`)],
    ['target', `${name} that is sent escaped is an ordinary character`, null, targeted(`/a${escape}b`, `/a${escape}b/`, '')],
  ]),
  [
    'target',
    'a #, and no Authorization',
    'no_authorization',
    ({ party, message }) => withHeader(seal(party, at(message, HASHED)), 'authorization', () => []),
  ],
  [
    'target',
    'a #, and a signed header is missing',
    'malformed',
    ({ party, message }) => seal(party, at(message, HASHED), { ...at(message, HASHED), headers: without(message.headers, 'host') }),
  ],
  ['target', 'a #, and too old', 'malformed', ({ party, message }) => seal(party, withDate(at(message, HASHED), sdkDate(NOW - 9000)))],
  ['target', 'a #, and an unknown key', 'malformed', ({ rival, message }) => seal(rival, at(message, HASHED))],
];

/** Apart, so that the draws of the other vectors stay. */
export function targetDrafts(roll: Dice): Draft<GatewayVector>[] {
  const [party, rival] = [hmacParty('gateway-a1', 'Zk4Wq-9x_T!7sVb2@Lm#Qp5$Rn8%Yt1'), hmacParty('gateway-b2', 'Hd7!pL2-vC9_xM4@sR6#tB1$')];
  return drafts(TARGETS, party, rival, roll);
}

export function gatewayDrafts(roll: Dice): Draft<GatewayVector>[] {
  const cast: [party: Party, rival: Party, own: Case[], times: number][] = [
    [hmacParty('gateway-a1', 'Zk4Wq-9x_T!7sVb2@Lm#Qp5$Rn8%Yt1'), hmacParty('gateway-b2', 'Hd7!pL2-vC9_xM4@sR6#tB1$'), HMAC_ONLY, 2],
    [
      aesParty('aes-128-cfb', 'Jx7+Qm2/Lp9-Rt4=', 'Vb3_Nk8!Hc6@Wd1#'),
      aesParty('aes-128-cfb', 'Kd2/Wm8+Xp3_Bt6!', 'Vb3_Nk8!Hc6@Wd1#'),
      AES_ONLY,
      1,
    ],
    [
      aesParty('aes-256-cfb', 'Jx7+Qm2/Lp9-Rt4=Ys5%Ug0$Ze8#Ia1!', 'Vb3_Nk8!Hc6@Wd1#'),
      aesParty('aes-256-cfb', 'Rp4-Zc9/Nk1+Wd7=Ys5%Ug0$Ze8#Ia1!', 'Qw5!Er6_Ty7@Ui8#'),
      AES_ONLY,
      1,
    ],
    [rsaParty(RSA_KEYS.first, roll), rsaParty(RSA_KEYS.second, roll), RSA_ONLY, 1],
  ];
  return cast.flatMap(([party, rival, own, times]) => {
    const cases = roll.times(times, () => [...ACCEPTED, ...REFUSED]).flat();
    return drafts([...cases, ...own], party, rival, roll);
  });
}

function drafts(cases: readonly Case[], party: Party, rival: Party, roll: Dice): Draft<GatewayVector>[] {
  return cases.map(([attack, note, code, make]) => {
    const made = make({ party, rival, message: ordinary(roll), roll });
    const { request, keys = [party.key], now = NOW, options = {}, before = [] } = 'request' in made ? made : { request: made };
    return {
      kind: 'gateway',
      signType: party.key.signType,
      attack,
      note,
      keys,
      now,
      options: { ...GATEWAY_DEFAULTS, ...options },
      before,
      request,
      code,
    };
  });
}
