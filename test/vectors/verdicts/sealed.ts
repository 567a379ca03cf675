/** A request and its signature. The canonical parts are written beside each target, not computed from it. */
import type { Dice } from '../dice.ts';
import { type Party, sha256 } from './party.ts';
import { base64, type Pair, type WireRequest } from './vector.ts';

export interface Message {
  method: string;
  target: string;
  /** Canonical path and query of the target. */
  uri: string;
  query: string;
  /** Without Authorization. */
  headers: Pair[];
  /** SignedHeaders. */
  signed: string[];
  body: Buffer;
  /** The payload line; default: the hash of the body. */
  payload?: string;
}

type Route = Pick<Message, 'target' | 'uri' | 'query'>;
export const ROUTES: readonly Route[] = [
  { target: '/v1/orders?b=2&a=1', uri: '/v1/orders/', query: 'a=1&b=2' },
  { target: '/v1/orders/a%2Fb?x=&y', uri: '/v1/orders/a%2Fb/', query: 'x=&y=' },
  { target: '/v1/%e5%AF%86?q=%E4%B8%AD+%2b', uri: '/v1/%E5%AF%86/', query: 'q=%E4%B8%AD%20%2B' },
  { target: "/it's(fine)!/?tag=b&tag=a&t=c", uri: '/it%27s%28fine%29%21/', query: 't=c&tag=a&tag=b' },
  { target: '/a%20b/c?k%3D=v%26&k=%7e', uri: '/a%20b/c/', query: 'k=~&k%3D=v%26' },
];

export const NOW = Date.UTC(2026, 5, 15, 12, 0, 0) / 1000;
export const sdkDate = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(/[-:]|\.000/g, '');

/** An ordinary message: a JSON body, four headers in a drawn order and spelling, two or more of them signed. */
export function ordinary(roll: Dice): Message {
  const spelled = (name: string) => roll.pick([name, name.toLowerCase(), name.toUpperCase()]);
  const headers: Pair[] = [
    [spelled('Host'), roll.pick(['backend.internal', 'backend.internal:8080', '[::1]:8443'])],
    [spelled('X-Sdk-Date'), sdkDate(NOW)],
    [spelled('Content-Type'), 'application/json'],
    [spelled('X-Stage'), roll.pick(['RELEASE', 'a  b', 'x,y'])],
  ];
  const more = roll.pick([[], ['content-type'], ['content-type', 'x-stage']]);
  return {
    method: roll.pick(['POST', 'PUT', 'PATCH']),
    ...roll.pick(ROUTES),
    headers: roll.chance(0.5) ? headers : headers.reverse(),
    signed: ['host', 'x-sdk-date', ...more].sort(),
    body: Buffer.from(`{"order":${roll.below(1e6)},"name":"${roll.pick(['密钥', 'plain', 'é😀'])}"}`),
  };
}

const lower = (name: string) => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const lineOf = (name: string, headers: readonly Pair[]) => {
  const values = headers.filter(([each]) => lower(each) === lower(name)).map(([, value]) => value.trim());
  return `${lower(name)}:${values.join(', ')}\n`;
};

export function stringToSign(scheme: string, { method, uri, query, headers, signed, body, payload = sha256(body) }: Message): string {
  const lines = signed.map((name) => lineOf(name, headers)).join('');
  const canonical = [method.toUpperCase(), uri, query, lines, signed.join(';'), payload].join('\n');
  const date = headers.find(([name]) => lower(name) === 'x-sdk-date')?.[1].trim() ?? '';
  return `${scheme}\n${date}\n${sha256(canonical)}`;
}

export interface Spelling {
  scheme?: string;
  accessId?: string;
  signedHeaders?: string;
  signature?: (hex: string) => string;
  authorization?: (header: string) => string;
}

/** What is sent when `signed` was signed; the two differ when somebody on the way changed it. */
export function seal(party: Party, signed: Message, sent: Message = signed, spelling: Spelling = {}): WireRequest {
  const { scheme = party.scheme, accessId = party.accessId, signedHeaders = signed.signed.join(';') } = spelling;
  const hex = party.mac(stringToSign(scheme, signed));
  const header = `${scheme} Access=${accessId}, SignedHeaders=${signedHeaders}, Signature=${spelling.signature?.(hex) ?? hex}`;
  return {
    method: sent.method,
    target: sent.target,
    headers: [...sent.headers, ['Authorization', spelling.authorization?.(header) ?? header]],
    body: base64(sent.body),
  };
}

export const without = (headers: readonly Pair[], name: string): Pair[] => headers.filter(([each]) => lower(each) !== name);
export const withDate = (message: Message, date: string): Message => ({
  ...message,
  headers: message.headers.map(([name, value]) => [name, lower(name) === 'x-sdk-date' ? date : value]),
});
