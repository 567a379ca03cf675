import { newId } from '../../platform/common/ids.js';
import { VERSION } from '../../platform/config/version.js';
import type { LiveSigningKey } from '../signing-keys/live-keys.js';
import { UnusableKeyError } from '#signing/errors.js';
import { type WebhookMessage, webhookSigner, type WebhookSigner } from '#signing/webhook.js';
import type { AttemptRow } from './attempt-row.js';
import type { ClaimedMessage } from './delivery-queue.js';
import { toUuid } from './message-row.js';
import type { DeliveryResponse } from './webhook-sender.js';
import { decideRetry, type RetryDecision } from './schedule.js';

const USER_AGENT = `Signet-Webhooks/${VERSION}`;
/** Maximum length of stored headers: less than the 64 KiB of a MariaDB TEXT column, and enough for a diagnosis. */
const HEADERS_MAX_CHARS = 8192;
const ERROR_MAX_CHARS = 255;
/** Response headers that may contain the receiver's credentials. Their values are masked in the log. */
const MASKED = new Set(['set-cookie', 'www-authenticate', 'proxy-authenticate', 'authorization']);

/**
 * Returns the signers of an attempt: one for each dialect, with one signature per key, newest key first
 * (docs/contracts/endpoints.md §1.12, §3.1). An ed25519 key signs in the Standard Webhooks dialect only.
 * @param keys the keys, newest first; empty for a deleted endpoint
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
 * Returns the request headers of one attempt. The message's headers override the endpoint's headers; the service's headers override both.
 * @param own the customer's headers; later objects override earlier ones
 * @throws UnusableKeyError when there is no signer, because an unsigned request must not be sent
 */
export function headersOf(
  message: WebhookMessage,
  signers: readonly WebhookSigner[],
  ...own: readonly Record<string, string>[]
): Record<string, string> {
  if (signers.length === 0) throw new UnusableKeyError('a webhook must be signed with at least one secret');
  const headers: Record<string, string> = {};
  // Lower case, so that a header is not sent twice in two spellings.
  for (const each of own) for (const name in each) headers[name.toLowerCase()] = each[name] ?? '';
  return Object.assign(
    headers,
    { 'content-type': 'application/json', 'user-agent': USER_AGENT },
    ...signers.map((sign) => sign(message)),
  ) as Record<string, string>;
}

/** The result of an attempt that was not sent. @param error text that the customer sees */
export const notSent = (error: string): DeliveryResponse => ({ error, headers: {}, latencyMs: 0, truncated: false, reused: false });

/** Converts a response to the row of the attempt and the next state of its message. */
export function attemptOf(
  message: ClaimedMessage,
  sent: Record<string, string>,
  response: DeliveryResponse,
  { startedAt, endedAt, processingMs }: { startedAt: number; endedAt: number; processingMs: number },
): { verdict: RetryDecision; attempt: AttemptRow } {
  const attemptNo = message.attemptCount + 1;
  const outcome =
    response.status === undefined
      ? { error: response.error ?? 'the connection failed' }
      : { status: response.status, retryAfter: response.retryAfter };
  const verdict = decideRetry(outcome, attemptNo - message.attemptsBefore, endedAt);
  const retry = verdict.status === 'pending_retry' ? verdict : undefined;
  const error = 'error' in outcome ? outcome.error : verdict.status === 'succeeded' ? null : `HTTP ${outcome.status}`;
  const attempt: AttemptRow = {
    messageId: message.id,
    attemptNo,
    id: toUuid(newId()),
    responseStatus: response.status ?? null,
    responseLatencyMs: Math.round(response.latencyMs),
    processingMs: Math.round(processingMs),
    errorText: error?.slice(0, ERROR_MAX_CHARS) ?? null,
    responseHeaders: response.status === undefined ? null : headersJson(response.headers, (name) => !MASKED.has(name)),
    requestHeaders: headersJson(sent, isOurs),
    retryType: retry?.retryType ?? null,
    retryAfterSeconds: retry?.retryAfterSeconds ?? null,
    resolvedIp: response.connection?.address ?? null,
    dnsMs: timingOf(response, response.connection?.dnsMs),
    tcpConnectMs: timingOf(response, response.connection?.tcpMs),
    tlsHandshakeMs: timingOf(response, response.connection?.tlsMs),
    ttfbMs: rounded(response.ttfbMs),
    transferMs: rounded(response.transferMs),
    connReused: response.reused,
    responseBodyTruncated: response.truncated,
    createdAt: startedAt,
  };
  return { verdict, attempt };
}

const rounded = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms));

/** Timings of a connection, which are null on a reused connection, because they belong to an earlier attempt. */
const timingOf = ({ reused }: DeliveryResponse, ms: number | undefined) => (reused ? null : rounded(ms));

const isOurs = (name: string) => name === 'content-type' || name === 'user-agent' || /^(x-)?webhook-/.test(name);

/**
 * Formats headers as JSON. Values that may contain a secret are masked. A text longer than {@link HEADERS_MAX_CHARS} is replaced by its
 * length.
 */
function headersJson(headers: Record<string, string>, shown: (name: string) => boolean): string {
  const kept: Record<string, string> = {};
  for (const name in headers) kept[name] = shown(name) ? (headers[name] ?? '') : '***';
  const text = JSON.stringify(kept);
  return text.length <= HEADERS_MAX_CHARS ? text : JSON.stringify({ '…': `${text.length} characters` });
}
