import { type Faults, NO_FAULTS } from './faults.js';
import type { Refusal, Terms } from './protocol.js';

/**
 * Decides whether a node may sign, and what it may acknowledge: the node's part of the protocol, as a pure function. One state describes
 * one process. The caller keeps the state in one place, passes every event to {@link stepNode} in order, and performs the effects. It calls
 * {@link refusalToSign} twice per request: when the request is matched, and just before it is sent.
 *
 * Rules:
 * - A node registers a session before it asks for keys, and signs nothing until a report of that session has got a response.
 * - A revision is applied when it has arrived without a gap in the stream, or as a snapshot, when it is in effect in every replication
 *   target, and when no request that used an older table is in progress. Nothing older than the current state is applied.
 * - Every report has its own counter. A lease is taken only from the response to the newest report, and counts from the time when that
 *   report was **sent**, by the clock that shows the longest time. Several clocks are needed: the monotonic clock stops while a machine
 *   sleeps, the wall clock can be set, and both can happen during one lease. So the time since boot is read as well.
 * - When its gateway is deleted, the node drops its keys and the content of its replication targets. Then it sends a last report and stops.
 * - A session that has ended loses its keys. In a new epoch (after a restore of the database), the table is kept for the rest of the lease,
 *   without the keys that tombstones name, and is registered as kept. Without a running lease or without a table, the node waits.
 */
export interface NodeState {
  /** Undefined: not registered. */
  readonly session: { readonly sessionId: string; readonly epoch: string } | undefined;
  /** The revision in the session's epoch that is in effect, with all earlier ones; 0: none. */
  readonly applied: number;
  /** The newest revision of any row in the table. */
  readonly newest: number;
  /** Whether the node has a table, which was loaded in this session or kept over a restore. */
  readonly synced: boolean;
  /** Counter of the newest report that was sent; 0: none in this session. */
  readonly counter: number;
  /** Reports whose responses are still accepted. This is only the newest report. */
  readonly sent: readonly { readonly counter: number; readonly at: Instant }[];
  /** The newest counter that got a response. */
  readonly answered: number;
  /** The lease. Null seconds: unlimited. Undefined: none yet. */
  readonly lease: { readonly seconds: number | null; readonly from: Instant } | undefined;
  readonly leaving: boolean;
  /**
   * Whether the gateway was deleted. Then the node asks for nothing and signs nothing, and sends its last report when no replication target
   * signs any more.
   */
  readonly gone: boolean;
  /**
   * Signatures that the node must not use in another epoch, whatever the database contains. Stored in the state folder, without secrets.
   */
  readonly tombstones: readonly Tombstone[];
  /**
   * Epochs that began with a restore of the database. Tombstones of such an epoch apply within the epoch too. Stored in the state folder.
   */
  readonly putBack: readonly string[];
}

/** A reading of this machine's clocks, in milliseconds. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
  /**
   * Time since boot, including sleep, if it is available. It is the only clock that neither stops nor can be set. It may be up to a second
   * old, which the margin of the lease covers.
   */
  readonly bootMs?: number;
}

/** An ended signature: by a version of a key's secret, for all publications or for one. */
export interface Tombstone {
  readonly signId: string;
  readonly version: number;
  /** Null: all publications. */
  readonly publishId: string | null;
  /** Revision that ended the signature, in `epoch`. */
  readonly revision: number;
  readonly epoch: string;
}

export type NodeEvent =
  /** The control plane has accepted a registration, either without a table or with the kept one. */
  | { readonly kind: 'registered'; readonly sessionId: string; readonly epoch: string; readonly accepted: readonly Tombstone[] }
  /** A report is about to be sent. */
  | { readonly kind: 'send'; readonly at: Instant; readonly leaving: boolean; readonly requestsUnderWay: number }
  | { readonly kind: 'answered'; readonly terms: Terms; readonly at: Instant }
  /** A report, a snapshot or a registration was refused; `revoked`: 401 or 403. */
  | { readonly kind: 'refused'; readonly because: Refusal | 'revoked'; readonly at: Instant }
  /** Changes `first` … `last` of the stream are in effect; `newest`: revision of the partial snapshot with their rows. */
  | { readonly kind: 'applied'; readonly first: number; readonly last: number; readonly newest: number; readonly requestsUnderWay: number }
  /** A whole snapshot has arrived; `in_effect`: and is in effect in every mirror. */
  | { readonly kind: 'snapshot'; readonly revision: number; readonly epoch: string }
  | { readonly kind: 'snapshot_in_effect'; readonly revision: number; readonly epoch: string; readonly requestsUnderWay: number }
  | { readonly kind: 'ended'; readonly tombstones: readonly Tombstone[] }
  /** Tombstones whose retention, that of receipts, is over. */
  | { readonly kind: 'expired'; readonly tombstones: readonly Tombstone[] };

export type NodeEffect =
  /** Sign this report over the bytes of `report-bytes.ts`, and send it. */
  | {
      readonly do: 'report';
      readonly counter: number;
      readonly revision: number;
      readonly newestRevision: number;
      readonly leaseSeconds: number | null;
      readonly leaving: boolean;
    }
  /** Put the snapshot into effect, then pass `snapshot_in_effect`. */
  | { readonly do: 'apply_snapshot' }
  | { readonly do: 'take_snapshot' }
  /** Pass the event again when no earlier request is in progress. */
  | { readonly do: 'wait_for_requests' }
  /** Remove the keys from this process and its mirrors. */
  | { readonly do: 'drop_keys' }
  /** Register with a new key pair and id. */
  | { readonly do: 'register'; readonly withTable: boolean; readonly leaseSeconds: number | null }
  /** There is something to acknowledge. */
  | { readonly do: 'report_soon' }
  | { readonly do: 'store_tombstones' };

export type RefusalToSign = 'unregistered' | 'no_lease' | 'lease_over' | 'no_table' | 'leaving' | 'gone';

/** The state of a process that starts. @param tombstones the tombstones in its state folder */
export const newNode = (tombstones: readonly Tombstone[], faults: Faults = NO_FAULTS, putBack: readonly string[] = []): NodeState => ({
  session: undefined,
  applied: 0,
  newest: 0,
  synced: false,
  counter: 0,
  sent: [],
  answered: 0,
  lease: undefined,
  leaving: false,
  gone: false,
  tombstones: faults.tombstonesLostAtRestart ? [] : tombstones,
  putBack,
});

/** Remaining time of the lease; 0 or less: the lease is over; infinite: it is unlimited. */
export function leaseLeftMs({ lease }: Pick<NodeState, 'lease'>, now: Instant, faults: Faults = NO_FAULTS): number {
  if (!lease) return 0;
  if (lease.seconds === null) return Number.POSITIVE_INFINITY;
  const monotonic = now.monotonicMs - lease.from.monotonicMs;
  const wall = now.wallMs - lease.from.wallMs;
  const boot = now.bootMs === undefined || lease.from.bootMs === undefined ? 0 : now.bootMs - lease.from.bootMs;
  const passed = faults.wallClockLease
    ? wall
    : faults.monotonicClockLease
      ? monotonic
      : Math.max(monotonic, wall, faults.bootClockIgnored ? 0 : boot);
  return lease.seconds * 1000 - passed;
}

/** Returns why the node must not sign now; undefined: it may sign. A node is ready exactly when this is undefined. */
export function refusalToSign(state: NodeState, now: Instant, faults: Faults = NO_FAULTS): RefusalToSign | undefined {
  if (state.gone) return 'gone';
  if (state.leaving) return 'leaving';
  if (!state.session) return 'unregistered';
  if (!state.synced) return 'no_table';
  if (faults.signsWithoutLease) return undefined;
  if (!state.lease) return 'no_lease';
  return leaseLeftMs(state, now, faults) <= 0 ? 'lease_over' : undefined;
}

/** The key that a publication uses. */
export interface UsedKey {
  readonly signId: string;
  readonly version: number;
  readonly publishId: string;
}

/**
 * Whether this signature ended in an earlier epoch than the session's. Within the session's epoch, later data of the control plane takes
 * precedence.
 */
export const isTombstoned = (
  { session, tombstones, putBack }: Pick<NodeState, 'session' | 'tombstones' | 'putBack'>,
  key: UsedKey,
  faults: Faults = NO_FAULTS,
): boolean =>
  !faults.tombstonesIgnored &&
  tombstones.some(
    ({ signId, version, publishId, epoch }) =>
      signId === key.signId &&
      version === key.version &&
      (publishId === null || publishId === key.publishId) &&
      (epoch !== session?.epoch || putBack.includes(epoch)),
  );

type Step = readonly [NodeState, readonly NodeEffect[]];

/** Handles one event. */
export function stepNode(state: NodeState, event: NodeEvent, faults: Faults = NO_FAULTS): Step {
  switch (event.kind) {
    case 'registered':
      return registered(state, event, faults);
    case 'send':
      return send(state, event, faults);
    case 'answered':
      return answered(state, event, faults);
    case 'refused':
      return refused(state, event, faults);
    case 'applied':
      return applied(state, event, faults);
    case 'snapshot':
      return isOlder(state, event, faults) ? [state, [{ do: 'take_snapshot' }]] : [state, [{ do: 'apply_snapshot' }]];
    case 'snapshot_in_effect':
      return snapshotInEffect(state, event, faults);
    case 'ended':
      return ended(state, event.tombstones);
    case 'expired':
      return [{ ...state, tombstones: state.tombstones.filter((each) => !event.tombstones.some((old) => same(old, each))) }, []];
  }
}

type Of<K extends NodeEvent['kind']> = Extract<NodeEvent, { kind: K }>;

const same = (a: Tombstone, b: Tombstone): boolean =>
  a.signId === b.signId && a.version === b.version && a.publishId === b.publishId && a.revision === b.revision && a.epoch === b.epoch;

/** @param accepted tombstones that an operator has accepted. A tombstone must match in all fields */
function registered(state: NodeState, { sessionId, epoch, accepted }: Of<'registered'>, faults: Faults): Step {
  if (state.session?.sessionId === sessionId) return [state, []];
  const tombstones = state.tombstones.filter(
    (each) => !accepted.some((one) => (faults.acceptById ? one.signId === each.signId : same(one, each))),
  );
  const next: NodeState = { ...state, session: { sessionId, epoch }, applied: 0, counter: 0, sent: [], answered: 0, tombstones };
  const effects: NodeEffect[] = [{ do: 'report_soon' }, { do: 'take_snapshot' }];
  return [next, tombstones.length === state.tombstones.length ? effects : [{ do: 'store_tombstones' }, ...effects]];
}

function send(state: NodeState, { at, leaving, requestsUnderWay }: Of<'send'>, faults: Faults): Step {
  if (!state.session) return [state, []];
  // From now on, no new requests begin. The last report waits for those in progress.
  if (leaving && requestsUnderWay > 0 && !faults.requestsNotWaitedFor) return [{ ...state, leaving }, [{ do: 'wait_for_requests' }]];
  const counter = state.counter + 1;
  const sent = { counter, at };
  const next = {
    ...state,
    counter,
    leaving: state.leaving || leaving,
    sent: faults.leaseFromOlderAnswer ? [...state.sent, sent] : [sent],
  };
  const revision = faults.acknowledgedBeforeApplied ? Math.max(state.applied, state.newest) : state.applied;
  const leaseSeconds = state.lease ? state.lease.seconds : 0;
  return [next, [{ do: 'report', counter, revision, newestRevision: state.newest, leaseSeconds, leaving: next.leaving }]];
}

function answered(state: NodeState, { terms, at }: Of<'answered'>, faults: Faults): Step {
  const sent = state.sent.find(({ counter }) => counter === terms.counter);
  if (!state.session || !sent || terms.counter <= (faults.leaseFromOlderAnswer ? 0 : state.answered)) return [state, []];
  // The control plane has forgotten a response, so the epoch is another one.
  if (terms.epoch !== state.session.epoch || terms.previousCounter < state.answered)
    return faults.noEpoch ? [state, []] : newEpoch(state, at, faults);
  const lease = { seconds: terms.leaseSeconds, from: faults.leaseCountsFromAnswer ? at : sent.at };
  return [{ ...state, answered: Math.max(state.answered, terms.counter), lease }, []];
}

function refused(state: NodeState, { because, at }: Of<'refused'>, faults: Faults): Step {
  switch (because) {
    case 'unknown':
    case 'epoch':
    case 'ahead':
      return faults.noEpoch ? [state, []] : newEpoch(state, at, faults);
    case 'ended':
    case 'mismatch':
    case 'taken':
    case 'forged':
      return faults.endedKeepsKeys
        ? [{ ...state, session: undefined }, [{ do: 'register', withTable: false, leaseSeconds: 0 }]]
        : drop(state, true);
    case 'revoked':
      return drop(state, false);
    case 'gone':
      return gone(state);
    case 'repeated':
      return [state, [{ do: 'report_soon' }]];
    case 'held':
    case 'too_many':
      return [state, []];
  }
}

/** Final, because ids of gateways are not reused. The session is kept for the last report. */
function gone(state: NodeState): Step {
  if (state.gone) return [state, []];
  return [{ ...state, gone: true, synced: false, lease: undefined }, [{ do: 'drop_keys' }]];
}

function drop(state: NodeState, anew: boolean): Step {
  const next = { ...newNode(state.tombstones, NO_FAULTS, state.putBack), leaving: state.leaving, gone: state.gone };
  return [
    next,
    anew && !state.leaving && !state.gone
      ? [{ do: 'drop_keys' }, { do: 'register', withTable: false, leaseSeconds: 0 }]
      : [{ do: 'drop_keys' }],
  ];
}

/**
 * The database was restored. The kept table is used for the rest of the lease, without the keys that tombstones name, and is registered as
 * kept.
 */
function newEpoch(before: NodeState, at: Instant, faults: Faults): Step {
  const epoch = before.session?.epoch;
  const state = epoch === undefined || before.putBack.includes(epoch) ? before : { ...before, putBack: [...before.putBack, epoch] };
  if (!state.synced || state.leaving || leaseLeftMs(state, at, faults) <= 0) {
    const [next, effects] = drop(state, true);
    return [next, [{ do: 'store_tombstones' }, ...effects]];
  }
  return [state, [{ do: 'store_tombstones' }, { do: 'register', withTable: true, leaseSeconds: state.lease?.seconds ?? null }]];
}

function applied(state: NodeState, { first, last, newest, requestsUnderWay }: Of<'applied'>, faults: Faults): Step {
  if (!state.session || !state.synced) return [state, []];
  if (last <= state.applied) return [state, []];
  if (first > state.applied + 1 && !faults.gapIgnored) return [state, [{ do: 'take_snapshot' }]];
  if (requestsUnderWay > 0 && !faults.requestsNotWaitedFor) return [state, [{ do: 'wait_for_requests' }]];
  return [{ ...state, applied: last, newest: Math.max(state.newest, last, newest) }, [{ do: 'report_soon' }]];
}

const isOlder = (state: NodeState, { revision, epoch }: Pick<Of<'snapshot'>, 'revision' | 'epoch'>, faults: Faults): boolean =>
  (epoch !== state.session?.epoch && !faults.noEpoch) || (revision < state.applied && !faults.olderApplied);

function snapshotInEffect(state: NodeState, event: Of<'snapshot_in_effect'>, faults: Faults): Step {
  if (!state.session) return [state, []];
  if (isOlder(state, event, faults)) return [state, [{ do: 'take_snapshot' }]];
  if (event.requestsUnderWay > 0 && !faults.requestsNotWaitedFor) return [state, [{ do: 'wait_for_requests' }]];
  return [{ ...state, synced: true, applied: event.revision, newest: event.revision }, [{ do: 'report_soon' }]];
}

function ended(state: NodeState, tombstones: readonly Tombstone[]): Step {
  const more = tombstones.filter((each) => !state.tombstones.some((one) => same(one, each)));
  return more.length === 0 ? [state, []] : [{ ...state, tombstones: [...state.tombstones, ...more] }, [{ do: 'store_tombstones' }]];
}

/**
 * The identity of the file in the state folder, which contains the private key, the record and the lock. A process that opens it after the
 * end of its predecessor may declare that end. If a value cannot be read, it is undefined, and the end may not be declared.
 */
export interface StateFile {
  /** Id of the boot of the machine: `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string | undefined;
  readonly device: string | undefined;
  readonly inode: string | undefined;
}

/**
 * @param recorded the identity of the file as the predecessor has written it @param found the identity now
 * @param locked whether the kernel has granted this process the exclusive lock, on the handle with which it reads
 */
export function maySucceed(
  recorded: StateFile,
  found: StateFile,
  { locked, networkFileSystem }: { readonly locked: boolean; readonly networkFileSystem: boolean },
  faults: Faults = NO_FAULTS,
): boolean {
  if (!locked && !faults.noKernelLock) return false;
  if (faults.copiedFolder) return true;
  if (networkFileSystem) return false;
  return (['bootId', 'device', 'inode'] as const).every((part) => recorded[part] !== undefined && recorded[part] === found[part]);
}
