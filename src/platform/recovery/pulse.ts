import { Logger, type OnModuleDestroy } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiFault } from '../common/api-error.js';
import type { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { PeriodicTask } from '../common/periodic-task.js';
import { type Config, inDataDir } from '../config/config.js';
import type { Database, Reads, Tx } from '../database/database.js';
import { isQuarantineOver, longerLease } from '../../lib/receipts/protocol.js';
import * as restore from '../../lib/receipts/restore.js';
import { decide, type EpochRow, epochRow, storeNumber, recordRestore, storeElapsed, vouchForUnknown } from './epoch-rows.js';
import { BeatDue, RestoreCheck } from './restore-check.js';
import { type StoredPulse, readPulseFile, writePulseFile } from './pulse-file.js';

/** Shorter than `restore.BEAT_MS`, so that requests rarely wait for a beat. */
const BEAT_EVERY_MS = 800;
const ATTEMPTS = 5;
const PULSE_FILE = 'pulse';

/**
 * Detects that the database was restored to an earlier state, and then holds results and writes until an operator decides.
 * `lib/receipts/restore.ts` contains the rules; this class maintains the row, the file and the clock.
 *
 * It costs an additional primary-key look-up in existing statements, and one small transaction and one file write per second.
 *
 * Guarantees: A restore of the database to an earlier state is detected before keys are served, receipts completed or rows written on it.
 * Condition: The pulse file is in a place where no restore of the database replaces it.
 * Degrades: Without a fresh pulse, every request that depends on it is answered with 503.
 */
export class Pulse implements OnModuleDestroy {
  readonly #logger = new Logger(Pulse.name);
  #pulse: restore.Pulse;
  #longest: number | null;
  #stored: StoredPulse | undefined;
  #held = false;
  #recovering = false;
  #faulty = false;
  #beating: Promise<void> | undefined;
  /** The quarantine that this process observes: its stored duration at the first read, and the time when that read returned. */
  #quarantine: { since: string; foundMs: number; returnedMs: number } | undefined;
  readonly #beats = new PeriodicTask(
    { maintains: 'the number of the pulse; a detected restore is logged, and an operator’s decision is audited' },
    BEAT_EVERY_MS,
    () => this.beat(),
    (error) => this.report(error),
  );

  private constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly file: string,
    private readonly planeId: string,
    stored: StoredPulse | undefined,
  ) {
    this.#stored = stored;
    this.#longest = stored ? stored.longestLeaseSeconds : 0;
    this.#pulse = restore.newPulse(stored?.number ?? 0, stored?.epoch ?? '');
    // All processes of an embedded database share its data folder and this file. So there is no other control plane to wait for.
    if (database.engine === 'sqlite') this.#pulse = { ...this.#pulse, startedAtMs: Number.NEGATIVE_INFINITY };
  }

  /**
   * Performs the first beat. If nothing can be written (a full disk), the process starts without a beat: it answers reads, but writes
   * nothing and serves no keys until a beat succeeds.
   * @throws Error with advice for the operator when the file cannot be used
   */
  static async start(this: void, database: Database, config: Config, clock: Clock): Promise<Pulse> {
    const file = config.pulseFile ?? inDataDir(config, PULSE_FILE);
    const stored = readPulseFile(file);
    const pulse = new Pulse(database, clock, file, stored?.planeId ?? newId(), stored);
    await pulse.beat().catch((error: unknown) => {
      if (!(error instanceof ApiFault && error.kind === 'unavailable')) throw error;
      pulse.report(error);
    });
    pulse.#beats.start();
    return pulse;
  }

  async onModuleDestroy(): Promise<void> {
    await this.#beats.stop();
    await this.#beating?.catch(() => undefined);
  }

  /** Whether a detected restore waits for a decision, according to the last beat. */
  get held(): boolean {
    return this.#held && !this.#recovering;
  }

  /** The epoch of the database that this process knows. */
  get epoch(): string {
    return this.#pulse.epoch;
  }

  /** The longest lease known to have been granted; null: an unlimited one. */
  get longestLeaseSeconds(): number | null {
    return this.#longest;
  }

  /** Allows this process to write although the database is held, because it performs the recovery. */
  recover(): void {
    this.#recovering = true;
  }

  /** Reads the current epoch and quarantine. */
  status(): Promise<EpochRow> {
    return this.database.transaction((tx) => epochRow(tx, this.planeId, this.#pulse.epoch));
  }

  /** Records a restore that an operator reports because this process's file cannot detect it. */
  async reportRestore(): Promise<void> {
    await this.database.transaction((tx) => tx.run('UPDATE database_epoch SET put_back = 1 WHERE id = 1 AND held = 0'));
    await this.beatNow();
  }

  /** Ends the hold by an operator's decision and begins a new epoch. @throws Error when no decision is pending */
  async decide(by: string): Promise<void> {
    await this.database.transaction(async (tx) => decide(tx, await epochRow(tx, this.planeId, this.#pulse.epoch), by, this.clock.now()));
    await this.beatNow();
  }

  /**
   * Records the statement of an operator that no process with keys from before the restore still signs.
   * @throws Error when there is nothing to vouch for
   */
  async vouch(by: string): Promise<void> {
    await this.database.transaction(async (tx) =>
      vouchForUnknown(tx, await epochRow(tx, this.planeId, this.#pulse.epoch), by, this.clock.now()),
    );
  }

  /** Called before a lease is granted. Stores the lease in the file if it is the longest, independent of the database. */
  async leaseGranted(leaseSeconds: number | null): Promise<void> {
    if (this.#longest === null || longerLease(this.#longest, leaseSeconds) === this.#longest) return;
    this.#longest = longerLease(this.#longest, leaseSeconds);
    await this.beatNow();
  }

  /**
   * Runs a transaction whose result leaves the process. It runs within a second of a beat, after every running control plane has checked
   * the database since this one started, and its result is returned only if the check approves what `body` read. Otherwise the transaction
   * is retried after another beat.
   * @throws ApiFault `unavailable` when no beat succeeds
   */
  async transaction<T>(body: (tx: Tx, check: RestoreCheck) => Promise<T>): Promise<T> {
    await this.ensureFresh();
    return this.retry(() => this.database.transaction((tx) => this.checked((check) => body(tx, check))));
  }

  /** As {@link transaction}, for reads. */
  async snapshot<T>(body: (reads: Reads, check: RestoreCheck) => Promise<T>): Promise<T> {
    await this.ensureFresh();
    return this.retry(() => this.database.snapshot((reads) => this.checked((check) => body(reads, check))));
  }

  /** As {@link transaction}, for one statement. */
  async statement<T>(body: (reads: Pick<Reads, 'rows'>, check: RestoreCheck) => Promise<T>): Promise<T> {
    await this.ensureFresh();
    return this.retry(() => this.checked((check) => body(this.database, check)));
  }

  /** For displays. Allowed even before other control planes have checked the database; a restored database is still detected. */
  display<T>(body: (reads: Reads, check: RestoreCheck) => Promise<T>): Promise<T> {
    return this.retry(() =>
      this.database.snapshot((reads) =>
        this.checked(
          (check) => body(reads, check),
          (standing) => this.isKnown(standing),
        ),
      ),
    );
  }

  private async checked<T>(
    body: (check: RestoreCheck) => Promise<T>,
    mayTell: (standing: restore.Standing) => boolean = (standing) => this.#verdict(standing) === 'release',
  ): Promise<T> {
    const check = new RestoreCheck(this.planeId, mayTell);
    const result = await body(check);
    check.assertChecked();
    return result;
  }

  /** For records that are checked again before anything depends on them, so that no beat is waited for. */
  record<T>(body: (tx: Tx, check: RestoreCheck) => Promise<T>): Promise<T> {
    return this.retry(() =>
      this.database.transaction((tx) =>
        this.checked(
          (check) => body(tx, check),
          (standing) => this.isKnown(standing),
        ),
      ),
    );
  }

  /** The check for a write. A write must not wait for a beat, so its statements contain the condition {@link writable}. */
  checkOfWrite(): RestoreCheck {
    return new RestoreCheck(this.planeId, (standing) => this.isKnown(standing));
  }

  /** Whether the state belongs to this process's epoch and is not behind its pulse. */
  private isKnown({ epoch, row = 0 }: restore.Standing): boolean {
    return epoch === this.#pulse.epoch && row >= this.#pulse.file;
  }

  /** Retries work that throws BeatDue, each time after a beat. For writes, whose statements contain {@link writable}. */
  async retry<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof BeatDue)) throw error;
        if (attempt === ATTEMPTS) throw new ApiFault('unavailable', {}, { cause: error });
        await this.beatNow();
        await this.ensureFresh();
      }
    }
  }

  /** Whether this process started so recently that other control planes may not have checked the database since. */
  get starting(): boolean {
    const { startedAtMs } = this.#pulse;
    return startedAtMs === undefined || this.clock.monotonic() - startedAtMs < restore.STARTER_WAIT_MS;
  }

  /** Whether results may leave the process at once. Background work is postponed otherwise. */
  get fit(): boolean {
    return !this.#held && this.#verdict({ row: this.#pulse.file, epoch: this.#pulse.epoch }) === 'release';
  }

  /** Called when {@link writable} was false. Returns when the state is unchanged. @throws BeatDue; ApiFault `held` */
  async assertWritable(reads: Pick<Reads, 'rows'>): Promise<void> {
    const { held } = await this.checkOfWrite().read(reads);
    if (held && !this.#recovering) throw new ApiFault('held');
  }

  /** SQL condition with its parameters: the database is in the known epoch, and writes are allowed. */
  get writable(): { sql: string; params: (string | number)[] } {
    const held = this.#recovering ? 1 : 0;
    return { sql: WRITABLE, params: [this.#pulse.epoch, held, this.planeId, this.#pulse.file] };
  }

  /** The condition for reads. */
  get standing(): { sql: string; params: (string | number)[] } {
    return { sql: STANDING, params: [this.#pulse.epoch, this.planeId, this.#pulse.file] };
  }

  /** Performs a beat after any beat in progress, so that it sees everything that was committed before the call. */
  async beatNow(): Promise<void> {
    await this.#beating?.catch(() => undefined);
    await this.beat();
  }

  /** Increments the number, compares the row with the file, and stores both. Concurrent callers share one beat. */
  private beat(): Promise<void> {
    this.#beating ??= this.beatOnce().finally(() => (this.#beating = undefined));
    return this.#beating;
  }

  private async beatOnce(): Promise<void> {
    this.database.assertFileUnchanged();
    const begun = this.clock.monotonic();
    const { found, after, number } = await this.database.withFreshBudget(() => this.database.transaction((tx) => this.count(tx)));
    const returned = this.clock.monotonic();
    this.watch(after, returned);
    if (after.epoch !== found.epoch)
      this.#logger.error(
        'the database was restored to an earlier state: no keys are served, no receipts completed and no rows written until an operator decides; run signet admin recovery status',
      );
    else if (this.#held && after.held === 0) this.#logger.log('an operator has decided about the restore: the service continues');
    // The longest lease in the file belongs to another database.
    if (this.#stored && this.#stored.databaseId !== after.databaseId) this.#longest = 0;
    const pulse = restore.beaten(this.#pulse, number, after.epoch, begun);
    await this.store({
      planeId: this.planeId,
      databaseId: after.databaseId,
      epoch: after.epoch,
      number,
      longestLeaseSeconds: this.#longest,
    });
    this.#held = after.held === 1;
    this.#pulse = pulse;
    this.#faulty = false;
  }

  /** The transaction of a beat. */
  private async count(tx: Tx): Promise<{ found: EpochRow; after: EpochRow; number: number }> {
    const found = await epochRow(tx, this.planeId, this.#pulse.epoch);
    // The file does not apply, because it belongs to another database.
    const sameDatabase = this.#stored?.databaseId === found.databaseId;
    const pulse = sameDatabase ? this.#pulse : restore.newPulse(0, '');
    const next = restore.beat(pulse, { row: found.row, epoch: found.epoch }, found.left);
    const putBack = next === 'restored' || found.putBack;
    const longest = sameDatabase ? this.#longest : null;
    const after = putBack
      ? await recordRestore(tx, found, longest, this.clock.now(), restore.leftByRestore(pulse, found.epoch))
      : await this.storeElapsed(tx, found);
    const number = next === 'restored' ? pulse.file + 1 : next;
    await storeNumber(tx, this.planeId, number, this.clock.now());
    return { found, after, number };
  }

  /** Stores for how long this process has observed the quarantine: from the return of its first read to the begin of its latest. */
  private async storeElapsed(tx: Tx, found: EpochRow): Promise<EpochRow> {
    const { quarantine } = found;
    const seen = this.#quarantine;
    if (!quarantine || seen?.since !== quarantine.since || isQuarantineOver(quarantine)) return found;
    return storeElapsed(tx, found, seen.foundMs + Math.max(0, Math.floor(this.#pulse.writtenAtMs! - seen.returnedMs)));
  }

  private watch({ quarantine }: EpochRow, returnedMs: number): void {
    if (!quarantine) this.#quarantine = undefined;
    else if (this.#quarantine?.since !== quarantine.since)
      this.#quarantine = { since: quarantine.since, foundMs: quarantine.elapsedMs, returnedMs };
  }

  private async store(stored: StoredPulse): Promise<void> {
    await writePulseFile(this.file, stored);
    this.#stored = stored;
  }

  private async ensureFresh(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      switch (this.#verdict({ row: this.#pulse.file, epoch: this.#pulse.epoch })) {
        case 'release':
          return;
        case 'wait':
          await delay(restore.STARTER_WAIT_MS - (this.clock.monotonic() - (this.#pulse.startedAtMs ?? 0)));
          break;
        default:
          if (attempt > ATTEMPTS) throw new ApiFault('unavailable', {}, { cause: new Error('there is no fresh pulse') });
          await this.beat().catch((error: unknown) => {
            throw error instanceof ApiFault ? error : new ApiFault('unavailable', {}, { cause: error });
          });
      }
    }
  }

  #verdict = (standing: restore.Standing) => restore.mayRelease(this.#pulse, standing, this.clock.monotonic());

  /** Logs one line per outage. */
  private report(error: unknown): void {
    if (!this.#faulty)
      this.#logger.error(
        `no keys are served, because the database may have been restored to an earlier state: ${error instanceof Error ? error.message : 'unknown'}`,
      );
    this.#faulty = true;
  }
}

const WRITABLE = `EXISTS (SELECT 1 FROM database_epoch e, pulses p
  WHERE e.id = 1 AND e.epoch = ? AND e.held <= ? AND p.plane_id = ? AND p.number >= ?)`;
const STANDING = `EXISTS (SELECT 1 FROM database_epoch e, pulses p WHERE e.id = 1 AND e.epoch = ? AND p.plane_id = ? AND p.number >= ?)`;
