import { newId } from '../common/ids.js';
import type { Tx } from '../database/database.js';
import { type ControlState, type GatewayRow, type Quarantine, type SessionRow, step } from '../../lib/receipts/protocol.js';

/**
 * The row of the database's epoch, together with the number that one control plane last wrote to the database (its pulse, docs/adr/0047).
 */
export interface EpochRow {
  readonly epoch: string;
  readonly databaseId: string;
  readonly held: number;
  readonly putBack: boolean;
  readonly quarantine: Quarantine | null;
  /** The number that the control plane increments with each beat; undefined: the control plane has not written one. */
  readonly row: number | undefined;
  /** Whether the database was in the given epoch earlier and has left it. */
  readonly left: boolean;
}

interface Columns {
  epoch: string;
  databaseId: string | null;
  held: number;
  putBack: number | null;
  since: string | null;
  longestLeaseSeconds: number | null;
  elapsedMs: number;
  vouchedBy: string | null;
  number: number | null;
}

const SELECT = `SELECT e.epoch, e.database_id AS databaseId, e.held, e.put_back AS putBack, e.quarantine_since AS since,
  e.longest_lease_seconds AS longestLeaseSeconds, e.elapsed_ms AS elapsedMs, e.vouched_by AS vouchedBy,
  p.number FROM database_epoch e LEFT JOIN pulses p ON p.plane_id = ? WHERE e.id = 1`;

/** Reads the row and locks it until the end of the transaction. @param epoch the epoch in the pulse file */
export async function epochRow(tx: Tx, planeId: string, epoch: string): Promise<EpochRow> {
  const [row] = await tx.rows<Columns>(`${SELECT} ${tx.engine === 'mariadb' ? 'FOR UPDATE' : ''}`, [planeId]);
  if (!row) throw new Error('the database has no epoch');
  // This query runs after the row is locked. In a subquery of the locking statement, MariaDB would read a snapshot from before the wait for
  // the lock. That snapshot lacks an epoch that the previous holder of the lock has just left.
  const left = await tx.rows('SELECT 1 FROM left_epochs WHERE epoch = ?', [epoch]);
  const { since, longestLeaseSeconds, elapsedMs, vouchedBy } = row;
  return {
    epoch: row.epoch,
    databaseId: row.databaseId ?? '',
    held: row.held,
    putBack: row.putBack === 1,
    quarantine: since === null ? null : { since, longestLeaseSeconds, elapsedMs, vouchedBy },
    row: row.number ?? undefined,
    left: left.length > 0,
  };
}

/** Stores the pulse number of a control plane. */
export async function storeNumber(tx: Tx, planeId: string, number: number, now: number): Promise<void> {
  const conflict =
    tx.engine === 'mariadb'
      ? 'ON DUPLICATE KEY UPDATE number = VALUES(number), beaten_at = VALUES(beaten_at)'
      : 'ON CONFLICT (plane_id) DO UPDATE SET number = excluded.number, beaten_at = excluded.beaten_at';
  await tx.run(`INSERT INTO pulses (plane_id, number, beaten_at) VALUES (?, ?, ?) ${conflict}`, [planeId, number, now]);
}

/** Returns the state for a step of the protocol that concerns the whole database, without receipts. */
const stateOf = ({ epoch, held, quarantine }: EpochRow, sessions: readonly SessionRow[] = []): ControlState => ({
  gateway: { epoch, revision: 0, leaseSeconds: 0, deleted: false, held: held === 1, quarantine },
  sessions,
  receipts: [],
});

/** @param decidedBy the operator; null: a restore was detected */
async function remember(tx: Tx, left: readonly string[], decidedBy: string | null, now: number): Promise<void> {
  const ignore = tx.engine === 'mariadb' ? 'IGNORE' : 'OR IGNORE';
  const how = decidedBy === null ? 'restored' : 'decided';
  for (const epoch of left)
    await tx.run(`INSERT ${ignore} INTO left_epochs (epoch, how, decided_by, left_at) VALUES (?, ?, ?, ?)`, [epoch, how, decidedBy, now]);
}

async function store(
  tx: Tx,
  before: EpochRow,
  { epoch, held, quarantine }: GatewayRow,
  now: number,
  decidedBy: string | null = null,
): Promise<EpochRow> {
  if (epoch !== before.epoch) await remember(tx, [before.epoch], decidedBy, now);
  await tx.run(
    `UPDATE database_epoch SET epoch = ?, held = ?, put_back = 0, quarantine_since = ?, longest_lease_seconds = ?, elapsed_ms = ?,
       vouched_by = ? WHERE id = 1`,
    [
      epoch,
      held ? 1 : 0,
      quarantine?.since ?? null,
      quarantine?.longestLeaseSeconds ?? null,
      quarantine?.elapsedMs ?? 0,
      quarantine?.vouchedBy ?? null,
    ],
  );
  return { ...before, epoch, held: held ? 1 : 0, putBack: false, quarantine };
}

/**
 * Records a detected restore: begins a new epoch, holds all writes, and resets the stored silence of sessions.
 * @param longestLeaseSeconds the longest lease ever granted; null: unlimited or unknown
 * @param left the epochs that the restore ends, as `leftByRestore` returns them
 */
export async function recordRestore(
  tx: Tx,
  before: EpochRow,
  longestLeaseSeconds: number | null,
  now: number,
  left: readonly string[] = [],
): Promise<EpochRow> {
  await remember(tx, left, null, now);
  const open = await tx.rows<Pick<SessionRow, 'sessionId' | 'leaseSeconds'>>(
    'SELECT session_id AS sessionId, lease_seconds AS leaseSeconds FROM signing_sessions WHERE ending IS NULL',
  );
  const sessions = open.map((row): SessionRow => ({ ...NOTHING_OF_A_SESSION, epoch: before.epoch, ...row }));
  const [{ gateway, sessions: changed }] = step(stateOf(before, sessions), { kind: 'restored', epoch: newId(), longestLeaseSeconds });
  const [one] = changed;
  if (one) await tx.run('UPDATE signing_sessions SET counter = ?, silence_ms = ? WHERE ending IS NULL', [one.counter, one.silenceMs]);
  return store(tx, before, gateway, now);
}

const NOTHING_OF_A_SESSION = {
  nodeId: '',
  publicKey: '',
  credentialId: '',
  asked: true,
  withTable: false,
  firstRevision: null,
  acknowledged: 0,
  counter: 0,
  silenceMs: 0,
  ending: null,
  contradictedAt: null,
} as const;

/** Stores for how long the quarantine has lasted. */
export async function storeElapsed(tx: Tx, before: EpochRow, elapsedMs: number): Promise<EpochRow> {
  const { quarantine } = before;
  if (!quarantine) return before;
  const was = stateOf(before);
  const [state] = step(was, { kind: 'elapsed', since: quarantine.since, elapsedMs });
  return state === was ? before : store(tx, before, state.gateway, 0);
}

/** Records an operator's decision to continue after a restore. @throws Error when none is pending */
export async function decide(tx: Tx, before: EpochRow, by: string, now: number): Promise<EpochRow> {
  const was = stateOf(before);
  const [state] = step(was, { kind: 'recover', epoch: newId() });
  if (state === was) throw new Error('no restore waits for a decision: run signet admin recovery status');
  return store(tx, before, state.gateway, now, by);
}

/**
 * Records the statement of an operator that no process with keys from before the restore still signs.
 * @throws Error when there is no quarantine, or when an operator has already vouched
 */
export async function vouchForUnknown(tx: Tx, before: EpochRow, by: string, now: number): Promise<void> {
  const was = stateOf(before);
  const [state] = step(was, { kind: 'vouch_for_unknown', by });
  if (state === was || before.quarantine?.vouchedBy)
    throw new Error('there is no quarantine in which an operator could vouch: run signet admin recovery status');
  await store(tx, before, state.gateway, now);
}
