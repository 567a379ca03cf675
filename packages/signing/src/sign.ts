import { type RawBody, sha256 } from './body.js';
import { canonicalRequest, headerLine, isTarget, stringToSign, UNSIGNED_PAYLOAD } from './canonical-request.js';
import { systemNow } from './clock.js';
import type { KeyMaterial } from './scheme.js';
import { loadKey } from './schemes.js';
import { signMessage } from './sign-message.js';
import { formatSdkDate } from './sdk-date.js';

/**
 * Headers that gateways sign (docs/contracts/apig.md §8.1): they bind the signature to host and time. Only the payload line covers the body: a
 * backend that received the hash in a header might trust it without hashing.
 */
const SIGNED_HEADERS = 'host;x-sdk-date';
const SIGNED_HEADERS_WITHOUT_BODY = 'host;x-sdk-content-sha256;x-sdk-date';

export interface RequestToSign {
  method: string;
  /** The target to be sent: path and query, encoded. */
  url: string;
  /** The Host header to be sent, with the port if there is one. */
  host: string;
  body?: RawBody;
  /** In place of `body`, the hex SHA-256 of a body that was hashed while it was received, or {@link UNSIGNED_PAYLOAD}. */
  bodySha256?: string;
  /** Further headers that the signature covers, by name. The caller sends them. Values are visible ASCII. */
  signedHeaders?: Readonly<Record<string, string>>;
}

/**
 * Headers to set. Remove a client's own headers of all six names, even where none takes their place. A `basic` key has only the first, and an
 * `http-message-signatures` key only the last three. `x-sdk-content-sha256` is set only when the body is not covered, and `content-digest`
 * only when it is.
 */
export interface SignatureHeaders {
  authorization?: string;
  'x-sdk-date'?: string;
  'x-sdk-content-sha256'?: string;
  'signature-input'?: string;
  signature?: string;
  'content-digest'?: string;
}

export interface SignOptions {
  /** Milliseconds since the epoch; the system's clock by default (clock.ts). */
  now?: () => number;
  /** Nonce of a message signature; random by default. Without effect on other signatures. */
  nonce?: () => string;
}

/** The pattern excludes line breaks, which could add a line to the canonical request. */
const VISIBLE = /^[\x21-\x7e]+$/;
const HEADER_NAME = /^[a-z0-9-]+$/;

/**
 * Signs one request.
 * @throws UnusableKeyError when the key cannot sign
 * @throws TypeError when method, host, `bodySha256` or a further header is not visible ASCII, or the URL has a `#`, a space or a control
 *   character, or for a message signature is not ASCII that starts with a slash
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
  if (!isTarget(url)) throw new TypeError('a request target has no #, space or control character: encode it');
  if (scheme.messageSignatures)
    return signMessage({ method, url, host, payload, further: furtherHeaders(request.signedHeaders ?? {}) }, ready, options);
  const date = formatSdkDate((options.now ?? systemNow)());
  const covered = payload !== UNSIGNED_PAYLOAD;
  let signedHeaders = covered ? SIGNED_HEADERS : SIGNED_HEADERS_WITHOUT_BODY;
  let headerLines =
    headerLine('host', host) + (covered ? '' : headerLine('x-sdk-content-sha256', payload)) + headerLine('x-sdk-date', date);
  if (request.signedHeaders) {
    const all = {
      ...furtherHeaders(request.signedHeaders),
      host,
      ...(!covered && { 'x-sdk-content-sha256': payload }),
      'x-sdk-date': date,
    };
    const lines = Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1));
    signedHeaders = lines.map(([name]) => name).join(';');
    headerLines = lines.map(([name, value]) => headerLine(name, value)).join('');
  }
  const canonical = canonicalRequest({ method, url, headerLines, signedHeaders, payload });
  const signature = ready.sign(stringToSign(scheme.name, date, canonical));
  return {
    authorization: scheme.format({ accessId, signedHeaders, signature }),
    'x-sdk-date': date,
    ...(!covered && { 'x-sdk-content-sha256': payload }),
  };
}

/** Names in lower case. Errors have no value: it may be a token. */
function furtherHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const further: Record<string, string> = {};
  for (const [given, value] of Object.entries(headers)) {
    const name = given.toLowerCase();
    if (!HEADER_NAME.test(name) || !VISIBLE.test(value)) throw new TypeError('further signed headers are visible ASCII without spaces');
    if (name in further) throw new TypeError(`the header ${name} is given twice`);
    further[name] = value;
  }
  return further;
}
