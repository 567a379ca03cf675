/**
 * HTTP message signatures (RFC 9421): every attack against both algorithms. Whether a request is valid is decided here, by what is done to it.
 * Written from the RFC and docs/signing.md with node:crypto alone.
 */
import { createHash, createHmac, createPrivateKey, createPublicKey, hash, sign as signWith } from 'node:crypto';
import type { Dice } from '../dice.ts';
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

const NOW = 1_767_225_600;

interface Party {
  /** What a verifier is given. */
  key: GatewayKey;
  keyid: string;
  alg: string;
  /** In base64. */
  sign(base: string): string;
}

const hmacParty = (signKey: string, secret: Buffer): Party => ({
  key: { signType: 'http-message-signatures', signAlgorithm: 'hmac-sha256', signKey, signSecret: secret.toString('base64') },
  keyid: signKey,
  alg: 'hmac-sha256',
  sign: (base) => createHmac('sha256', secret).update(base).digest('base64'),
});

function ed25519Party(seed: Buffer): Party {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const x = spki.subarray(-32).toString('base64url');
  return {
    key: { signType: 'http-message-signatures', signAlgorithm: 'ed25519', signKey: spki.toString('base64') },
    keyid: hash('sha256', `{"crv":"Ed25519","kty":"OKP","x":"${x}"}`, 'base64url'),
    alg: 'ed25519',
    sign: (base) => signWith(null, Buffer.from(base), privateKey).toString('base64'),
  };
}

/** A request before it is signed. */
interface Message {
  method: string;
  target: string;
  host: string;
  body: Buffer;
  /** Further headers that arrive. */
  headers: Pair[];
  /** Covered components in order. */
  covered: string[];
  /** Values of the covered components that are not what follows from the request. */
  values: Readonly<Record<string, string>>;
  /** Parameters as they are written, in order. */
  parameters: (readonly [name: string, text: string])[];
  label: string;
}

const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
const digest = (body: Buffer, algorithm: 'sha256' | 'sha512' = 'sha256') =>
  `sha-${algorithm.slice(3)}=:${createHash(algorithm).update(body).digest('base64')}:`;
const REQUIRED = ['@method', '@authority', '@path', '@query'];
const COVERED = [...REQUIRED, 'content-digest'];

function valueOf(message: Message, name: string): string {
  const given = message.values[name];
  if (given !== undefined) return given;
  const [path = '', ...query] = message.target.replace(/^[a-z]+:\/\/[^/?]*/i, '').split('?');
  switch (name) {
    case '@method':
      return message.method;
    case '@authority':
      return message.host.toLowerCase().replace(/:(80|443)$/, '');
    case '@path':
      return path || '/';
    case '@query':
      return `?${query.join('?')}`;
    case 'content-digest':
      return digest(message.body);
    default:
      return message.headers
        .filter(([header]) => header.toLowerCase() === name)
        .map(([, value]) => value.replace(/^[ \t]+|[ \t]+$/g, ''))
        .join(', ');
  }
}

const listOf = ({ covered, parameters }: Message) =>
  `(${covered.map(quoted).join(' ')})${parameters.map(([name, text]) => `;${name}${text === '' ? '' : `=${text}`}`).join('')}`;

const baseOf = (message: Message) =>
  `${message.covered.map((name) => `${quoted(name)}: ${valueOf(message, name)}\n`).join('')}"@signature-params": ${listOf(message)}`;

/** Signed as `signed`, sent as `sent`. */
function seal(party: Party, signed: Message, sent: Message = signed): WireRequest {
  const digests = signed.covered.includes('content-digest') ? [['Content-Digest', valueOf(signed, 'content-digest')] as Pair] : [];
  return {
    method: sent.method,
    target: sent.target,
    headers: [
      ['Host', sent.host],
      ...sent.headers,
      ...digests,
      ['Signature-Input', `${signed.label}=${listOf(signed)}`],
      ['Signature', `${signed.label}=:${party.sign(baseOf(signed))}:`],
    ],
    body: base64(sent.body),
  };
}

interface Scene {
  party: Party;
  rival: Party;
  message: Message;
}
interface Made {
  request: WireRequest;
  keys?: GatewayKey[];
  options?: Partial<GatewayOptions>;
  before?: WireRequest[];
}
type Case = [attack: string | null, note: string, code: GatewayCode | null, make: (scene: Scene) => Made | WireRequest];
type Change = (message: Message) => Partial<Message>;

/** Signed and sent with the change. */
const both =
  (change: Change, options: Partial<GatewayOptions> = {}): Case[3] =>
  ({ party, message }) => ({ request: seal(party, { ...message, ...change(message) }), options });
/** Signed without the change, sent with it. */
const sent =
  (change: Change): Case[3] =>
  ({ party, message }) =>
    seal(party, message, { ...message, ...change(message) });
const afterwards =
  (change: (request: WireRequest) => WireRequest): Case[3] =>
  ({ party, message }) =>
    change(seal(party, message));
const header = (name: string, change: (value: string) => string) => afterwards((request) => withValue(request, name, change));
const parameter = (name: string, text: string | undefined, options: Partial<GatewayOptions> = {}): Case[3] =>
  both(
    ({ parameters }) => ({
      parameters: [...parameters.filter(([each]) => each !== name), ...(text === undefined ? [] : [[name, text] as const])],
    }),
    options,
  );
const created = (at: number, options: Partial<GatewayOptions> = {}) => parameter('created', String(at), options);
const covering = (covered: string[], headers: Pair[] = [], options: Partial<GatewayOptions> = {}): Case[3] =>
  both((message) => ({ covered, headers: [...message.headers, ...headers] }), options);
const without = (name: string) => COVERED.filter((each) => each !== name);
const FOREIGN_INPUT = 'other=("@method" "x-one";sf "@query-param";name="a");created=1;keyid="client";x=?0;y=tok/en;z=1.5';
const FOREIGN = 'other=:AAAA:';

const ACCEPTED: Case[] = [
  [null, 'an ordinary request', null, ({ party, message }) => seal(party, message)],
  [null, 'without a body', null, both(() => ({ method: 'GET', body: Buffer.alloc(0) }))],
  [null, 'a body of bytes that are not text', null, both(() => ({ body: Buffer.from([0, 255, 254, 10, 13]) }))],
  [null, 'without a query', null, both(() => ({ target: '/v1/orders' }))],
  [null, 'an empty query', null, both(() => ({ target: '/v1/orders?' }))],
  [null, 'escapes and dots in the path are covered as they are', null, both(() => ({ target: '/a%2Fb/%e4%b8%ad/../c//?q=%7e+%20&&=' }))],
  [null, 'the absolute form, with the authority of Host', null, both(({ host }) => ({ target: `http://${host}/v1/orders?a=1` }))],
  [null, 'the absolute form without a path', null, both(({ host }) => ({ target: `http://${host}?a=1` }))],
  [null, 'the host in upper case', null, both(() => ({ host: 'BACKEND.Internal:8080' }))],
  [null, 'the port 443 is not part of the authority', null, both(() => ({ host: 'backend.internal:443' }))],
  [null, 'the port 80 is not part of the authority', null, both(() => ({ host: 'backend.internal:80' }))],
  [null, 'the components in another order', null, covering([...COVERED].reverse())],
  [null, 'a header is covered too', null, covering([...COVERED, 'x-one'], [['X-One', ' a  "b" \t']])],
  [
    null,
    'a header that came twice is covered',
    null,
    covering(
      [...COVERED, 'x-two'],
      [
        ['X-Two', 'a'],
        ['x-two', 'b'],
      ],
    ),
  ],
  [null, 'an empty header is covered', null, covering([...COVERED, 'x-empty'], [['X-Empty', '']])],
  [null, 'a header that is not covered is added', null, sent(({ headers }) => ({ headers: [...headers, ['X-Added', '1']] }))],
  [null, 'the digest is SHA-512', null, both(({ body }) => ({ values: { 'content-digest': digest(body, 'sha512') } }))],
  [
    null,
    'two digests, and one of an algorithm that is not known',
    null,
    both(({ body }) => ({ values: { 'content-digest': `md5=:AAAA:, ${digest(body)},${digest(body, 'sha512')}` } })),
  ],
  [null, 'without a nonce', null, parameter('nonce', undefined)],
  [null, 'expires is to come', null, parameter('expires', String(NOW + 1))],
  [null, 'expires is now', null, parameter('expires', String(NOW))],
  ...[-900, -1, 0, 900].map((away): Case => [null, `created ${away} s from now`, null, created(NOW + away)]),
  [null, 'another label', null, both(() => ({ label: 'sig1' }))],
  [
    null,
    'spaces in Signature-Input, which are not signed',
    null,
    header('signature-input', (value) => ` ${value.replace('" "', '"   "').replace(';created', ';  created')} `),
  ],
  [
    null,
    'a signature of the client comes before ours',
    null,
    afterwards((request) =>
      withValue(
        withValue(request, 'signature-input', (value) => `${FOREIGN_INPUT}, ${value}`),
        'signature',
        (value) => `${FOREIGN},${value}`,
      ),
    ),
  ],
  [
    null,
    'a signature of the client in a header line of its own',
    null,
    afterwards((request) => ({ ...request, headers: [['signature', FOREIGN], ['signature-input', FOREIGN_INPUT], ...request.headers] })),
  ],
  [
    null,
    'Authorization is the application’s own',
    null,
    both(({ headers }) => ({ headers: [...headers, ['Authorization', 'Basic dXNlcjpwYXNzd29yZA==']] })),
  ],
  [
    null,
    'a key rotates: signed with the newer of two',
    null,
    ({ party, rival, message }) => ({ request: seal(rival, message), keys: [party.key, rival.key] }),
  ],
  [null, 'the body is not covered, and that is allowed', null, covering(REQUIRED, [], { allowUnsignedPayload: true })],
  [
    null,
    '64 components',
    null,
    covering(
      [...COVERED, ...Array.from({ length: 59 }, (_, n) => `x-n-${n}`)],
      Array.from({ length: 59 }, (_, n) => [`X-N-${n}`, String(n)]),
    ),
  ],
  [
    'replay',
    'another nonce',
    null,
    ({ party, message }) => ({
      request: seal(party, message),
      before: [
        seal(party, {
          ...message,
          parameters: message.parameters.map(([name, text]) => [name, name === 'nonce' ? '"another"' : text] as const),
        }),
      ],
    }),
  ],
];

const REFUSED: Case[] = [
  // What covers less than the policy.
  ...REQUIRED.map((name): Case => ['downgrade', `${name} is not covered`, 'missing_signed_header', covering(without(name))]),
  ['downgrade', 'nothing is covered', 'missing_signed_header', covering([])],
  [
    'downgrade',
    'only the target is covered, as one',
    'malformed',
    covering(['@method', '@authority', '@request-target', 'content-digest']),
  ],
  [
    'downgrade',
    'the query is covered by one parameter',
    'malformed',
    both((message) => ({
      covered: message.covered.map((name) => (name === '@query' ? '@query-param' : name)),
      values: { '@query-param': '1' },
    })),
  ],
  ['unsigned-body', 'the digest is not covered', 'body_unsigned', covering(REQUIRED)],
  [
    'unsigned-body',
    'the digest arrives and is not covered',
    'body_unsigned',
    ({ party, message }) =>
      seal(party, { ...message, covered: REQUIRED, headers: [...message.headers, ['Content-Digest', digest(message.body)]] }),
  ],
  [
    'missing-header',
    'a covered header did not arrive',
    'missing_signed_header',
    ({ party, message }) => seal(party, { ...message, covered: [...COVERED, 'x-one'], values: { 'x-one': '1' } }),
  ],
  [
    'missing-header',
    'the digest was removed',
    'missing_signed_header',
    afterwards((request) => withHeader(request, 'content-digest', () => [])),
  ],
  ['missing-header', 'there is no Host', 'missing_signed_header', afterwards((request) => withHeader(request, 'host', () => []))],
  ['missing-header', 'there is no Signature', 'malformed', afterwards((request) => withHeader(request, 'signature', () => []))],
  [
    'missing-header',
    'there is no Signature-Input',
    'no_authorization',
    afterwards((request) => withHeader(request, 'signature-input', () => [])),
  ],
  [
    'missing-header',
    'there is no signature at all',
    'no_authorization',
    afterwards((request) =>
      withHeader(
        withHeader(request, 'signature', () => []),
        'signature-input',
        () => [],
      ),
    ),
  ],
  // What was changed on the way.
  ['other-method', 'another method', 'signature_mismatch', sent(() => ({ method: 'DELETE' }))],
  ['other-method', 'the method in lower case', 'signature_mismatch', sent(({ method }) => ({ method: method.toLowerCase() }))],
  ['other-path', 'another path', 'signature_mismatch', sent(() => ({ target: '/v1/admin?b=2&a=1' }))],
  ['other-path', 'a slash at the end', 'signature_mismatch', sent(() => ({ target: '/v1/orders/?b=2&a=1' }))],
  ['dot-segments', 'a path that means the same', 'signature_mismatch', sent(() => ({ target: '/v1/x/../orders?b=2&a=1' }))],
  ['double-encoding', 'an escape that need not be', 'signature_mismatch', sent(() => ({ target: '/v1/%6Frders?b=2&a=1' }))],
  ['query-altered', 'another value', 'signature_mismatch', sent(() => ({ target: '/v1/orders?b=2&a=2' }))],
  ['query-altered', 'no query', 'signature_mismatch', sent(() => ({ target: '/v1/orders' }))],
  ['query-order', 'another order', 'signature_mismatch', sent(() => ({ target: '/v1/orders?a=1&b=2' }))],
  ['altered-header', 'another host', 'signature_mismatch', sent(() => ({ host: 'evil.internal:8080' }))],
  ['altered-header', 'another port', 'signature_mismatch', sent(() => ({ host: 'backend.internal:8081' }))],
  [
    'altered-header',
    'another value of a covered header',
    'signature_mismatch',
    ({ party, message }) =>
      withValue(seal(party, { ...message, covered: [...COVERED, 'x-one'], headers: [['X-One', '1']] }), 'x-one', () => '2'),
  ],
  [
    'duplicate-header',
    'a covered header comes once more',
    'signature_mismatch',
    ({ party, message }) =>
      withHeader(seal(party, { ...message, covered: [...COVERED, 'x-one'], headers: [['X-One', '1']] }), 'x-one', (pair) => [
        pair,
        ['x-one', '2'],
      ]),
  ],
  [
    'duplicate-header',
    'Host comes twice',
    'signature_mismatch',
    afterwards((request) => withHeader(request, 'host', (pair) => [pair, ['Host', 'evil.internal']])),
  ],
  ['body-altered', 'another body', 'body_hash_mismatch', sent(() => ({ body: Buffer.from('{"n":2}') }))],
  ['body-altered', 'no body', 'body_hash_mismatch', sent(() => ({ body: Buffer.alloc(0) }))],
  [
    'body-altered',
    'a body where there was none',
    'body_hash_mismatch',
    ({ party, message }) => seal(party, { ...message, body: Buffer.alloc(0) }, message),
  ],
  [
    'body-altered',
    'another body, with its digest',
    'signature_mismatch',
    ({ party, message }) => ({
      ...withValue(seal(party, message), 'content-digest', () => digest(Buffer.from('{"n":2}'))),
      body: base64('{"n":2}'),
    }),
  ],
  [
    'body-altered',
    'a digest of the body beside that of another',
    'body_hash_mismatch',
    both(({ body }) => ({ values: { 'content-digest': `${digest(body)}, ${digest(Buffer.from('x'), 'sha512')}` } })),
  ],
  ['re-serialised-body', 'the same JSON with a space', 'body_hash_mismatch', sent(() => ({ body: Buffer.from('{"n": 1}') }))],
  [
    'trailing-bytes',
    'a line break after the body',
    'body_hash_mismatch',
    sent(({ body }) => ({ body: Buffer.concat([body, Buffer.from('\n')]) })),
  ],
  // Digests.
  [
    'malformed-header',
    'the digest is hexadecimal',
    'malformed',
    both(({ body }) => ({ values: { 'content-digest': `sha-256=${createHash('sha256').update(body).digest('hex')}` } })),
  ],
  [
    'algorithm-swap',
    'the digest is MD5',
    'malformed',
    both(({ body }) => ({ values: { 'content-digest': `md5=:${createHash('md5').update(body).digest('base64')}:` } })),
  ],
  ['malformed-header', 'the digest is empty', 'malformed', both(() => ({ values: { 'content-digest': '' } }))],
  [
    'truncated-signature',
    'half of a digest',
    'body_hash_mismatch',
    both(({ body }) => ({
      values: { 'content-digest': `sha-256=:${createHash('sha256').update(body).digest().subarray(0, 16).toString('base64')}:` },
    })),
  ],
  [
    'duplicate-header',
    'two digests of one algorithm',
    'malformed',
    both(({ body }) => ({ values: { 'content-digest': `${digest(Buffer.from('x'))}, ${digest(body)}` } })),
  ],
  // Time.
  ...[-901, 901, -86_400].map((away): Case => ['skew', `created ${away} s from now`, 'skew', created(NOW + away)]),
  ['skew', '6 s away of 5 s allowed', 'skew', created(NOW - 6, { skewSeconds: 5 })],
  ['skew', 'expires is over', 'skew', parameter('expires', String(NOW - 1))],
  ['skew', 'expires is 1970', 'skew', parameter('expires', '0')],
  ['no-timestamp', 'no created', 'malformed', parameter('created', undefined)],
  ...['"1767225600"', '1767225600.0', '-1', '01767225600', '?1', '1e9', ':AAAA:', ''].map(
    (text): Case => ['malformed-header', `created is ${text || 'true'}`, 'malformed', parameter('created', text)],
  ),
  ['malformed-header', 'created has 16 digits', 'malformed', parameter('created', '1767225600000000')],
  ['malformed-header', 'expires is text', 'malformed', parameter('expires', '"1767225700"')],
  [
    'skew',
    'created was changed afterwards',
    'signature_mismatch',
    header('signature-input', (value) => value.replace(`created=${NOW}`, `created=${NOW + 1}`)),
  ],
  // Keys and algorithms.
  ['wrong-key-id', 'an unknown key id', 'unknown_key', parameter('keyid', '"nobody"')],
  ['wrong-key-id', 'no key id', 'malformed', parameter('keyid', undefined)],
  ['wrong-key-id', 'an empty key id', 'malformed', parameter('keyid', '""')],
  ['wrong-key-id', 'the key id is a token', 'malformed', parameter('keyid', 'token')],
  [
    'wrong-secret',
    'signed with another key, under this id',
    'signature_mismatch',
    ({ party, rival, message }) => seal({ ...party, sign: (base) => rival.sign(base) }, message),
  ],
  [
    'wrong-secret',
    'another key with its own id',
    'unknown_key',
    ({ rival, message }) =>
      seal(rival, {
        ...message,
        parameters: message.parameters.map(([name, text]) => [name, name === 'keyid' ? quoted(rival.keyid) : text] as const),
      }),
  ],
  ['algorithm-swap', 'no algorithm', 'malformed', parameter('alg', undefined)],
  ['algorithm-swap', 'an algorithm that is not known', 'malformed', parameter('alg', '"rsa-pss-sha512"')],
  [
    'algorithm-swap',
    'the algorithm in upper case',
    'malformed',
    ({ party, message }) =>
      seal(party, {
        ...message,
        parameters: message.parameters.map(([name, text]) => [name, name === 'alg' ? text.toUpperCase() : text] as const),
      }),
  ],
  [
    'algorithm-swap',
    'the other algorithm',
    'unknown_key',
    ({ party, message }) =>
      seal(party, {
        ...message,
        parameters: message.parameters.map(
          ([name, text]) => [name, name === 'alg' ? (party.alg === 'ed25519' ? '"hmac-sha256"' : '"ed25519"') : text] as const,
        ),
      }),
  ],
  [
    'algorithm-swap',
    'HMAC with the public key as its secret',
    'unknown_key',
    ({ party, message }) => {
      const secret = Buffer.from(party.key.signKey, 'base64');
      const forged = { ...party, sign: (base: string) => createHmac('sha256', secret).update(base).digest('base64') };
      return seal(forged, {
        ...message,
        parameters: message.parameters.map(
          ([name, text]) => [name, name === 'alg' ? (party.alg === 'ed25519' ? '"hmac-sha256"' : '"ed25519"') : text] as const,
        ),
      });
    },
  ],
  [
    'algorithm-swap',
    'a key of the type hmac with this id',
    'unknown_key',
    ({ party, message }) => ({
      request: seal(party, message),
      keys: [{ signType: 'hmac', signKey: party.keyid, signSecret: 'Secret-0123456789' }],
    }),
  ],
  [
    'empty-secret',
    'an HMAC key without a secret',
    'unknown_key',
    ({ party, message }) => ({
      request: seal(
        { ...party, sign: (base) => createHmac('sha256', '').update(base).digest('base64') },
        {
          ...message,
          parameters: message.parameters.map(
            ([name, text]) => [name, name === 'alg' ? '"hmac-sha256"' : name === 'keyid' ? '"empty-secret"' : text] as const,
          ),
        },
      ),
      keys: [{ signType: 'http-message-signatures', signAlgorithm: 'hmac-sha256', signKey: 'empty-secret', signSecret: '' }],
    }),
  ],
  // Signatures.
  [
    'altered-signature',
    'one character',
    'signature_mismatch',
    header('signature', (value) => value.replace(/:([A-Za-z0-9+/])/, (_, c: string) => (c === 'A' ? ':B' : ':A'))),
  ],
  ['truncated-signature', 'the first 15 bytes', 'signature_mismatch', header('signature', (value) => value.replace(/:(.{20}).*:/, ':$1:'))],
  ['truncated-signature', 'no bytes', 'signature_mismatch', header('signature', (value) => value.replace(/:.*:/, '::'))],
  [
    'trailing-bytes',
    'three bytes more',
    'signature_mismatch',
    header('signature', (value) =>
      value.replace(/:([^:]*):/, (_, text: string) => `:${base64(Buffer.concat([Buffer.from(text, 'base64'), Buffer.from('abc')]))}:`),
    ),
  ],
  ['malformed-header', 'the signature is text', 'malformed', header('signature', (value) => value.replace(/:(.*):/, '"$1"'))],
  ['malformed-header', 'the signature has a parameter', 'malformed', header('signature', (value) => `${value};a=1`)],
  ['malformed-header', 'the signature is base64url', 'malformed', header('signature', (value) => value.replace(/:.*:/, ':--__:'))],
  ['malformed-header', 'the signature has no padding', 'malformed', header('signature', (value) => value.replace(/=+:$/, ':'))],
  [
    'malformed-header',
    'bits after the signature',
    'malformed',
    header('signature', (value) =>
      value.replace(/(.)(=+):$/, (_, c: string, pad: string) => `${String.fromCharCode(c.charCodeAt(0) + 1)}${pad}:`),
    ),
  ],
  ['malformed-header', 'the signature has another label', 'malformed', header('signature', (value) => value.replace('signet=', 'signer='))],
  [
    'malformed-header',
    'the signature is a list',
    'malformed',
    header('signature', (value) => value.replace(/:.*:/, (text) => `(${text})`)),
  ],
  ['malformed-header', 'Signature is empty', 'malformed', header('signature', () => '')],
  ['malformed-header', 'Signature is cut off', 'malformed', header('signature', (value) => value.slice(0, -1))],
  [
    'duplicate-header',
    'Signature comes twice',
    'malformed',
    afterwards((request) => withHeader(request, 'signature', (pair) => [pair, pair])),
  ],
  [
    'duplicate-header',
    'Signature-Input comes twice',
    'malformed',
    afterwards((request) => withHeader(request, 'signature-input', (pair) => [pair, pair])),
  ],
  ['duplicate-header', 'the label comes twice in Signature', 'malformed', header('signature', (value) => `signet=:AAAA:, ${value}`)],
  [
    'duplicate-header',
    'the label comes twice in Signature-Input, the other without our tag',
    'malformed',
    header('signature-input', (value) => `signet=(), ${value}`),
  ],
  [
    'duplicate-header',
    'two signatures have our tag',
    'malformed',
    ({ party, message }) => {
      const [one, two] = [seal(party, message), seal(party, { ...message, label: 'second' })];
      const valueIn = (request: WireRequest, name: string) => request.headers.find(([each]) => each === name)![1];
      return withValue(
        withValue(one, 'signature-input', (value) => `${value}, ${valueIn(two, 'Signature-Input')}`),
        'signature',
        (value) => `${value}, ${valueIn(two, 'Signature')}`,
      );
    },
  ],
  // Which signature.
  ['wrong-key-id', 'no tag', 'no_authorization', parameter('tag', undefined)],
  ['wrong-key-id', 'another tag', 'no_authorization', parameter('tag', '"web-bot-auth"')],
  ['wrong-key-id', 'the tag in upper case', 'no_authorization', parameter('tag', '"Signet"')],
  ['wrong-key-id', 'the tag is a token', 'no_authorization', parameter('tag', 'signet')],
  [
    'wrong-key-id',
    'the tag was added afterwards',
    'signature_mismatch',
    ({ party, message }) =>
      withValue(
        seal(party, { ...message, parameters: message.parameters.filter(([name]) => name !== 'tag') }),
        'signature-input',
        (value) => `${value};tag="signet"`,
      ),
  ],
  [
    'wrong-key-id',
    'a signature of the client only',
    'no_authorization',
    afterwards((request) =>
      withValue(
        withValue(request, 'signature-input', () => FOREIGN_INPUT),
        'signature',
        () => FOREIGN,
      ),
    ),
  ],
  [
    'malformed-header',
    'our tag on an item that is no list',
    'malformed',
    header('signature-input', () => 'signet="@method";created=1;keyid="a";alg="ed25519";tag="signet"'),
  ],
  // Parameters and components.
  ['malformed-header', 'an unknown parameter', 'malformed', parameter('max-uses', '1')],
  [
    'duplicate-signed-header',
    'created comes twice',
    'malformed',
    both(({ parameters }) => ({ parameters: [['created', String(NOW - 5000)], ...parameters] })),
  ],
  [
    'duplicate-signed-header',
    'the key id comes twice',
    'malformed',
    both(({ parameters }) => ({ parameters: [...parameters, ['keyid', '"another"']] })),
  ],
  ['duplicate-signed-header', 'a component comes twice', 'malformed', covering([...COVERED, '@method'])],
  ['duplicate-signed-header', 'a header comes twice', 'malformed', covering([...COVERED, 'x-one', 'x-one'], [['X-One', '1']])],
  [
    'malformed-header',
    'a header in upper case',
    'malformed',
    both((message) => ({ covered: [...COVERED, 'X-One'], headers: [...message.headers, ['X-One', '1']], values: { 'X-One': '1' } })),
  ],
  ['malformed-header', 'a name that is no field name', 'malformed', both(() => ({ covered: [...COVERED, 'a b'], values: { 'a b': '' } }))],
  ['malformed-header', 'an empty name', 'malformed', both(() => ({ covered: [...COVERED, ''], values: { '': '' } }))],
  [
    'malformed-header',
    'a derived component of a response',
    'malformed',
    both(() => ({ covered: [...COVERED, '@status'], values: { '@status': '200' } })),
  ],
  [
    'malformed-header',
    'an unknown derived component',
    'malformed',
    both(() => ({ covered: [...COVERED, '@body'], values: { '@body': '' } })),
  ],
  [
    'malformed-header',
    'the signature parameters as a component',
    'malformed',
    both(() => ({ covered: [...COVERED, '@signature-params'], values: { '@signature-params': '' } })),
  ],
  [
    'malformed-header',
    'a component with a parameter',
    'malformed',
    header('signature-input', (value) => value.replace('"@method"', '"@method";req')),
  ],
  [
    'malformed-header',
    'a component that is a token',
    'malformed',
    header('signature-input', (value) => value.replace('"@method"', 'method')),
  ],
  ['malformed-header', 'no space between components', 'malformed', header('signature-input', (value) => value.replace('" "', '""'))],
  ['malformed-header', 'a tab between components', 'malformed', header('signature-input', (value) => value.replace('" "', '"\t"'))],
  ['malformed-header', 'a list that does not end', 'malformed', header('signature-input', (value) => value.replace(')', ''))],
  ['malformed-header', 'a comma at the end', 'malformed', header('signature-input', (value) => `${value},`)],
  ['malformed-header', 'a label in upper case', 'malformed', header('signature-input', (value) => `S${value}`)],
  ['malformed-header', 'a member that only RFC 9651 has', 'malformed', header('signature-input', (value) => `other=@1, ${value}`)],
  [
    'malformed-header',
    'a character outside ASCII',
    'malformed',
    header('signature-input', (value) => value.replace('nonce="', 'nonce="é')),
  ],
  ['malformed-header', 'Signature-Input is empty', 'no_authorization', header('signature-input', () => '')],
  [
    'folded-names',
    'Signature_Input',
    'no_authorization',
    afterwards((request) => withHeader(request, 'signature-input', ([, value]) => [['Signature_Input', value]])),
  ],
  [
    'folded-names',
    'Content_Digest',
    'missing_signed_header',
    afterwards((request) => withHeader(request, 'content-digest', ([, value]) => [['Content_Digest', value]])),
  ],
  [
    'too-many-signed-headers',
    '65 components',
    'malformed',
    covering(
      [...COVERED, ...Array.from({ length: 60 }, (_, n) => `x-n-${n}`)],
      Array.from({ length: 60 }, (_, n) => [`X-N-${n}`, String(n)]),
    ),
  ],
  ['too-long', 'a covered header of 65,536 characters', 'malformed', covering([...COVERED, 'x-long'], [['X-Long', 'a'.repeat(65_536)]])],
  [
    'altered-header',
    'a covered header outside ASCII',
    'malformed',
    both((message) => ({ covered: [...COVERED, 'x-name'], headers: [...message.headers, ['X-Name', 'é']] })),
  ],
  [
    'altered-header',
    'a line of the base in a covered header',
    'malformed',
    ({ party, message }) => seal(party, { ...message, covered: [...COVERED, 'x-one'], headers: [['X-One', 'a\n"@path": /admin']] }),
  ],
  // Targets.
  ...['/v1/orders#', '/v1/or\tders', '/v1/or ders', '/v1/or\u0000ders', '*', 'v1/orders', '?a=1', 'backend.internal:8080'].map(
    (target): Case => ['target', `the target is ${JSON.stringify(target)}`, 'malformed', both(() => ({ target }))],
  ),
  ['target', 'the absolute form of another host', 'malformed', both(() => ({ target: 'http://evil.internal/v1/orders' }))],
  ['target', 'the absolute form with a user', 'malformed', both(({ host }) => ({ target: `http://user@${host}/v1/orders` }))],
  ['target', 'the absolute form without the port', 'malformed', both(() => ({ target: 'http://backend.internal/v1/orders' }))],
  // Again, and two at once.
  [
    'replay',
    'the same request again',
    'replayed',
    ({ party, message }) => ({ request: seal(party, message), before: [seal(party, message)] }),
  ],
  [
    'replay',
    'the same with another label',
    'replayed',
    ({ party, message }) => ({ request: seal(party, { ...message, label: 'other' }), before: [seal(party, message)] }),
  ],
  [
    'two-faults',
    'too old, and with another body',
    'skew',
    ({ party, message }) =>
      seal(
        party,
        { ...message, parameters: message.parameters.map(([name, text]) => [name, name === 'created' ? '1' : text] as const) },
        { ...message, body: Buffer.from('x') },
      ),
  ],
  [
    'two-faults',
    'covers too little, and is too old',
    'missing_signed_header',
    both(({ parameters }) => ({
      covered: without('@path'),
      parameters: parameters.map(([name, text]) => [name, name === 'created' ? '1' : text] as const),
    })),
  ],
  [
    'two-faults',
    'an unknown key, and another body',
    'unknown_key',
    ({ party, message }) =>
      seal(
        party,
        { ...message, parameters: message.parameters.map(([name, text]) => [name, name === 'keyid' ? '"nobody"' : text] as const) },
        { ...message, body: Buffer.from('x') },
      ),
  ],
];

const HOSTS = ['backend.internal:8080', 'orders.example', '10.0.0.7:9000', '[2001:db8::1]:8080'];
const TARGETS = ['/v1/orders?b=2&a=1', '/', '/v1/%E4%B8%AD/x?n=%2B+', '/a;b=c/d?x=1&x=2'];

export function messageDrafts(roll: Dice): Draft<GatewayVector>[] {
  const bytes = (length: number) => Buffer.from(roll.times(length, () => roll.below(256)));
  const parties = [
    [ed25519Party(bytes(32)), ed25519Party(bytes(32))],
    [hmacParty('orders-gateway', bytes(32)), hmacParty('other-gateway', bytes(64))],
  ] as const;
  return parties.flatMap(([party, rival]) => {
    const message = (target: string, host: string): Message => ({
      method: 'POST',
      target,
      host,
      body: Buffer.from('{"n":1}'),
      headers: [['Content-Type', 'application/json']],
      covered: COVERED,
      values: {},
      parameters: [
        ['created', String(NOW)],
        ['keyid', quoted(party.keyid)],
        ['alg', quoted(party.alg)],
        ['nonce', quoted(bytes(16).toString('base64url'))],
        ['tag', '"signet"'],
      ],
      label: 'signet',
    });
    const plain = HOSTS.flatMap((host) => TARGETS.map((target): Case => [null, 'drawn', null, () => seal(party, message(target, host))]));
    return [...plain, ...ACCEPTED, ...REFUSED].map(([attack, note, code, make]): Draft<GatewayVector> => {
      const made = make({ party, rival, message: rotated(message(TARGETS[0]!, HOSTS[0]!), note, rival) });
      const { request, keys = [party.key], options = {}, before = [] } = 'request' in made ? made : { request: made };
      return {
        kind: 'gateway',
        signType: 'http-message-signatures',
        attack,
        note,
        now: NOW,
        keys,
        options: { ...GATEWAY_DEFAULTS, ...options },
        before,
        request,
        code,
      };
    });
  });
}

/** A case that signs with the rival's key also names it. */
const rotated = (message: Message, note: string, { keyid }: Party): Message =>
  note.startsWith('a key rotates')
    ? { ...message, parameters: message.parameters.map(([name, text]) => [name, name === 'keyid' ? quoted(keyid) : text] as const) }
    : message;
