import { type Faults, NO_FAULTS } from './faults.js';
import type { Refusal, Terms } from './protocol.js';

/**
 * Whether a node may sign, and what it may acknowledge: the node's part of the protocol, as a pure function. One state is one process. The
 * caller keeps the state in one place, passes every event to {@link stepNode} in order, and performs the effects; {@link refusalToSign} is
 * called twice per request: when it is matched, and just before it is sent.
 *
 * Rules:
 * - It registers a session before it asks for keys, and signs nothing before a report of that session was answered.
 * - A revision is applied when it arrived without a gap in the stream, or as a snapshot, is in effect in every mirror, and no request is in
 *   progress that used an older table. Nothing older than the current state is applied.
 * - Every report sent has its own counter. A lease is taken only from the answer to the newest report, and counts from its **sending**, by
 *   whichever clock shows the most time passed: the monotonic clock stops while a machine sleeps, the wall clock can be set, and both can
 *   happen during one lease, so the time since boot is read as well.
 * - When its gateway is deleted, it drops its keys and everything in its mirrors; then it signs off and stops.
 * - An ended session loses its keys. In a new epoch (a database restore) the table is kept within the lease, minus what tombstones name, and
 *   registered as held; without a running lease, or without a table, it waits.
 */
export interface NodeState {
  /** Undefined: not registered. */
  readonly session: { readonly sessionId: string; readonly epoch: string } | undefined;
  /** Every revision up to this one is in effect, in the session's epoch; 0: none. */
  readonly applied: number;
  /** The newest revision of any row in the table. */
  readonly newest: number;
  /** Whether the node has a table: loaded in this session, or kept over a restore. */
  readonly synced: boolean;
  /** Counter of the newest report sent; 0: none in this session. */
  readonly counter: number;
  /** Reports whose answers are still accepted: only the newest report. */
  readonly sent: readonly { readonly counter: number; readonly at: Instant }[];
  /** The newest answered counter. */
  readonly answered: number;
  /** Null seconds: unlimited. Undefined: none yet. */
  readonly lease: { readonly seconds: number | null; readonly from: Instant } | undefined;
  readonly leaving: boolean;
  /** The gateway is deleted: it asks for nothing, signs nothing, and signs off once no mirror signs. */
  readonly gone: boolean;
  /** Signatures that it must not use in another epoch, whatever the database says. Stored in its state folder, without secrets. */
  readonly tombstones: readonly Tombstone[];
  /** Epochs whose database was restored: their tombstones apply in that epoch too. Stored in its state folder. */
  readonly putBack: readonly string[];
}

/** A reading of this machine's clocks, milliseconds. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
  /**
   * Since boot, sleep included, where available: the only clock that neither stops nor can be set. May be up to a second old, which the lease's
   * margin covers.
   */
  readonly bootMs?: number;
}

/** An ended signature: of a key's secret version, in general or for one publication. */
export interface Tombstone {
  readonly signId: string;
  readonly version: number;
  /** Null: all publications. */
  readonly publishId: string | null;
  /** Revision that ended it, in `epoch`. */
  readonly revision: number;
  readonly epoch: string;
}

export type NodeEvent =
  /** The control plane accepted a registration (without a table, or with the held one). */
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
  /** Sign and send this report over the bytes of `report-bytes.ts`. */
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

/** A starting process. @param tombstones from its state folder */
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

/** Remaining lease; 0 or less: over; infinite: unlimited. */
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

/** Why it must not sign now; undefined: it may. A node is ready exactly when this is undefined. */
export function refusalToSign(state: NodeState, now: Instant, faults: Faults = NO_FAULTS): RefusalToSign | undefined {
  if (state.gone) return 'gone';
  if (state.leaving) return 'leaving';
  if (!state.session) return 'unregistered';
  if (!state.synced) return 'no_table';
  if (faults.signsWithoutLease) return undefined;
  if (!state.lease) return 'no_lease';
  return leaseLeftMs(state, now, faults) <= 0 ? 'lease_over' : undefined;
}

/** The key of a publication. */
export interface UsedKey {
  readonly signId: string;
  readonly version: number;
  readonly publishId: string;
}

/** Whether this signature ended in an earlier epoch than the session's. Within its own epoch, later data of the control plane prevails. */
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

/** @param accepted tombstones that an operator has accepted, matched by all fields */
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
  // No new requests from now on; signing off waits for those in progress.
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
  // The control plane has forgotten an answer: another epoch.
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

/** Final: ids of gateways are not reused. The session is kept for signing off. */
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

/** The database was restored. The held table is used for the rest of the lease, minus tombstones, and registered as held. */
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
 * Identity of the state folder's file with private key, record and lock. A process that opens it after its predecessor's death may declare
 * the predecessor dead; an unreadable value is undefined and prevents that.
 */
export interface StateFile {
  /** Id of the machine's boot: `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string | undefined;
  readonly device: string | undefined;
  readonly inode: string | undefined;
}

/**
 * @param recorded the file's identity as the predecessor wrote it @param found its identity now
 * @param locked the kernel granted this process the exclusive lock, on the handle that it reads with
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
