import { ApiError, ApiFault } from '../common/api-error.js';
import { DatabaseTimeout } from './deadline.js';

/** A driver's error, taken out of TypeORM's error. */
interface DriverError {
  code?: string;
  errno?: number;
  fatal?: boolean;
  message: string;
}

function driverError(error: unknown): DriverError {
  const outer = error as { driverError?: DriverError };
  return outer?.driverError ?? (error as DriverError);
}

/** A unique index by its names on both databases: MariaDB reports the index, SQLite the columns. */
export interface UniqueIndex {
  name: string;
  columns: string;
}

/** Whether a statement violated this unique index. */
export function violates(error: unknown, unique: UniqueIndex): boolean {
  const { code, errno, message } = driverError(error);
  if (errno === 1062) return message.includes(unique.name);
  return (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') && message.endsWith(`: ${unique.columns}`);
}

/** Whether a foreign key refused a row because its parent row does not exist. */
export function violatesForeignKey(error: unknown): boolean {
  const { code, errno } = driverError(error);
  return errno === 1452 || code === 'SQLITE_CONSTRAINT_FOREIGNKEY';
}

/**
 * Errors after which the whole transaction may be retried, because the database has rolled it back or has never begun it (docs/adr/0004).
 */
const RETRYABLE_ERRNO = new Set([1213, 1205, 1020, 1040, 1203]);
/**
 * Errors of a server that no longer accepts writes: 1290, 1792 and 1836 because it is read-only, 1047 because it left its Galera cluster. A
 * new connection may reach another server.
 */
const OTHER_SERVER_ERRNO = new Set([1290, 1792, 1836, 1047]);
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
]);

function isConnectionError(error: unknown): boolean {
  const { code, fatal, message, errno } = driverError(error);
  return CONNECTION_CODES.has(code ?? '') || fatal === true || errno === 1053 || /closed state|Connection lost/.test(message ?? '');
}

export function isTransient(error: unknown): boolean {
  const { errno } = driverError(error);
  if (error instanceof ApiError) return false;
  if (isFull(error)) return false;
  if (error instanceof GroupRolledBack || error instanceof OutdatedDecision) return true;
  return RETRYABLE_ERRNO.has(errno ?? 0) || isBusy(error) || isConnectionError(error) || needsOtherServer(error);
}

/** Whether the connection's server accepts no writes. Such a connection must not return to the pool. */
export function needsOtherServer(error: unknown): boolean {
  return OTHER_SERVER_ERRNO.has(driverError(error).errno ?? 0);
}

/** Whether the database cannot be reached, is full or did not answer in time. The caller may retry. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof DatabaseTimeout || isFull(error) || isTransient(error);
}

const FULL_CODES = new Set(['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_IOERR_SHMSIZE', 'SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_TRUNCATE']);
/** The disk or the table space is full. */
const FULL_ERRNO = new Set([1021, 1114]);
/** The system's error number in the texts of errors 3, 1026 and 1030. */
const ENOSPC_WORDS = /errno: 28|Errcode: 28|Got error 28|No space left/i;

/** Whether there is no space for writes. Stored data can still be read. */
export function isFull(error: unknown): boolean {
  const { code, errno, message } = driverError(error instanceof GroupRolledBack ? error.cause : error);
  return FULL_CODES.has(code ?? '') || FULL_ERRNO.has(errno ?? 0) || (errno !== undefined && ENOSPC_WORDS.test(message ?? ''));
}

/** The database has no space left. The message is for the operator. */
export class DatabaseFull extends Error {
  readonly code = 'DATABASE_FULL';
  constructor(place: string, cause: unknown) {
    super(`${place} is full: nothing can be written until space is available`, { cause });
  }
}

/** Whether MariaDB or MySQL refused a row because of a unique index or a foreign key. */
export function violatesConstraint(error: unknown): boolean {
  return [1062, 1451, 1452].includes(driverError(error).errno ?? 0);
}

/** A transaction made its decision on rows that another node has changed. It may be retried. */
export class OutdatedDecision extends Error {
  constructor(cause: unknown) {
    super('a concurrent write on another cluster node invalidated this transaction', { cause });
  }
}

/** Whether another process is writing to the SQLite file. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_BUSY/.test(driverError(error).code ?? '');
}

/** The transaction was rolled back together with its group. It may be retried. */
export class GroupRolledBack extends Error {
  constructor(cause: unknown) {
    super('the group commit that this transaction belonged to was rolled back', { cause });
  }
}

/**
 * Whether the transaction may have been committed: error 1180 on a node that leaves its cluster, or a connection that was lost during
 * COMMIT.
 */
export function leavesCommitUnknown(error: unknown): boolean {
  return driverError(error).errno === 1180 || driverError(error).errno === 1047 || isConnectionError(error);
}

/**
 * A COMMIT got no answer, so its outcome is unknown. It is never simply repeated: ChangesService first looks for the write by its id.
 * Callers get a 503 instead of an internal error.
 */
export class CommitOutcomeUnknown extends ApiFault {
  constructor(cause: unknown) {
    super(
      'unavailable',
      { detail: 'It is not known whether the change was made: read the current state before you repeat the request.' },
      { cause },
    );
  }
}
