/**
 * Writes sdk-hmac-sha256.json: `node test/vectors/generate.ts && npm run format`. Requests are drawn from a seeded generator; what is right
 * is said by the signer of @huaweicloud/huaweicloud-sdk-core alone. Nothing of src/ is used here.
 */
import { AKSKSigner } from '@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js';
import { writeFileSync } from 'node:fs';
import { type Dice, dice } from './dice.ts';

export interface Vector {
  method: string;
  /** The target as it goes over the wire. */
  url: string;
  /** Names in lower case, without the Authorization header. */
  headers: Record<string, string>;
  body: string;
  key: string;
  secret: string;
  authorization: string;
}
export interface VectorFile {
  source: string;
  seed: number;
  vectors: Vector[];
}

const SEED = 20260101;
const COUNT = 600;
export const SOURCE = `Drawn by test/vectors/generate.ts, signed by AKSKSigner of npm @huaweicloud/huaweicloud-sdk-core 3.1.211`;

// No mixture of emoji with U+E000–U+FFFF in names: there the SDK sorts by UTF-16 unit, its Go and Python sisters by code point.
const PIECES = [
  'a',
  'Z',
  '7',
  '-',
  '_',
  '.',
  '~',
  ' ',
  '+',
  '%',
  '*',
  '&',
  '=',
  '?',
  '#',
  "'",
  '(',
  '!',
  ':',
  '@',
  ',',
  ';',
  '"',
  '<',
  '|',
  '\\',
  '^',
  '`',
  '{',
  '密',
  '钥',
  '中文',
  'é',
  'ü',
  '😀',
  '🔑',
  '%2F',
  '%zz',
  '[]',
  '$',
];
const SEGMENTS = [
  '',
  '.',
  '..',
  'v1',
  'orders',
  'a b',
  'a/b',
  '中文',
  '😀',
  '100%',
  'x+y',
  '*',
  '%2F',
  'a;b=c',
  'é',
  '~user',
  'a:b@c',
  '%41',
];

/** One of the many spellings of a text on the wire: reserved characters escaped, in either case, and sometimes more. */
function spelling(roll: Dice, text: string, plusForSpace: boolean): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      if (char === ' ' && plusForSpace && roll.chance(0.5)) return '+';
      if (/[A-Za-z0-9\-_.~]/.test(char) && roll.chance(0.95)) return char;
      if (/[*!'()]/.test(char) && roll.chance(0.5)) return char;
      const hex = byte.toString(16).padStart(2, '0');
      return `%${roll.chance(0.5) ? hex : hex.toUpperCase()}`;
    })
    .join('');
}

/** The SDK signs a path whose segments it is given decoded; an escaped slash within one has no other way in. */
class SegmentSigner extends AKSKSigner {
  static segments: readonly string[] = [];
  static override CanonicalURI(): string {
    const { segments } = SegmentSigner;
    if (!segments.some((segment) => segment.includes('/'))) return AKSKSigner.CanonicalURI(segments.join('/')) ?? '';
    const encoded = segments.map((segment) => AKSKSigner.urlEncode(segment)).join('/');
    return encoded.endsWith('/') ? encoded : `${encoded}/`;
  }
}

function draw(roll: Dice): Vector {
  const text = () => roll.times(roll.below(5), () => roll.pick(PIECES)).join('');
  const segments = ['', ...roll.times(1 + roll.below(4), () => (roll.chance(0.7) ? roll.pick(SEGMENTS) : text()))];
  const pairs = roll.times(
    roll.below(6),
    () => [roll.pick(['a', 'b', 'A', 'name', text() || 'q', text() || '名']), roll.chance(0.25) ? '' : text()] as const,
  );
  const queryParams: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const [name, value] of pairs) (queryParams[name] ??= []).push(value);
  const data = roll.chance(0.5) ? { 名: text(), n: roll.below(1000), s: text() } : undefined;
  const day = (n: number) => String(1 + roll.below(n)).padStart(2, '0');
  const headers: Record<string, string> = {
    host: roll.pick(['api.example.com', 'localhost:8080', '[::1]:8443']),
    'X-Sdk-Date': `2026${day(12)}${day(28)}T${day(23)}${day(59)}${day(59)}Z`,
  };
  if (roll.chance(0.5)) headers['content-type'] = 'application/json';
  if (roll.chance(0.3)) headers['X-Stage'] = roll.pick(['RELEASE', 'a  b', 'x,y']);
  if (roll.chance(0.15)) headers['X-Sdk-Content-Sha256'] = 'UNSIGNED-PAYLOAD';
  const key = `key-${roll.below(1e9)}`;
  const secret = `S${roll.times(24, () => roll.pick([...'abcXYZ019_-!@#$%'])).join('')}`;
  const method = roll.pick(['GET', 'POST', 'PUT', 'DELETE', 'PATCH']);

  SegmentSigner.segments = segments;
  const request = { method, endpoint: 'http://unused/', queryParams, headers, data };
  const credential = { getAk: () => key, getSk: () => secret };
  const signed = SegmentSigner.sign(request, credential as never) as Record<string, string>;

  const query = pairs.map(([name, value]) => {
    const left = spelling(roll, name, true);
    return value === '' && roll.chance(0.5) ? left : `${left}=${spelling(roll, value, true)}`;
  });
  return {
    method,
    url: segments.map((segment) => spelling(roll, segment, false)).join('/') + (query.length > 0 ? `?${query.join('&')}` : ''),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: data === undefined ? '' : JSON.stringify(data),
    key,
    secret,
    authorization: signed['Authorization'] ?? '',
  };
}

export function generate(): VectorFile {
  const roll = dice(SEED);
  return { source: SOURCE, seed: SEED, vectors: roll.times(COUNT, () => draw(roll)) };
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(new URL('sdk-hmac-sha256.json', import.meta.url), `${JSON.stringify(generate(), null, 1)}\n`);
}
