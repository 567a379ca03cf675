import { Injectable } from '@nestjs/common';
import { ApiFault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { Scope } from '../common/scope.js';
import { type ReceiptTarget, Committed } from '../common/committed.js';
import { CommitOutcomeUnknown, Database, type Tx } from '../database/database.js';
import type { Deadline } from '../database/deadline.js';
import { asTransaction } from '../database/tx.js';
import { violatesConstraint, OutdatedDecision } from '../database/errors.js';
import { columnsOf } from '../database/columns.js';
import type { RestoreCheck } from '../recovery/restore-check.js';
import { Pulse } from '../recovery/pulse.js';
import { Change, type ChangeOp } from './change.entity.js';
import { ChangeFeed } from './change-feed.js';

/** What a write locks, and the project it must belong to. */
export interface WriteScope {
  scope: Scope;
  projectId: string;
  /** The error for a scope that does not exist or belongs to another project. */
  notFound: () => Error;
}

/** A transaction that holds its scope's lock and a new revision. */
export interface Write extends Tx {
  readonly scope: Scope;
  readonly projectId: string;
  /** The scope's previous revision plus one. */
  readonly revision: number;
  /** The epoch of the database that the revision belongs to. */
  readonly epoch: string;
  /** Which receipts-protocol rules apply to this write. */
  readonly restoreCheck: RestoreCheck;
  /** Time of this write: Unix time in milliseconds. */
  readonly now: number;
  /** Records a change; the log rows are written after the body. */
  change(kind: string, targetId: string, op: ChangeOp): void;
  /** Notifies subscribers of another scope whose counter and log this write has advanced itself. */
  notify(scope: Scope, revision: number): void;
  /** Makes the write's receipt follow a revision of another scope, where its signers are counted. */
  setReceiptTarget(receiptTarget: ReceiptTarget): void;
}

/** Between two checks for an unanswered COMMIT while the database is away. */
const POLL_MS = 100;

@Injectable()
export class ChangesService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly feed: ChangeFeed,
    private readonly pulse: Pulse,
  ) {}

  /**
   * Runs one write: increments the scope's counter, runs `body`, appends the changes it recorded, commits. Writes of one scope are
   * serialised on MariaDB, on a Galera cluster and on SQLite. A body that records no change is rolled back, and the revision stays.
   *
   * An unanswered COMMIT is never repeated blindly: the next attempt takes the lock, looks for this write's id in the log and, if it is
   * there, returns the first attempt's result. This check has its own deadline, so that a late COMMIT is not reported as a failure.
   * @throws ApiFault `held` when the database was restored and no operator has decided yet
   */
  async write<T>(scope: WriteScope, body: (write: Write) => Promise<T>): Promise<T> {
    return (await this.commit(scope, body)).value;
  }

  /** As {@link write}, with the revision of the result. */
  async commit<T>(scope: WriteScope, body: (write: Write) => Promise<T>): Promise<Committed<T>> {
    const writeId = newId();
    let unanswered: { done: Done<T>; until: Deadline } | undefined;
    for (;;) {
      let done: Done<T> | undefined;
      const attempt = () =>
        this.database.transaction(async (tx) => {
          const { epoch } = this.pulse;
          const write = await this.begin(tx, scope, epoch);
          if (unanswered && (await isCommitted(write, writeId))) {
            done = unanswered.done;
            throw new NothingToWrite();
          }
          const changed: Pointer[] = [];
          const notices = [{ scope: scope.scope, revision: write.revision }];
          let receiptTarget: ReceiptTarget | undefined;
          // Assigned, not spread: a spread would read the `manager` getter and make TypeORM take part in every write.
          const value = await retryIfOutdated(
            tx,
            body(
              Object.assign(write, {
                change: (kind: string, targetId: string, op: ChangeOp) => void changed.push({ kind, targetId, op }),
                notify: (of: Scope, revision: number) => void notices.push({ scope: of, revision }),
                setReceiptTarget: (of: ReceiptTarget) => void (receiptTarget = of),
              }),
            ),
          );
          if (changed.length === 0) {
            done = { committed: new Committed(value, scope.scope, write.revision - 1, epoch), notices: [] };
            throw new NothingToWrite();
          }
          done = { committed: new Committed(value, scope.scope, write.revision, epoch, receiptTarget), notices };
          await retryIfOutdated(tx, append(write, writeId, changed));
        });
      try {
        await this.pulse.retry(() => (unanswered ? this.database.withFreshBudget(attempt) : attempt()));
      } catch (error) {
        if (error instanceof CommitOutcomeUnknown && done) unanswered ??= { done, until: this.database.outcomeDeadline() };
        if (unanswered && error instanceof ApiFault && error.kind === 'unavailable') {
          if (unanswered.until.over) throw new CommitOutcomeUnknown(error);
          await unanswered.until.pause(POLL_MS);
          continue;
        }
        if (!(error instanceof NothingToWrite)) throw error;
      }
      if (!done) throw new Error('a write ended without a result');
      for (const notice of done.notices) this.feed.announce({ ...notice, local: true });
      return done.committed;
    }
  }

  private async begin(tx: Tx, scope: WriteScope, epoch: string): Promise<Begun> {
    const revision = await bump(tx, scope, this.pulse.writable);
    if (revision === undefined) {
      await this.pulse.assertWritable(tx);
      throw scope.notFound();
    }
    const statements = asTransaction({
      engine: tx.engine,
      get manager() {
        return tx.manager;
      },
      rows: tx.rows,
      run: tx.run,
    });
    const known = {
      scope: scope.scope,
      projectId: scope.projectId,
      revision,
      epoch,
      restoreCheck: this.pulse.checkOfWrite(),
      now: this.clock.now(),
    };
    return Object.assign(statements, known);
  }
}

/**
 * Retries a write that an index or a foreign key refused: on a Galera cluster with several writers the lock is local to one node, so the
 * body may have read outdated rows. A body that expects the refusal handles it itself.
 */
async function retryIfOutdated<T>(tx: Tx, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw tx.engine === 'mariadb' && violatesConstraint(error) ? new OutdatedDecision(error) : error;
  }
}

/** A write whose body has not run yet. */
type Begun = Omit<Write, 'change' | 'notify' | 'setReceiptTarget'>;

/** The result of a finished body, and the notices to send after the commit. */
interface Done<T> {
  committed: Committed<T>;
  notices: { scope: Scope; revision: number }[];
}

/** Rolls the transaction back, the counter included. */
class NothingToWrite extends Error {}

interface Pointer {
  kind: string;
  targetId: string;
  op: ChangeOp;
}

/**
 * The new revision, or undefined when the project has no such scope. The statement locks the scope and fixes the order of its log.
 * @param writable condition that this process knows the current epoch: checked in the same statement
 */
async function bump(tx: Tx, { scope, projectId }: WriteScope, writable: Pulse['writable']): Promise<number | undefined> {
  if (tx.engine === 'sqlite') {
    const [row] = await tx.rows<{ revision: number }>(
      `UPDATE change_counters SET revision = revision + 1 WHERE scope_kind = ? AND scope_id = ? AND project_id = ? AND ${writable.sql}
       RETURNING revision`,
      [scope.kind, scope.id, projectId, ...writable.params],
    );
    return row?.revision;
  }
  const { affected, insertId } = await tx.run(
    `UPDATE change_counters SET revision = LAST_INSERT_ID(revision + 1) WHERE scope_kind = ? AND scope_id = ? AND project_id = ?
       AND ${writable.sql}`,
    [scope.kind, scope.id, projectId, ...writable.params],
  );
  return affected === 1 ? insertId : undefined;
}

async function isCommitted(write: Begun, writeId: string): Promise<boolean> {
  const rows = await write.rows('SELECT 1 AS one FROM changes WHERE scope_id = ? AND write_id = ? LIMIT 1', [write.scope.id, writeId]);
  return rows.length > 0;
}

const CHANGE = columnsOf(Change).all();

async function append(write: Begun, writeId: string, changed: readonly Pointer[]): Promise<void> {
  const perStatement = 100;
  for (let from = 0; from < changed.length; from += perStatement) {
    const part = changed.slice(from, from + perStatement);
    const same = { scopeId: write.scope.id, revision: write.revision, writeId, createdAt: write.now };
    await write.run(
      CHANGE.insert(part.length),
      part.flatMap(({ kind, targetId, op }, i) => CHANGE.values({ ...same, ordinal: from + i, kind, targetId, op })),
    );
  }
}
