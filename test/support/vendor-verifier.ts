import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A request as a backend received it. */
export interface Received {
  method: string;
  /** The request line's target. */
  url: string;
  /** The headers by lower-case name. */
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export interface Accepted {
  key: string;
  signedHeaders: string[];
}

/**
 * Verifies a request like the vendor's published backend verifiers (docs/contracts/apig.md §6.2, §8.1); shares no code with src/. If
 * `X-Sdk-Content-Sha256` is present, it is the payload line and the body is **not hashed**; otherwise the body is hashed. Does not check
 * the date.
 * @param secretOf the secret of the key with this name @returns undefined for 401
 */
export function vendorVerify(
  { method, url, headers, body }: Received,
  secretOf: (key: string) => string | undefined,
): Accepted | undefined {
  const authorization = headers['authorization'];
  if (typeof authorization !== 'string') return undefined;
  const match = /^SDK-HMAC-SHA256 Access=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(authorization);
  if (!match) return undefined;
  const [, key = '', signed = '', signature = ''] = match;
  const date = headers['x-sdk-date'];
  const secret = secretOf(key);
  const signedHeaders = signed.split(';');
  if (secret === undefined || typeof date !== 'string' || !signedHeaders.includes('x-sdk-date')) return undefined;
  let lines = '';
  for (const name of signedHeaders) {
    const value = headers[name];
    if (typeof value !== 'string') return undefined;
    lines += `${name}:${value.trim()}\n`;
  }
  const announced = headers['x-sdk-content-sha256'];
  const payload = typeof announced === 'string' ? announced : createHash('sha256').update(body).digest('hex');
  const [path = '', query = ''] = split(url);
  const canonical = `${method}\n${canonicalPath(path)}\n${canonicalQuery(query)}\n${lines}\n${signed}\n${payload}`;
  const toSign = `SDK-HMAC-SHA256\n${date}\n${createHash('sha256').update(canonical).digest('hex')}`;
  const expected = createHmac('sha256', secret).update(toSign).digest();
  return timingSafeEqual(expected, Buffer.from(signature, 'hex')) ? { key, signedHeaders } : undefined;
}

function split(url: string): [string, string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}

/** Works on bytes, with one character for each. Unescaped bytes stay unchanged. */
const decode = (text: string) => text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
const encode = (bytes: string) =>
  [...bytes]
    .map((byte) => (/[A-Za-z0-9\-._~]/.test(byte) ? byte : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`))
    .join('');

function canonicalPath(path: string): string {
  const encoded = path
    .split('/')
    .map((segment) => encode(decode(segment)))
    .join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => pair.replaceAll('+', ' '))
    .map((pair) => {
      const equals = pair.indexOf('=');
      return equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
    })
    .sort(([a = '', x = ''], [b = '', y = '']) => (a === b ? order(x, y) : order(a, b)))
    .map(([name = '', value = '']) => `${encode(name)}=${encode(value)}`)
    .join('&');
}
const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
