import { type Faults, NO_FAULTS } from './faults.js';

/**
 * Decides when a node that writes keys to HAProxy may acknowledge a revision. After a reload, an old worker continues to sign with its old
 * maps and cannot be reached. The decision is a pure function. Its state survives errors, because it does not depend on HAProxy's
 * responses.
 *
 * Rules:
 * - No revision is acknowledged while a worker without the maps of this revision may run: the current worker, a worker from before a
 *   reload, or, for an agent that has just started, a worker that it has never seen.
 * - A worker has ended when the master process does not list it any more (`show proc`). Without a master socket, it counts as ended after
 *   `hard-stop-after` plus a margin. This time begins when its successor was first **seen**, because by then the worker was told to stop.
 *   Each reload counts separately.
 * - A worker is identified by its process id and its start time, because a restarted container reuses process ids.
 * - A worker gets the lease only after it has the maps of this agent.
 */
export interface HoldState {
  /** `hard-stop-after` of the HAProxy. */
  readonly hardStopMs: number;
  /** The worker on the admin socket. `given`: the newest revision whose maps this agent has written to the worker; undefined: none. */
  readonly current: { readonly worker: Worker; readonly given: number | undefined } | undefined;
  readonly draining: readonly Draining[];
}

export interface Worker {
  readonly pid: number;
  /** HAProxy's `Start_time_sec`, which is constant for a worker. */
  readonly start: number;
}

interface Draining {
  /** Undefined: any worker from before this agent. */
  readonly worker: Worker | undefined;
  readonly given: number | undefined;
  /** When the successor of the worker was first seen, in monotonic milliseconds; undefined: not yet. */
  readonly sinceMs: number | undefined;
}

export type HoldEvent =
  /** This worker responded on the admin socket, on the connection that then carries its maps. */
  | { readonly kind: 'seen'; readonly worker: Worker; readonly atMs: number }
  /** It received the maps of a revision. */
  | { readonly kind: 'gave'; readonly worker: Worker; readonly revision: number }
  /** The master process listed every living worker. */
  | { readonly kind: 'listed'; readonly workers: readonly Worker[]; readonly atMs: number }
  /** The admin socket failed. */
  | { readonly kind: 'failed' };

/** The state of an agent that starts: unknown workers may have any maps. */
export const newHold = (hardStopMs: number, faults: Faults = NO_FAULTS): HoldState => ({
  hardStopMs,
  current: undefined,
  draining: faults.freshAgentHoldsNothing ? [] : [{ worker: undefined, given: undefined, sinceMs: undefined }],
});

/** `hard-stop-after` plus 2 s and 1 %, because the worker's own timer started at another time. */
export const holdMs = (hardStopMs: number, faults: Faults = NO_FAULTS): number =>
  faults.holdWithoutMargin ? hardStopMs : hardStopMs + 2000 + hardStopMs / 100;

export const sameWorker = (a: Worker, b: Worker, faults: Faults = NO_FAULTS): boolean =>
  a.pid === b.pid && (a.start === b.start || faults.workerIsPid === true);

export function stepHold(state: HoldState, event: HoldEvent, faults: Faults = NO_FAULTS): HoldState {
  switch (event.kind) {
    case 'seen':
      return seen(state, event, faults);
    case 'gave': {
      const { current } = state;
      if (!current || (!sameWorker(current.worker, event.worker, faults) && !faults.pidAndMapsApart)) return state;
      return { ...state, current: { ...current, given: Math.max(current.given ?? 0, event.revision) } };
    }
    case 'listed':
      return listed(state, event, faults);
    case 'failed':
      return faults.holdLostOnError ? { ...state, draining: [] } : state;
  }
}

function seen(state: HoldState, { worker, atMs }: Extract<HoldEvent, { kind: 'seen' }>, faults: Faults): HoldState {
  const { current } = state;
  const waiting = state.draining
    .map((each) => (each.sinceMs === undefined ? { ...each, sinceMs: atMs } : each))
    .filter((each) => !(each.worker && sameWorker(each.worker, worker, faults)) && !isGone(state, each, atMs, faults));
  if (current && sameWorker(current.worker, worker, faults)) return { ...state, draining: waiting };
  const before = current ? [{ ...current, sinceMs: atMs }] : [];
  const draining = faults.secondReloadForgotten && waiting.length > 0 ? waiting : [...waiting, ...before];
  return { ...state, current: { worker, given: undefined }, draining };
}

function listed(state: HoldState, { workers, atMs }: Extract<HoldEvent, { kind: 'listed' }>, faults: Faults): HoldState {
  const isCurrent = (worker: Worker) => state.current !== undefined && sameWorker(state.current.worker, worker, faults);
  const known = state.draining.filter(
    (each) => each.worker && workers.some((worker) => each.worker && sameWorker(each.worker, worker, faults)),
  );
  if (!state.draining.some((each) => each.worker === undefined)) return { ...state, draining: known };
  // From now on, the workers from before this agent are known.
  const named = workers.filter(
    (worker) => !isCurrent(worker) && !known.some((each) => each.worker && sameWorker(each.worker, worker, faults)),
  );
  return { ...state, draining: [...known, ...named.map((worker) => ({ worker, given: undefined, sinceMs: atMs }))] };
}

const isGone = (state: HoldState, { sinceMs }: Draining, nowMs: number, faults: Faults): boolean =>
  sinceMs !== undefined && nowMs - sinceMs >= holdMs(state.hardStopMs, faults);

/** The shortest time until {@link mayAcknowledge} can become true without another event; infinite: it requires another event. */
function holdLeftMs(state: HoldState, revision: number, nowMs: number, faults: Faults = NO_FAULTS): number {
  if (!isGiven(state.current?.given, revision)) return Number.POSITIVE_INFINITY;
  const ends = state.draining
    .filter(({ given }) => !isGiven(given, revision))
    .map(({ sinceMs }) => (sinceMs === undefined ? Number.POSITIVE_INFINITY : sinceMs + holdMs(state.hardStopMs, faults) - nowMs));
  return Math.max(0, ...ends);
}

const isGiven = (given: number | undefined, revision: number): boolean => given !== undefined && given >= revision;

/** Whether no worker signs with anything older than the revision. */
export const mayAcknowledge = (state: HoldState, revision: number, nowMs: number, faults: Faults = NO_FAULTS): boolean =>
  holdLeftMs(state, revision, nowMs, faults) === 0;

/** Whether no worker has maps from a predecessor of this agent any more, so that the end of the predecessor may be declared. */
export const mayDeclareSuccession = (state: HoldState, nowMs: number, faults: Faults = NO_FAULTS): boolean =>
  faults.successorAtOnce === true || mayAcknowledge(state, 0, nowMs, faults);

/**
 * Whether the worker may get a lease, which requires that it has the maps of everything that this node has applied in this session.
 * @param revision the revision of the node's table. A revision that was kept under an earlier lease must not be used for signing again
 */
export const mayCarryLease = (state: HoldState, revision: number, faults: Faults = NO_FAULTS): boolean =>
  state.current !== undefined && (isGiven(state.current.given, revision) || faults.leaseBeforeMaps === true);
