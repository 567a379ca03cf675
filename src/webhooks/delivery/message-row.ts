import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { WebhookEndpoint } from '../endpoints/endpoint.entity.js';
import { MessageAttempt } from './attempt.entity.js';
import { Message, type MessageStatus } from './message.entity.js';

const MESSAGE = columnsOf(Message, 'm').pick(
  'id',
  'projectId',
  'endpointId',
  'status',
  'attemptCount',
  'replayCount',
  'sizeBytes',
  'payloadSha256',
  'idempotencyKey',
  'retentionHours',
  'dueAt',
  'expiresAt',
  'lastError',
  'createdAt',
  'updatedAt',
  'deliveredAt',
  'failedAt',
);
const ENDPOINT = columnsOf(WebhookEndpoint, 'e').pick('url');
const LAST_ATTEMPT = columnsOf(MessageAttempt, 'a').pick('responseStatus', 'responseLatencyMs');

/** A message, joined with its last attempt. */
export interface MessageRow extends RowOf<typeof MESSAGE>, RowOf<typeof ENDPOINT>, Omit<RowOf<typeof LAST_ATTEMPT>, 'responseLatencyMs'> {
  endpointDeleted: number;
  claimed: number;
  responseLatencyMs: number | null;
}

/** Excludes deleted messages. The parameter is the current time, because a claim counts only until its lease ends. */
export const SELECT_MESSAGES = `SELECT ${MESSAGE.select}, ${ENDPOINT.select}, e.deleted_at IS NOT NULL AS endpointDeleted,
    CASE WHEN m.claim <> 0 AND m.due_at > ? THEN 1 ELSE 0 END AS claimed, ${LAST_ATTEMPT.select}
  FROM messages m JOIN webhook_endpoints e ON e.id = m.endpoint_id
    LEFT JOIN message_attempts a ON a.message_id = m.id AND a.attempt_no = m.attempt_count
  WHERE m.deleted_at IS NULL`;

export const statusOf = ({ status, claimed }: Pick<MessageRow, 'status' | 'claimed'>): MessageStatus => (claimed ? 'delivering' : status);

/** Returns the SQL condition, with its values, for messages that have this status for callers. @param now Unix time in milliseconds */
export function whereStatus(status: MessageStatus, now: number): { sql: string; values: (string | number)[] } {
  return status === 'delivering'
    ? { sql: 'm.claim <> 0 AND m.due_at > ?', values: [now] }
    : { sql: 'm.status = ? AND (m.claim = 0 OR m.due_at <= ?)', values: [status, now] };
}

/** Matches a replayed message without an attempt since the replay. It keeps its earlier success. */
const REPLAYED_AFTER_SUCCESS = 'delivered_at IS NOT NULL AND attempt_count = attempts_before';

/** SET clauses for messages of a paused or deleted endpoint. */
export const PARKED = {
  paused: `status = 'paused', claim = 0, due_at = NULL, updated_at = ?`,
  deleted: `status = CASE WHEN ${REPLAYED_AFTER_SUCCESS} THEN 'succeeded' ELSE 'failed_permanent' END,
    last_error = CASE WHEN ${REPLAYED_AFTER_SUCCESS} THEN NULL ELSE 'the endpoint was deleted' END,
    failed_at = CASE WHEN ${REPLAYED_AFTER_SUCCESS} THEN failed_at ELSE ? END, claim = 0, due_at = NULL, updated_at = ?`,
} as const;

/** Parameters of {@link PARKED}. */
export const parkedValues = (why: keyof typeof PARKED, now: number): number[] => (why === 'deleted' ? [now, now] : [now]);

/** Adds the dashes of the contract's UUIDv7 format to an internal id. */
export const toUuid = (id: string): string =>
  `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;

/** Format of a message id; any other text needs no look-up. */
export const MESSAGE_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
