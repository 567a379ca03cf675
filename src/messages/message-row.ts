import type { MessageStatus, StoredStatus } from './message.entity.js';

/** A message as it is shown: its row, and what its last attempt came to. */
export interface MessageRow {
  id: string;
  projectId: string;
  endpointId: string;
  url: string;
  status: StoredStatus;
  claimed: number;
  attemptCount: number;
  replayCount: number;
  sizeBytes: number;
  payloadSha256: string;
  idempotencyKey: string | null;
  retentionHours: number;
  dueAt: number | null;
  expiresAt: number | null;
  lastError: string | null;
  createdAt: number;
  updatedAt: number;
  deliveredAt: number | null;
  failedAt: number | null;
  responseStatus: number | null;
  responseLatencyMs: number | null;
}

/** Its one parameter is the time now: a claim whose lease is over means nothing. Deleted messages are not shown. */
export const SELECT_MESSAGES = `SELECT m.id, m.project_id AS projectId, m.endpoint_id AS endpointId, e.url, m.status,
    CASE WHEN m.claim <> 0 AND m.due_at > ? THEN 1 ELSE 0 END AS claimed, m.attempt_count AS attemptCount,
    m.replay_count AS replayCount, m.size_bytes AS sizeBytes, m.payload_sha256 AS payloadSha256, m.idempotency_key AS idempotencyKey,
    m.retention_hours AS retentionHours, m.due_at AS dueAt, m.expires_at AS expiresAt, m.last_error AS lastError,
    m.created_at AS createdAt, m.updated_at AS updatedAt, m.delivered_at AS deliveredAt, m.failed_at AS failedAt,
    a.response_status AS responseStatus, a.response_latency_ms AS responseLatencyMs
  FROM messages m JOIN webhook_endpoints e ON e.id = m.endpoint_id
    LEFT JOIN message_attempts a ON a.message_id = m.id AND a.attempt_no = m.attempt_count
  WHERE m.deleted_at IS NULL`;

export const statusOf = ({ status, claimed }: Pick<MessageRow, 'status' | 'claimed'>): MessageStatus => (claimed ? 'delivering' : status);

/** A condition for messages that are shown with this status, and its values. @param now milliseconds since the epoch */
export function whereStatus(status: MessageStatus, now: number): { sql: string; values: (string | number)[] } {
  return status === 'delivering'
    ? { sql: 'm.claim <> 0 AND m.due_at > ?', values: [now] }
    : { sql: 'm.status = ? AND (m.claim = 0 OR m.due_at <= ?)', values: [status, now] };
}

/** UUIDv7 as the contract writes it; ids of ours have no dashes. */
export const toUuid = (id: string): string =>
  `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;

/** What a message's id looks like; anything else cannot exist and needs no look-up. */
export const MESSAGE_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
