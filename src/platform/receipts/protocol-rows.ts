import { ApiFault } from '../common/api-error.js';
import type { Scope } from '../common/scope.js';
import type { Reads, Rows, Tx } from '../database/database.js';
import { chunks, placeholders } from '../database/tx.js';
import type { Ending, GatewayRow, SessionRow } from '../../lib/receipts/protocol.js';
import type { RestoreCheck } from '../recovery/restore-check.js';

/** A session as stored, for `lib/receipts/protocol.ts`, with additional columns for display. */
export interface StoredSession extends SessionRow {
  readonly scopeKind: Scope['kind'];
  readonly scopeId: string;
  readonly projectId: string;
  readonly version: string;
  readonly acknowledgedAt: number | null;
  readonly endedAt: number | null;
  readonly endedRevision: number | null;
  readonly registeredAt: number;
  readonly lastSeen: number;
}

export interface StoredGateway extends GatewayRow {
  readonly scope: Scope;
  readonly projectId: string;
}

/**
 * Columns of a gateway for display. It is not a `GatewayRow`, because a decision must not rest on rows that were not checked for a restore.
 */
export type ShownGateway = Pick<StoredGateway, 'projectId' | 'epoch' | 'revision' | 'deleted'>;

interface Columns extends Omit<StoredSession, 'asked' | 'withTable' | 'ending'> {
  asked: number;
  withTable: number;
  how: Ending['how'] | null;
  endedBy: string | null;
}

const COLUMNS = {
  sessionId: 'session_id',
  scopeKind: 'scope_kind',
  scopeId: 'scope_id',
  projectId: 'project_id',
  nodeId: 'node_id',
  version: 'version',
  publicKey: 'public_key',
  credentialId: 'credential_id',
  epoch: 'epoch',
  asked: 'asked',
  withTable: 'with_table',
  firstRevision: 'first_revision',
  acknowledged: 'acknowledged',
  acknowledgedAt: 'acknowledged_at',
  counter: 'counter',
  leaseSeconds: 'lease_seconds',
  silenceMs: 'silence_ms',
  how: 'ending',
  endedBy: 'ended_by',
  endedAt: 'ended_at',
  endedRevision: 'ended_revision',
  contradictedAt: 'contradicted_at',
  registeredAt: 'registered_at',
  lastSeen: 'last_seen',
} as const satisfies Record<keyof Columns, string>;
const FIELDS = Object.keys(COLUMNS) as (keyof Columns)[];

const SELECT = `SELECT ${FIELDS.map((field) => `${COLUMNS[field]} AS ${field}`).join(', ')} FROM signing_sessions`;

const fromColumns = ({ how, endedBy, ...row }: Columns): StoredSession => ({
  ...row,
  asked: row.asked === 1,
  withTable: row.withTable === 1,
  ending: how === null ? null : endingOf(how, endedBy ?? '', row.endedAt ?? 0),
});

function endingOf(how: Ending['how'], by: string, at: number): Ending {
  if (how === 'vouched') return { how, by, at };
  return how === 'succeeded' ? { how, by } : { how };
}

const toColumns = ({ ending, ...row }: StoredSession): Columns => ({
  ...row,
  asked: row.asked ? 1 : 0,
  withTable: row.withTable ? 1 : 0,
  how: ending?.how ?? null,
  endedBy: ending && 'by' in ending ? ending.by : null,
});

/**
 * Selects the sessions for which a receipt of the scope may wait, by the rule `isCandidate` (test/conformance/receipts.spec.ts compares the
 * two).
 */
export async function candidates(reads: Reads, { kind, id }: Scope): Promise<StoredSession[]> {
  const sql = `${SELECT} WHERE scope_kind = ? AND scope_id = ? AND ending IS NULL AND asked = 1`;
  return (await reads.rows<Columns>(sql, [kind, id])).map(fromColumns);
}

/** @param revision the sessions are those for which its receipt has waited or still waits */
export async function sessionsOfReceipt(reads: Reads, { kind, id }: Scope, revision: number): Promise<StoredSession[]> {
  const sql = `${SELECT} WHERE scope_kind = ? AND scope_id = ? AND asked = 1 AND (ending IS NULL OR ended_revision >= ?)
    AND NOT (with_table = 0 AND first_revision IS NOT NULL AND first_revision >= ?) ORDER BY node_id, session_id`;
  return (await reads.rows<Columns>(sql, [kind, id, revision, revision])).map(fromColumns);
}

/** Returns the sessions that have not ended, by node name. */
export async function livingSessions(reads: Reads, { kind, id }: Scope): Promise<StoredSession[]> {
  const sql = `${SELECT} WHERE scope_kind = ? AND scope_id = ? AND ending IS NULL ORDER BY node_id, session_id`;
  return (await reads.rows<Columns>(sql, [kind, id])).map(fromColumns);
}

/** Reads sessions by id, without a lock. */
export async function sessionsById(reads: Rows, { kind, id }: Scope, ids: readonly string[]): Promise<StoredSession[]> {
  const sql = `${SELECT} WHERE scope_kind = ? AND scope_id = ? AND session_id IN (${placeholders(ids)})`;
  return (await reads.rows<Columns>(sql, [kind, id, ...ids])).map(fromColumns);
}

/** Reads and locks sessions by id, in a fixed order against deadlocks. */
export async function lockSessions(tx: Tx, { kind, id }: Scope, ids: readonly string[]): Promise<StoredSession[]> {
  const sorted = [...new Set(ids)].sort();
  if (sorted.length === 0) return [];
  const lock = tx.engine === 'mariadb' ? 'FOR UPDATE' : '';
  const sql = `${SELECT} WHERE scope_kind = ? AND scope_id = ? AND session_id IN (${placeholders(sorted)}) ORDER BY session_id ${lock}`;
  return (await tx.rows<Columns>(sql, [kind, id, ...sorted])).map(fromColumns);
}

/** As {@link lockSessions}, of any scope. */
export async function lockSessionsOfAll(tx: Tx, ids: readonly string[]): Promise<StoredSession[]> {
  const sorted = [...ids].sort();
  const lock = tx.engine === 'mariadb' ? 'FOR UPDATE' : '';
  const sql = `${SELECT} WHERE session_id IN (${placeholders(sorted)}) ORDER BY session_id ${lock}`;
  return (await tx.rows<Columns>(sql, sorted)).map(fromColumns);
}

const NAMES = FIELDS.map((field) => COLUMNS[field]);
const ROWS_MAX = 100;

/** Inserts a newly registered session. */
export async function insertSession(tx: Tx, session: StoredSession): Promise<void> {
  const row = toColumns(session);
  await tx.run(
    `INSERT INTO signing_sessions (${NAMES.join(', ')}) VALUES (${FIELDS.map(() => '?').join(', ')})`,
    FIELDS.map((field) => row[field]),
  );
}

/** The columns that a step of the protocol can change. */
const CHANGEABLE = FIELDS.filter(
  (field) => !['sessionId', 'scopeKind', 'scopeId', 'projectId', 'nodeId', 'version', 'publicKey', 'registeredAt'].includes(field),
);

/** Updates existing, locked rows. One statement updates many, because thousands of nodes report at the same time. */
export async function updateSessions(tx: Tx, sessions: readonly StoredSession[]): Promise<void> {
  for (const part of chunks(sessions, ROWS_MAX)) {
    const rows = part.map(toColumns);
    const one = `(${FIELDS.map(() => '?').join(', ')})`;
    const conflict =
      tx.engine === 'mariadb'
        ? `ON DUPLICATE KEY UPDATE ${CHANGEABLE.map((field) => `${COLUMNS[field]} = VALUES(${COLUMNS[field]})`).join(', ')}`
        : `ON CONFLICT (session_id) DO UPDATE SET ${CHANGEABLE.map((field) => `${COLUMNS[field]} = excluded.${COLUMNS[field]}`).join(', ')}`;
    await tx.run(
      `INSERT INTO signing_sessions (${NAMES.join(', ')}) VALUES ${rows.map(() => one).join(', ')} ${conflict}`,
      rows.flatMap((row) => FIELDS.map((field) => row[field])),
    );
  }
}

const gatewaySql = (number: string) => `SELECT c.revision, c.project_id AS projectId, s.lease_seconds AS leaseSeconds, e.epoch, e.held,
  e.quarantine_since AS since, e.longest_lease_seconds AS longestLeaseSeconds, e.elapsed_ms AS elapsedMs, e.vouched_by AS vouchedBy,
  ${number} AS number FROM database_epoch e LEFT JOIN change_counters c ON c.scope_kind = ? AND c.scope_id = ?
  LEFT JOIN gateway_settings s ON s.instance_id = c.scope_id WHERE e.id = 1`;

interface GatewayColumns {
  /** Null: the scope was deleted or never existed. */
  revision: number | null;
  projectId: string | null;
  leaseSeconds: number | null;
  epoch: string;
  held: number;
  since: string | null;
  longestLeaseSeconds: number | null;
  elapsedMs: number;
  vouchedBy: string | null;
  number: number | null;
}

/**
 * Reads the scope for a step of the protocol. A deleted scope can be read too, because its log and audit chain remain.
 * @returns undefined when the scope never existed
 * @throws BeatDue; ApiFault `held` when the scope is unknown and a restore waits for a decision
 */
export async function gatewayRow(reads: Rows, scope: Scope, check: RestoreCheck): Promise<StoredGateway | undefined> {
  const { sql, params } = check.column;
  const row = await columnsOf(reads, scope, sql, params);
  check.check({ epoch: row.epoch, row: row.number ?? undefined });
  const gateway = await gatewayOf(reads, scope, row);
  if (!gateway && row.held === 1) throw new ApiFault('held');
  return gateway;
}

/** As {@link gatewayRow}, for display, without the check. */
export async function shownGateway(reads: Rows, scope: Scope): Promise<ShownGateway | undefined> {
  return gatewayOf(reads, scope, await columnsOf(reads, scope, 'NULL', []));
}

async function columnsOf(reads: Rows, { kind, id }: Scope, number: string, params: readonly string[]): Promise<GatewayColumns> {
  const [row] = await reads.rows<GatewayColumns>(gatewaySql(number), [...params, kind, id]);
  if (!row) throw new Error('the database has no epoch');
  return row;
}

async function gatewayOf(reads: Rows, scope: Scope, row: GatewayColumns): Promise<StoredGateway | undefined> {
  const { since, longestLeaseSeconds, elapsedMs, vouchedBy, epoch } = row;
  const common = {
    scope,
    epoch,
    held: row.held === 1,
    quarantine: since === null ? null : { since, longestLeaseSeconds, elapsedMs, vouchedBy },
  };
  if (row.revision !== null)
    return { ...common, projectId: row.projectId ?? '', revision: row.revision, leaseSeconds: row.leaseSeconds, deleted: false };
  const [last] = await reads.rows<{ revision: number; projectId: string }>(
    'SELECT seq AS revision, project_id AS projectId FROM audit_events WHERE scope_id = ? ORDER BY seq DESC LIMIT 1',
    [scope.id],
  );
  return last && { ...common, ...last, leaseSeconds: 0, deleted: true };
}

/** Waits for the running writes of the scope, and blocks new ones until the end of the transaction. */
export async function lockCounter(tx: Tx, { kind, id }: Scope): Promise<void> {
  // Not needed on SQLite, which has a single writer.
  if (tx.engine === 'mariadb')
    await tx.rows('SELECT revision FROM change_counters WHERE scope_kind = ? AND scope_id = ? FOR UPDATE', [kind, id]);
}
