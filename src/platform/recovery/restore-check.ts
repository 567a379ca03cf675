import type { Reads, Tx } from '../database/database.js';
import type { Standing } from '../../lib/receipts/restore.js';

/** A transaction began with outdated knowledge of the database, so it is retried after a beat. This error never leaves the process. */
export class BeatDue extends Error {}

/** The database's epoch and pulse as a transaction read them. */
export interface Found extends Standing {
  readonly held: boolean;
  /** Whether a restore was detected at any time. */
  readonly wasPutBack: boolean;
}

/** The columns that are read with {@link RestoreCheck.columns}. */
export interface StandingColumns {
  epoch: string;
  held: number;
  since: string | null;
  number: number | null;
}

/**
 * Decides for one attempt of a transaction whether its result may leave the process, from values that the transaction has read. Only
 * `Pulse` creates checks, and it rejects results without a check. So sessions and receipts cannot be read without one.
 */
export class RestoreCheck {
  #checked = false;

  /** @param mayRelease whether results that were read in this state may leave the process */
  constructor(
    private readonly planeId: string,
    private readonly mayRelease: (standing: Standing) => boolean,
  ) {}

  /** SQL column of this control plane's number, with its parameter. */
  get column(): { sql: string; params: string[] } {
    return { sql: '(SELECT number FROM pulses WHERE plane_id = ?)', params: [this.planeId] };
  }

  /** SQL columns for {@link checkRow}. Add them to an existing statement. */
  get columns(): { sql: string; params: string[] } {
    return { sql: `${this.column.sql} AS number, ${EPOCH}`, params: this.column.params };
  }

  /** @param standing the state as read in the transaction, with {@link column} @throws BeatDue */
  check(standing: Standing): void {
    this.#checked = true;
    if (!this.mayRelease(standing)) throw new BeatDue();
  }

  /** @param row any row that was read with {@link columns} @throws BeatDue */
  checkRow({ epoch, since, held, number }: StandingColumns): Found {
    const found = { row: number ?? undefined, epoch, held: held === 1, wasPutBack: since !== null };
    this.check(found);
    return found;
  }

  /** Reads the state and checks it, if no other statement reads it. @throws BeatDue */
  async read(reads: Pick<Reads, 'rows'>): Promise<Found> {
    return this.readRow(reads, '');
  }

  /**
   * As {@link read}, and locks the state until the end of the transaction, so that no restore is detected or decided meanwhile. @throws
   * BeatDue
   */
  async lock(tx: Tx): Promise<Found> {
    return this.readRow(tx, tx.engine === 'mariadb' ? 'LOCK IN SHARE MODE' : '');
  }

  /** @throws Error when the code of the transaction forgot the check */
  assertChecked(): void {
    if (!this.#checked) throw new Error('a transaction returned a result without checking for a restore: call its check');
  }

  private async readRow(reads: Pick<Reads, 'rows'>, lock: string): Promise<Found> {
    const [row] = await reads.rows<StandingColumns>(`${SELECT} ${lock}`, [this.planeId]);
    if (!row) throw new Error('the database has no epoch');
    return this.checkRow(row);
  }
}

const EPOCH = ['epoch', 'held', 'quarantine_since']
  .map((column) => `(SELECT ${column} FROM database_epoch WHERE id = 1) AS ${column === 'quarantine_since' ? 'since' : column}`)
  .join(', ');
const SELECT = `SELECT e.epoch, e.held, e.quarantine_since AS since, p.number FROM database_epoch e LEFT JOIN pulses p ON p.plane_id = ? WHERE e.id = 1`;
