import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../../platform/common/clock.js';
import { PeriodicTask } from '../../platform/common/periodic-task.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf } from '../../platform/database/columns.js';
import { observe, type Observation, silenceOf, storeStepMs } from '../../lib/receipts/protocol.js';
import { refusesAfterMs } from '../../lib/receipts/verifiers.js';
import { Verifier } from './verifier.entity.js';

const AGING = columnsOf(Verifier).pick('id', 'maxAgeSeconds', 'contacts', 'silenceMs');

const POLL_MS = 2000;
/** Maximum number of rows per poll. Any further verifiers stay `behind`, which is the safe result. */
const ROWS_MAX = 10_000;

interface Row {
  id: string;
  maxAgeSeconds: number;
  contacts: number;
  silenceMs: number;
}

/**
 * Measures for how long verifiers with a declared maximum key age have been silent, and ends those that must refuse every request by now.
 * It uses the monotonic clock of this process and never compares the clocks of two machines. Every control plane does this: an update
 * applies only if the verifier made no contact in between. The silence is stored in steps, so that a restart does not begin at zero.
 *
 * Guarantees: A verifier with a declared maximum key age is ended after it was silent for that long, never before.
 * Condition: One control plane runs for that long, and the verifier makes no contact meanwhile.
 * Degrades: A restart loses at most the part of the silence that was not stored yet. So the end is late, never early.
 */
@Injectable()
export class VerifierSilence implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(VerifierSilence.name);
  #observed = new Map<string, Observation>();
  readonly #task = new PeriodicTask(
    { maintains: 'verifiers that must refuse every request by now; the receipts that waited for them record each end' },
    POLL_MS,
    () => this.poll(),
    (error) => this.#logger.warn(`silent verifiers could not be checked: ${error instanceof Error ? error.name : 'unknown'}`),
  );

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.#task.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#task.stop();
  }

  /** Checks all verifiers that have declared a maximum key age. */
  async poll(): Promise<void> {
    const begunMs = performance.now();
    const rows = await this.database.rows<Row>(
      `SELECT ${AGING.select} FROM verifiers
       WHERE ending IS NULL AND max_age_seconds IS NOT NULL ORDER BY id LIMIT ${ROWS_MAX}`,
    );
    const returnedMs = performance.now();
    const observed = new Map<string, Observation>();
    for (const row of rows) {
      const { id, contacts, silenceMs, maxAgeSeconds } = row;
      const observation = observe(this.#observed.get(id), { counter: contacts, silenceMs }, begunMs, returnedMs);
      observed.set(id, observation);
      const silent = silenceOf(observation);
      if (silent >= refusesAfterMs(row)) await this.end(row);
      else if (silent - silenceMs >= storeStepMs(maxAgeSeconds)) await this.store(row, silent);
    }
    this.#observed = observed;
  }

  private async end({ id, contacts }: Row): Promise<void> {
    const now = this.clock.now();
    const sql = "UPDATE verifiers SET ending = 'keys_too_old', ended_at = ? WHERE id = ? AND contacts = ? AND ending IS NULL";
    await this.database.transaction((tx) => tx.run(sql, [now, id, contacts]));
  }

  private async store({ id, contacts }: Row, silenceMs: number): Promise<void> {
    const sql = 'UPDATE verifiers SET silence_ms = ? WHERE id = ? AND contacts = ? AND silence_ms < ?';
    await this.database.transaction((tx) => tx.run(sql, [silenceMs, id, contacts, silenceMs]));
  }
}
