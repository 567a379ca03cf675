import { columnsOf } from '../../platform/database/columns.js';
import { MessageAttempt } from './attempt.entity.js';

export type AttemptRow = MessageAttempt;

const WHOLE = columnsOf(MessageAttempt).all();
/** Null after a success over a reused connection: an INSERT that omits these six of twenty columns binds fewer values. */
const SPARSE = ['errorText', 'retryType', 'retryAfterSeconds', 'dnsMs', 'tcpConnectMs', 'tlsHandshakeMs'] as const;
const DENSE = columnsOf(MessageAttempt).except(...SPARSE);

/** The columns that an INSERT of these rows names. Only two sets exist, because each set is a separate prepared statement. */
export const columnsFor = (attempts: readonly AttemptRow[]): Pick<typeof WHOLE, 'insert' | 'values'> =>
  attempts.every((attempt) => SPARSE.every((field) => attempt[field] === null)) ? DENSE : WHOLE;

export const SELECT_ATTEMPTS = `SELECT ${WHOLE.select} FROM message_attempts`;

/** An attempt as it is bound. */
export const toColumns = (attempt: AttemptRow) => ({
  ...attempt,
  connReused: Number(attempt.connReused),
  responseBodyTruncated: Number(attempt.responseBodyTruncated),
});
