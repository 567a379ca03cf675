/** Webhooks of both dialects, with both algorithms, written from docs/signing.md with node:crypto alone. */
import { createHmac, createPrivateKey, createPublicKey, sign as signWith } from 'node:crypto';
import type { Dice } from '../dice.ts';
import { NOW } from './sealed.ts';
import { base64, type Draft, type Pair, type WebhookCode, type WebhookVector, type WireRequest, withHeader } from './vector.ts';

type Flavour = Pick<WebhookVector, 'dialect' | 'algorithm'>;

interface Delivery {
  id: string;
  timestamp: string;
  body: Buffer;
}
interface Signer {
  /** What the receiver is given. */
  key: string;
  /** The signature of some bytes, as the header has it. */
  sign(bytes: Buffer): string;
}
interface Scene extends Flavour {
  /** Prefix of the three headers. */
  prefix: string;
  separator: string;
  signer: Signer;
  rival: Signer;
  delivery: Delivery;
}
interface Made {
  request: WireRequest;
  keys?: string[];
  now?: number;
  toleranceSeconds?: number;
}
type Case = [attack: string | null, note: string, code: WebhookCode | null, make: (scene: Scene) => Made | WireRequest];

const mac = (key: string | Buffer, bytes: Buffer) => createHmac('sha256', key).update(bytes);
const decoded = (key: string) => Buffer.from(key.slice(key.indexOf('_') + 1), 'base64');
const textSigner = (key: string): Signer => ({ key, sign: (bytes) => `sha256=${mac(key, bytes).digest('hex')}` });
const standardSigner = (key: string): Signer => ({ key, sign: (bytes) => `v1,${mac(decoded(key), bytes).digest('base64')}` });
function edwardsSigner(seed: Buffer): Signer {
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const open = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { key: `whpk_${base64(open)}`, sign: (bytes) => `v1a,${base64(signWith(null, bytes, key))}` };
}

const bytesOf = ({ dialect }: Flavour, { id, timestamp, body }: Delivery) =>
  Buffer.concat([Buffer.from(dialect === 'standard' ? `${id}.${timestamp}.` : `${timestamp}.`), body]);

function deliver(scene: Scene, signature: string, { id, timestamp, body }: Delivery = scene.delivery): WireRequest {
  const headers: Pair[] = [
    ['Content-Type', 'application/json'],
    [`${scene.prefix}-id`, id],
    [`${scene.prefix}-timestamp`, timestamp],
    [`${scene.prefix}-signature`, signature],
  ];
  return { method: 'POST', target: '/hook', headers, body: base64(body) };
}

/** Signed as `signed`, sent as the scene's delivery with `sent`. */
function send(
  scene: Scene,
  { signed = {}, sent = {}, by = scene.signer }: { signed?: Partial<Delivery>; sent?: Partial<Delivery>; by?: Signer } = {},
): WireRequest {
  return deliver(scene, by.sign(bytesOf(scene, { ...scene.delivery, ...signed })), { ...scene.delivery, ...sent });
}
const both = (change: Partial<Delivery>) => (scene: Scene) => send(scene, { signed: change, sent: change });
const sent = (change: (delivery: Delivery) => Partial<Delivery>) => (scene: Scene) => send(scene, { sent: change(scene.delivery) });
/** The signature rewritten: its label up to `,` or `=`, and the rest. */
const rewritten = (change: (label: string, rest: string) => string) => (scene: Scene) => {
  const right = scene.signer.sign(bytesOf(scene, scene.delivery));
  const border = scene.dialect === 'standard' ? right.indexOf(',') + 1 : right.indexOf('=') + 1;
  return deliver(scene, change(right.slice(0, border), right.slice(border)));
};
const altered = (name: 'id' | 'timestamp' | 'signature', change: (pair: Pair) => Pair[]) => (scene: Scene) =>
  withHeader(send(scene), `${scene.prefix}-${name}`, change);
const listed = (make: (right: string, wrong: string, scene: Scene) => string[]) => (scene: Scene) => {
  const bytes = bytesOf(scene, scene.delivery);
  return deliver(scene, make(scene.signer.sign(bytes), scene.rival.sign(bytes), scene).join(scene.separator));
};
const away =
  (seconds: number, toleranceSeconds = 300) =>
  (scene: Scene) => ({
    ...{ request: send(scene, { signed: { timestamp: String(NOW + seconds) }, sent: { timestamp: String(NOW + seconds) } }) },
    toleranceSeconds,
  });
const isStandard = ({ dialect }: Flavour) => dialect === 'standard';
const mismatch = 'signature_mismatch';
const nextInAlphabet = (character: string) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return alphabet[alphabet.indexOf(character) + 1]!;
};

const EVERYWHERE: Case[] = [
  [null, 'an ordinary delivery', null, (scene) => send(scene)],
  [null, 'without a body', null, both({ body: Buffer.alloc(0) })],
  [null, 'a body of bytes that are not text', null, both({ body: Buffer.from([0, 255, 254, 128, 10, 13]) })],
  [null, 'a body that begins with digits and a full stop', null, both({ body: Buffer.from('12.{"a":1}') })],
  [
    null,
    'header names in upper case',
    null,
    (scene) => ({ ...send(scene), headers: send(scene).headers.map(([name, value]): Pair => [name.toUpperCase(), value]) }),
  ],
  [
    null,
    'a key rotates: signed with the older of two',
    null,
    (scene) => ({ request: send(scene), keys: [scene.rival.key, scene.signer.key] }),
  ],
  [
    null,
    'a key rotates: signed with the newer of two',
    null,
    (scene) => ({ request: send(scene, { by: scene.rival }), keys: [scene.rival.key, scene.signer.key] }),
  ],
  [null, 'two signatures: ours is the first', null, listed((right, wrong) => [right, wrong])],
  [null, 'two signatures: ours is the second', null, listed((right, wrong) => [wrong, right])],
  [null, 'a signature of an unknown version beside ours', null, listed((right) => ['v9,AAAA', right])],
  [null, '16 signatures, ours the last', null, listed((right, wrong) => [...Array<string>(15).fill(wrong), right])],
  ...[-300, -299, 299, 300].map((seconds): Case => [null, `${seconds} s from now`, null, away(seconds)]),
  [null, '5 s away of 5 s allowed', null, away(5, 5)],
  ['too-many-signatures', '17 signatures, ours the last', mismatch, listed((right, wrong) => [...Array<string>(16).fill(wrong), right])],
  ['missing-header', 'no headers', 'no_signature', (scene) => ({ ...send(scene), headers: [] })],
  ['missing-header', 'no signature', 'no_signature', altered('signature', () => [])],
  ['missing-header', 'an empty signature', 'no_signature', altered('signature', ([name]) => [[name, '']])],
  [
    'algorithm-swap',
    'the headers of the other dialect',
    'no_signature',
    (scene) => {
      const request = send(scene);
      const other = isStandard(scene) ? 'x-webhook-' : 'webhook-';
      return { ...request, headers: request.headers.map(([name, value]): Pair => [name.replace(/^(x-)?webhook-/, other), value]) };
    },
  ],
  ['no-timestamp', 'no timestamp', 'malformed', altered('timestamp', () => [])],
  ['no-timestamp', 'an empty timestamp', 'malformed', both({ timestamp: '' })],
  [
    'no-timestamp',
    'no timestamp, and none was signed',
    'malformed',
    (scene) => {
      const bytes = Buffer.concat([Buffer.from(isStandard(scene) ? `${scene.delivery.id}.` : ''), scene.delivery.body]);
      return withHeader(deliver(scene, scene.signer.sign(bytes)), `${scene.prefix}-timestamp`, () => []);
    },
  ],
  ['no-timestamp', 'a timestamp of now that was not signed', mismatch, (scene) => deliver(scene, scene.signer.sign(scene.delivery.body))],
  ...(
    [
      ['an exponent', '1e9'],
      ['a sign', `+${NOW}`],
      ['negative', '-1'],
      ['a fraction', `${NOW}.0`],
      ['milliseconds', `${NOW}000`],
      ['hexadecimal', `0x${NOW.toString(16)}`],
      ['ISO 8601', '2026-06-15T12:00:00Z'],
      ['digits that only look like digits', String(NOW).replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)))],
      ['words', 'now'],
      ['not a number', 'NaN'],
      ['a separator of thousands', '1_781_524_800'],
    ] as const
  ).map(([note, timestamp]): Case => ['skew', `the timestamp's form: ${note}`, 'malformed', both({ timestamp })]),
  ...[-86_400, -301, 301, 86_400].map((seconds): Case => ['skew', `${seconds} s from now`, 'skew', away(seconds)]),
  ['skew', '6 s away of 5 s allowed', 'skew', away(-6, 5)],
  ['skew', 'the beginning of time', 'skew', both({ timestamp: '0' })],
  ['skew', 'an old timestamp is renewed', mismatch, (scene) => send(scene, { signed: { timestamp: String(NOW - 9000) } })],
  ['replay', 'the same delivery an hour later', 'skew', (scene) => ({ request: send(scene), now: NOW + 3600 })],
  [
    'replay',
    'with a timestamp of an hour later',
    mismatch,
    (scene) => ({ request: send(scene, { sent: { timestamp: String(NOW + 3600) } }), now: NOW + 3600 }),
  ],
  ['body-altered', 'another body', mismatch, sent(() => ({ body: Buffer.from('{}') }))],
  ['body-altered', 'no body any more', mismatch, sent(() => ({ body: Buffer.alloc(0) }))],
  ['body-altered', 'one bit', mismatch, sent(({ body }) => ({ body: Buffer.from(body.map((byte, n) => (n === 0 ? byte ^ 1 : byte))) }))],
  ['trailing-bytes', 'the body has a line feed more', mismatch, sent(({ body }) => ({ body: Buffer.concat([body, Buffer.from('\n')]) }))],
  ['trailing-bytes', 'the body has a zero byte more', mismatch, sent(({ body }) => ({ body: Buffer.concat([body, Buffer.alloc(1)]) }))],
  [
    're-serialised-body',
    'with spaces',
    mismatch,
    sent(({ body }) => ({ body: Buffer.from(JSON.stringify(JSON.parse(String(body)), null, 1)) })),
  ],
  [
    're-serialised-body',
    'with a byte order mark',
    mismatch,
    sent(({ body }) => ({ body: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]) })),
  ],
  [
    're-serialised-body',
    'its characters escaped',
    mismatch,
    (scene) => send(scene, { signed: { body: Buffer.from('{"n":"é"}') }, sent: { body: Buffer.from('{"n":"\\u00e9"}') } }),
  ],
  [
    'body-altered',
    'a border moves: from the timestamp to the body',
    'skew',
    (scene) => {
      const [left, right] = [String(NOW).slice(0, 5), String(NOW).slice(5)];
      return send(scene, {
        signed: { timestamp: left, body: Buffer.from(`${right}.x`) },
        sent: { timestamp: left, body: Buffer.from(`${right}.x`) },
      });
    },
  ],
  ['wrong-secret', 'signed with the secret of somebody else', mismatch, (scene) => send(scene, { by: scene.rival })],
  ['wrong-secret', 'signed with a secret that has ended', mismatch, (scene) => ({ request: send(scene), keys: [scene.rival.key] })],
  ['wrong-secret', 'the receiver has no secret', mismatch, (scene) => ({ request: send(scene), keys: [] })],
  ['altered-signature', 'a character', mismatch, rewritten((label, rest) => label + (rest[0] === '0' ? '1' : '0') + rest.slice(1))],
  ['altered-signature', 'no label', mismatch, rewritten((_, rest) => rest)],
  ['altered-signature', 'another label', mismatch, rewritten((_, rest) => `v9,${rest}`)],
  ['altered-signature', 'the label alone', mismatch, rewritten((label) => label)],
  ['altered-signature', 'separators alone', mismatch, (scene) => deliver(scene, `${scene.separator}${scene.separator},`)],
  ['truncated-signature', 'half of it', mismatch, rewritten((label, rest) => label + rest.slice(0, rest.length / 2))],
  ['truncated-signature', 'without its last four characters', mismatch, rewritten((label, rest) => label + rest.slice(0, -4))],
  ['trailing-bytes', 'the signature and four characters', mismatch, rewritten((label, rest) => `${label}${rest}AAAA`)],
  ['trailing-bytes', 'the signature and an exclamation mark', mismatch, rewritten((label, rest) => `${label}${rest}!`)],
  [
    'trailing-bytes',
    'an exclamation mark within the signature',
    mismatch,
    rewritten((label, rest) => `${label}${rest.slice(0, 8)}!${rest.slice(8)}`),
  ],
  ['trailing-bytes', 'the signature twice, without a border', mismatch, rewritten((label, rest) => label + rest + rest)],
  [
    'duplicate-header',
    'the signature twice: the right one is the second',
    null,
    (scene) => {
      const wrong = scene.rival.sign(bytesOf(scene, scene.delivery));
      return withHeader(send(scene), `${scene.prefix}-signature`, (pair) => [[pair[0], wrong], pair]);
    },
  ],
  ['duplicate-header', 'the timestamp twice', 'malformed', altered('timestamp', (pair) => [pair, pair])],
  [
    'duplicate-header',
    'the timestamp twice, the first is old',
    'malformed',
    altered('timestamp', (pair) => [[pair[0], String(NOW - 9000)], pair]),
  ],
  [
    'two-faults',
    'too old, and another body',
    'skew',
    (scene) => ({ request: send(scene, { sent: { body: Buffer.from('{}') } }), now: NOW + 3600 }),
  ],
  [
    'two-faults',
    'no signature, and no timestamp',
    'no_signature',
    (scene) => ({ ...send(scene), headers: send(scene).headers.slice(0, 2) }),
  ],
];

const TEXT: Case[] = [
  ['signature-case', 'the digits in upper case', null, rewritten((label, rest) => label + rest.toUpperCase())],
  [
    'prefix-in-secret',
    'signed without the prefix of the secret',
    mismatch,
    (scene) => send(scene, { by: textSigner(scene.signer.key.slice('whsec_'.length)) }),
  ],
  [
    'prefix-in-secret',
    'signed with the decoded secret',
    mismatch,
    (scene) => send(scene, { by: { ...scene.signer, sign: (bytes) => `sha256=${mac(decoded(scene.signer.key), bytes).digest('hex')}` } }),
  ],
  [null, 'no id: this dialect does not cover it', null, altered('id', () => [])],
  ['altered-header', 'another id: this dialect does not cover it', null, altered('id', ([name]) => [[name, 'msg_other']])],
  ['no-timestamp', 'the body alone was signed', mismatch, (scene) => deliver(scene, scene.signer.sign(scene.delivery.body))],
  ['altered-signature', 'in base64', mismatch, rewritten((label, rest) => label + base64(Buffer.from(rest, 'hex')))],
  [
    'algorithm-swap',
    'a signature of the other dialect',
    mismatch,
    (scene) => deliver(scene, standardSigner(scene.signer.key).sign(bytesOf({ dialect: 'standard', algorithm: 'hmac' }, scene.delivery))),
  ],
  [
    'algorithm-swap',
    'SHA-1',
    mismatch,
    (scene) => deliver(scene, `sha1=${createHmac('sha1', scene.signer.key).update(bytesOf(scene, scene.delivery)).digest('hex')}`),
  ],
  ['empty-secret', 'signed with an empty secret', mismatch, (scene) => send(scene, { by: textSigner('') })],
  [
    'empty-secret',
    'the receiver has an empty secret',
    'unusable_key',
    (scene) => ({ request: send(scene, { by: textSigner('') }), keys: [''] }),
  ],
  [
    'empty-secret',
    'an empty secret beside the right one',
    'unusable_key',
    (scene) => ({ request: send(scene), keys: [scene.signer.key, ''] }),
  ],
  [
    'algorithm-swap',
    'the secret is a public key, which everybody may know',
    'unusable_key',
    (scene) => {
      const { key } = edwardsSigner(Buffer.alloc(32, 7));
      return { request: send(scene, { by: textSigner(key) }), keys: [key] };
    },
  ],
  [
    null,
    'a secret of any text',
    null,
    (scene) => ({ request: send(scene, { by: textSigner('plain words, 密钥') }), keys: ['plain words, 密钥'] }),
  ],
  ['two-faults', 'an unusable key, and too old', 'skew', (scene) => ({ request: send(scene), keys: [''], now: NOW + 3600 })],
  [
    'altered-signature',
    'a letter whose lower case is two characters, and 63 zeros',
    mismatch,
    (scene) => deliver(scene, `sha256=\u0130${'0'.repeat(63)}`),
  ],
  ['altered-signature', 'the same letter and 62 zeros', mismatch, (scene) => deliver(scene, `sha256=\u0130${'0'.repeat(62)}`)],
  [
    'altered-signature',
    'characters whose low byte is the digit',
    mismatch,
    rewritten((label, rest) => label + rest.replace(/./g, (digit) => String.fromCharCode(0x100 + digit.charCodeAt(0)))),
  ],
];

const STANDARD: Case[] = [
  ['signature-case', 'the base64 in upper case', mismatch, rewritten((label, rest) => label + rest.toUpperCase())],
  ['signature-case', 'the label in upper case', mismatch, rewritten((label, rest) => label.toUpperCase() + rest)],
  ['missing-header', 'no id', 'malformed', altered('id', () => [])],
  ['altered-header', 'another id', mismatch, sent(() => ({ id: 'msg_other' }))],
  ['altered-header', 'an id with a full stop, at which the border to the timestamp would move', 'malformed', both({ id: 'msg.1' })],
  ['altered-header', 'an id with a space', 'malformed', both({ id: 'msg 1' })],
  ['altered-header', 'an id outside ASCII', 'malformed', both({ id: 'msg_é' })],
  ['duplicate-header', 'the id twice', 'malformed', altered('id', (pair) => [pair, pair])],
  [
    'duplicate-header',
    'the signature twice: the right one is the first, and the comma that joins them belongs to it',
    mismatch,
    (scene) => {
      const wrong = scene.rival.sign(bytesOf(scene, scene.delivery));
      return withHeader(send(scene), `${scene.prefix}-signature`, (pair) => [pair, [pair[0], wrong]]);
    },
  ],
  ['altered-signature', 'a comma between signatures in place of a space', mismatch, listed((right, wrong) => [`${wrong},${right}`])],
  ['altered-signature', 'without its padding', mismatch, rewritten((label, rest) => label + rest.replace(/=+$/, ''))],
  [
    'altered-signature',
    'in the URL’s alphabet of base64',
    mismatch,
    (scene) => {
      // Drawn until the two alphabets differ.
      for (let n = 0; ; n++) {
        const body = Buffer.from(`{"n":${n}}`);
        const right = scene.signer.sign(bytesOf(scene, { ...scene.delivery, body }));
        if (/[+/]/.test(right)) return deliver(scene, right.replaceAll('+', '-').replaceAll('/', '_'), { ...scene.delivery, body });
      }
    },
  ],
  [
    'altered-signature',
    'unused bits of its base64 are not zero',
    mismatch,
    rewritten((label, rest) => label + rest.replace(/(.)(=+)$/, (_, last: string, pad: string) => nextInAlphabet(last) + pad)),
  ],
  ['altered-signature', 'in hexadecimal', mismatch, rewritten((label, rest) => label + Buffer.from(rest, 'base64').toString('hex'))],
  [
    'algorithm-swap',
    'a signature of the other dialect',
    mismatch,
    (scene) => deliver(scene, textSigner(scene.signer.key).sign(bytesOf({ dialect: 'x-webhook', algorithm: 'hmac' }, scene.delivery))),
  ],
  ['empty-secret', 'the receiver has an empty secret', 'unusable_key', (scene) => ({ request: send(scene), keys: [''] })],
  [
    'empty-secret',
    'the receiver has a prefix alone',
    'unusable_key',
    (scene) => ({ request: send(scene), keys: [scene.algorithm === 'hmac' ? 'whsec_' : 'whpk_'] }),
  ],
  [
    'empty-secret',
    'an empty secret beside the right one',
    'unusable_key',
    (scene) => ({ request: send(scene), keys: [scene.signer.key, ''] }),
  ],
  [
    'wrong-secret',
    'the receiver has a key that is not base64',
    'unusable_key',
    (scene) => ({ request: send(scene), keys: ['whsec_not base64!'] }),
  ],
  ['two-faults', 'an unusable key, and too old', 'skew', (scene) => ({ request: send(scene), keys: [''], now: NOW + 3600 })],
];

const SYMMETRIC: Case[] = [
  [
    'prefix-in-secret',
    'signed with the text of the secret',
    mismatch,
    (scene) => send(scene, { by: { ...scene.signer, sign: (bytes) => `v1,${mac(scene.signer.key, bytes).digest('base64')}` } }),
  ],
  [
    'prefix-in-secret',
    'signed with the text behind the prefix',
    mismatch,
    (scene) =>
      send(scene, {
        by: { ...scene.signer, sign: (bytes) => `v1,${mac(scene.signer.key.slice('whsec_'.length), bytes).digest('base64')}` },
      }),
  ],
  [null, 'a secret without its prefix', null, (scene) => ({ request: send(scene), keys: [scene.signer.key.slice('whsec_'.length)] })],
  [
    'empty-secret',
    'signed with an empty secret',
    mismatch,
    (scene) => send(scene, { by: { ...scene.signer, sign: (bytes) => `v1,${mac('', bytes).digest('base64')}` } }),
  ],
  ['algorithm-swap', 'labelled as Ed25519', mismatch, rewritten((_, rest) => `v1a,${rest}`)],
  [
    null,
    'a secret and a public key: signed with the secret',
    null,
    (scene) => ({ request: send(scene), keys: [edwardsSigner(Buffer.alloc(32, 7)).key, scene.signer.key] }),
  ],
];

/** RFC 8032 §5.1.7: S is below the order. A verifier that does not check it accepts a second signature for the same message. */
function withOrder(signature: Buffer): string {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const number = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order;
  return base64(Buffer.concat([signature.subarray(0, 32), Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()]));
}

const ASYMMETRIC: Case[] = [
  ['algorithm-swap', 'an HMAC whose secret is the public key', mismatch, (scene) => send(scene, { by: standardSigner(scene.signer.key) })],
  [
    'algorithm-swap',
    'an HMAC whose secret is the public key, labelled as Ed25519',
    mismatch,
    (scene) =>
      send(scene, { by: { ...scene.signer, sign: (bytes) => standardSigner(scene.signer.key).sign(bytes).replace('v1,', 'v1a,') } }),
  ],
  ['algorithm-swap', 'labelled as HMAC', mismatch, rewritten((_, rest) => `v1,${rest}`)],
  [
    'altered-signature',
    'its number S and the order of the group',
    mismatch,
    rewritten((label, rest) => label + withOrder(Buffer.from(rest, 'base64'))),
  ],
  [
    'altered-signature',
    'its number S is zero',
    mismatch,
    rewritten((label, rest) => label + base64(Buffer.concat([Buffer.from(rest, 'base64').subarray(0, 32), Buffer.alloc(32)]))),
  ],
  [
    'altered-signature',
    'its halves change places',
    mismatch,
    rewritten(
      (label, rest) =>
        label + base64(Buffer.concat([Buffer.from(rest, 'base64').subarray(32), Buffer.from(rest, 'base64').subarray(0, 32)])),
    ),
  ],
  ['altered-signature', 'zeros', mismatch, rewritten((label) => label + base64(Buffer.alloc(64)))],
  [
    'wrong-secret',
    'the public key has a byte less',
    'unusable_key',
    (scene) => ({ request: send(scene), keys: [`whpk_${base64(Buffer.alloc(31, 9))}`] }),
  ],
  [
    null,
    'a secret and a public key: signed with the private half',
    null,
    (scene) => ({ request: send(scene), keys: ['whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY', scene.signer.key] }),
  ],
];

export function webhookDrafts(roll: Dice): Draft<WebhookVector>[] {
  const random = (bytes: number) => Buffer.from(roll.times(bytes, () => roll.below(256)));
  const secret = () => `whsec_${base64(random(24))}`;
  const cast: [flavour: Flavour, make: () => Signer, own: Case[]][] = [
    [{ dialect: 'x-webhook', algorithm: 'hmac' }, () => textSigner(secret()), TEXT],
    [{ dialect: 'standard', algorithm: 'hmac' }, () => standardSigner(secret()), [...STANDARD, ...SYMMETRIC]],
    [{ dialect: 'standard', algorithm: 'ed25519' }, () => edwardsSigner(random(32)), [...STANDARD, ...ASYMMETRIC]],
  ];
  return cast.flatMap(([flavour, make, own]) =>
    [...EVERYWHERE, ...own].map(([attack, note, code, draw]) => {
      const delivery: Delivery = {
        id: `msg_${roll.below(1e9)}`,
        timestamp: String(NOW),
        body: Buffer.from(`{"type":"order.created","order":${roll.below(1e6)},"name":"${roll.pick(['密钥', 'plain', 'é😀'])}"}`),
      };
      const standard = flavour.dialect === 'standard';
      const scene: Scene = {
        ...flavour,
        prefix: standard ? 'webhook' : 'x-webhook',
        separator: standard ? ' ' : ',',
        signer: make(),
        rival: make(),
        delivery,
      };
      const made = draw(scene);
      const { request, keys = [scene.signer.key], now = NOW, toleranceSeconds = 300 } = 'request' in made ? made : { request: made };
      return { kind: 'webhook', ...flavour, attack, note, keys, now, options: { toleranceSeconds }, request, code };
    }),
  );
}
