import { type RawBody, sha256 } from './body.js';
import { canonicalRequest, stringToSign } from './canonical-request.js';
import { systemNow } from './clock.js';
import type { KeyMaterial } from './scheme.js';
import { loadKey } from './schemes.js';
import { formatSdkDate } from './sdk-date.js';

/** What gateways sign (apig §8.1): enough to tie a signature to its host, moment and body. */
const SIGNED_HEADERS = 'host;x-sdk-content-sha256;x-sdk-date';

export interface RequestToSign {
  method: string;
  /** The target as it will be sent: path and query, encoded. */
  url: string;
  /** The Host header as it will be sent, with the port if there is one. */
  host: string;
  body?: RawBody;
  /** Instead of `body`: the hex SHA-256 of a body that was hashed while it arrived, or {@link UNSIGNED_PAYLOAD}. */
  bodySha256?: string;
}

/** Headers to set, replacing any the client sent. A `basic` key has only the first. */
export interface SignatureHeaders {
  authorization: string;
  'x-sdk-date'?: string;
  'x-sdk-content-sha256'?: string;
}

export interface SignOptions {
  /** Milliseconds since the epoch; the system's clock by default (clock.ts). */
  now?: () => number;
}

/** Nothing that could start another line of the canonical request. */
const VISIBLE = /^[\x21-\x7e]+$/;

/**
 * Signs one request.
 * @throws UnusableKeyError when the key cannot sign
 * @throws TypeError when method, host or `bodySha256` is no token of visible ASCII
 */
export function sign(request: RequestToSign, key: KeyMaterial, options: SignOptions = {}): SignatureHeaders {
  const ready = loadKey(key);
  const { scheme, accessId } = ready;
  if (!scheme.coversRequest) return { authorization: scheme.format({ accessId, signedHeaders: '', signature: ready.sign('') }) };
  const { method, url, host } = request;
  const payload = request.bodySha256 ?? sha256(request.body);
  if (!VISIBLE.test(method) || !VISIBLE.test(host) || !VISIBLE.test(payload)) {
    throw new TypeError('method, host and bodySha256 are visible ASCII without spaces');
  }
  const date = formatSdkDate((options.now ?? systemNow)());
  const headerLines = `host:${host}\nx-sdk-content-sha256:${payload}\nx-sdk-date:${date}\n`;
  const canonical = canonicalRequest({ method, url, headerLines, signedHeaders: SIGNED_HEADERS, payload });
  const signature = ready.sign(stringToSign(scheme.name, date, canonical));
  return {
    authorization: scheme.format({ accessId, signedHeaders: SIGNED_HEADERS, signature }),
    'x-sdk-date': date,
    'x-sdk-content-sha256': payload,
  };
}
