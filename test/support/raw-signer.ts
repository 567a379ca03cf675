import { createHash, createHmac } from 'node:crypto';

/** An access key as its owner holds it. */
export interface Pair {
  access: string;
  secret: string;
  securitytoken?: string;
}

export interface Unsigned {
  method: string;
  /** The target as it is sent. */
  target: string;
  /** The signed headers, in any case, including `host` if it is signed. */
  headers: Record<string, string>;
  body?: string;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const encode = (text: string) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
/** Sorts by code point, as clients that sort bytes do; `<` would compare UTF-16 units. */
const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

const sdkDate = (at: number) => new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');

/**
 * Signs as the clients do. Written from their recorded requests (docs/contracts/apig.md §6.2 and §6.3), independent of src/.
 * @param form `Access`: the standard one; `Credential`: the older one with a derived key
 * @param at milliseconds since the epoch
 * @returns every header, signed and not
 */
export function signRaw(
  form: 'Access' | 'Credential',
  { access, secret, securitytoken }: Pair,
  request: Unsigned,
  at = new Date().getTime(),
) {
  const date = sdkDate(at);
  const headers: Record<string, string> = { ...request.headers, 'X-Sdk-Date': date };
  const names = Object.keys(headers)
    .map((name) => name.toLowerCase())
    .sort(order);
  const value = (name: string) => Object.entries(headers).find(([key]) => key.toLowerCase() === name)![1];
  const signed = names.join(';');
  const [path = '', query = ''] = request.target.split(/\?(.*)/s);
  const uri = `${path
    .split('/')
    .map((part) => encode(decodeURIComponent(part)))
    .join('/')}/`.replace(/\/\/$/, '/');
  const pairs = [...new URLSearchParams(query)];
  const payload = headers['X-Sdk-Content-Sha256'];
  const { body = '', method } = request;

  let authorization: string;
  if (form === 'Access') {
    const line = pairs
      .sort((a, b) => order(a[0], b[0]) || order(a[1], b[1]))
      .map(([k, v]) => `${encode(k)}=${encode(v)}`)
      .join('&');
    const lines = names.map((name) => `${name}:${value(name).trim()}\n`).join('');
    const canonical = [method, uri, line, lines, signed, payload ?? sha256(body)].join('\n');
    const signature = hmac(secret, ['SDK-HMAC-SHA256', date, sha256(canonical)].join('\n')).toString('hex');
    authorization = `SDK-HMAC-SHA256 Access=${access}, SignedHeaders=${signed}, Signature=${signature}`;
  } else {
    const queryInBody = method === 'POST' && request.body === undefined;
    const line = pairs
      .map(([k, v]) => [encode(k), encode(v)] as const)
      .sort((a, b) => order(a[0].toLowerCase(), b[0].toLowerCase()))
      .map(([k, v]) => `${k}=${v}`)
      .join('&');
    const form = pairs
      .sort((a, b) => order(a[0], b[0]))
      .map(([k, v]) => `${encode(k)}=${encode(v)}`.replaceAll('%20', '+'))
      .join('&');
    const lines = names.map((name) => `${name}:${value(name).replace(/\s+/g, ' ')}\n`).join('');
    const hashed = payload ?? sha256(queryInBody ? form : body);
    const canonical = [method, uri, queryInBody ? '' : line, lines, signed, hashed].join('\n');
    const scope = `${date.slice(0, 8)}///sdk_request`;
    const key = ['', '', 'sdk_request'].reduce((key, part) => hmac(key, part), hmac(`SDK${secret}`, date.slice(0, 8)));
    const signature = hmac(key, ['SDK-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
    authorization = `SDK-HMAC-SHA256 Credential=${access}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
  }
  return { ...headers, Authorization: authorization, ...(securitytoken !== undefined && { 'X-Security-Token': securitytoken }) };
}
