import type { IncomingMessage } from 'node:http';
import { SIGNING_HEADERS, type SigningHeaders } from './signer.js';

/** Headers of one connection, not of the message (RFC 9110 §7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Never taken over from a client: signatures are ours alone, the rest is written anew. `Expect` has been answered here. */
const OURS = new Set<string>([
  ...HOP_BY_HOP,
  ...SIGNING_HEADERS,
  'host',
  'content-length',
  'expect',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);
const HOP = new Set(HOP_BY_HOP);

/** Headers that a Connection header names belong to that connection too. */
function named(connection: string | undefined): ReadonlySet<string> {
  if (!connection) return NONE;
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}
const NONE: ReadonlySet<string> = new Set();

/** A client's headers without what is not its to say, as a flat list in its own order and spelling. */
export function forwardedHeaders(request: IncomingMessage, host: string, signing: SigningHeaders): string[] {
  const { rawHeaders, headers, socket } = request;
  const dropped = named(headers.connection);
  const list: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (!OURS.has(lower) && !dropped.has(lower)) list.push(name, rawHeaders[i + 1] ?? '');
  }
  const before = headers['x-forwarded-for'];
  const peer = socket.remoteAddress ?? 'unknown';
  list.push('x-forwarded-for', typeof before === 'string' ? `${before}, ${peer}` : peer);
  list.push('x-forwarded-host', headers.host ?? host, 'x-forwarded-proto', 'http', 'host', host);
  for (const name of SIGNING_HEADERS) list.push(name, signing[name]);
  return list;
}

/** A backend's headers without those of its connection to us. */
export function answeredHeaders(raw: readonly (string | Buffer)[]): string[] {
  const text = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
  let dropped = NONE;
  for (let i = 0; i < text.length; i += 2) if (text[i]?.toLowerCase() === 'connection') dropped = named(text[i + 1]);
  const list: string[] = [];
  for (let i = 0; i < text.length; i += 2) {
    const name = text[i] ?? '';
    const lower = name.toLowerCase();
    if (!HOP.has(lower) && !dropped.has(lower)) list.push(name, text[i + 1] ?? '');
  }
  return list;
}
