import type { MessageAttempt } from './attempt.entity.js';

export type AttemptRow = MessageAttempt;

/** Column → field, in the order of the statements here. */
const FIELDS = {
  message_id: 'messageId',
  attempt_no: 'attemptNo',
  id: 'id',
  response_status: 'responseStatus',
  response_latency_ms: 'responseLatencyMs',
  processing_ms: 'processingMs',
  error_text: 'errorText',
  response_headers: 'responseHeaders',
  request_headers: 'requestHeaders',
  retry_type: 'retryType',
  retry_after_seconds: 'retryAfterSeconds',
  resolved_ip: 'resolvedIp',
  dns_ms: 'dnsMs',
  tcp_connect_ms: 'tcpConnectMs',
  tls_handshake_ms: 'tlsHandshakeMs',
  ttfb_ms: 'ttfbMs',
  transfer_ms: 'transferMs',
  conn_reused: 'connReused',
  response_body_truncated: 'responseBodyTruncated',
  created_at: 'createdAt',
} as const satisfies Record<string, keyof AttemptRow>;

export const ATTEMPT_COLUMNS = Object.keys(FIELDS);
const VALUES = Object.values(FIELDS);

export const SELECT_ATTEMPTS = `SELECT ${Object.entries(FIELDS)
  .map(([column, field]) => `${column} AS ${field}`)
  .join(', ')} FROM message_attempts`;

export const attemptValues = (attempt: AttemptRow): (string | number | null)[] =>
  VALUES.map((field) => {
    const value = attempt[field];
    return typeof value === 'boolean' ? Number(value) : value;
  });
