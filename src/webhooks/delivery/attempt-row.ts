import { columnsOf } from '../../platform/database/columns.js';
import { MessageAttempt } from './attempt.entity.js';

export type AttemptRow = MessageAttempt;

const WHOLE = columnsOf(MessageAttempt).all();
/** Columns that are null after a success over a reused connection. An INSERT that omits these six of twenty columns binds fewer values. */
const SPARSE = ['errorText', 'retryType', 'retryAfterSeconds', 'dnsMs', 'tcpConnectMs', 'tlsHandshakeMs'] as const;
const DENSE = columnsOf(MessageAttempt).except(...SPARSE);

/** The columns that an INSERT of these rows contains. There are only two sets, because each is a separate prepared statement. */
export const columnsFor = (attempts: readonly AttemptRow[]): Pick<typeof WHOLE, 'insert' | 'values'> =>
  attempts.every((attempt) => SPARSE.every((field) => attempt[field] === null)) ? DENSE : WHOLE;

export const SELECT_ATTEMPTS = `SELECT ${WHOLE.select} FROM message_attempts`;

/** The values of an attempt, as they are bound. */
export const toColumns = (attempt: AttemptRow) => ({
  ...attempt,
  connReused: Number(attempt.connReused),
  responseBodyTruncated: Number(attempt.responseBodyTruncated),
});
