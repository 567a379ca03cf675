/** The server or file said what went wrong: the driver's own error, whether TypeORM wrapped it or not. */
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

/** A unique index by the names both databases use for it: MariaDB reports the index, SQLite the columns. */
export interface UniqueIndex {
  name: string;
  columns: string;
}

/** Whether a statement broke this unique index. */
export function violates(error: unknown, unique: UniqueIndex): boolean {
  const { code, errno, message } = driverError(error);
  if (errno === 1062) return message.includes(unique.name);
  return (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') && message.endsWith(`: ${unique.columns}`);
}

/** Whether a statement pointed at a parent row that is not there (any more). */
export function missesParent(error: unknown): boolean {
  const { code, errno } = driverError(error);
  return errno === 1452 || code === 'SQLITE_CONSTRAINT_FOREIGNKEY';
}

/** Rolled back by the database, or never begun: the whole transaction may run again (docs/adr/0004). */
const AGAIN_ERRNO = new Set([1213, 1205, 1020, 1047, 1040, 1203]);
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
]);

export function isConnectionError(error: unknown): boolean {
  const { code, fatal, message, errno } = driverError(error);
  return CONNECTION_CODES.has(code ?? '') || fatal === true || errno === 1053 || /closed state|Connection lost/.test(message ?? '');
}

export function isTransient(error: unknown): boolean {
  const { errno } = driverError(error);
  return error instanceof GroupLost || AGAIN_ERRNO.has(errno ?? 0) || isBusy(error) || isConnectionError(error);
}

/** Another process writes to the SQLite file. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_BUSY/.test(driverError(error).code ?? '');
}

/** Rolled back because of another unit of its group; it may run again. */
export class GroupLost extends Error {
  constructor(cause: unknown) {
    super('the transaction that several units of work share was rolled back', { cause });
  }
}

/** 1180 on a node that loses its group, a lost connection or a time-out while COMMIT is out: it may have landed. */
export function leavesCommitUnknown(error: unknown): boolean {
  return driverError(error).errno === 1180 || driverError(error).errno === 1047 || isConnectionError(error);
}

/** COMMIT was sent and no answer came. Never repeated blindly: changes/changes.service.ts looks for the write by its id first. */
export class CommitOutcomeUnknown extends Error {
  constructor(cause: unknown) {
    super('the connection was lost while a COMMIT was out', { cause });
  }
}
