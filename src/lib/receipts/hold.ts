import { type Faults, NO_FAULTS } from './faults.js';

/**
 * When a node that writes keys to HAProxy may acknowledge a revision: after a reload, an old worker goes on signing with its old maps, out of
 * reach. A pure function; its state survives errors, because it does not depend on HAProxy's answers.
 *
 * Rules:
 * - No revision is acknowledged while a worker without its maps may be alive: the current worker, one from before a reload or, for an
 *   agent that has just started, one that it has never seen.
 * - A worker is gone when the master process says so (`show proc`). Without a master socket, `hard-stop-after` plus a margin is counted
 *   from the moment its successor was first **seen**, which is after it was told to stop. Each reload counts separately.
 * - A worker is identified by its process id and start time: a restarted container reuses process ids.
 * - A worker receives the lease only after this agent's maps.
 */
export interface HoldState {
  /** `hard-stop-after` of that HAProxy. */
  readonly hardStopMs: number;
  /** The worker on the admin socket; `given`: the newest revision whose maps it received from this agent, undefined: none. */
  readonly current: { readonly worker: Worker; readonly given: number | undefined } | undefined;
  readonly draining: readonly Draining[];
}

export interface Worker {
  readonly pid: number;
  /** HAProxy's `Start_time_sec`, constant for a worker. */
  readonly start: number;
}

interface Draining {
  /** Undefined: any worker from before this agent. */
  readonly worker: Worker | undefined;
  readonly given: number | undefined;
  /** When its successor was first seen, monotonic milliseconds; undefined: not yet. */
  readonly sinceMs: number | undefined;
}

export type HoldEvent =
  /** This worker answered on the admin socket, on the connection that then carries its maps. */
  | { readonly kind: 'seen'; readonly worker: Worker; readonly atMs: number }
  /** It received the maps of a revision. */
  | { readonly kind: 'gave'; readonly worker: Worker; readonly revision: number }
  /** The master process listed every living worker. */
  | { readonly kind: 'listed'; readonly workers: readonly Worker[]; readonly atMs: number }
  /** The admin socket failed. */
  | { readonly kind: 'failed' };

/** A starting agent: unknown workers may hold any maps. */
export const newHold = (hardStopMs: number, faults: Faults = NO_FAULTS): HoldState => ({
  hardStopMs,
  current: undefined,
  draining: faults.freshAgentHoldsNothing ? [] : [{ worker: undefined, given: undefined, sinceMs: undefined }],
});

/** `hard-stop-after` plus 2 s and 1 %: the worker's own timer started at another moment. */
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
  // The workers from before this agent are known now.
  const named = workers.filter(
    (worker) => !isCurrent(worker) && !known.some((each) => each.worker && sameWorker(each.worker, worker, faults)),
  );
  return { ...state, draining: [...known, ...named.map((worker) => ({ worker, given: undefined, sinceMs: atMs }))] };
}

const isGone = (state: HoldState, { sinceMs }: Draining, nowMs: number, faults: Faults): boolean =>
  sinceMs !== undefined && nowMs - sinceMs >= holdMs(state.hardStopMs, faults);

/** Shortest time until {@link mayAcknowledge} can become true without another event; infinite: it needs one. */
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

/** Whether every worker's maps from a predecessor of this agent are replaced or gone, so that it may be declared dead. */
export const mayDeclareSuccession = (state: HoldState, nowMs: number, faults: Faults = NO_FAULTS): boolean =>
  faults.successorAtOnce === true || mayAcknowledge(state, 0, nowMs, faults);

/**
 * Whether the worker may get a lease: it has the maps of everything that this node has applied in this session.
 * @param revision of the node's table; a revision kept under an earlier lease must not be signed with again
 */
export const mayCarryLease = (state: HoldState, revision: number, faults: Faults = NO_FAULTS): boolean =>
  state.current !== undefined && (isGiven(state.current.given, revision) || faults.leaseBeforeMaps === true);
