import { setTimeout as delay } from 'node:timers/promises';
import type BetterSqlite3 from 'better-sqlite3';
import { GroupLost, isBusy } from './errors.js';

/** As many as still commit within a few milliseconds: other processes wait for the file meanwhile. */
const UNITS_MAX = 64;

const BUSY_MS = 5000;
const POLL_MAX_MS = 25;

/**
 * Waits for other processes that write to the file, and meanwhile lets this one serve its reads: SQLite's own busy time-out
 * would hold the event loop.
 * @throws SqliteError SQLITE_BUSY after five seconds
 */
export async function whenFree<T>(attempt: () => T | Promise<T>): Promise<T> {
  const end = performance.now() + BUSY_MS;
  for (let wait = 1; ; wait = Math.min(wait * 2, POLL_MAX_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() > end) throw error;
    }
    await delay(wait);
  }
}

interface Waiter {
  /** Works within the group's transaction; who does not begins one of its own. */
  joins: boolean;
  enter: () => void;
}

/**
 * Lets units of work take turns on SQLite's one writing connection, and syncs them to disk together: those that arrive while a
 * transaction is open become savepoints of it, and none is told that it is committed before the COMMIT that holds them all
 * (docs/adr/0005). A unit that fails takes only its savepoint with it.
 */
export class GroupCommit {
  readonly #queue: Waiter[] = [];
  #busy = false;
  /** Units that are done and wait for the COMMIT. */
  #members: PromiseWithResolvers<void>[] = [];
  /** Units that failed after looking at what the members did. */
  #onlookers: PromiseWithResolvers<void>[] = [];
  #end: NodeJS.Immediate | undefined;

  /** @param statement prepares on `connection`, or remembers */
  constructor(
    private readonly connection: BetterSqlite3.Database,
    private readonly statement: (sql: string) => BetterSqlite3.Statement,
  ) {}

  /** Resolves when it is the caller's turn and no transaction is open, with the function that ends the turn. */
  async alone(): Promise<() => void> {
    await this.turn(false);
    return () => this.next();
  }

  /** Begins a unit, which {@link commit} or {@link rollback} ends. */
  async begin(): Promise<void> {
    await this.turn(true);
    try {
      // Deferred transactions that upgrade from read to write fail at once when another process writes.
      if (!this.connection.inTransaction) await whenFree(() => this.statement('BEGIN IMMEDIATE').run());
      this.statement('SAVEPOINT unit').run();
    } catch (error) {
      this.ended();
      throw error;
    }
  }

  /**
   * Resolves when the unit is on disk.
   * @throws GroupLost
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
   * Undoes the unit. What it saw of others may not be committed yet, and may be why it failed, so this resolves when they are.
   * @throws GroupLost when they are not: then the unit failed for nothing, and may run again
   */
  rollback(): Promise<void> {
    const onlooker = Promise.withResolvers<void>();
    try {
      // A full disk or a corrupt page may have rolled everything back already; the file is what counts.
      if (this.connection.inTransaction) {
        this.statement('ROLLBACK TO unit').run();
        this.statement('RELEASE unit').run();
      }
      // Its own doing, or nobody's to wait for.
      if (!this.connection.inTransaction || this.#members.length === 0) onlooker.resolve();
      else this.#onlookers.push(onlooker);
    } catch (error) {
      onlooker.reject(error);
    }
    this.ended();
    return onlooker.promise;
  }

  /** Commits what is open. */
  finish(): void {
    clearImmediate(this.#end);
    this.#end = undefined;
    const [members, onlookers] = [this.#members, this.#onlookers];
    [this.#members, this.#onlookers] = [[], []];
    try {
      if (!this.connection.inTransaction) throw new GroupLost(new Error('one of its units rolled it back'));
      this.statement(members.length > 0 ? 'COMMIT' : 'ROLLBACK').run();
    } catch (error) {
      if (this.connection.inTransaction) this.statement('ROLLBACK').run();
      // Whose COMMIT it is that failed is known only when there is one.
      for (const member of members) member.reject(members.length === 1 ? error : new GroupLost(error));
      for (const onlooker of onlookers) onlooker.reject(new GroupLost(error));
      return;
    }
    for (const each of [...members, ...onlookers]) each.resolve();
  }

  private async turn(joins: boolean): Promise<void> {
    if (this.#busy) await new Promise<void>((enter) => this.#queue.push({ joins, enter }));
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
    // Requests whose bytes are here already are read before that, and join.
    if (this.open) this.#end ??= setImmediate(() => this.due());
  }

  private due(): void {
    this.#end = undefined;
    if (!this.#busy) this.finish();
  }
}
