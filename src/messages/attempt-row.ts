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

type Column = keyof typeof FIELDS;
const COLUMNS = Object.keys(FIELDS) as Column[];
/** What a success over a connection that was there already leaves null: six of twenty values that need not be sent. */
const SPARSE: readonly Column[] = ['error_text', 'retry_type', 'retry_after_seconds', 'dns_ms', 'tcp_connect_ms', 'tls_handshake_ms'];
const DENSE = COLUMNS.filter((column) => !SPARSE.includes(column));

/** The columns that an INSERT of these rows names; two sets and no more, since each makes statements that stay prepared. */
export const columnsOf = (attempts: readonly AttemptRow[]): readonly Column[] =>
  attempts.every((attempt) => SPARSE.every((column) => attempt[FIELDS[column]] === null)) ? DENSE : COLUMNS;

export const SELECT_ATTEMPTS = `SELECT ${Object.entries(FIELDS)
  .map(([column, field]) => `${column} AS ${field}`)
  .join(', ')} FROM message_attempts`;

export const attemptValues = (attempt: AttemptRow, columns: readonly Column[]): (string | number | null)[] =>
  columns.map((column) => {
    const value = attempt[FIELDS[column]];
    return typeof value === 'boolean' ? Number(value) : value;
  });
