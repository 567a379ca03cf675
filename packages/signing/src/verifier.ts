import type { ParsedAuthorization, ReceivedBody, ReceivedRequest, RequestHead } from './received.js';
import { isRefusal, type Refusal, refuse } from './errors.js';
import { finderOf, type Keys, type MaybePromise } from './key-source.js';
import { type Log, nameOf, systemLog } from './log.js';
import type { ReplayStore } from './replay.js';
import { type VerdictCounts, VerdictRecord } from './verdict-record.js';
import {
  validate,
  candidates,
  clockOf,
  type ClaimRules,
  verify,
  outOfTime,
  recheck,
  REPLAYED,
  replayEntry,
  UNKNOWN_KEY,
  type Verification,
} from './verify.js';

export interface VerifierOptions extends ClaimRules {
  keys: Keys;
  /** A store that fails refuses: `store_unavailable`. */
  replayStore?: ReplayStore<MaybePromise<boolean>>;
  /** Adapters accept every request; they count and log what they would refuse. `verify` and `begin` answer as ever. Default false. */
  reportOnly?: boolean;
  /** Gets what report-only mode would refuse, and failures of look-up and store. Default: `console.warn`. */
  log?: Log;
}

export interface Verifier {
  /** Never rejects: a look-up or a replay store that fails is `keys_unavailable` or `store_unavailable`. */
  verify(request: ReceivedRequest): Promise<Verification>;
  /**
   * The first of two steps, for servers that read no body of an unauthenticated client. It checks everything that the headers show,
   * including unknown keys.
   */
  begin(head: RequestHead): Promise<Begun | Refusal>;
  readonly reportOnly: boolean;
  /** What adapters have decided so far; in report-only mode, what they would have. */
  readonly counts: VerdictCounts;
  /** For adapters: counts a verdict, and tells whether the request may pass. In report-only mode each may. */
  passes(verdict: Verification, request: Pick<RequestHead, 'method' | 'url'>): boolean;
}

/** A request with valid headers and a known key. */
export interface Begun {
  ok: true;
  finish(received: ReceivedBody): Promise<Verification>;
}

const NO_STORE = refuse('store_unavailable', 'the replay store did not answer');

/**
 * Creates a reusable verifier: a fixed list of keys is parsed and indexed once.
 * @throws UnusableKeyError when a key of a fixed list is invalid
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { keys, replayStore, reportOnly = false, log = systemLog } = options;
  const find = finderOf(keys, log, reportOnly);
  const findKeys = ({ accessId, scheme }: ParsedAuthorization) => find(accessId, scheme.name);
  const record = new VerdictRecord(reportOnly, log);

  const conclude = async (authorization: ParsedAuthorization, received: ReceivedBody): Promise<Verification> => {
    const found = await findKeys(authorization);
    if (isRefusal(found)) return found;
    const result = verify(authorization, received, found);
    if (!result.ok) return result;
    const now = clockOf(options);
    const late = outOfTime(authorization, options, now);
    if (late !== undefined) return late;
    const entry = replayStore === undefined ? undefined : replayEntry(authorization, result, options);
    if (entry === undefined) return result.verified;
    try {
      if ((await replayStore?.remember(entry.id, entry.expiresAt, now)) !== true) return REPLAYED;
    } catch (error) {
      log(`the replay store failed: ${nameOf(error)}`);
      return NO_STORE;
    }
    // The store forgets a request that is too old, and may have taken long; so may the look-up. Nothing that takes time follows.
    const still = await findKeys(authorization);
    if (isRefusal(still)) return still;
    return outOfTime(authorization, options, clockOf(options)) ?? recheck(authorization, result, still);
  };

  return {
    async begin(head) {
      const authorization = validate(head, options, clockOf(options));
      if (!authorization.ok) return authorization;
      const found = await findKeys(authorization);
      if (isRefusal(found)) return found;
      if (candidates(authorization, found).length === 0) return UNKNOWN_KEY;
      return { ok: true, finish: async (received) => conclude(authorization, received) };
    },
    async verify(request) {
      const authorization = validate(request, options, clockOf(options));
      return authorization.ok ? conclude(authorization, request) : authorization;
    },
    reportOnly,
    get counts() {
      return record.counts;
    },
    passes: (verdict, request) => record.passes(verdict, request),
  };
}
