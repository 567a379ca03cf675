import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { Written } from '../common/written.js';
import { CommitOutcomeUnknown, Database, type Tx } from '../database/database.js';
import type { ChangeOp } from './change.entity.js';
import { ChangeFeed } from './change-feed.js';

/** The gateway or project that a write changes. */
export interface WriteScope {
  scopeId: string;
  projectId: string;
  /** What the caller is told when the scope is not there, or is another project's. */
  missing: () => Error;
}

/** A transaction that holds its scope's lock and its revision. */
export interface Write extends Tx {
  readonly scopeId: string;
  readonly projectId: string;
  /** This write's revision: one more than the scope's last. */
  readonly revision: number;
  /** Milliseconds since the epoch: the instant of this write. */
  readonly now: number;
  /** Notes what changed; written as pointers with this revision when the body is done. */
  change(kind: string, targetId: string, op: ChangeOp): void;
  /** Wakes those who watch another scope, whose counter and log this write has changed by itself. */
  wake(scopeId: string, revision: number): void;
}

const ATTEMPTS_AFTER_UNKNOWN = 3;

@Injectable()
export class ChangesService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly feed: ChangeFeed,
  ) {}

  /**
   * One write: bumps the scope's counter first, runs `body`, appends the changes it noted, commits. Concurrent writes of
   * one scope run one after the other, on MariaDB, on a Galera cluster and on SQLite. A body that changes nothing notes
   * nothing, and then the revision stays as it was.
   *
   * A COMMIT without an answer is never repeated blindly: the next attempt waits for the lock, looks for this write's id
   * and, if it landed, answers what the first attempt would have.
   */
  async write<T>(scope: WriteScope, body: (write: Write) => Promise<T>): Promise<T> {
    return (await this.written(scope, body)).value;
  }

  /** As {@link write}, and says at which revision. */
  async written<T>(scope: WriteScope, body: (write: Write) => Promise<T>): Promise<Written<T>> {
    const writeId = newId();
    let unanswered: Done<T> | undefined;
    for (let attempt = 1; ; attempt++) {
      let done: Done<T> | undefined;
      try {
        await this.database.transaction(async (tx) => {
          const write = await this.begin(tx, scope);
          if (unanswered && (await landed(write, writeId))) {
            done = unanswered;
            throw new NothingToWrite();
          }
          const changed: Pointer[] = [];
          const advances = [{ scopeId: scope.scopeId, revision: write.revision }];
          // Assigned, not spread: a copy would ask for the manager, and TypeORM would join in every write.
          const value = await body(
            Object.assign(write, {
              change: (kind: string, targetId: string, op: ChangeOp) => void changed.push({ kind, targetId, op }),
              wake: (scopeId: string, revision: number) => void advances.push({ scopeId, revision }),
            }),
          );
          if (changed.length === 0) {
            done = { written: new Written(value, scope.scopeId, write.revision - 1), advances: [] };
            throw new NothingToWrite();
          }
          done = { written: new Written(value, scope.scopeId, write.revision), advances };
          await append(write, writeId, changed);
        });
      } catch (error) {
        if (error instanceof CommitOutcomeUnknown && done && attempt < ATTEMPTS_AFTER_UNKNOWN) {
          unanswered = done;
          continue;
        }
        if (!(error instanceof NothingToWrite)) throw error;
      }
      if (!done) throw new Error('a write ended without a result');
      for (const advance of done.advances) this.feed.announce({ ...advance, local: true });
      return done.written;
    }
  }

  private async begin(tx: Tx, scope: WriteScope): Promise<Begun> {
    const revision = await bump(tx, scope);
    if (revision === undefined) throw scope.missing();
    return {
      engine: tx.engine,
      get manager() {
        return tx.manager;
      },
      rows: tx.rows,
      run: tx.run,
      scopeId: scope.scopeId,
      projectId: scope.projectId,
      revision,
      now: this.clock.now(),
    };
  }
}

/** A write before its body. */
type Begun = Omit<Write, 'change' | 'wake'>;

/** A body that ran to its end, and whom to wake once it is committed. */
interface Done<T> {
  written: Written<T>;
  advances: { scopeId: string; revision: number }[];
}

/** Rolls the transaction back, counter included: there is nothing to tell anybody. */
class NothingToWrite extends Error {}

interface Pointer {
  kind: string;
  targetId: string;
  op: ChangeOp;
}

/** The new revision, or undefined when the project has no such scope. It is a lock, a certified write and the order of the log. */
async function bump(tx: Tx, { scopeId, projectId }: WriteScope): Promise<number | undefined> {
  if (tx.engine === 'sqlite') {
    const [row] = await tx.rows<{ revision: number }>(
      'UPDATE change_counters SET revision = revision + 1 WHERE scope_id = ? AND project_id = ? RETURNING revision',
      [scopeId, projectId],
    );
    return row?.revision;
  }
  const { affected, insertId } = await tx.run(
    'UPDATE change_counters SET revision = LAST_INSERT_ID(revision + 1) WHERE scope_id = ? AND project_id = ?',
    [scopeId, projectId],
  );
  return affected === 1 ? insertId : undefined;
}

async function landed(write: Begun, writeId: string): Promise<boolean> {
  const rows = await write.rows('SELECT 1 AS one FROM changes WHERE scope_id = ? AND write_id = ? LIMIT 1', [write.scopeId, writeId]);
  return rows.length > 0;
}

const COLUMNS = 8;

async function append(write: Begun, writeId: string, changed: readonly Pointer[]): Promise<void> {
  const perStatement = 100;
  for (let from = 0; from < changed.length; from += perStatement) {
    const part = changed.slice(from, from + perStatement);
    await write.run(
      `INSERT INTO changes (scope_id, revision, ordinal, kind, target_id, op, write_id, created_at) VALUES ${part.map(() => `(${'?, '.repeat(COLUMNS - 1)}?)`).join(', ')}`,
      part.flatMap(({ kind, targetId, op }, i) => [write.scopeId, write.revision, from + i, kind, targetId, op, writeId, write.now]),
    );
  }
}
