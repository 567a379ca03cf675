/** The requests that the vendor's SDK has signed, as they are and with one thing done to each. */
import { readFileSync } from 'node:fs';
import type { Dice } from '../dice.ts';
import type { Vector as SdkVector, VectorFile as SdkFile } from '../generate.ts';
import {
  base64,
  type Draft,
  GATEWAY_DEFAULTS,
  type GatewayCode,
  type GatewayVector,
  type Pair,
  type WireRequest,
  withHeader,
  withValue,
} from './vector.ts';

const SDK = (JSON.parse(readFileSync(new URL('../sdk-hmac-sha256.json', import.meta.url), 'utf8')) as SdkFile).vectors;
const HOSTILE = 300;

const seconds = (date = '') => Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')) / 1000;
const unsignedBody = ({ headers }: SdkVector) => headers['x-sdk-content-sha256'] === 'UNSIGNED-PAYLOAD';
const queryOf = ({ url }: SdkVector) => (url.includes('?') ? url.slice(url.indexOf('?') + 1) : '');
const pairsOf = (vector: SdkVector) => queryOf(vector).split('&').filter(Boolean);

interface Attack {
  attack: string;
  note: string;
  code: GatewayCode | null;
  /** Whether it does something to this request. */
  fits?: (vector: SdkVector) => boolean;
  change: (request: WireRequest, roll: Dice) => WireRequest;
  now?: number;
}

const mismatch = 'signature_mismatch';
const onTarget =
  (change: (path: string, query: string) => string) =>
  (request: WireRequest): WireRequest => {
    const mark = request.target.indexOf('?');
    const [path, query] = mark < 0 ? [request.target, ''] : [request.target.slice(0, mark), request.target.slice(mark)];
    return { ...request, target: change(path, query) };
  };

const ATTACKS: Attack[] = [
  {
    attack: 'altered-signature',
    note: 'one digit',
    code: mismatch,
    change: (request, roll) =>
      withValue(request, 'authorization', (value) => {
        const at = value.length - 1 - roll.below(64);
        return value.slice(0, at) + (value[at] === '0' ? '1' : '0') + value.slice(at + 1);
      }),
  },
  {
    attack: 'body-altered',
    note: 'a byte more',
    code: mismatch,
    fits: (vector) => !unsignedBody(vector),
    change: (request) => ({ ...request, body: base64(Buffer.concat([Buffer.from(request.body, 'base64'), Buffer.from(' ')])) }),
  },
  {
    attack: 'body-altered',
    note: 'the body is not signed',
    code: null,
    fits: unsignedBody,
    change: (request) => ({ ...request, body: base64('anything') }),
  },
  {
    attack: 're-serialised-body',
    note: 'with spaces',
    code: mismatch,
    fits: (vector) => !unsignedBody(vector) && vector.body !== '',
    change: (request) => ({
      ...request,
      body: base64(JSON.stringify(JSON.parse(Buffer.from(request.body, 'base64').toString()), null, 1)),
    }),
  },
  {
    attack: 'other-method',
    note: 'another method',
    code: mismatch,
    change: (request) => ({ ...request, method: request.method === 'GET' ? 'POST' : 'GET' }),
  },
  { attack: 'other-path', note: 'a character more', code: mismatch, change: onTarget((path, query) => `${path}x${query}`) },
  { attack: 'other-path', note: 'a segment before', code: mismatch, change: onTarget((path, query) => `/x${path}${query}`) },
  {
    attack: 'other-path',
    note: 'a slash at the end, which is signed anyway',
    code: null,
    fits: ({ url }) => !url.split('?')[0]!.endsWith('/'),
    change: onTarget((path, query) => `${path}/${query}`),
  },
  { attack: 'dot-segments', note: 'a dot segment before', code: mismatch, change: onTarget((path, query) => `/.${path}${query}`) },
  { attack: 'dot-segments', note: 'two that cancel each other', code: mismatch, change: onTarget((path, query) => `/x/..${path}${query}`) },
  {
    attack: 'double-encoding',
    note: 'every escape escaped',
    code: mismatch,
    fits: ({ url }) => /%[0-9a-f]{2}/i.test(url),
    change: (request) => ({ ...request, target: request.target.replaceAll('%', '%25') }),
  },
  {
    attack: 'query-order',
    note: 'the pairs the other way round',
    code: null,
    fits: (vector) => pairsOf(vector).length > 1,
    change: onTarget((path, query) => `${path}?${query.slice(1).split('&').reverse().join('&')}`),
  },
  {
    attack: 'query-altered',
    note: 'a pair more',
    code: mismatch,
    change: onTarget((path, query) => `${path}${query === '' ? '?' : `${query}&`}added=1`),
  },
  {
    attack: 'query-altered',
    note: 'no query any more',
    code: mismatch,
    fits: (vector) => pairsOf(vector).length > 0,
    change: onTarget((path) => path),
  },
  { attack: 'missing-header', note: 'no Host', code: 'missing_signed_header', change: (request) => withHeader(request, 'host', () => []) },
  { attack: 'altered-header', note: 'another Host', code: mismatch, change: (request) => withValue(request, 'host', () => 'evil.example') },
  {
    attack: 'wrong-key-id',
    note: 'another id',
    code: 'unknown_key',
    change: (request) => withValue(request, 'authorization', (value) => value.replace('Access=key', 'Access=kez')),
  },
  {
    attack: 'truncated-signature',
    note: 'half of it',
    code: mismatch,
    change: (request) => withValue(request, 'authorization', (value) => value.slice(0, -32)),
  },
  {
    attack: 'signature-case',
    note: 'upper case',
    code: null,
    change: (request) => withValue(request, 'authorization', (value) => value.replace(/\w+$/, (hex) => hex.toUpperCase())),
  },
  { attack: 'skew', note: 'much later', code: 'skew', now: 901, change: (request) => request },
  { attack: 'skew', note: 'before it was signed', code: 'skew', now: -901, change: (request) => request },
];

function wire({ method, url, headers, body, authorization }: SdkVector, roll: Dice): WireRequest {
  const pairs = Object.entries(headers).map(
    ([name, value]): Pair => [roll.chance(0.5) ? name : name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()), value],
  );
  return { method, target: url, headers: [...pairs, ['Authorization', authorization]], body: base64(body) };
}

export function sdkDrafts(roll: Dice): Draft<GatewayVector>[] {
  const draft = (vector: SdkVector, attack: Attack | undefined): Draft<GatewayVector> => {
    const request = wire(vector, roll);
    return {
      kind: 'gateway',
      signType: 'hmac',
      attack: attack?.attack ?? null,
      note: `signed by the vendor's SDK${attack === undefined ? '' : `: ${attack.note}`}`,
      keys: [{ signType: 'hmac', signKey: vector.key, signSecret: vector.secret }],
      now: seconds(vector.headers['x-sdk-date']) + (attack?.now ?? roll.below(1801) - 900),
      options: { ...GATEWAY_DEFAULTS, allowUnsignedPayload: unsignedBody(vector) },
      before: [],
      request: attack === undefined ? request : attack.change(request, roll),
      code: attack?.code ?? null,
    };
  };
  const hostile = SDK.slice(0, HOSTILE).map((vector, n) => {
    // Every attack in turn; one that does nothing to a request gives way to the next.
    const turn = [...ATTACKS.slice(n % ATTACKS.length), ...ATTACKS];
    return draft(
      vector,
      turn.find(({ fits = () => true }) => fits(vector)),
    );
  });
  return [...SDK.map((vector) => draft(vector, undefined)), ...hostile];
}
