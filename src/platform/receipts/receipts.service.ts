import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ContractError, ApiFault, InstanceNotFound } from '../common/api-error.js';
import { Clock, DAY_MS } from '../common/clock.js';
import { PeriodicTask } from '../common/periodic-task.js';
import type { ProjectScope, Scope } from '../common/scope.js';
import type { ReceiptTarget } from '../common/committed.js';
import { Config } from '../config/config.js';
import { Database, type Reads } from '../database/database.js';
import { type ReceiptRow, step } from '../../lib/receipts/protocol.js';
import type { RestoreCheck } from '../recovery/restore-check.js';
import { Pulse } from '../recovery/pulse.js';
import { candidates, gatewayRow, sessionsOfReceipt, shownGateway, type StoredGateway } from './protocol-rows.js';
import type { SignersReceiptView } from './receipt.dto.js';
import { toReceiptView } from './receipt.dto.js';

const CHECK_MS = 1000;
/** Pause between polls, because another process may store the completion. */
const POLL_MS = 100;
const REVISION = /^[1-9]\d{0,14}$/;
const TIDY_EVERY_CHECKS = 3600;

interface Waiter {
  revision: number;
  done: () => void;
}

/** The revision whose receipt is requested. */
export interface RequestedReceipt {
  /** The revision that the signers acknowledge. */
  target: ReceiptTarget;
  /** The revision that the request names. */
  shown: ReceiptTarget;
  /** When the revision was written, Unix time in milliseconds; undefined: no longer known. */
  createdAt: number | undefined;
}

/** The requested receipt does not exist. */
export interface NotFound {
  notFound: Error;
  /** True if the revision is above the last revision of the scope. */
  ahead: boolean;
}

interface Shown {
  completedAt: number | null;
  view: SignersReceiptView;
}

interface Waiting {
  scope: Scope;
  waiters: Set<Waiter>;
}

/** The receipt was complete, and its retention has ended. The revision took effect; the sessions are no longer known. */
export class ReceiptExpired extends ContractError {
  constructor() {
    super(410, 'receipt_expired', 'The receipt was complete, and is no longer stored.');
  }
}

/**
 * The revision belongs to an epoch that a restore has ended. It is unknown whether its receipt was complete, and the keys that the revision
 * ended may exist again.
 */
export class ReceiptSuperseded extends ContractError {
  constructor() {
    super(410, 'receipt_superseded', 'The receipt is superseded: the database was restored to an earlier state.');
  }
}

/**
 * Tracks which revisions are in effect at every signing process. Any control-plane process may complete and store a receipt: after an
 * acknowledgement, after the end of a session, or in a check once a second. A complete receipt never reopens (docs/receipts.md).
 *
 * Guarantees: A receipt is completed once, after every session for which it waits has acknowledged or ended.
 * Condition: Acknowledgements, ends and completion are decided on locked rows by `lib/receipts/protocol.ts`.
 * Degrades: The check once a second finds every completion that was missed. While the database fails, receipts stay open.
 */
@Injectable()
export class ReceiptsService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(ReceiptsService.name);
  /** Waiting callers by scope. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #checking = new Map<string, Promise<void>>();
  readonly #checkAgain = new Set<string>();
  readonly #checks = new PeriodicTask(
    { maintains: 'completed receipts, which follow from reports and the ends of sessions' },
    CHECK_MS,
    () => this.checkAll(),
    (error) => this.report(error),
  );
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;
  #faulty = false;
  #sinceTidied = TIDY_EVERY_CHECKS;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly config: Config,
    private readonly pulse: Pulse,
  ) {}

  onApplicationBootstrap(): void {
    this.#checks.start();
  }

  /** Answers all waiting callers. Called on shutdown. */
  async onModuleDestroy(): Promise<void> {
    this.#stopping = true;
    for (const { waiters } of this.#waiting.values()) for (const { done } of [...waiters]) done();
    await this.#checks.stop();
    await Promise.all(this.#checking.values());
  }

  /**
   * Returns the receipt of a revision.
   * @param revision the text in the path
   * @param epoch the epoch of the revision; absent: the current one
   * @throws InstanceNotFound for a scope that never existed in the project; ApiFault `not_found` for an unknown or future revision;
   * ReceiptExpired; ReceiptSuperseded
   */
  async get({ projectId }: ProjectScope, scope: Scope, revision: string, epoch?: string): Promise<SignersReceiptView> {
    const target = { scope, revision: revisionIn(revision) };
    return this.show(scope, epoch, async (reads) => {
      const gateway = await shownGateway(reads, scope);
      if (gateway?.projectId !== projectId) return { notFound: new InstanceNotFound(scope.id), ahead: false };
      if (target.revision < 1 || target.revision > gateway.revision)
        return { notFound: new ApiFault('not_found'), ahead: target.revision > 0 };
      const [written] = await reads.rows<{ createdAt: number }>(
        'SELECT created_at AS createdAt FROM changes WHERE scope_id = ? AND revision = ? LIMIT 1',
        [scope.id, target.revision],
      );
      return { target, shown: target, createdAt: written?.createdAt };
    });
  }

  /**
   * Returns the part of a receipt that concerns signing processes.
   * @param scope the scope in which the signers are counted
   * @param epoch the epoch of the revision; absent: the current one
   * @param find looks up the revision in the same snapshot
   * @throws the error of a missing revision; ReceiptExpired; ReceiptSuperseded
   */
  async show(
    scope: Scope,
    epoch: string | undefined,
    find: (reads: Reads) => Promise<RequestedReceipt | NotFound>,
  ): Promise<SignersReceiptView> {
    const read = () =>
      this.pulse.display(async (reads, check) => {
        const now = await check.read(reads);
        const inThisEpoch = epoch === undefined || epoch === now.epoch;
        const requested = await find(reads);
        // A revision that was written after the backup exists in no database any more.
        if ('notFound' in requested)
          throw inThisEpoch && !(requested.ahead && now.wasPutBack) ? requested.notFound : new ReceiptSuperseded();
        const completed = await completedWith(reads, requested.target);
        // A row of a later epoch concerns another revision that has the same number.
        if (!inThisEpoch && completed?.epoch !== epoch) throw new ReceiptSuperseded();
        return this.view(reads, now.epoch, requested, completed?.completedAt ?? null);
      });
    const first = await read();
    if (first.completedAt !== null) return first.view;
    // The session may have acknowledged in the meantime.
    await this.check(scope);
    return (await read()).view;
  }

  /**
   * Resolves when the receipt is complete, when the time is over, or when the caller has disconnected. Holds neither a transaction nor a
   * connection while it waits.
   */
  async whenComplete(scope: Scope, revision: number, waitMs: number, abandoned: AbortSignal): Promise<void> {
    if (this.#stopping || abandoned.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { revision, done: resolve };
    const key = keyOf(scope);
    const waiting = this.#waiting.get(key) ?? { scope, waiters: new Set<Waiter>() };
    waiting.waiters.add(waiter);
    this.#waiting.set(key, waiting);
    this.#timer ??= setInterval(() => {
      for (const each of this.#waiting.values()) void this.poll(each).catch((error: unknown) => this.report(error));
    }, POLL_MS);
    const end = setTimeout(resolve, waitMs);
    abandoned.addEventListener('abort', () => resolve(), { once: true });
    void this.check(scope);
    await promise;
    clearTimeout(end);
    waiting.waiters.delete(waiter);
    if (waiting.waiters.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Completes receipts after an acknowledgement or the end of a session. Concurrent calls are coalesced. Never rejects. */
  check(scope: Scope): Promise<void> {
    const key = keyOf(scope);
    const underway = this.#checking.get(key);
    if (underway) {
      // The running check may have read before the latest change, so another check follows.
      this.#checkAgain.add(key);
      return underway;
    }
    const looking = this.checkUntilDone(scope, key).finally(() => this.#checking.delete(key));
    this.#checking.set(key, looking);
    return looking;
  }

  private async checkUntilDone(scope: Scope, key: string): Promise<void> {
    do {
      this.#checkAgain.delete(key);
      try {
        await this.complete(scope);
        const waiting = this.#waiting.get(key);
        if (waiting) await this.poll(waiting);
        this.#faulty = false;
      } catch (error) {
        // The next check follows within a second.
        this.report(error);
      }
    } while (this.#checkAgain.has(key) && !this.#stopping);
  }

  /** Checks every scope with open receipts. */
  private async checkAll(): Promise<void> {
    // A control plane that has just started, or whose pulse is not fresh, completes nothing.
    if (!this.pulse.fit) return;
    const open = await this.database.rows<Scope>(
      `SELECT c.scope_kind AS kind, c.scope_id AS id FROM change_counters c WHERE c.scope_kind IN ('instance', 'deliveries') AND c.revision >
         COALESCE((SELECT MAX(r.revision) FROM receipts r WHERE r.scope_kind = c.scope_kind AND r.scope_id = c.scope_id), 0)`,
    );
    for (const scope of open) if (!this.#checks.stopped) await this.check(scope);
    if (++this.#sinceTidied < TIDY_EVERY_CHECKS) return;
    this.#sinceTidied = 0;
    await this.checkDeleted();
    await this.tidy();
  }

  /** Completes receipts of deleted gateways. Needed if the process that ended the last session stopped before it completed them. */
  private async checkDeleted(): Promise<void> {
    const deleted = await this.database.rows<Scope>(
      `SELECT DISTINCT s.scope_kind AS kind, s.scope_id AS id FROM signing_sessions s
       LEFT JOIN change_counters c ON c.scope_kind = s.scope_kind AND c.scope_id = s.scope_id WHERE c.scope_id IS NULL`,
    );
    for (const scope of deleted) if (!this.#checks.stopped) await this.check(scope);
  }

  /** Finds the newest revision without pending sessions and stores it as complete, which also completes all earlier ones. */
  private async complete(scope: Scope): Promise<void> {
    // The next check follows within a second.
    if (this.pulse.held || this.pulse.starting) return;
    const found = await this.pulse.snapshot((reads, check) => newestIn(reads, check, scope));
    if (!found) return;
    await this.pulse.transaction(async (tx, check) => {
      // The result applies to its own epoch only.
      const { epoch, held } = await check.lock(tx);
      if (held || epoch !== found.epoch) return;
      const ignore = tx.engine === 'mariadb' ? 'IGNORE' : 'OR IGNORE';
      // Two processes may complete the same receipt, so the second row is ignored.
      await tx.run(`INSERT ${ignore} INTO receipts (scope_kind, scope_id, revision, epoch, completed_at) VALUES (?, ?, ?, ?, ?)`, [
        scope.kind,
        scope.id,
        found.revision,
        epoch,
        this.clock.now(),
      ]);
    });
  }

  private async poll({ scope, waiters }: Waiting): Promise<void> {
    const through = await completeThrough(this.database, scope);
    for (const { revision, done } of [...waiters]) if (revision <= through) done();
  }

  private async view(
    reads: Reads,
    epoch: string,
    { target: { scope, revision }, shown, createdAt }: RequestedReceipt,
    completedAt: number | null,
  ): Promise<Shown> {
    // After the retention the sessions are deleted.
    if (completedAt !== null && (createdAt === undefined || this.clock.now() - createdAt > this.config.receiptRetentionDays * DAY_MS))
      throw new ReceiptExpired();
    const sessions = await sessionsOfReceipt(reads, scope, revision);
    return { completedAt, view: toReceiptView({ shown, revision, createdAt: createdAt ?? 0, completedAt, epoch, sessions }) };
  }

  /** Deletes sessions that ended so long ago that no receipt needs them any more. */
  private async tidy(): Promise<void> {
    const before = this.clock.now() - this.config.receiptRetentionDays * DAY_MS;
    await this.database.transaction((tx) => tx.run('DELETE FROM signing_sessions WHERE ending IS NOT NULL AND ended_at < ?', [before]));
  }

  /** Logs one line per outage. */
  private report(error: unknown): void {
    if (!this.#faulty && !this.#stopping)
      this.#logger.warn(`receipts cannot be checked: ${error instanceof Error ? error.message : 'unknown'}`);
    this.#faulty = true;
  }
}

/** @param text the text in a path @returns 0 for an invalid revision */
export const revisionIn = (text: string): number => (REVISION.test(text) ? Number(text) : 0);

const keyOf = ({ kind, id }: Scope) => `${kind} ${id}`;

/** Returns the newest completed revision; 0: none. */
export async function completeThrough(reads: Pick<Reads, 'rows'>, { kind, id }: Scope): Promise<number> {
  const sql = 'SELECT MAX(revision) AS revision FROM receipts WHERE scope_kind = ? AND scope_id = ?';
  const [row] = await reads.rows<{ revision: number | null }>(sql, [kind, id]);
  return row?.revision ?? 0;
}

/** Returns the row that completed a revision. */
async function completedWith(
  reads: Reads,
  { scope, revision }: ReceiptTarget,
): Promise<{ completedAt: number; epoch: string } | undefined> {
  const sql = `SELECT completed_at AS completedAt, epoch FROM receipts WHERE scope_kind = ? AND scope_id = ? AND revision >= ?
    ORDER BY revision LIMIT 1`;
  return (await reads.rows<{ completedAt: number; epoch: string }>(sql, [scope.kind, scope.id, revision]))[0];
}

/**
 * Finds the newest revision without pending sessions, in one snapshot. @returns undefined when it is stored already, or when there is none
 */
async function newestIn(reads: Reads, check: RestoreCheck, scope: Scope): Promise<{ revision: number; epoch: string } | undefined> {
  const gateway = await gatewayRow(reads, scope, check);
  if (!gateway) return undefined;
  const { epoch } = gateway;
  const through = await completeThrough(reads, scope);
  if (through >= gateway.revision || (await isStuckAt(reads, gateway, through + 1))) return undefined;
  const sessions = await candidates(reads, scope);
  const isComplete = (revision: number) => {
    const receipt: ReceiptRow = { revision, epoch, complete: false, superseded: false };
    const [after] = step({ gateway, sessions, receipts: [receipt] }, { kind: 'look' });
    return after.receipts[0]?.complete === true;
  };
  const revision = newestComplete(isComplete, through, gateway.revision);
  return revision > through ? { revision, epoch } : undefined;
}

/**
 * Whether a session has not acknowledged even the first open revision, so that a check would complete nothing and can be skipped. At worst
 * this delays a completion; the protocol decides.
 */
async function isStuckAt(reads: Reads, { scope, epoch }: StoredGateway, revision: number): Promise<boolean> {
  const waiting = await reads.rows(
    `SELECT 1 AS one FROM signing_sessions WHERE scope_kind = ? AND scope_id = ? AND ending IS NULL AND acknowledged < ? AND asked = 1
       AND epoch = ? AND (with_table = 1 OR first_revision IS NULL OR first_revision < ?) LIMIT 1`,
    [scope.kind, scope.id, revision, epoch, revision],
  );
  return waiting.length > 0;
}

/** A binary search: if a revision is complete, all earlier ones are complete too. */
function newestComplete(isComplete: (revision: number) => boolean, through: number, last: number): number {
  if (isComplete(last)) return last;
  let [complete, open] = [through, last];
  while (open - complete > 1) {
    const middle = Math.floor((complete + open) / 2);
    if (isComplete(middle)) complete = middle;
    else open = middle;
  }
  return complete;
}
