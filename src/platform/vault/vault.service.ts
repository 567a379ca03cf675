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

/** Age after which unwrapped data keys and row-MAC keys are reloaded in the background. */
export const REFRESH_AFTER_MS = 30 * MINUTE_MS;
/** Age after which they are no longer used, so that revoking Signet's access at the provider takes effect. */
export const DATA_KEY_MAX_AGE_MS = HOUR_MS;
/** Shortest time between reloads caused by unknown data-key ids. */
export const RELOAD_INTERVAL_MS = 1000;
/** A remote provider is checked at most this often, whatever the rate of `/readyz`. */
const CHECK_INTERVAL_MS = 10_000;

interface Cached {
  cipher: ProjectCipher;
  at: number;
}

/**
 * Envelope encryption: a key-encryption key wraps each project's data keys, which encrypt its secrets, bound to their rows
 * (docs/adr/0007, 0023).
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

  /** Resolves once secrets can be encrypted and decrypted, for users before the first request. */
  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  /** @throws Error when no provider works, or its keys are not this database's */
  async onModuleInit(): Promise<void> {
    // The failed start reports the error.
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
   * The cipher that encrypts for a project; creates its first data key if necessary. Not inside a transaction. To decrypt as well, use
   * {@link withCipher}, which reloads data keys that another process has created.
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

  /** A project's data keys if they are loaded; usable inside a transaction. */
  peek(projectId: string): ProjectCipher | undefined {
    const held = this.#ciphers.get(projectId);
    return held && this.clock.now() - held.at < DATA_KEY_MAX_AGE_MS ? held.cipher : undefined;
  }

  /** Decrypts one secret. */
  async open(context: EncryptionContext, column: string): Promise<string> {
    return this.withCipher(context.projectId, (cipher) => cipher.open(context, fromColumn(column)));
  }

  /**
   * Runs `body`, and once more after loading new data keys if a secret was encrypted with an unknown one. The body may be a whole
   * transaction, which was rolled back then.
   * @param broken the caller's error when a value does not decrypt, which is then logged and counted
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
   * Decrypts each of `rows`. A row that does not decrypt is logged, counted and left out, and does not affect the others.
   * @param open decrypts one row's values
   * @param sealed the row's ciphertexts
   * @returns in the order of the rows; undefined for a row left out
   */
  async openEach<R, T>(
    projectId: string,
    rows: readonly R[],
    open: (cipher: ProjectCipher, row: R) => T,
    sealed: (row: R) => string,
  ): Promise<(T | undefined)[]> {
    const opened = (cipher: ProjectCipher) => rows.map((row) => attempt(() => open(cipher, row)));
    let results = opened(await this.current(projectId));
    // An unknown data key may be new; one named by a known broken row does not cause a reload with every list.
    const unknown = ({ failure }: Attempt<T>, i: number) =>
      failure instanceof DataKeyMissing && !this.isKnownBroken(failure, sealed(rows[i] as R));
    if (results.some(unknown)) results = opened(await this.reload(projectId));
    return results.map(({ value, failure }, i) => {
      if (failure) this.reportBroken(failure, sealed(rows[i] as R));
      return value;
    });
  }

  /** Logs and counts a value that does not decrypt. */
  reportBroken({ context, message }: DecryptionFailed, sealed = ''): void {
    if (context) this.broken.record(tableOf(context), nameOf(context), message, sealed);
  }

  private isKnownBroken({ context }: DecryptionFailed, sealed: string): boolean {
    return context !== undefined && this.broken.isKnown(tableOf(context), nameOf(context), sealed);
  }

  /**
   * Creates a new data key, used in this process at once and in others within {@link DATA_KEY_MAX_AGE_MS}. Does nothing when another process
   * has created one after `newest`.
   * @returns whether this process created it
   */
  async rotate(projectId: string, newest: number): Promise<boolean> {
    const made = await insertDataKey(this.database, this.#providers, this.clock, projectId, newest + 1);
    await this.load(projectId);
    return made;
  }

  /** Discards a project's unwrapped data keys. */
  forget(projectId: string): void {
    this.#ciphers.delete(projectId);
  }

  /**
   * `degraded` while the provider has been down for less time than loaded data keys last, while a provider that only unwraps is down, and
   * while a key-encryption key of some data keys is missing here: what is loaded keeps working.
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
        // The database, or a wrong key: check again at the next call.
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
        // A provider that only unwraps: new data does not depend on it.
        if (!(error instanceof ProviderUnavailable)) throw error;
        unanswered = true;
      });
    }
    return { degraded: unanswered || (await missingKeks(this.database, this.#providers)).length > 0 };
  }

  private async current(projectId: string): Promise<ProjectCipher> {
    // Checked on every call: a reload after half an hour would otherwise be the first to fail.
    this.database.assertOutside();
    const held = this.#ciphers.get(projectId);
    if (!held) return this.loadOnce(projectId);
    const age = this.clock.now() - held.at;
    if (age < REFRESH_AFTER_MS) return held.cipher;
    const loaded = this.loadOnce(projectId);
    if (age >= DATA_KEY_MAX_AGE_MS) return loaded;
    // The provider may be down; the loaded keys stay in use.
    loaded.catch(() => undefined);
    return held.cipher;
  }

  /** At most one load per project at a time. */
  private loadOnce(projectId: string): Promise<ProjectCipher> {
    const under = this.#loading.get(projectId);
    if (under) return under;
    const loading = this.load(projectId).finally(() => this.#loading.delete(projectId));
    this.#loading.set(projectId, loading);
    return loading;
  }

  /**
   * Reloads a project's keys after an unknown id: shared by all callers, and once a second at most, since a forged security token may name
   * any id. A caller that arrives during a reload waits for the next one, which sees all earlier commits.
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
    if (!made) throw new Error('a data key is missing right after it was inserted');
    this.#ciphers.set(projectId, { cipher: made.cipher, at });
    return made.cipher;
  }

  /** A killed process loses the count of half an hour at most. */
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
