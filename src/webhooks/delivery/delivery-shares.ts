import { LRUCache } from 'lru-cache';

/** An endpoint with due messages. */
export interface DueEndpoint {
  id: string;
  projectId: string;
}

/** How many more messages may be claimed for an endpoint, and the pool in which their attempts take places. */
export interface Capacity extends DueEndpoint {
  count: number;
  pool: Pool;
}

/** Limits of one claim over all endpoints. */
export interface ClaimBudget {
  places: Record<Exclude<Pool, 'ahead'>, number>;
  /** Total number of messages. */
  messages: number;
}

/**
 * `answering`: places for receivers that answer, or that have no history. `silent`: places for receivers that did not answer their last
 * attempt in time. `ahead`: no place; messages that are claimed in advance for receivers that answer fast.
 */
type Pool = 'answering' | 'silent' | 'ahead';

/** How an attempt ended, as far as it affects the receiver's share. `unanswered` includes refused connections. */
export type AttemptEnding = 'answered' | 'unanswered' | 'not made';

/** The observed behaviour of a receiver. */
interface ReceiverStats {
  /** Maximum number of concurrent attempts. It grows by one with each answered attempt and halves with each unanswered one (AIMD). */
  window: number;
  silent: boolean;
  /** Moving average of the latency, in milliseconds. */
  latencyMs: number;
}

interface Lane<T> extends DueEndpoint {
  waiting: { message: T; sinceMs: number }[];
  inFlight: number;
}

/** An attempt without a response after this time moves from the answering pool to the silent pool. */
export const SILENT_MS = 1000;
/** Window of a receiver without a history. */
const FIRST_WINDOW = 2;
/** Messages are claimed in advance for receivers whose mean latency is at most this, so that one claim returns many of them. */
const FAST_MS = 100;
const PREFETCH_PER_PLACE = 8;
/** Size of the silent pool, as a multiple of the answering pool. A waiting attempt occupies only one socket. */
const SILENT_PLACES = 4;
const CLAIM_MAX = 1024;
const STATS_MAX = 10_000;
/** A claimed message whose attempt has not begun after this time is released, because another process may have capacity. */
const STALE_MS = 2000;

/**
 * Distributes the concurrent attempts of a process fairly among projects and their endpoints. The next attempt goes to the project with the
 * fewest attempts in flight, and there to the endpoint with the fewest. Receivers that do not answer have a separate pool and a shrinking
 * window, so that they take no capacity from the others.
 */
export class DeliveryShares<T> {
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #stats = new LRUCache<string, ReceiverStats>({ max: STATS_MAX });
  readonly #ofProject = new Map<string, number>();
  readonly #taken = { answering: 0, silent: 0 };
  readonly #windowMax: number;
  readonly #places: { answering: number; silent: number };
  #waiting = 0;
  #inFlight = 0;

  /** @param places maximum number of concurrent attempts; at most a quarter of them go to one endpoint */
  constructor(places: number) {
    this.#windowMax = Math.max(1, Math.floor(places / 4));
    this.#places = { answering: places, silent: SILENT_PLACES * places };
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** What may be claimed: messages whose attempts can begin now, and a number in advance for fast receivers. */
  budget(): ClaimBudget {
    const waiting = { answering: 0, silent: 0 };
    for (const lane of this.#lanes.values()) {
      const { silent, window } = this.statsOf(lane.id);
      waiting[silent ? 'silent' : 'answering'] += Math.min(lane.waiting.length, Math.max(0, window - lane.inFlight));
    }
    return {
      places: {
        answering: this.#places.answering - this.#taken.answering - waiting.answering,
        silent: this.#places.silent - this.#taken.silent - waiting.silent,
      },
      messages: Math.min(CLAIM_MAX, PREFETCH_PER_PLACE * this.#places.answering - this.#waiting - this.#inFlight),
    };
  }

  /** Returns the endpoints with free capacity. Projects take turns, and the endpoints with the fewest attempts in flight come first. */
  capacities(due: readonly DueEndpoint[]): Capacity[] {
    const byProject = new Map<string, Capacity[]>();
    for (const endpoint of due) {
      const room = this.capacityOf(endpoint);
      if (room.count <= 0) continue;
      const others = byProject.get(endpoint.projectId);
      if (others) others.push(room);
      else byProject.set(endpoint.projectId, [room]);
    }
    const inFlight = ({ id }: Capacity) => this.#lanes.get(id)?.inFlight ?? 0;
    const projects = [...byProject.entries()].sort(([a], [b]) => this.inFlightOf(a) - this.inFlightOf(b)).map(([, rooms]) => rooms);
    for (const rooms of projects) rooms.sort((a, b) => inFlight(a) - inFlight(b));
    const ordered: Capacity[] = [];
    for (let turn = 0; ordered.length < due.length; turn++) {
      let any = false;
      for (const rooms of projects) {
        const room = rooms[turn];
        if (room) {
          ordered.push(room);
          any = true;
        }
      }
      if (!any) break;
    }
    return ordered;
  }

  hasCapacity(endpoint: DueEndpoint): boolean {
    return this.capacityOf(endpoint).count > 0;
  }

  private capacityOf({ id, projectId }: DueEndpoint): Capacity {
    const lane = this.#lanes.get(id);
    const claimed = (lane?.inFlight ?? 0) + (lane?.waiting.length ?? 0);
    const { window, silent, latencyMs } = this.statsOf(id);
    if (!silent && latencyMs <= FAST_MS) {
      const count = PREFETCH_PER_PLACE * window - claimed;
      // Claims in advance only in large batches.
      return { id, projectId, pool: 'ahead', count: count < 2 * window && claimed > 0 ? 0 : count };
    }
    return { id, projectId, pool: silent ? 'silent' : 'answering', count: window - claimed };
  }

  add({ id, projectId }: DueEndpoint, message: T, nowMs: number): void {
    let lane = this.#lanes.get(id);
    if (!lane) this.#lanes.set(id, (lane = { id, projectId, waiting: [], inFlight: 0 }));
    lane.waiting.push({ message, sinceMs: nowMs });
    this.#waiting++;
  }

  /** Begins the next attempt and takes a place for it; undefined when none may begin. */
  begin(): RunningAttempt<T> | undefined {
    let next: Lane<T> | undefined;
    for (const lane of this.#lanes.values()) {
      const { window, silent } = this.statsOf(lane.id);
      const pool = silent ? 'silent' : 'answering';
      if (lane.waiting.length === 0 || lane.inFlight >= window || this.#taken[pool] >= this.#places[pool]) continue;
      if (!next || this.before(lane, next)) next = lane;
    }
    const entry = next?.waiting.shift();
    if (!next || !entry) return undefined;
    this.#waiting--;
    this.#inFlight++;
    next.inFlight++;
    this.#ofProject.set(next.projectId, this.inFlightOf(next.projectId) + 1);
    const pool = this.statsOf(next.id).silent ? 'silent' : 'answering';
    this.#taken[pool]++;
    return { ...entry, lane: next, pool };
  }

  /** Moves an attempt to the silent pool that has had no response for {@link SILENT_MS}. */
  silent(begun: RunningAttempt<T>): void {
    const manners = this.statsOf(begun.lane.id);
    this.#stats.set(begun.lane.id, { ...manners, silent: true });
    if (begun.pool === 'silent') return;
    this.#taken[begun.pool]--;
    this.#taken.silent++;
    begun.pool = 'silent';
  }

  /** Ends an attempt. @param latencyMs time until the response or the failure */
  end(begun: RunningAttempt<T>, ending: AttemptEnding, latencyMs: number): void {
    const { lane } = begun;
    this.#taken[begun.pool]--;
    this.#inFlight--;
    lane.inFlight--;
    const left = this.inFlightOf(lane.projectId) - 1;
    if (left === 0) this.#ofProject.delete(lane.projectId);
    else this.#ofProject.set(lane.projectId, left);
    if (ending !== 'not made') this.#stats.set(lane.id, this.after(this.statsOf(lane.id), ending, latencyMs));
    if (lane.inFlight === 0 && lane.waiting.length === 0) this.#lanes.delete(lane.id);
  }

  /** Removes the messages that have waited for {@link STALE_MS}; without an argument, removes all that wait. */
  releaseWaiting(nowMs = Number.POSITIVE_INFINITY): T[] {
    const given: T[] = [];
    for (const lane of this.#lanes.values()) {
      const kept = lane.waiting.filter(({ sinceMs }) => nowMs - sinceMs < STALE_MS);
      if (kept.length === lane.waiting.length) continue;
      given.push(...lane.waiting.filter((entry) => !kept.includes(entry)).map(({ message }) => message));
      this.#waiting -= lane.waiting.length - kept.length;
      lane.waiting = kept;
      // Claims nothing in advance until the receiver is fast again.
      this.#stats.set(lane.id, { ...this.statsOf(lane.id), latencyMs: FAST_MS + 1 });
      if (lane.inFlight === 0 && kept.length === 0) this.#lanes.delete(lane.id);
    }
    return given;
  }

  private before(a: Lane<T>, b: Lane<T>): boolean {
    const projects = this.inFlightOf(a.projectId) - this.inFlightOf(b.projectId);
    return projects < 0 || (projects === 0 && a.inFlight < b.inFlight);
  }

  private after({ window, latencyMs }: ReceiverStats, ending: AttemptEnding, took: number): ReceiverStats {
    const grown = ending === 'answered' ? Math.min(this.#windowMax, window + 1) : Math.max(1, window >> 1);
    const mean = Number.isFinite(latencyMs) ? latencyMs + (took - latencyMs) / 8 : took;
    return { window: grown, silent: took >= SILENT_MS, latencyMs: ending === 'answered' ? mean : Math.max(mean, FAST_MS + 1) };
  }

  private inFlightOf(projectId: string): number {
    return this.#ofProject.get(projectId) ?? 0;
  }

  private statsOf(endpointId: string): ReceiverStats {
    return (
      this.#stats.get(endpointId) ?? {
        window: Math.min(FIRST_WINDOW, this.#windowMax),
        silent: false,
        latencyMs: Number.POSITIVE_INFINITY,
      }
    );
  }
}

/** An attempt in flight. */
export interface RunningAttempt<T> {
  message: T;
  lane: Lane<T>;
  pool: 'answering' | 'silent';
}
