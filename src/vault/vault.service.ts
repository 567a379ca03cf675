import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Health } from '../observability/health.js';
import { type Box, DataKeyMissing, type Sealer } from './box.js';
import { insertDataKey, isDue, loadDataKeys } from './data-keys.js';
import { assertAllHeld, checkCanaries, missingRootKeys } from './kek-checks.js';
import { operatorWords, ProviderUnavailable } from './key-provider.js';
import { KeyProviders } from './key-providers.js';
import { fromColumn, type SecretPlace } from './sealed.js';

export { Box } from './box.js';

const PROJECTS_MAX = 10_000;

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
  #asked: { at: number; answer: Promise<{ degraded: boolean }> } | undefined;
  #failingSince: number | undefined;

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
    try {
      await checkCanaries(this.database, this.#providers);
    } catch (error) {
      throw operatorWords(error);
    }
    await assertAllHeld(this.database, this.#providers);
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
   * `degraded` for as long after the provider went down as any data key in memory lasts, while one that only unwraps is down, and while
   * data keys are wrapped with a key-encryption key that this process was not given: what it has in memory goes on.
   */
  private async health(): Promise<void | 'degraded'> {
    const now = this.clock.now();
    const elsewhere = this.#providers.all.some(({ name }) => name !== 'ring');
    if (!elsewhere) await checkCanaries(this.database, this.#providers);
    if (!this.#asked || now - this.#asked.at >= ASK_EVERY_MS) this.#asked = { at: now, answer: this.ask(elsewhere) };
    try {
      const { degraded } = await this.#asked.answer;
      this.#failingSince = undefined;
      return degraded ? 'degraded' : undefined;
    } catch (error) {
      if (error instanceof ProviderUnavailable) {
        this.#failingSince ??= this.#asked?.at ?? now;
        if (now - this.#failingSince < REFRESH_AFTER_MS) return 'degraded';
      } else {
        // The database, or a wrong key: looked at again at once.
        this.#asked = undefined;
      }
      throw error;
    }
  }

  private async ask(elsewhere: boolean): Promise<{ degraded: boolean }> {
    let unanswered = false;
    if (elsewhere) {
      await this.#providers.primary.health();
      await checkCanaries(this.database, this.#providers).catch((error: unknown) => {
        // One that only unwraps: nothing new depends on it.
        if (!(error instanceof ProviderUnavailable)) throw error;
        unanswered = true;
      });
    }
    return { degraded: unanswered || (await missingRootKeys(this.database, this.#providers)).length > 0 };
  }

  private async held(projectId: string): Promise<Box> {
    // Always, and not only when what is held has run out: that is after half an hour.
    this.database.assertOutside();
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
