import type { IncomingMessage } from 'node:http';
import { foldedName } from '../http/admission.js';
import { SIGNING_HEADERS, type SigningHeaders } from '../signing/signer.js';

/** Hop-by-hop headers (RFC 9110 §7.6.1). */
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

/** Headers of nginx's requests to `/sign`. Other gateways use `X-Forwarded-*`. */
const NGINX_AUTH_HEADERS = ['uri', 'method', 'host', 'content-length', 'transfer-encoding'].map((part) => `x-original-${part}`);

/** Headers that are never forwarded from a client, because the proxy sets them itself or has handled them (`Expect`). */
const MANAGED_HEADERS = new Set<string>([
  ...HOP_BY_HOP,
  ...SIGNING_HEADERS,
  ...NGINX_AUTH_HEADERS,
  'host',
  'content-length',
  'expect',
  'forwarded',
]);
/** Headers that are also not forwarded under names that a backend normalises to one of these. See {@link foldedName}. */
const MANAGED_FOLDED = new Set<string>([...MANAGED_HEADERS, 'x-stage']);
const FORWARDED = 'x-forwarded-';
/** Headers that are rewritten. Other `X-Forwarded-*` headers of a trusted proxy are forwarded unchanged. */
const REWRITTEN = new Set(['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-uri', 'x-forwarded-method']);

/** @param trusted whether the peer is a trusted proxy */
function isManaged(lower: string, trusted: boolean): boolean {
  if (lower.startsWith(FORWARDED) || lower === 'forwarded') return !trusted || REWRITTEN.has(lower);
  if (MANAGED_HEADERS.has(lower)) return true;
  const folded = foldedName(lower);
  return folded !== lower && (MANAGED_FOLDED.has(folded) || folded.startsWith(FORWARDED));
}
const HOP = new Set(HOP_BY_HOP);

/** Returns the headers that `Connection` lists, which are hop-by-hop too. */
function connectionOptions(connection: string | undefined): ReadonlySet<string> {
  if (!connection) return NONE;
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}
const NONE: ReadonlySet<string> = new Set();

/**
 * Returns the headers for the backend: those of the client, in the client's order and spelling, without the managed ones, and the proxy's
 * own.
 * @returns a flat list: name, value, name, value …
 * @param trusted whether the peer is a trusted proxy. Its `X-Forwarded-*` headers are kept, and its address is appended
 */
export function upstreamHeaders(request: IncomingMessage, host: string, signing: SigningHeaders, trusted: boolean): string[] {
  const { rawHeaders, headers, socket } = request;
  const dropped = connectionOptions(headers.connection);
  const list: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (!isManaged(lower, trusted) && !dropped.has(lower)) list.push(name, rawHeaders[i + 1] ?? '');
  }
  const before = (name: string) => (trusted ? textOf(headers[name]) : undefined);
  const peer = socket.remoteAddress ?? 'unknown';
  const path = before('x-forwarded-for');
  list.push('x-forwarded-for', path === undefined ? peer : `${path}, ${peer}`);
  list.push('x-forwarded-host', before('x-forwarded-host') ?? headers.host ?? host);
  list.push('x-forwarded-proto', before('x-forwarded-proto') ?? 'http', 'host', host);
  for (const name of SIGNING_HEADERS) if (signing[name] !== undefined) list.push(name, signing[name]);
  return list;
}

const textOf = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value) || undefined;

/** Returns the backend's response headers without hop-by-hop headers. */
export function responseHeaders(raw: readonly (string | Buffer)[]): string[] {
  const text = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
  let dropped = NONE;
  for (let i = 0; i < text.length; i += 2) if (text[i]?.toLowerCase() === 'connection') dropped = connectionOptions(text[i + 1]);
  const list: string[] = [];
  for (let i = 0; i < text.length; i += 2) {
    const name = text[i] ?? '';
    const lower = name.toLowerCase();
    if (!HOP.has(lower) && !dropped.has(lower)) list.push(name, text[i + 1] ?? '');
  }
  return list;
}
