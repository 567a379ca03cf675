import { AsyncLocalStorage } from 'node:async_hooks';
import { type KeysUnavailableError, type Refusal, refuse } from './errors.js';
import { type Log, nameOf } from './log.js';
import type { KeyMaterial } from './scheme.js';
import { loadKey, type ReadyKey } from './schemes.js';
import { type KeyLookup, usable } from './verify.js';

export type MaybePromise<T> = T | Promise<T>;

type LookUp = KeyLookup<MaybePromise<readonly KeyMaterial[] | KeyMaterial | undefined>>;

/** Keys that change while they are used, such as the `ServiceKeys` of `signet-signing/service`. */
export interface KeySource {
  /** The keys with an id, for a scheme. @throws KeysUnavailableError */
  keysFor: LookUp;
  /** Called by a verifier in report-only mode, which accepts everything: the source must not tell anybody that keys are refused. */
  claimNothing?(): void;
}

/**
 * A fixed list, a look-up, which may be asynchronous, or a source. Look-ups run again when the body has arrived, and after the replay store: a
 * key that ended in the meantime accepts nothing.
 */
export type Keys = Iterable<KeyMaterial> | LookUp | KeySource;

/** Finds keys; never throws. */
export type Find = (accessId: string, scheme: string) => MaybePromise<readonly ReadyKey[] | Refusal>;

const NO_LOOK_UP = refuse('keys_unavailable', 'the keys could not be looked up');

/** @throws UnusableKeyError when a key of a fixed list is invalid */
export function finderOf(keys: Keys, log: Log, reportOnly: boolean): Find {
  if (typeof keys === 'function') return looksUp(keys, log, reportOnly);
  if (!('keysFor' in keys)) return indexed(keys);
  if (reportOnly) keys.claimNothing?.();
  return looksUp((accessId, scheme) => keys.keysFor(accessId, scheme), log, reportOnly);
}

const reporting = new AsyncLocalStorage<boolean>();

/** Whether the look-up under way is one of a verifier in report-only mode, through whatever functions it came. */
export const isForReportOnly = (): boolean => reporting.getStore() === true;

const looksUp =
  (keys: LookUp, log: Log, reportOnly: boolean): Find =>
  async (accessId, scheme) => {
    try {
      return usable(await (reportOnly ? reporting.run(true, () => keys(accessId, scheme)) : keys(accessId, scheme)));
    } catch (error) {
      if (isUnavailable(error)) return refuse('keys_unavailable', error.message);
      log(`the look-up of keys failed: ${nameOf(error)}`);
      return NO_LOOK_UP;
    }
  };

/** By its code, since an application may have two copies of this library. */
const isUnavailable = (error: unknown): error is KeysUnavailableError =>
  error instanceof Error && (error as { code?: unknown }).code === 'keys_unavailable';

function indexed(keys: Iterable<KeyMaterial>): Find {
  const byAccessId = new Map<string, ReadyKey[]>();
  for (const key of [...keys].map(loadKey)) byAccessId.set(key.accessId, [...(byAccessId.get(key.accessId) ?? []), key]);
  return (accessId) => byAccessId.get(accessId) ?? [];
}
