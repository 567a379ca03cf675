import type BetterSqlite3 from 'better-sqlite3';
import { Deadline } from './deadline.js';
import { GroupRolledBack, isBusy } from './errors.js';

/** Maximum number of units in a group. It limits how long a group blocks other processes: 64 units commit within a few milliseconds. */
const UNITS_MAX = 64;

/** Time limit for callers without a deadline: TypeORM's own query runners, which run migrations. */
const BUSY_MS = 5000;
const POLL_MAX_MS = 25;

/**
 * Retries while another process writes to the file. SQLite's own busy timeout would block the event loop.
 * @throws SqliteError SQLITE_BUSY when the deadline has passed
 */
export async function retryWhileBusy<T>(attempt: () => T | Promise<T>, deadline = Deadline.in(BUSY_MS)): Promise<T> {
  for (let wait = 1; ; wait = Math.min(wait * 2, POLL_MAX_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBusy(error) || deadline.over) throw error;
    }
    await deadline.pause(wait);
  }
}

interface Waiter {
  /** Whether the unit works inside the group's transaction. Otherwise it needs a transaction of its own. */
  joins: boolean;
  enter: () => void;
}

/**
 * Group commit for the single writing connection of SQLite. Units that arrive while a transaction is open become savepoints in it, and one
 * COMMIT syncs all of them to disk (docs/adr/0005). No unit is acknowledged before that COMMIT. A failed unit rolls back its own savepoint
 * only.
 */
export class GroupCommit {
  readonly #queue: Waiter[] = [];
  #busy = false;
  /** Finished units that wait for the COMMIT. */
  #members: PromiseWithResolvers<void>[] = [];
  /** Failed units that may have read uncommitted rows of the members. */
  #failed: PromiseWithResolvers<void>[] = [];
  #end: NodeJS.Immediate | undefined;

  /** @param statement prepares a statement on `connection`, with a cache */
  constructor(
    private readonly connection: BetterSqlite3.Database,
    private readonly statement: (sql: string) => BetterSqlite3.Statement,
  ) {}

  /** Resolves when it is the caller's turn and no transaction is open. @returns a function that ends the turn */
  async exclusive(): Promise<() => void> {
    await this.turn(false);
    return () => this.next();
  }

  /**
   * Begins a unit, which {@link commit} or {@link rollback} ends. @throws DatabaseTimeout when the deadline passed while the unit waited
   */
  async begin(deadline?: Deadline): Promise<void> {
    await this.turn(true, deadline);
    try {
      // Begins with a write lock, because a deferred transaction that upgrades to a write fails at once while another process writes.
      if (!this.connection.inTransaction) await retryWhileBusy(() => this.statement('BEGIN IMMEDIATE').run(), deadline);
      this.statement('SAVEPOINT unit').run();
    } catch (error) {
      this.ended();
      throw error;
    }
  }

  /**
   * Resolves when the unit is synced to disk.
   * @throws GroupRolledBack when the group was rolled back
   */
  commit(): Promise<void> {
    const member = Promise.withResolvers<void>();
    try {
      this.statement('RELEASE unit').run();
      this.#members.push(member);
    } catch (error) {
      member.reject(error);
    }
    this.ended();
    return member.promise;
  }

  /**
   * Rolls the unit back. The unit may have conflicted with an uncommitted member of the group, so this method resolves only after the group
   * has committed.
   * @throws GroupRolledBack when the group was rolled back; the unit may then be retried
   */
  rollback(): Promise<void> {
    const onlooker = Promise.withResolvers<void>();
    try {
      // If the disk is full or a page is corrupt, SQLite may already have rolled back the whole transaction.
      if (this.connection.inTransaction) {
        this.statement('ROLLBACK TO unit').run();
        this.statement('RELEASE unit').run();
      }
      // No uncommitted member can have caused the failure.
      if (!this.connection.inTransaction || this.#members.length === 0) onlooker.resolve();
      else this.#failed.push(onlooker);
    } catch (error) {
      onlooker.reject(error);
    }
    this.ended();
    return onlooker.promise;
  }

  /** Commits the open group. */
  finish(): void {
    clearImmediate(this.#end);
    this.#end = undefined;
    const [members, onlookers] = [this.#members, this.#failed];
    [this.#members, this.#failed] = [[], []];
    try {
      if (!this.connection.inTransaction) throw new GroupRolledBack(new Error('one of its units rolled back the transaction'));
      this.statement(members.length > 0 ? 'COMMIT' : 'ROLLBACK').run();
    } catch (error) {
      if (this.connection.inTransaction) this.statement('ROLLBACK').run();
      // If the group has several members, the failed COMMIT cannot be attributed to one of them.
      for (const member of members) member.reject(members.length === 1 ? error : new GroupRolledBack(error));
      for (const onlooker of onlookers) onlooker.reject(new GroupRolledBack(error));
      return;
    }
    for (const each of [...members, ...onlookers]) each.resolve();
  }

  private async turn(joins: boolean, deadline?: Deadline): Promise<void> {
    if (this.#busy)
      await new Promise<void>((enter, leave) => {
        const waiter = { joins, enter };
        this.#queue.push(waiter);
        deadline?.guard((error) => {
          const place = this.#queue.indexOf(waiter);
          if (place !== -1) this.#queue.splice(place, 1);
          leave(error);
        });
      });
    deadline?.free();
    this.#busy = true;
    if (!joins && this.open) this.finish();
  }

  private get open(): boolean {
    return this.connection.inTransaction || this.#members.length > 0;
  }

  private ended(): void {
    if (!this.connection.inTransaction || this.#members.length >= UNITS_MAX) this.finish();
    this.next();
  }

  private next(): void {
    const waiter = this.#queue.shift();
    if (waiter) {
      waiter.enter();
      return;
    }
    this.#busy = false;
    // Deferred one tick, so that buffered requests join the group.
    if (this.open) this.#end ??= setImmediate(() => this.due());
  }

  private due(): void {
    this.#end = undefined;
    if (!this.#busy) this.finish();
  }
}
