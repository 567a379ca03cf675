import { createHmac, createSecretKey } from 'node:crypto';
import type { RawBody } from './body.js';
import { systemNow } from './clock.js';
import { sameHex } from './compare.js';
import { type Refusal, refuse, UnusableKeyError } from './errors.js';
import { headerReader, type HeaderSource } from './headers.js';
import { standardKey } from './webhook-keys.js';

/** The webhook signature formats (docs/contracts/endpoints.md §3.4). A delivery may carry both sets of headers, from one secret. */
export type WebhookDialect = 'x-webhook' | 'standard';

export interface WebhookMessage {
  /** Stable across retries. Covered by `standard` signatures only; must not contain a `.`. */
  id: string;
  /** Time of this attempt, seconds since the epoch. */
  timestamp: number;
  body: RawBody;
}

interface Dialect {
  /** Prefix of the three headers. */
  header: string;
  separator: string;
  signedBytes: (id: string, timestamp: string, body: RawBody) => Buffer;
  /** @throws UnusableKeyError */
  key: (secret: string) => { sign: (message: Buffer) => string; matches: (message: Buffer, signature: string) => boolean };
}

const DIALECTS: Record<WebhookDialect, Dialect> = {
  // docs/contracts/endpoints.md §1.12: the HMAC key is the whole secret text, prefix included.
  'x-webhook': {
    header: 'x-webhook',
    separator: ',',
    signedBytes: (_, timestamp, body) => Buffer.concat([Buffer.from(`${timestamp}.`), bytesOf(body)]),
    key(secret) {
      if (secret === '') throw new UnusableKeyError('a webhook secret is not empty');
      // It is refused, because whoever knows a public key could sign with it.
      if (secret.startsWith('whpk_')) throw new UnusableKeyError('a public key is no secret: x-webhook has no signatures for it');
      const keyObject = createSecretKey(secret, 'utf8');
      const sign = (message: Buffer) => `sha256=${createHmac('sha256', keyObject).update(message).digest('hex')}`;
      return { sign, matches: (message, signature) => sameHex(signature, sign(message)) };
    },
  },
  // docs/contracts/endpoints.md §3.1: the HMAC key is the decoded secret; unknown versions are skipped.
  standard: {
    header: 'webhook',
    separator: ' ',
    signedBytes: (id, timestamp, body) => Buffer.concat([Buffer.from(`${id}.${timestamp}.`), bytesOf(body)]),
    key(secret) {
      const key = standardKey(secret);
      const prefix = `${key.version},`;
      return {
        sign: (message) => prefix + key.sign(message),
        matches: (message, signature) => signature.startsWith(prefix) && key.verify(message, signature.slice(prefix.length)),
      };
    },
  },
};

const bytesOf = (body: RawBody) => (typeof body === 'string' ? Buffer.from(body) : (body ?? Buffer.alloc(0)));

/**
 * Creates the headers of one attempt.
 * @throws TypeError when the id contains a `.` (which separates it from the timestamp) or the timestamp is not a whole second
 */
export type WebhookSigner = (message: WebhookMessage) => Record<string, string>;

/**
 * Creates a signer that parses the secrets once.
 * @param secrets one, or two while a key rotates: newest first
 * @throws UnusableKeyError when a secret does not have the dialect's format
 */
export function webhookSigner(dialect: WebhookDialect, secrets: readonly string[]): WebhookSigner {
  const { header, separator, signedBytes, key } = DIALECTS[dialect];
  if (secrets.length === 0) throw new UnusableKeyError('a webhook is signed with at least one secret');
  const keys = secrets.map(key);
  const [idName, timestampName, signatureName] = [`${header}-id`, `${header}-timestamp`, `${header}-signature`];
  return ({ id, timestamp, body }) => {
    if (!ID.test(id)) throw new TypeError('a message id is visible ASCII without a full stop');
    if (!Number.isSafeInteger(timestamp) || timestamp < 0) throw new TypeError('a timestamp is whole seconds');
    const seconds = String(timestamp);
    const message = signedBytes(id, seconds, body);
    return { [idName]: id, [timestampName]: seconds, [signatureName]: keys.map(({ sign }) => sign(message)).join(separator) };
  };
}

/**
 * Creates the headers of one attempt; for repeated use see {@link webhookSigner}.
 * @throws UnusableKeyError, TypeError
 */
export const signWebhook = (message: WebhookMessage, dialect: WebhookDialect, secrets: readonly string[]): Record<string, string> =>
  webhookSigner(dialect, secrets)(message);

export type WebhookRefusalCode = 'no_signature' | 'malformed' | 'skew' | 'signature_mismatch';
/** `id` is set only if the signature covers it. */
export type WebhookVerification = { ok: true; id?: string; timestamp: number } | Refusal<WebhookRefusalCode>;

export interface WebhookVerifyOptions {
  /** The expected dialect, because a sender must not be able to choose the weaker one. */
  dialect: WebhookDialect;
  /** Accepted secrets. */
  secrets: readonly string[];
  /** Default 300. */
  toleranceSeconds?: number;
  /** Milliseconds since the epoch; the system's clock by default (clock.ts). */
  now?: () => number;
}

/**
 * Verifies one delivery. No delivery makes it throw.
 * @throws UnusableKeyError when a secret of the options does not have the dialect's format
 */
export function verifyWebhook(request: { headers: HeaderSource; body: RawBody }, options: WebhookVerifyOptions): WebhookVerification {
  const { header, separator, signedBytes, key } = DIALECTS[options.dialect];
  const read = headerReader(request.headers);
  const [id = '', timestamp = '', signature] = ['id', 'timestamp', 'signature'].map((part) => read(`${header}-${part}`));
  if (!signature) return refuse('no_signature', `there is no ${header}-signature header`);
  if (!TIMESTAMP.test(timestamp)) return refuse('malformed', `${header}-timestamp is whole seconds since the epoch`);
  if (options.dialect === 'standard' && !ID.test(id)) return refuse('malformed', 'webhook-id is visible ASCII without a full stop');
  const { body } = request;
  if (body !== null && typeof body !== 'string' && !((body as unknown) instanceof Uint8Array)) {
    return refuse('malformed', 'pass the raw body bytes (or null), not a parsed body');
  }
  const now = (options.now ?? systemNow)() / 1000;
  if (!(Math.abs(now - Number(timestamp)) <= (options.toleranceSeconds ?? 300)))
    return refuse('skew', `${header}-timestamp is too far from the clock here`);
  const message = signedBytes(id, timestamp, body);
  const given = signature.split(separator, MOST_SIGNATURES).map((each) => each.trim());
  const keys = options.secrets.map(key);
  if (!keys.some(({ matches }) => given.some((each) => matches(message, each))))
    return refuse('signature_mismatch', 'signed with another secret, or changed on the way');
  return { ok: true, timestamp: Number(timestamp), ...(options.dialect === 'standard' && { id }) };
}

const ID = /^[!-\-/-~]+$/;
const TIMESTAMP = /^\d{1,12}$/;
/** Bounds the work per request. Senders use at most two keys. */
const MOST_SIGNATURES = 16;
