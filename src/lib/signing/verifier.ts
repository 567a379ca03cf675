import type { ReceivedRequest } from './claim.js';
import { systemNow } from './clock.js';
import type { ReplayStore } from './replay.js';
import type { KeyMaterial } from './scheme.js';
import { loadKey, type ReadyKey } from './schemes.js';
import { admissible, type ClaimRules, judge, type KeyLookup, REPLAYED, replayMark, usable, type Verification } from './verify.js';

type MaybePromise<T> = T | Promise<T>;

export interface VerifierOptions extends ClaimRules {
  /** A fixed list, or a look-up that may ask a network. */
  keys: Iterable<KeyMaterial> | KeyLookup<MaybePromise<readonly KeyMaterial[] | KeyMaterial | undefined>>;
  replayStore?: ReplayStore<MaybePromise<boolean>>;
}

export interface Verifier {
  /** Rejects only when the key look-up or the replay store does. */
  verify(request: ReceivedRequest): Promise<Verification>;
}

/**
 * A verifier to keep: a fixed list of keys is parsed and indexed once.
 * @throws UnusableKeyError when a key of a fixed list cannot be used
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { keys, replayStore } = options;
  const find = typeof keys === 'function' ? lookUp(keys) : indexed(keys);
  return {
    async verify(request) {
      const now = (options.now ?? systemNow)();
      const claim = admissible(request, options, now);
      if (!claim.ok) return claim;
      const verdict = judge(claim, await find(claim.accessId, claim.scheme.name));
      const mark = verdict.ok && replayStore !== undefined ? replayMark(claim, verdict, options) : undefined;
      if (mark === undefined) return verdict;
      return (await replayStore?.remember(mark.id, mark.expiresAt, now)) === false ? REPLAYED : verdict;
    },
  };
}

type Find = (accessId: string, scheme: string) => MaybePromise<readonly ReadyKey[]>;

const lookUp =
  (keys: KeyLookup<MaybePromise<readonly KeyMaterial[] | KeyMaterial | undefined>>): Find =>
  async (accessId, scheme) =>
    usable(await keys(accessId, scheme));

function indexed(keys: Iterable<KeyMaterial>): Find {
  const byAccessId = Map.groupBy([...keys].map(loadKey), ({ accessId }) => accessId);
  return (accessId) => byAccessId.get(accessId) ?? [];
}
