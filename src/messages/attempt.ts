import { newId } from '../common/ids.js';
import { VERSION } from '../config/config.js';
import type { LiveSigningKey } from '../endpoints/live-keys.js';
import { UnusableKeyError } from '../lib/signing/errors.js';
import { type WebhookMessage, webhookSigner, type WebhookSigner } from '../lib/signing/webhook.js';
import type { AttemptRow } from './attempt-row.js';
import type { Claimed } from './delivery-queue.js';
import { toUuid } from './message-row.js';
import type { Exchange } from './poster.js';
import { judge, type Verdict } from './schedule.js';

const USER_AGENT = `Signet-Webhooks/${VERSION}`;
/** What a column of text takes on MariaDB is more; what a customer reads is less. */
const HEADERS_MAX_CHARS = 8192;
const ERROR_MAX_CHARS = 255;
/** A value that names a session is nobody's business but the receiver's. */
const UNRECORDED = new Set(['set-cookie', 'www-authenticate', 'proxy-authenticate', 'authorization']);

/**
 * Signs attempts in both dialects, one signature for each key, newest first (endpoints §1.12, §3.1); an ed25519 key has a place in Standard
 * Webhooks only.
 * @param keys newest first; none of an endpoint that is deleted
 * @throws UnusableKeyError
 */
export function signersOf(keys: readonly LiveSigningKey[]): WebhookSigner[] {
  const secretsOf = (wanted: readonly LiveSigningKey[]) => wanted.map(({ secret }) => secret);
  const shared = keys.filter(({ type }) => type === 'hmac');
  return [
    ...(shared.length > 0 ? [webhookSigner('x-webhook', secretsOf(shared))] : []),
    ...(keys.length > 0 ? [webhookSigner('standard', secretsOf(keys))] : []),
  ];
}

/**
 * The headers of one attempt: the endpoint's, over them the message's, over both ours.
 * @param own the customer's headers, the later ones win
 * @throws UnusableKeyError without a key: nothing goes out unsigned
 */
export function headersOf(
  message: WebhookMessage,
  signers: readonly WebhookSigner[],
  ...own: readonly Record<string, string>[]
): Record<string, string> {
  if (signers.length === 0) throw new UnusableKeyError('a webhook is signed with at least one secret');
  const headers: Record<string, string> = {};
  // One spelling, or the same header would go out twice.
  for (const each of own) for (const name in each) headers[name.toLowerCase()] = each[name] ?? '';
  return Object.assign(
    headers,
    { 'content-type': 'application/json', 'user-agent': USER_AGENT },
    ...signers.map((sign) => sign(message)),
  ) as Record<string, string>;
}

/** The row of an attempt, and what becomes of its message. */
export function attemptOf(
  message: Claimed,
  sent: Record<string, string>,
  exchange: Exchange,
  { startedAt, endedAt, processingMs }: { startedAt: number; endedAt: number; processingMs: number },
): { verdict: Verdict; attempt: AttemptRow } {
  const attemptNo = message.attemptCount + 1;
  const outcome =
    exchange.status === undefined
      ? { error: exchange.error ?? 'the connection failed' }
      : { status: exchange.status, retryAfter: exchange.headers['retry-after'] };
  const verdict = judge(outcome, attemptNo - message.attemptsBefore, endedAt);
  const retry = verdict.status === 'pending_retry' ? verdict : undefined;
  const error = 'error' in outcome ? outcome.error : verdict.status === 'succeeded' ? null : `HTTP ${outcome.status}`;
  const attempt: AttemptRow = {
    messageId: message.id,
    attemptNo,
    id: toUuid(newId()),
    responseStatus: exchange.status ?? null,
    responseLatencyMs: Math.round(exchange.latencyMs),
    processingMs: Math.round(processingMs),
    errorText: error?.slice(0, ERROR_MAX_CHARS) ?? null,
    responseHeaders: exchange.status === undefined ? null : recorded(exchange.headers, (name) => !UNRECORDED.has(name)),
    requestHeaders: recorded(sent, isOurs),
    retryType: retry?.retryType ?? null,
    retryAfterSeconds: retry?.retryAfterSeconds ?? null,
    resolvedIp: exchange.made?.address ?? null,
    dnsMs: fresh(exchange, exchange.made?.dnsMs),
    tcpConnectMs: fresh(exchange, exchange.made?.tcpMs),
    tlsHandshakeMs: fresh(exchange, exchange.made?.tlsMs),
    ttfbMs: whole(exchange.ttfbMs),
    transferMs: whole(exchange.transferMs),
    connReused: exchange.reused,
    responseBodyTruncated: exchange.truncated,
    createdAt: startedAt,
  };
  return { verdict, attempt };
}

const whole = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms));

/** A connection that was there already took no time. */
const fresh = ({ reused }: Exchange, ms: number | undefined) => (reused ? null : whole(ms));

const isOurs = (name: string) => name === 'content-type' || name === 'user-agent' || /^(x-)?webhook-/.test(name);

/** Headers as JSON: the values of those that may hold a secret are left out, and what is too long to keep is too. */
function recorded(headers: Record<string, string>, shown: (name: string) => boolean): string {
  const kept: Record<string, string> = {};
  for (const name in headers) kept[name] = shown(name) ? (headers[name] ?? '') : '***';
  const text = JSON.stringify(kept);
  return text.length <= HEADERS_MAX_CHARS ? text : JSON.stringify({ '…': `${text.length} characters` });
}
