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

/** The scope that a write locks, and the project to which the scope must belong. */
export interface WriteScope {
  scope: Scope;
  projectId: string;
  /** Creates the error for a scope that does not exist or belongs to another project. */
  notFound: () => Error;
}

/** A transaction that holds its scope's lock and a new revision. */
export interface Write extends Tx {
  readonly scope: Scope;
  readonly projectId: string;
  /** The scope's new revision: the previous one plus one. */
  readonly revision: number;
  /** The epoch of the database to which the revision belongs. */
  readonly epoch: string;
  /** The rules of the receipts protocol that apply to this write. */
  readonly restoreCheck: RestoreCheck;
  /** Time of the write, Unix time in milliseconds. */
  readonly now: number;
  /** Records a change. Its log row is written after the body. */
  change(kind: string, targetId: string, op: ChangeOp): void;
  /** Notifies subscribers of another scope, whose counter and log the body itself has updated. */
  notify(scope: Scope, revision: number): void;
  /** Makes the receipt of this write wait for a revision of another scope, in which its signers are counted. */
  setReceiptTarget(receiptTarget: ReceiptTarget): void;
}

/** Pause between two look-ups of a write whose COMMIT got no answer, while the database cannot be reached. */
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
   * Runs one write: increments the scope's counter, runs `body`, appends the recorded changes to the log, and commits. Writes of one scope
   * are serialised on MariaDB, on a Galera cluster and on SQLite. If the body records no change, the write is rolled back, and the revision
   * stays the same.
   *
   * A COMMIT without an answer is never simply repeated. The next attempt takes the lock and looks for the id of this write in the log. If
   * the id is there, it returns the result of the first attempt. This look-up has a deadline of its own, so that a late COMMIT is not
   * reported as a failure.
   * @throws ApiFault `held` when the database was restored and no operator has decided yet
   */
  async write<T>(scope: WriteScope, body: (write: Write) => Promise<T>): Promise<T> {
    return (await this.commit(scope, body)).value;
  }

  /** As {@link write}, and also returns the revision. */
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
          // Assigned instead of spread: a spread would call the getter `manager` and so involve TypeORM in every write.
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
 * Retries a write that a unique index or a foreign key refused. On a Galera cluster with several writers the lock is local to one node, so
 * the body may have read outdated rows. A body that expects the violation handles it itself.
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

/** Thrown to roll back the transaction, including the counter. */
class NothingToWrite extends Error {}

interface Pointer {
  kind: string;
  targetId: string;
  op: ChangeOp;
}

/**
 * Increments the scope's counter and returns the new revision; undefined when the project has no such scope. The statement locks the scope
 * and so determines the order of its log.
 * @param writable condition, checked in the same statement, that this process knows the current epoch
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
