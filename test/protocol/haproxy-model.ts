import { type Faults, NO_FAULTS } from '../../src/lib/receipts/faults.js';
import {
  type HoldState,
  mayAcknowledge,
  mayCarryLease,
  mayDeclareSuccession,
  newHold,
  stepHold,
  type Worker,
} from '../../src/lib/receipts/hold.js';
import { leaseEndMs, type SessionRow, waitsFor } from '../../src/lib/receipts/protocol.js';
import { after, type Model } from './explorer.js';

export interface HaproxyScope {
  readonly name: string;
  readonly deletions: number;
  readonly reloads: number;
  readonly agentCrashes: number;
  readonly socketFailures: number;
  /** Whether there is a master socket, which lists the workers. */
  readonly master: boolean;
  /** The steps before the run, see {@link after}. */
  readonly prefix: readonly string[];
}

const TICK_MS = 2000;
const HARD_STOP_MS = 4000;
/** The delay from the first answer of a new worker to the stop of its predecessor. */
const STOP_LATE_TICKS = 1;
const LEASE_SECONDS = 5;
const { min, max } = Math;
const LONG_TICKS = 5;

interface HaproxyWorker {
  readonly worker: Worker;
  /** The revision of its maps; 0: its map files are empty. */
  readonly maps: number;
  /** In milliseconds of this model. */
  readonly leaseEndMs: number;
  /** The start of its `hard-stop-after` period; undefined for the active worker. */
  readonly stopsSinceMs: number | undefined;
}

/** One agent process, and the session of its reports. */
interface Agent {
  readonly alive: boolean;
  readonly hold: HoldState;
  readonly table: number;
  readonly session: Pick<SessionRow, 'asked' | 'ending' | 'epoch' | 'acknowledged' | 'firstRevision' | 'withTable'>;
  readonly reportedAtMs: number;
  readonly leased: boolean;
  /** The worker of its open connection, and the worker that the agent believes it to be. */
  readonly connection: { readonly worker: Worker } | undefined;
}

export interface HaproxyState {
  readonly nowMs: number;
  readonly revision: number;
  readonly complete: readonly number[];
  readonly workers: readonly HaproxyWorker[];
  readonly agents: readonly Agent[];
  readonly reloads: number;
  readonly crashes: number;
  readonly failures: number;
}

const sameStart = (a: Worker, b: Worker): boolean => a.pid === b.pid && a.start === b.start;

/** Model of HAProxy, its workers and the agent that synchronises its maps; uses the production functions. */
export class HaproxyModel implements Model<HaproxyState> {
  readonly name: string;
  readonly initial: readonly HaproxyState[];
  private readonly scope: HaproxyScope;
  private readonly faults: Faults;

  constructor(scope: HaproxyScope, faults: Faults = NO_FAULTS) {
    this.name = scope.name;
    this.scope = scope;
    this.faults = faults;
    const worker = { pid: 1, start: 1 };
    const cold: HaproxyState = {
      nowMs: 0,
      revision: 1,
      complete: [],
      workers: [{ worker, maps: 0, leaseEndMs: 0, stopsSinceMs: undefined }],
      agents: [this.#agent(1, newHold(HARD_STOP_MS, faults))],
      reloads: scope.reloads,
      crashes: scope.agentCrashes,
      failures: scope.socketFailures,
    };
    this.initial = [after(this, cold, scope.prefix)];
  }

  #agent(revision: number, hold: HoldState): Agent {
    const session = { asked: true, ending: null, epoch: 'e', acknowledged: 0, firstRevision: revision, withTable: false };
    return { alive: true, hold, table: revision, session, reportedAtMs: 0, leased: false, connection: undefined };
  }

  successors(state: HaproxyState, emit: (action: string, next: HaproxyState) => void): void {
    const step = (action: string, next: HaproxyState) => emit(action, this.#completed(next));
    if (state.revision < 1 + this.scope.deletions) step(`key ${state.revision + 1} is deleted`, { ...state, revision: state.revision + 1 });
    step('time passes', this.#tick(state));
    if (state.reloads > 0) {
      const start = state.workers.length + 1;
      step('HAProxy is reloaded', this.#reload(state, { pid: start, start }));
      const { worker } = state.workers.at(-1) as HaproxyWorker;
      step('its container is replaced: the new worker has the same process id', this.#reload(state, { pid: worker.pid, start }));
    }
    state.workers.forEach((each, w) => {
      if (each.stopsSinceMs !== undefined)
        step(`old worker ${each.worker.start} has finished`, { ...state, workers: state.workers.filter((_, i) => i !== w) });
    });
    const a = state.agents.length - 1;
    const agent = state.agents[a] as Agent;
    const change = (changed: Partial<Agent>, from = state): HaproxyState => ({
      ...from,
      agents: from.agents.map((each, i) => (i === a ? { ...each, ...changed } : each)),
    });
    if (!agent.alive) {
      if (state.agents.length < 1 + this.scope.agentCrashes)
        step('another agent starts', {
          ...state,
          agents: [...state.agents, { ...this.#agent(state.revision, newHold(HARD_STOP_MS, this.faults)), reportedAtMs: state.nowMs }],
        });
      return;
    }
    if (state.crashes > 0) step('the agent crashes', { ...change({ alive: false }), crashes: state.crashes - 1 });
    this.#talk(state, agent, change, step);
    this.#report(state, a, agent, change, step);
    if (agent.table < state.revision) step(`the agent has change ${agent.table + 1}`, change({ table: agent.table + 1 }));
  }

  /** The calls on the admin socket: which worker answers, the maps, and the lease. A connection belongs to the worker that accepted it. */
  #talk(
    state: HaproxyState,
    agent: Agent,
    change: (changed: Partial<Agent>, from?: HaproxyState) => HaproxyState,
    step: (action: string, next: HaproxyState) => void,
  ): void {
    const current = state.workers.find(({ stopsSinceMs }) => stopsSinceMs === undefined) as HaproxyWorker;
    if (state.failures > 0)
      step('the admin socket fails', {
        ...change({ hold: stepHold(agent.hold, { kind: 'failed' }, this.faults), connection: undefined }),
        failures: state.failures - 1,
      });
    if (this.scope.master)
      step(
        'the master lists its workers',
        change({
          hold: stepHold(
            agent.hold,
            { kind: 'listed', workers: state.workers.map(({ worker }) => worker), atMs: state.nowMs },
            this.faults,
          ),
        }),
      );
    const { connection } = agent;
    if (!connection) {
      step(
        `worker ${current.worker.start} answers the agent`,
        change({
          hold: stepHold(agent.hold, { kind: 'seen', worker: current.worker, atMs: state.nowMs }, this.faults),
          connection: { worker: current.worker },
        }),
      );
      return;
    }
    const reached = this.faults.pidAndMapsApart ? current : state.workers.find(({ worker }) => sameStart(worker, connection.worker));
    const closed = change({ connection: undefined });
    step('the agent closes its connection', closed);
    if (!reached) return;
    const touch = (changed: Partial<HaproxyWorker>, from: HaproxyState): HaproxyState => ({
      ...from,
      workers: from.workers.map((each) => (each === reached ? { ...each, ...changed } : each)),
    });
    if (reached.maps !== agent.table) {
      const hold = stepHold(agent.hold, { kind: 'gave', worker: connection.worker, revision: agent.table }, this.faults);
      step(`worker ${reached.worker.start} gets the maps of ${agent.table}`, touch({ maps: agent.table }, change({ hold })));
    }
    const leaseEndMs = agent.leased ? agent.reportedAtMs + LEASE_SECONDS * 1000 : 0;
    if (leaseEndMs !== reached.leaseEndMs && mayCarryLease(agent.hold, agent.table, this.faults))
      step(`worker ${reached.worker.start} gets the lease`, touch({ leaseEndMs }, state));
  }

  /** Reports and their answers take no time here, because sessions-model.ts covers their delays. */
  #report(
    state: HaproxyState,
    a: number,
    agent: Agent,
    change: (changed: Partial<Agent>) => HaproxyState,
    step: (action: string, next: HaproxyState) => void,
  ): void {
    if (agent.session.ending) {
      // After a 409, the same process begins a new session.
      if (state.agents.length < 2 + this.scope.agentCrashes)
        step('the agent registers anew', {
          ...state,
          agents: [
            ...state.agents.map((each, i) => (i === a ? { ...each, alive: false } : each)),
            { ...this.#agent(state.revision, agent.hold), reportedAtMs: state.nowMs },
          ],
        });
      return;
    }
    const acknowledged = mayAcknowledge(agent.hold, agent.table, state.nowMs, this.faults) ? agent.table : agent.session.acknowledged;
    step(
      `the agent reports ${acknowledged}`,
      change({ session: { ...agent.session, acknowledged }, reportedAtMs: state.nowMs, leased: true }),
    );
    if (mayDeclareSuccession(agent.hold, state.nowMs, this.faults) && state.agents.some(({ session }, i) => i < a && !session.ending))
      step('the agent declares its predecessor dead', {
        ...state,
        agents: state.agents.map((each, i) =>
          i < a && !each.session.ending ? { ...each, session: { ...each.session, ending: { how: 'succeeded', by: 'next' } } } : each,
        ),
      });
  }

  #reload(state: HaproxyState, worker: Worker): HaproxyState {
    const workers = state.workers.map((each) =>
      each.stopsSinceMs === undefined ? { ...each, stopsSinceMs: state.nowMs + STOP_LATE_TICKS * TICK_MS } : each,
    );
    return { ...state, reloads: state.reloads - 1, workers: [...workers, { worker, maps: 0, leaseEndMs: 0, stopsSinceMs: undefined }] };
  }

  /** The worst case: leases end as early as permitted, and workers live as long as permitted. */
  #tick(state: HaproxyState): HaproxyState {
    const nowMs = state.nowMs + TICK_MS;
    return {
      ...state,
      nowMs,
      workers: state.workers.filter(({ stopsSinceMs }) => stopsSinceMs === undefined || nowMs - stopsSinceMs < HARD_STOP_MS),
      agents: state.agents.map((agent) =>
        !agent.session.ending && nowMs - agent.reportedAtMs >= leaseEndMs(LEASE_SECONDS)
          ? { ...agent, session: { ...agent.session, ending: { how: 'lease_over' } } }
          : agent,
      ),
    };
  }

  #completed(state: HaproxyState): HaproxyState {
    const complete: number[] = [...state.complete];
    for (let revision = 2; revision <= state.revision; revision++)
      if (!complete.includes(revision) && state.agents.every(({ session }) => !waitsFor({ revision, epoch: 'e' }, session)))
        complete.push(revision);
    return complete.length === state.complete.length ? state : { ...state, complete };
  }

  violation(state: HaproxyState, before: HaproxyState): string | undefined {
    if (before.complete.some((revision) => !state.complete.includes(revision))) return 'a complete receipt opened again';
    const newest = max(0, ...state.complete);
    for (const { worker, maps, leaseEndMs } of state.workers)
      if (maps > 0 && leaseEndMs > state.nowMs && maps < newest)
        return `worker ${worker.start} signs with key ${maps + 1}, whose receipt is complete`;
    return undefined;
  }

  shows(state: HaproxyState, see: (what: string) => void): void {
    for (const { session } of state.agents) if (session.ending) see(`a session ends: ${session.ending.how}`);
    if (state.complete.length > 0) see('a receipt is complete');
    if (state.workers.length > 2) see('two old workers at once');
    if (state.workers.some(({ leaseEndMs, maps }) => maps > 0 && leaseEndMs > state.nowMs)) see('a worker signs');
  }

  key(state: HaproxyState): string {
    const { nowMs } = state;
    const age = (ms: number | undefined) => (ms === undefined ? '' : max(-LONG_TICKS, min(LONG_TICKS, (nowMs - ms) / TICK_MS)));
    const name = (worker: Worker | undefined) => (worker ? `${worker.pid}.${worker.start}` : '');
    const workers = state.workers.map(
      (each) => `${name(each.worker)},${each.maps},${each.leaseEndMs > nowMs ? age(each.leaseEndMs) : ''},${age(each.stopsSinceMs)}`,
    );
    const agents = state.agents.map(({ alive, hold, table, session, reportedAtMs, leased, connection }) =>
      session.ending && !alive
        ? 'x'
        : [
            alive ? 1 : 0,
            session.ending?.how ?? '',
            session.acknowledged,
            session.firstRevision,
            session.ending ? '' : age(reportedAtMs),
            table,
            leased ? 1 : 0,
            name(connection?.worker),
            alive
              ? `${name(hold.current?.worker)}=${hold.current?.given ?? ''};${hold.draining.map((each) => `${name(each.worker)}=${each.given ?? ''}@${age(each.sinceMs)}`).join('+')}`
              : '',
          ].join(','),
    );
    return `${state.revision},${state.complete.join('')},${state.reloads},${state.crashes},${state.failures}|${workers.join(';')}|${agents.join(';')}`;
  }
}
