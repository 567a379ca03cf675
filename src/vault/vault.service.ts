import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Health } from '../observability/health.js';
import { type Box, DataKeyMissing, type Sealer } from './box.js';
import { insertDataKey, isDue, loadDataKeys } from './data-keys.js';
import { RootKeyUnknown } from './key-provider.js';
import { KeyProviders } from './key-providers.js';
import { fromColumn, SealBroken, type SecretPlace } from './sealed.js';

export { Box } from './box.js';

const CANARY = Buffer.from('signet key check', 'utf8');
const PROJECTS_MAX = 10_000;
const UNIQUE_CHECK = { name: 'PRIMARY', columns: 'kek_checks.root_id' };

/** An unwrapped data key is asked for again after this long … */
const REFRESH_AFTER_MS = 30 * 60_000;
/** … and not used for longer than this, whatever the provider says: taking the key away from Signet there takes effect within it. */
export const DATA_KEY_HELD_MS = 60 * 60_000;
/** Values that name a data key which is not known make this process read the keys again no more often than this. */
const AGAIN_EVERY_MS = 1000;
/** A provider elsewhere is asked no more often than this, however often `/readyz` is. */
const ASK_EVERY_MS = 10_000;

interface Held {
  box: Box;
  at: number;
}

/**
 * Envelope encryption: a key-encryption key wraps one data key a project, a data key seals each secret, bound to its row
 * (docs/adr/0007, 0023).
 */
@Injectable()
export class VaultService implements OnModuleInit, OnModuleDestroy {
  #providers: KeyProviders;
  readonly #boxes = new LRUCache<string, Held>({ max: PROJECTS_MAX });
  readonly #loading = new Map<string, Promise<Box>>();
  readonly #again = new Map<string, Promise<Box>>();
  readonly #againAt = new LRUCache<string, number>({ max: PROJECTS_MAX });
  #asked: { at: number; answer: Promise<void> } | undefined;
  #answeredAt = 0;

  constructor(
    private readonly config: Config,
    private readonly database: Database,
    private readonly clock: Clock,
    health: Health,
  ) {
    health.add('key', () => this.health());
  }

  /** @throws Error when no provider works, or it is not the one this database was sealed with */
  async onModuleInit(): Promise<void> {
    this.#providers = await KeyProviders.open(this.config);
    this.#answeredAt = this.clock.now();
    await this.check();
    await this.assertAllHeld();
  }

  async onModuleDestroy(): Promise<void> {
    for (const [projectId, { box }] of this.#boxes.entries()) await this.noteSeals(projectId, box).catch(() => undefined);
  }

  /** Who wraps, and who unwraps. */
  get providers(): KeyProviders {
    return this.#providers;
  }

  /**
   * Seals for a project; makes its first data key when it has none. Not to be called inside a transaction. To open as well, use
   * {@link withBox}, which knows what to do about a data key that another process has made since.
   */
  box(projectId: string): Promise<Sealer> {
    return this.held(projectId);
  }

  /** Opens one secret. */
  async open(place: SecretPlace, column: string): Promise<string> {
    return this.withBox(place.projectId, (box) => box.open(place, fromColumn(column)));
  }

  /**
   * Opens what `body` opens, again when a secret was sealed with a data key that another process has made since. The body may be
   * a whole transaction: it was rolled back then.
   * @throws SealBroken
   */
  async withBox<T>(projectId: string, body: (box: Box) => T | Promise<T>): Promise<T> {
    const box = await this.held(projectId);
    try {
      return await body(box);
    } catch (error) {
      if (!(error instanceof DataKeyMissing)) throw error;
      return body(await this.again(projectId));
    }
  }

  /**
   * Makes a new data key that seals from now on, in this process at once and in the others within {@link DATA_KEY_HELD_MS}. Does
   * nothing when another process has made one since `newest` was.
   * @returns whether this process made it
   */
  async rotate(projectId: string, newest: number): Promise<boolean> {
    const made = await insertDataKey(this.database, this.#providers, this.clock, projectId, newest + 1);
    await this.load(projectId);
    return made;
  }

  /** Forgets unwrapped data keys. */
  forget(projectId: string): void {
    this.#boxes.delete(projectId);
  }

  /**
   * The canary of every key-encryption key that is held opens, and the database knows the one that wraps.
   * @throws Error when the database was sealed with other keys; Fault `unavailable`
   */
  async check(): Promise<void> {
    const rows = await this.database.rows<{ rootId: string; wrapped: string }>(
      'SELECT root_id AS rootId, sealed AS wrapped FROM kek_checks',
    );
    let held = 0;
    for (const row of rows) {
      try {
        await this.#providers.unwrap(row, canaryContext(row.rootId));
        held++;
      } catch (error) {
        if (error instanceof RootKeyUnknown) continue;
        if (!(error instanceof SealBroken)) throw error;
        throw new Error(`the key-encryption key ${row.rootId} is not the one this database was sealed with`, { cause: error });
      }
    }
    if (rows.length > 0 && held === 0) {
      const ids = rows.map(({ rootId }) => rootId).join(', ');
      throw new Error(`this database was sealed with the key-encryption keys ${ids}, and the ring holds none of them`);
    }
    if (rows.some((row) => !this.#providers.stale(row))) return;
    await this.addCanary();
  }

  private async addCanary(): Promise<void> {
    // Its context names its key, and only wrapping tells which key that is.
    const { rootId } = await this.#providers.primary.wrap(CANARY, canaryContext(''));
    const { rootId: again, wrapped } = await this.#providers.primary.wrap(CANARY, canaryContext(rootId));
    if (again !== rootId) return this.addCanary();
    const sql = 'INSERT INTO kek_checks (root_id, sealed) VALUES (?, ?)';
    const inserted = await this.database.insertOnce((tx) => tx.run(sql, [rootId, wrapped]), UNIQUE_CHECK);
    if (!inserted) await this.check();
  }

  /** Better no start than requests that fail for some projects: a key was taken out of the ring too early. */
  private async assertAllHeld(): Promise<void> {
    const sql = 'SELECT root_id AS rootId, COUNT(*) AS dataKeys FROM data_keys GROUP BY root_id ORDER BY root_id';
    const used = await this.database.rows<{ rootId: string; dataKeys: number }>(sql);
    const missing = used.filter(({ rootId }) => !this.#providers.of(rootId));
    if (missing.length === 0) return;
    const list = missing.map(({ rootId, dataKeys }) => `${rootId} (${dataKeys} data key${dataKeys === 1 ? '' : 's'})`).join(', ');
    throw new Error(
      `key-encryption keys are missing that still wrap data keys: ${list}. Put them back, run signet rewrap, and take them out when signet kek status says so.`,
    );
  }

  /** `degraded` while the provider is down and no data key has run out yet. */
  private async health(): Promise<void | 'degraded'> {
    if (this.#providers.primary.name === 'ring') return this.check();
    const now = this.clock.now();
    if (!this.#asked || now - this.#asked.at >= ASK_EVERY_MS) {
      const answer = this.#providers.primary.health().then(() => this.check());
      this.#asked = { at: now, answer };
    }
    try {
      await this.#asked.answer;
      this.#answeredAt = this.#asked.at;
    } catch (error) {
      if (now - this.#answeredAt >= REFRESH_AFTER_MS) throw error;
      return 'degraded';
    }
  }

  private async held(projectId: string): Promise<Box> {
    const held = this.#boxes.get(projectId);
    if (!held) return this.loadOnce(projectId);
    const age = this.clock.now() - held.at;
    if (age < REFRESH_AFTER_MS) return held.box;
    const loaded = this.loadOnce(projectId);
    if (age >= DATA_KEY_HELD_MS) return loaded;
    // The provider may be down; what is held goes on.
    loaded.catch(() => undefined);
    return held.box;
  }

  /** One load a project at a time. */
  private loadOnce(projectId: string): Promise<Box> {
    const under = this.#loading.get(projectId);
    if (under) return under;
    const loading = this.load(projectId).finally(() => this.#loading.delete(projectId));
    this.#loading.set(projectId, loading);
    return loading;
  }

  /**
   * Reads the keys again for everybody who met one that is not known: once for all, and once a second, since a security token may name
   * any. Who comes when the reading has begun gets the next one, which sees what was committed before.
   */
  private again(projectId: string): Promise<Box> {
    const waiting = this.#again.get(projectId);
    if (waiting) return waiting;
    const since = this.clock.now() - (this.#againAt.get(projectId) ?? -Infinity);
    const reading = delay(since >= 0 && since < AGAIN_EVERY_MS ? AGAIN_EVERY_MS - since : 0).then(() => {
      this.#again.delete(projectId);
      this.#againAt.set(projectId, this.clock.now());
      return this.load(projectId);
    });
    this.#again.set(projectId, reading);
    return reading;
  }

  private async load(projectId: string): Promise<Box> {
    const before = this.#boxes.peek(projectId);
    if (before) await this.noteSeals(projectId, before.box);
    const at = this.clock.now();
    const loaded = await loadDataKeys(this.database, this.#providers, projectId);
    if (!loaded) {
      await insertDataKey(this.database, this.#providers, this.clock, projectId, 1);
    } else if (!isDue(loaded.newest, at)) {
      this.#boxes.set(projectId, { box: loaded.box, at });
      return loaded.box;
    } else {
      await insertDataKey(this.database, this.#providers, this.clock, projectId, loaded.newest.id + 1);
    }
    const made = await loadDataKeys(this.database, this.#providers, projectId);
    if (!made) throw new Error('a data key vanished as soon as it was made');
    this.#boxes.set(projectId, { box: made.box, at });
    return made.box;
  }

  /** A process that is killed loses the count of half an hour at most. */
  private async noteSeals(projectId: string, box: Box): Promise<void> {
    const seals = box.takeSeals();
    if (seals === 0) return;
    const sql = 'UPDATE data_keys SET seals = seals + ? WHERE project_id = ? AND id = ?';
    await this.database.transaction((tx) => tx.run(sql, [seals, projectId, box.newest]));
  }
}

const canaryContext = (rootId: string) => ['signet/1', 'kek-check', rootId];
