import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock, HOUR_MS, MINUTE_MS } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Health } from '../observability/health.js';
import { type ProjectCipher, DataKeyMissing, type ProjectEncryptor } from './project-cipher.js';
import { BrokenRows } from './broken-rows.js';
import { insertDataKey, isDue, loadDataKeys } from './data-keys.js';
import { assertAllHeld, checkCanaries, missingKeks } from './kek-checks.js';
import { operatorError, ProviderUnavailable } from './key-provider.js';
import { KeyProviders } from './key-providers.js';
import { fromColumn, DecryptionFailed, type EncryptionContext } from './sealed.js';

export { ProjectCipher } from './project-cipher.js';

const PROJECTS_MAX = 10_000;

/** Age after which unwrapped data keys and identity keys are reloaded in the background. */
export const REFRESH_AFTER_MS = 30 * MINUTE_MS;
/** Age after which they are not used any more, so that it takes effect if the provider revokes Signet's access. */
export const DATA_KEY_MAX_AGE_MS = HOUR_MS;
/** Minimum time between reloads that unknown data-key ids cause. */
export const RELOAD_INTERVAL_MS = 1000;
/** A remote provider is checked at most once in this time, however often `/readyz` is called. */
const CHECK_INTERVAL_MS = 10_000;

interface Cached {
  cipher: ProjectCipher;
  at: number;
}

/**
 * Envelope encryption: a key-encryption key wraps each project's data keys. The data keys encrypt the project's secrets and bind them to
 * their rows (docs/adr/0007, 0023).
 */
@Injectable()
export class VaultService implements OnModuleInit, OnModuleDestroy {
  #providers: KeyProviders;
  readonly #ciphers = new LRUCache<string, Cached>({ max: PROJECTS_MAX });
  readonly #loading = new Map<string, Promise<ProjectCipher>>();
  readonly #reloading = new Map<string, Promise<ProjectCipher>>();
  readonly #reloadedAt = new LRUCache<string, number>({ max: PROJECTS_MAX });
  #asked: { at: number; answer: Promise<{ degraded: boolean }> } | undefined;
  #failingSince: number | undefined;
  readonly #opening = Promise.withResolvers<void>();

  constructor(
    private readonly config: Config,
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly broken: BrokenRows,
    health: Health,
  ) {
    health.add('key', () => this.health());
  }

  /** Resolves when secrets can be encrypted and decrypted. For code that runs before the first request. */
  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  /** @throws Error when no provider works, or when the providers have other keys than those of this database */
  async onModuleInit(): Promise<void> {
    // The start fails with this error, so the promise needs no handler.
    this.#opening.promise.catch(() => undefined);
    try {
      await this.begin();
      this.#opening.resolve();
    } catch (error) {
      this.#opening.reject(error);
      throw error;
    }
  }

  private async begin(): Promise<void> {
    const checks = await this.database.rows('SELECT 1 AS one FROM kek_checks LIMIT 1');
    this.#providers = await KeyProviders.open(this.config, checks.length > 0);
    try {
      await checkCanaries(this.database, this.#providers);
    } catch (error) {
      throw operatorError(error);
    }
    await assertAllHeld(this.database, this.#providers);
  }

  async onModuleDestroy(): Promise<void> {
    for (const [projectId, { cipher }] of this.#ciphers.entries()) await this.recordSeals(projectId, cipher).catch(() => undefined);
  }

  /** The configured key providers. */
  get providers(): KeyProviders {
    return this.#providers;
  }

  /**
   * Returns the cipher that encrypts for a project. Creates the project's first data key if necessary. Must not be called inside a
   * transaction. To decrypt as well, use {@link withCipher}, which reloads data keys that another process has created.
   */
  cipher(projectId: string): Promise<ProjectEncryptor> {
    return this.current(projectId);
  }

  private async withReload<T>(projectId: string, body: (cipher: ProjectCipher) => T | Promise<T>): Promise<T> {
    const cipher = await this.current(projectId);
    try {
      return await body(cipher);
    } catch (error) {
      if (!(error instanceof DataKeyMissing)) throw error;
      return body(await this.reload(projectId));
    }
  }

  /** Returns a project's data keys if they are loaded. Can be called inside a transaction. */
  peek(projectId: string): ProjectCipher | undefined {
    const held = this.#ciphers.get(projectId);
    return held && this.clock.now() - held.at < DATA_KEY_MAX_AGE_MS ? held.cipher : undefined;
  }

  /** Decrypts one secret. */
  async open(context: EncryptionContext, column: string): Promise<string> {
    return this.withCipher(context.projectId, (cipher) => cipher.open(context, fromColumn(column)));
  }

  /**
   * Runs `body`. If a secret was encrypted with an unknown data key, loads the data keys and runs `body` once more. The body may be a whole
   * transaction, which was rolled back in that case.
   * @param broken creates the caller's error for a value that cannot be decrypted. The value is also logged and counted
   * @throws DecryptionFailed, or the error of `broken`
   */
  async withCipher<T>(projectId: string, body: (cipher: ProjectCipher) => T | Promise<T>, broken?: () => Error): Promise<T> {
    try {
      return await this.withReload(projectId, body);
    } catch (error) {
      if (!(error instanceof DecryptionFailed) || !broken) throw error;
      this.reportBroken(error);
      throw broken();
    }
  }

  /**
   * Decrypts each of `rows`. A row that cannot be decrypted is logged, counted and left out. It does not affect the other rows.
   * @param open decrypts the values of one row
   * @param sealed returns the ciphertexts of a row
   * @returns the values in the order of the rows; undefined for a row that is left out
   */
  async openEach<R, T>(
    projectId: string,
    rows: readonly R[],
    open: (cipher: ProjectCipher, row: R) => T,
    sealed: (row: R) => string,
  ): Promise<(T | undefined)[]> {
    const opened = (cipher: ProjectCipher) => rows.map((row) => attempt(() => open(cipher, row)));
    let results = opened(await this.current(projectId));
    // An unknown data key may be a new one. If a row that is known to be broken names it, the list does not reload the keys again.
    const unknown = ({ failure }: Attempt<T>, i: number) =>
      failure instanceof DataKeyMissing && !this.isKnownBroken(failure, sealed(rows[i] as R));
    if (results.some(unknown)) results = opened(await this.reload(projectId));
    return results.map(({ value, failure }, i) => {
      if (failure) this.reportBroken(failure, sealed(rows[i] as R));
      return value;
    });
  }

  /** Logs and counts a value that cannot be decrypted. */
  reportBroken({ context, message }: DecryptionFailed, sealed = ''): void {
    if (context) this.broken.record(tableOf(context), nameOf(context), message, sealed);
  }

  private isKnownBroken({ context }: DecryptionFailed, sealed: string): boolean {
    return context !== undefined && this.broken.isKnown(tableOf(context), nameOf(context), sealed);
  }

  /**
   * Creates a new data key. This process uses it at once, other processes within {@link DATA_KEY_MAX_AGE_MS}. Does nothing when another
   * process has created one after `newest`.
   * @returns whether this process created it
   */
  async rotate(projectId: string, newest: number): Promise<boolean> {
    const made = await insertDataKey(this.database, this.#providers, this.clock, projectId, newest + 1);
    await this.load(projectId);
    return made;
  }

  /** Discards the unwrapped data keys of a project. */
  forget(projectId: string): void {
    this.#ciphers.delete(projectId);
  }

  /**
   * Returns `degraded` while everything that is loaded still works: while the provider has been unavailable for less time than loaded data
   * keys last, while a provider that only unwraps is unavailable, and while the key-encryption key of some data keys is missing here.
   */
  private async health(): Promise<void | 'degraded'> {
    const now = this.clock.now();
    const elsewhere = this.#providers.all.some(({ name }) => name !== 'ring');
    if (!elsewhere) await checkCanaries(this.database, this.#providers);
    if (!this.#asked || now - this.#asked.at >= CHECK_INTERVAL_MS) this.#asked = { at: now, answer: this.ask(elsewhere) };
    try {
      const { degraded } = await this.#asked.answer;
      this.#failingSince = undefined;
      return degraded ? 'degraded' : undefined;
    } catch (error) {
      if (error instanceof ProviderUnavailable) {
        this.#failingSince ??= this.#asked?.at ?? now;
        if (now - this.#failingSince < REFRESH_AFTER_MS) return 'degraded';
      } else {
        // The database failed, or a key is wrong: check again with the next call.
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
        // This provider only unwraps, so new data does not depend on it.
        if (!(error instanceof ProviderUnavailable)) throw error;
        unanswered = true;
      });
    }
    return { degraded: unanswered || (await missingKeks(this.database, this.#providers)).length > 0 };
  }

  private async current(projectId: string): Promise<ProjectCipher> {
    // Checked with every call. Otherwise only a reload after half an hour would fail.
    this.database.assertOutside();
    const held = this.#ciphers.get(projectId);
    if (!held) return this.loadOnce(projectId);
    const age = this.clock.now() - held.at;
    if (age < REFRESH_AFTER_MS) return held.cipher;
    const loaded = this.loadOnce(projectId);
    if (age >= DATA_KEY_MAX_AGE_MS) return loaded;
    // If the provider is unavailable, the loaded keys stay in use.
    loaded.catch(() => undefined);
    return held.cipher;
  }

  /** Loads a project's data keys. At most one load per project runs at a time. */
  private loadOnce(projectId: string): Promise<ProjectCipher> {
    const under = this.#loading.get(projectId);
    if (under) return under;
    const loading = this.load(projectId).finally(() => this.#loading.delete(projectId));
    this.#loading.set(projectId, loading);
    return loading;
  }

  /**
   * Reloads a project's data keys after an unknown id. All callers share one reload, at most one per second, because a forged security
   * token may name any id. A caller that arrives during a reload waits for the next one, which sees all earlier commits.
   */
  private reload(projectId: string): Promise<ProjectCipher> {
    const waiting = this.#reloading.get(projectId);
    if (waiting) return waiting;
    const since = this.clock.now() - (this.#reloadedAt.get(projectId) ?? -Infinity);
    const reading = delay(since >= 0 && since < RELOAD_INTERVAL_MS ? RELOAD_INTERVAL_MS - since : 0).then(() => {
      this.#reloading.delete(projectId);
      this.#reloadedAt.set(projectId, this.clock.now());
      return this.load(projectId);
    });
    this.#reloading.set(projectId, reading);
    return reading;
  }

  private async load(projectId: string): Promise<ProjectCipher> {
    const before = this.#ciphers.peek(projectId);
    if (before) await this.recordSeals(projectId, before.cipher);
    const at = this.clock.now();
    const loaded = await loadDataKeys(this.database, this.#providers, projectId);
    if (!loaded) {
      await insertDataKey(this.database, this.#providers, this.clock, projectId, 1);
    } else if (!isDue(loaded.newest, at)) {
      this.#ciphers.set(projectId, { cipher: loaded.cipher, at });
      return loaded.cipher;
    } else {
      await insertDataKey(this.database, this.#providers, this.clock, projectId, loaded.newest.id + 1);
    }
    const made = await loadDataKeys(this.database, this.#providers, projectId);
    if (!made) throw new Error('a data key was inserted but cannot be found');
    this.#ciphers.set(projectId, { cipher: made.cipher, at });
    return made.cipher;
  }

  /** Stores the number of encryptions. A process that is killed loses the count of half an hour at most. */
  private async recordSeals(projectId: string, cipher: ProjectCipher): Promise<void> {
    const seals = cipher.takeSeals();
    if (seals === 0) return;
    const sql = 'UPDATE data_keys SET seals = seals + ? WHERE project_id = ? AND id = ?';
    await this.database.transaction((tx) => tx.run(sql, [seals, projectId, cipher.newest]));
  }
}

interface Attempt<T> {
  value?: T;
  failure?: DecryptionFailed;
}

function attempt<T>(open: () => T): Attempt<T> {
  try {
    return { value: open() };
  } catch (error) {
    if (!(error instanceof DecryptionFailed)) throw error;
    return { failure: error };
  }
}

const tableOf = ({ field }: EncryptionContext) => field.split('.', 1)[0] ?? field;
const nameOf = ({ ownerId, rowId }: EncryptionContext) => (ownerId === '' || ownerId === rowId ? rowId : `${rowId} of ${ownerId}`);
