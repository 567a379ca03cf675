import { type Faults, NO_FAULTS } from '../../src/lib/receipts/faults.js';
import {
  type Instant,
  isTombstoned,
  maySucceed,
  newNode,
  type NodeEffect,
  type NodeEvent,
  type NodeState,
  refusalToSign,
  stepNode,
} from '../../src/lib/receipts/node.js';
import {
  type ControlEffect,
  type ControlEvent,
  type ControlState,
  type Observation,
  observe,
  type Refusal,
  type SessionRow,
  silenceOf,
  step,
  type Terms,
} from '../../src/lib/receipts/protocol.js';
import { after, type Model } from './explorer.js';

/** The failures around the protocol. A run has a few of them. All other steps are possible at any time and any number of times. */
export const TROUBLES = [
  'loses',
  'repeats',
  'crash with its folder',
  'crash without its folder',
  'wall clock back',
  'wall clock ahead',
  'machine sleeps',
  'control plane restarts',
  'replica lags',
  'credential revoked',
  'vouched for',
  'lease shortened',
  'report forged',
  'stream skips',
  'table wrong',
] as const;
export type Trouble = (typeof TROUBLES)[number];

export interface Scope {
  readonly name: string;
  /** The names of the processes that run, and of those that may start later. */
  readonly running: readonly string[];
  readonly later: readonly string[];
  readonly controlPlanes: number;
  readonly deletions: number;
  /** The number of failures in a run, and their kinds. */
  readonly troubles: number;
  readonly kinds?: readonly Trouble[];
  /** The maximum number of in-flight messages of a process, in both directions. */
  readonly messages: number;
  readonly jobs: number;
  readonly sessions: number;
  /** The maximum number of requests that read the table and are sent later. */
  readonly requests: boolean;
  readonly leaseSeconds: number | null;
  /**
   * Whether the control plane knows the digest of the newest revision; false: it never does, as for a revision that is no longer the
   * newest.
   */
  readonly digests: boolean;
  /** The steps before the run, see {@link after}. */
  readonly prefix: readonly string[];
}

/** One tick of time. A lease of 1 s ends at the next tick, and a lease of 11 s at the second one. A tick is longer than any margin. */
const TICK_MS = 10_000;
const SHORT_LEASE = 1;
const HOUR_TICKS = 360;
/** Times that are older than this are equivalent. */
const LONG_TICKS = 2;
const EPOCH = 'e';
const NEVER = Number.POSITIVE_INFINITY;
const { min, max } = Math;

type Message =
  | {
      readonly to: 'control';
      readonly counter: number;
      readonly sessionId: string;
      readonly revision: number;
      readonly newest: number;
      readonly leaseSeconds: number | null;
      readonly leaving: boolean;
      readonly table: number;
      readonly forged: boolean;
    }
  | { readonly to: 'node'; readonly what: 'terms'; readonly sessionId: string; readonly terms: Terms }
  | { readonly to: 'node'; readonly what: 'refused'; readonly sessionId: string; readonly because: Refusal | 'revoked' }
  | { readonly to: 'node'; readonly what: 'snapshot'; readonly sessionId: string; readonly revision: number };

/** A snapshot that a control plane is about to answer. */
interface Job {
  readonly sessionId: string;
  readonly atLeast: number;
  readonly read: number | undefined;
}

interface Process {
  readonly name: string;
  readonly life: 'later' | 'alive' | 'dead';
  /** Whether its state folder is kept for a successor. */
  readonly folder: boolean;
  readonly node: NodeState;
  /** The revision whose keys it has; 0: no keys. Revision n deletes key n. */
  readonly table: number;
  /** The revision that is applied in memory but not yet reported, because earlier requests are in flight. */
  readonly waiting: NodeEvent | undefined;
  readonly request: { readonly table: number; readonly looks: 1 | 2 } | undefined;
  readonly wallTicks: number;
  readonly sleptTicks: number;
  readonly revoked: boolean;
  readonly messages: readonly Message[];
  readonly jobs: readonly Job[];
}

export interface SessionsState {
  readonly now: number;
  readonly control: ControlState;
  /** The observations by control plane and then by session. */
  readonly observations: readonly Readonly<Record<string, Observation>>[];
  readonly processes: readonly Process[];
  readonly troubles: number;
  readonly had: readonly Trouble[];
  /** What each session really received and reported. */
  readonly truth: Readonly<Record<string, { readonly served: number; readonly said: number }>>;
}

/** Model of sessions, leases, acknowledgements and completion; uses the production functions. */
export class SessionsModel implements Model<SessionsState> {
  readonly name: string;
  initial: readonly SessionsState[];
  /** The pairs of failures that have been explored. */
  readonly pairs = new Set<string>();
  private readonly scope: Scope;
  private readonly faults: Faults;

  constructor(scope: Scope, faults: Faults = NO_FAULTS) {
    this.scope = scope;
    this.faults = faults;
    this.name = scope.name;
    const process = (name: string, life: 'alive' | 'later'): Process => ({
      name,
      life,
      folder: false,
      node: newNode([]),
      table: 0,
      waiting: undefined,
      request: undefined,
      wallTicks: 0,
      sleptTicks: 0,
      revoked: false,
      messages: [],
      jobs: [],
    });
    const cold: SessionsState = {
      now: 0,
      control: {
        gateway: { epoch: EPOCH, revision: 1, leaseSeconds: scope.leaseSeconds, deleted: false, held: false, quarantine: null },
        sessions: [],
        receipts: [],
      },
      observations: Array.from({ length: scope.controlPlanes }, () => ({})),
      processes: [...scope.running.map((name) => process(name, 'alive')), ...scope.later.map((name) => process(name, 'later'))],
      troubles: scope.troubles,
      had: [],
      truth: {},
    };
    this.initial = [cold];
    this.initial = [after(this, cold, scope.prefix)];
  }

  successors(state: SessionsState, emit: (action: string, next: SessionsState) => void): void {
    const { scope } = this;
    const { control } = state;
    // The steps of a deletion and of time.
    if (control.gateway.revision < 1 + scope.deletions) {
      const revision = control.gateway.revision + 1;
      const deleted = {
        ...control,
        gateway: { ...control.gateway, revision },
        receipts: [...control.receipts, { revision, epoch: EPOCH, complete: false, superseded: false }],
      };
      emit(`key ${revision} is deleted`, this.#complete({ ...state, control: deleted }));
    }
    emit('time passes', this.#tick(state, -1));
    if (this.#may(state, 'machine sleeps'))
      state.processes.forEach(({ life }, p) => {
        if (life === 'alive')
          emit(`time passes while the machine of ${this.#who(p)} sleeps`, this.#trouble('machine sleeps', this.#tick(state, p)));
      });
    if (this.#may(state, 'lease shortened') && control.gateway.leaseSeconds !== SHORT_LEASE)
      emit(
        'the lease is shortened',
        this.#trouble('lease shortened', { ...state, control: { ...control, gateway: { ...control.gateway, leaseSeconds: SHORT_LEASE } } }),
      );
    this.#controlPlanes(state, emit);
    state.processes.forEach((process, p) => {
      if (process.life === 'later') emit(`${this.#who(p)} starts`, this.#with(state, p, { life: 'alive' }));
      this.#messages(state, p, process, emit);
      this.#jobs(state, p, process, emit);
      if (process.life === 'alive') this.#process(state, p, process, emit);
    });
  }

  #controlPlanes(state: SessionsState, emit: (action: string, next: SessionsState) => void): void {
    state.observations.forEach((observations, c) => {
      for (const session of state.control.sessions) {
        if (session.ending || !session.asked) continue;
        const observation = observations[session.sessionId];
        const reads = (slow: boolean) => {
          const returned = state.now * TICK_MS;
          const begun = slow ? returned - TICK_MS : returned;
          return observe(observation, session, begun, returned, this.faults);
        };
        const remember = (seen: Observation) => ({
          ...state,
          observations: state.observations.map((each, i) => (i === c ? { ...each, [session.sessionId]: seen } : each)),
        });
        emit(`control plane ${c + 1} reads session ${session.sessionId}`, remember(reads(false)));
        if (!observation && state.now > 0)
          emit(`control plane ${c + 1} has read session ${session.sessionId} slowly`, remember(reads(true)));
        if (!observation) continue;
        const [stored] = this.#step(state, {
          kind: 'silence',
          sessionId: session.sessionId,
          counter: observation.counter,
          silenceMs: silenceOf(observation),
        });
        if (stored !== state) emit(`control plane ${c + 1} stores the silence of ${session.sessionId}`, stored);
      }
      if (this.#may(state, 'control plane restarts') && Object.keys(observations).length > 0)
        emit(
          `control plane ${c + 1} restarts`,
          this.#trouble('control plane restarts', { ...state, observations: state.observations.map((each, i) => (i === c ? {} : each)) }),
        );
    });
    for (const { sessionId, ending } of state.control.sessions) {
      if (ending || !this.#may(state, 'vouched for')) continue;
      emit(
        `somebody vouches for ${sessionId}`,
        this.#trouble('vouched for', this.#step(state, { kind: 'vouch', sessionId, by: 'operator', at: 0 })[0]),
      );
    }
  }

  #messages(state: SessionsState, p: number, process: Process, emit: (action: string, next: SessionsState) => void): void {
    process.messages.forEach((message, m) => {
      const taken = this.#with(state, p, { messages: process.messages.filter((_, i) => i !== m) });
      if (this.#may(state, 'loses')) emit(`a message of ${this.#who(p)} is lost`, this.#trouble('loses', taken));
      const name = `${this.#who(p)}: ${message.to === 'control' ? `report ${message.counter} of ${message.sessionId}${message.forged ? ' (forged)' : ''} is taken` : `${message.what} of ${message.sessionId} arrives${message.what === 'snapshot' ? ` (revision ${message.revision})` : ''}`}`;
      const deliver = (from: SessionsState) => (message.to === 'control' ? this.#report(from, p, message) : this.#arrive(from, p, message));
      emit(name, deliver(taken));
      if (this.#may(state, 'repeats') && process.messages.length < this.scope.messages)
        emit(`${name}, and once more later`, this.#trouble('repeats', deliver(state)));
    });
  }

  #jobs(state: SessionsState, p: number, process: Process, emit: (action: string, next: SessionsState) => void): void {
    process.jobs.forEach((job, j) => {
      const replaced = (next: Job | undefined) => process.jobs.flatMap((each, i) => (i === j ? (next ? [next] : []) : [each]));
      if (job.read === undefined) {
        const { revision } = state.control.gateway;
        emit(`a snapshot for ${job.sessionId} is read`, this.#with(state, p, { jobs: replaced({ ...job, read: revision }) }));
        if (this.#may(state, 'replica lags') && revision > 1)
          emit(
            `a snapshot for ${job.sessionId} is read from a replica that lags`,
            this.#trouble('replica lags', this.#with(state, p, { jobs: replaced({ ...job, read: revision - 1 }) })),
          );
        return;
      }
      const { read, sessionId } = job;
      const [after, effects] = this.#step(state, { kind: 'record', sessionId, revision: read, atLeast: job.atLeast, partial: false });
      const again = effects.find((effect) => effect.do === 'read_again');
      const answered = effects.some((effect) => effect.do === 'answer_snapshot');
      const jobs = replaced(again ? { sessionId, atLeast: again.atLeast, read: undefined } : undefined);
      if (!answered) return emit(`the snapshot for ${sessionId} is not answered`, this.#with(after, p, { jobs }));
      const before = after.truth[sessionId] ?? { served: NEVER, said: 0 };
      const truth = { ...after.truth, [sessionId]: { ...before, served: min(before.served, read) } };
      const snapshot: Message = { to: 'node', what: 'snapshot', sessionId, revision: read };
      const messages = process.life === 'alive' ? [...process.messages, snapshot] : process.messages;
      emit(`the snapshot for ${sessionId} is answered`, this.#with({ ...after, truth }, p, { jobs, messages }));
    });
  }

  #process(state: SessionsState, p: number, process: Process, emit: (action: string, next: SessionsState) => void): void {
    const { node } = process;
    const who = this.#who(p);
    const { session } = node;
    if (!session && !node.leaving && !process.revoked) this.#register(state, p, process, emit);
    if (session) {
      if (!node.synced && process.jobs.length + snapshotsOf(process) < this.scope.jobs && !process.revoked) {
        const [after, effects] = this.#step(state, { kind: 'ask', sessionId: session.sessionId });
        const read = effects.find((effect) => effect.do === 'read');
        if (read)
          emit(
            `${who} asks for a snapshot`,
            this.#with(after, p, { jobs: [...process.jobs, { sessionId: session.sessionId, atLeast: read.atLeast, read: undefined }] }),
          );
        else
          emit(
            `${who} asks for a snapshot in vain`,
            this.#told(after, p, { kind: 'refused', because: refusalOf(effects) ?? 'unknown', at: this.#clock(state, process) }),
          );
      }
      const { revision } = state.control.gateway;
      const known = max(node.applied, process.table);
      if (node.synced && !process.waiting && known < revision && !process.revoked) {
        emit(`${who} applies change ${known + 1}`, this.#apply(state, p, known + 1, known + 1));
        if (this.#may(state, 'stream skips') && known + 2 <= revision)
          emit(
            `${who} applies change ${known + 2} after ${known}`,
            this.#trouble('stream skips', this.#apply(state, p, known + 2, known + 2, true)),
          );
        if (this.#may(state, 'table wrong'))
          emit(`${who} takes change ${known + 1} for applied`, this.#trouble('table wrong', this.#apply(state, p, known + 1, known)));
      }
      if (process.messages.length < this.scope.messages) {
        emit(`${who} reports`, this.#send(state, p, false));
        if (!node.leaving) emit(`${who} leaves`, this.#send(state, p, true));
      }
      if (this.#may(state, 'report forged') && process.messages.length < this.scope.messages) {
        const row = state.control.sessions.find(({ sessionId }) => sessionId === session.sessionId);
        const forged: Message = {
          to: 'control',
          sessionId: session.sessionId,
          counter: (row?.counter ?? 0) + 1,
          revision,
          newest: revision,
          leaseSeconds: 0,
          leaving: false,
          table: revision,
          forged: true,
        };
        emit(
          `somebody reports as ${session.sessionId}`,
          this.#trouble('report forged', this.#with(state, p, { messages: [...process.messages, forged] })),
        );
      }
    }
    if (this.scope.requests) this.#requests(state, p, process, emit);
    for (const [kind, folder] of [
      ['crash with its folder', true],
      ['crash without its folder', false],
    ] as const)
      if (this.#may(state, kind))
        emit(
          `${who} crashes${folder ? '' : ', and its folder is lost'}`,
          this.#trouble(
            kind,
            this.#with(state, p, {
              life: 'dead',
              folder,
              request: undefined,
              waiting: undefined,
              messages: process.messages.filter(({ to }) => to === 'control'),
            }),
          ),
        );
    if (node.lease || node.sent.length > 0) {
      if (this.#may(state, 'wall clock back'))
        emit(
          `the wall clock of ${who} is set back`,
          this.#trouble('wall clock back', this.#with(state, p, { wallTicks: process.wallTicks - HOUR_TICKS })),
        );
      if (this.#may(state, 'wall clock ahead'))
        emit(
          `the wall clock of ${who} is set ahead`,
          this.#trouble('wall clock ahead', this.#with(state, p, { wallTicks: process.wallTicks + HOUR_TICKS })),
        );
    }
    if (!process.revoked && this.#may(state, 'credential revoked'))
      emit(`the credential of ${who} is revoked`, this.#trouble('credential revoked', this.#with(state, p, { revoked: true })));
  }

  #register(state: SessionsState, p: number, process: Process, emit: (action: string, next: SessionsState) => void): void {
    const own = state.control.sessions.filter(({ sessionId }) => sessionId.startsWith(`${p + 1}.`));
    if (own.length >= this.scope.sessions) return;
    const who = this.#who(p);
    const sessionId = `${p + 1}.${own.length + 1}`;
    const register = (succeeds: { sessionId: string; proven: boolean } | null) => {
      const event: ControlEvent = {
        kind: 'register',
        sessionId,
        nodeId: process.name,
        publicKey: sessionId,
        credentialId: 'c',
        withTable: false,
        leaseSeconds: 0,
        living: 0,
        sessionsMax: 1000,
        succeeds,
      };
      const [after, effects] = this.#step(state, event);
      const admitted = effects.some((effect) => effect.do === 'admit');
      return admitted ? this.#told(after, p, { kind: 'registered', sessionId, epoch: EPOCH, accepted: [] }) : after;
    };
    emit(`${who} registers ${sessionId}`, register(null));
    state.processes.forEach((other, o) => {
      if (o === p || other.name !== process.name || other.life === 'later') return;
      const before = state.control.sessions.findLast((session) => session.sessionId.startsWith(`${o + 1}.`) && !session.ending);
      if (!before) return;
      emit(
        `${who} registers ${sessionId} and claims to follow ${before.sessionId}, without its key`,
        register({ sessionId: before.sessionId, proven: false }),
      );
      const file = { bootId: 'b', device: 'd', inode: 'i' };
      const successions = {
        'in its folder':
          other.life === 'alive' || other.folder
            ? maySucceed(file, file, { locked: other.life === 'dead', networkFileSystem: false }, this.faults)
            : false,
        'in a copy of its folder': maySucceed(file, { ...file, inode: 'j' }, { locked: true, networkFileSystem: false }, this.faults),
      };
      for (const [where, may] of Object.entries(successions))
        if (may)
          emit(
            `${who} registers ${sessionId} and follows ${before.sessionId} ${where}`,
            register({ sessionId: before.sessionId, proven: true }),
          );
    });
  }

  #requests(state: SessionsState, p: number, process: Process, emit: (action: string, next: SessionsState) => void): void {
    const mayLook = refusalToSign(process.node, this.#clock(state, process), this.faults) === undefined;
    if (!process.request) {
      if (mayLook && process.table <= this.scope.deletions)
        emit(`a request of ${this.#who(p)} begins`, this.#with(state, p, { request: { table: process.table, looks: 1 } }));
      return;
    }
    const done = this.#with(state, p, { request: undefined });
    emit(
      `the request of ${this.#who(p)} is over`,
      process.waiting ? this.#told(this.#with(done, p, { waiting: undefined }), p, withoutRequests(process.waiting)) : done,
    );
    // Second check: the request is sent only if the current table would sign it.
    if (process.request.looks === 1 && mayLook && process.table <= process.request.table)
      emit(`the request of ${this.#who(p)} is about to be sent`, this.#with(state, p, { request: { ...process.request, looks: 2 } }));
  }

  /** Applies a change in memory; it is in effect once earlier requests have ended. */
  #apply(state: SessionsState, p: number, revision: number, table: number, skipping = false): SessionsState {
    const process = state.processes[p] as Process;
    const event: NodeEvent = {
      kind: 'applied',
      first: revision,
      last: revision,
      newest: skipping ? revision : state.control.gateway.revision,
      requestsUnderWay: process.request ? 1 : 0,
    };
    // A key that the skipped change would have removed stays.
    const holds = skipping ? process.table : max(process.table, table);
    return this.#told(this.#with(state, p, { table: holds }), p, event);
  }

  #send(state: SessionsState, p: number, leaving: boolean): SessionsState {
    const process = state.processes[p] as Process;
    return this.#told(state, p, {
      kind: 'send',
      at: this.#clock(state, process),
      leaving: leaving || process.node.leaving,
      requestsUnderWay: process.request ? 1 : 0,
    });
  }

  #report(state: SessionsState, p: number, message: Extract<Message, { to: 'control' }>): SessionsState {
    const process = state.processes[p] as Process;
    const { gateway } = state.control;
    const answer = (from: SessionsState, to: Message) =>
      process.life === 'alive' && !message.forged
        ? this.#with(from, p, { messages: [...(from.processes[p] as Process).messages, to] })
        : from;
    const refused = (because: Refusal | 'revoked'): Message => ({ to: 'node', what: 'refused', sessionId: message.sessionId, because });
    if (process.revoked && !message.forged) return answer(state, refused('revoked'));
    const event: ControlEvent = {
      kind: 'report',
      sessionId: message.sessionId,
      authentic: !message.forged,
      credentialId: 'c',
      epoch: EPOCH,
      counter: message.counter,
      revision: message.revision,
      newestRevision: message.newest,
      digest: String(message.table),
      ownDigest: this.scope.digests && message.revision === gateway.revision ? String(message.revision) : undefined,
      leaseSeconds: message.leaseSeconds,
      leaving: message.leaving,
      succeeds: null,
      at: 0,
    };
    const said = state.truth[message.sessionId] ?? { served: NEVER, said: 0 };
    const truth = message.forged
      ? state.truth
      : { ...state.truth, [message.sessionId]: { ...said, said: max(said.said, message.revision) } };
    const [after, effects] = this.#step({ ...state, truth }, event);
    const answered = effects.find((effect) => effect.do === 'answer_report');
    if (answered) return answer(after, { to: 'node', what: 'terms', sessionId: message.sessionId, terms: answered.terms });
    const because = refusalOf(effects);
    return because ? answer(after, refused(because)) : after;
  }

  #arrive(state: SessionsState, p: number, message: Extract<Message, { to: 'node' }>): SessionsState {
    const process = state.processes[p] as Process;
    if (process.node.session?.sessionId !== message.sessionId) return state;
    const at = this.#clock(state, process);
    if (message.what === 'terms') return this.#told(state, p, { kind: 'answered', terms: message.terms, at });
    if (message.what === 'refused') return this.#told(state, p, { kind: 'refused', because: message.because, at });
    const { revision } = message;
    const [, effects] = stepNode(process.node, { kind: 'snapshot', revision, epoch: EPOCH }, this.faults);
    if (process.waiting || !effects.some((effect) => effect.do === 'apply_snapshot')) return state;
    return this.#told(this.#with(state, p, { table: revision }), p, {
      kind: 'snapshot_in_effect',
      revision,
      epoch: EPOCH,
      requestsUnderWay: process.request ? 1 : 0,
    });
  }

  /** Applies an event to the node, and its effects. */
  #told(state: SessionsState, p: number, event: NodeEvent): SessionsState {
    const process = state.processes[p] as Process;
    const [node, effects] = stepNode(process.node, event, this.faults);
    let next: Process = { ...process, node };
    for (const effect of effects) next = this.#effect(next, effect, event);
    return { ...state, processes: state.processes.map((each, i) => (i === p ? next : each)) };
  }

  #effect(process: Process, effect: NodeEffect, event: NodeEvent): Process {
    switch (effect.do) {
      case 'report': {
        const report: Message = {
          to: 'control',
          sessionId: process.node.session?.sessionId ?? '',
          counter: effect.counter,
          revision: effect.revision,
          newest: effect.newestRevision,
          leaseSeconds: effect.leaseSeconds,
          leaving: effect.leaving,
          table: process.table,
          forged: false,
        };
        return { ...process, messages: [...process.messages, report] };
      }
      case 'drop_keys':
        return { ...process, table: 0, waiting: undefined, jobs: [], request: undefined };
      case 'wait_for_requests':
        return event.kind === 'send' ? process : { ...process, waiting: event };
      case 'take_snapshot':
        return event.kind === 'applied' ? { ...process, node: { ...process.node, synced: false } } : process;
      default:
        return process;
    }
  }

  #step(state: SessionsState, event: ControlEvent): [SessionsState, readonly ControlEffect[]] {
    const [control, effects] = step(state.control, event, this.faults);
    return [control === state.control ? state : this.#complete({ ...state, control }), effects];
  }

  /** Completion as soon as possible is the worst case, because nothing else depends on it. */
  #complete(state: SessionsState): SessionsState {
    const [control] = step(state.control, { kind: 'look' }, this.faults);
    return control === state.control ? state : { ...state, control };
  }

  #tick(state: SessionsState, sleeper: number): SessionsState {
    return {
      ...state,
      now: state.now + 1,
      processes: state.processes.map((process, p) => ({
        ...process,
        sleptTicks: process.sleptTicks + (p === sleeper ? 1 : 0),
        // The model assumes that a request that has passed both checks is written to its socket before time passes.
        request: process.request?.looks === 2 ? undefined : process.request,
        ...(process.request?.looks === 2 && process.waiting ? this.#released(process) : {}),
      })),
    };
  }

  #released(process: Process): Partial<Process> {
    const [node] = stepNode(process.node, withoutRequests(process.waiting as NodeEvent), this.faults);
    return { node, waiting: undefined };
  }

  #clock(state: SessionsState, process: Process): Instant {
    return {
      monotonicMs: (state.now - process.sleptTicks) * TICK_MS,
      wallMs: (state.now + process.wallTicks) * TICK_MS,
      bootMs: state.now * TICK_MS,
    };
  }

  #with = (state: SessionsState, p: number, changed: Partial<Process>): SessionsState => ({
    ...state,
    processes: state.processes.map((each, i) => (i === p ? { ...each, ...changed } : each)),
  });

  #who(p: number): string {
    return `process ${p + 1} (${this.initial[0]?.processes[p]?.name ?? ''})`;
  }

  #may = (state: SessionsState, trouble: Trouble): boolean => state.troubles > 0 && (this.scope.kinds?.includes(trouble) ?? true);
  /** Counts a failure. Its kind does not affect later steps, so it is not part of the state key. */
  #trouble(kind: Trouble, state: SessionsState): SessionsState {
    for (const before of state.had) this.pairs.add([before, kind].sort().join(' + '));
    return { ...state, troubles: state.troubles - 1, had: [...state.had, kind] };
  }

  violation(state: SessionsState, before: SessionsState): string | undefined {
    const { sessions, receipts } = state.control;
    for (const receipt of before.control.receipts)
      if (receipt.complete && !receipts.some((each) => each.revision === receipt.revision && each.complete))
        return `the complete receipt of ${receipt.revision} opened again or vanished`;
    const newest = receipts.reduce((most, { revision, complete }) => (complete ? max(most, revision) : most), 0);
    for (const [p, process] of state.processes.entries()) {
      if (process.life !== 'alive') continue;
      const session = sessions.find(({ sessionId }) => sessionId === process.node.session?.sessionId);
      const signs = refusalToSign(process.node, this.#clock(state, process), this.faults) === undefined;
      const tombstoned = isTombstoned(process.node, { signId: '', version: 0, publishId: '' });
      if (session?.ending?.how !== 'vouched') {
        if (signs && !tombstoned && process.table < newest)
          return `${this.#who(p)} signs with key ${process.table + 1}, whose receipt is complete`;
        const { request } = process;
        const sent = request && (request.looks === 2 || this.faults.noSecondLook);
        if (sent && request.table < newest)
          return `${this.#who(p)} sends what it signed with key ${request.table + 1} after its receipt was complete`;
      }
      if (session?.ending?.how === 'lease_over' && signs) return `${session.sessionId} is called lease_over, and signs`;
      if (session && !session.ending && process.life === 'alive' && session.acknowledged > process.table)
        return `${session.sessionId} has acknowledged ${session.acknowledged} and has ${process.table}`;
    }
    if (receipts !== before.control.receipts)
      for (const receipt of receipts)
        if (receipt.complete && !before.control.receipts.some((each) => each.revision === receipt.revision && each.complete))
          for (const session of sessions) {
            const { served, said } = state.truth[session.sessionId] ?? { served: NEVER, said: 0 };
            if (served < receipt.revision && said < receipt.revision && !session.ending)
              return `${session.sessionId} was served ${served}, and the receipt of ${receipt.revision} did not wait for it`;
          }
    return undefined;
  }

  shows(state: SessionsState, see: (what: string) => void): void {
    for (const { ending, contradictedAt } of state.control.sessions) {
      if (ending) see(`a session ends: ${ending.how}`);
      if (contradictedAt !== null) see('a word that was wrong is known');
    }
    for (const { complete } of state.control.receipts) if (complete) see('a receipt is complete');
    if (state.troubles === 0) see('every trouble of the run has happened');
  }

  /**
   * Whether every receipt is complete within the longest lease and its margin, if channels are fair and nothing else fails. Control planes
   * restart once per tick, and store what they saw.
   */
  staysOpen(state: SessionsState): string | undefined {
    let at: SessionsState = { ...state, troubles: 0, observations: state.observations.map(() => ({})) };
    const ticks = Math.ceil(((this.scope.leaseSeconds ?? 0) * 1000) / TICK_MS) + 2;
    for (let tick = 0; tick <= ticks; tick++) {
      at = this.#fairly(at);
      if (at.control.receipts.every(({ complete }) => complete)) return undefined;
      at = this.#watched(at);
      at = this.#tick(at, -1);
      at = this.#watched(at);
      at = { ...at, observations: at.observations.map(() => ({})) };
    }
    return at.control.receipts.every(({ complete }) => complete) ? undefined : 'a receipt stays open although channels are fair';
  }

  /** Delivers every message and runs every process. */
  #fairly(state: SessionsState): SessionsState {
    let at = state;
    for (let round = 0; round < 12; round++) {
      at.processes.forEach((_, p) => {
        const first = at.processes[p] as Process;
        if (first.request) at = this.#finished(at, p);
        for (let message = (at.processes[p] as Process).messages[0]; message; message = (at.processes[p] as Process).messages[0]) {
          const { messages } = at.processes[p] as Process;
          const taken = this.#with(at, p, { messages: messages.slice(1) });
          at = message.to === 'control' ? this.#report(taken, p, message) : this.#arrive(taken, p, message);
        }
        const process = at.processes[p] as Process;
        const steps: [string, SessionsState][] = [];
        this.#jobs(at, p, process, (action, next) => steps.push([action, next]));
        if (process.life === 'alive') this.#process(at, p, process, (action, next) => steps.push([action, next]));
        const wanted = [
          'is answered',
          'is read',
          'is not answered',
          'registers',
          'asks',
          'applies',
          ...(round % 3 === 2 ? ['reports'] : []),
        ];
        const found = wanted.map((want) => steps.find(([action]) => action.includes(want))).find((each) => each !== undefined);
        if (found) at = found[1];
      });
    }
    return at;
  }

  #finished(state: SessionsState, p: number): SessionsState {
    const process = state.processes[p] as Process;
    const done = this.#with(state, p, { request: undefined });
    return process.waiting ? this.#told(this.#with(done, p, { waiting: undefined }), p, withoutRequests(process.waiting)) : done;
  }

  #watched(state: SessionsState): SessionsState {
    let at = state;
    at.observations.forEach((_, c) => {
      for (const { sessionId } of at.control.sessions) {
        const session = at.control.sessions.find((each) => each.sessionId === sessionId) as SessionRow;
        if (session.ending || !session.asked) continue;
        const now = at.now * TICK_MS;
        const seen = observe(at.observations[c]?.[sessionId], session, now, now, this.faults);
        at = { ...at, observations: at.observations.map((each, i) => (i === c ? { ...each, [sessionId]: seen } : each)) };
        at = this.#step(at, { kind: 'silence', sessionId, counter: seen.counter, silenceMs: silenceOf(seen) })[0];
      }
    });
    return at;
  }

  key(state: SessionsState): string {
    const order = state.processes.map((process, p) => ({ p, text: this.#processKey(state, process, p) }));
    order.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
    const { gateway, receipts } = state.control;
    const watching = state.observations.map((observations) =>
      order
        .map(({ p }) =>
          state.control.sessions
            .filter((session) => session.sessionId.startsWith(`${p + 1}.`))
            .map((session) => this.#observationKey(state, session, observations[session.sessionId]))
            .join(','),
        )
        .join(';'),
    );
    watching.sort();
    return `${gateway.revision}${gateway.leaseSeconds}${state.troubles}${receipts.map(({ complete }) => (complete ? 1 : 0)).join('')}|${order.map(({ text }) => text).join('|')}|${watching.join('|')}`;
  }

  #observationKey(state: SessionsState, session: SessionRow, observation: Observation | undefined): string {
    if (!observation || session.ending) return '';
    const stale = observation.counter !== session.counter;
    if (stale && !this.faults.verdictWithoutLook) return '';
    const age = (ms: number) => min(LONG_TICKS, ms / TICK_MS);
    return `${stale ? 's' : ''}${age(observation.foundMs + state.now * TICK_MS - observation.firstReturnedMs)}/${age(silenceOf(observation))}`;
  }

  #processKey(state: SessionsState, process: Process, p: number): string {
    const { node } = process;
    const sessions = state.control.sessions.filter((session) => session.sessionId.startsWith(`${p + 1}.`));
    const counters = [0, node.counter, node.answered];
    for (const { counter } of node.sent) counters.push(counter);
    for (const { counter } of sessions) counters.push(counter);
    for (const message of process.messages) {
      if (message.to === 'control') counters.push(message.counter);
      else if (message.what === 'terms') counters.push(message.terms.counter, message.terms.previousCounter);
    }
    // Only the order of counters matters.
    const ranks = counters.sort((a, b) => a - b).filter((each, i) => each !== counters[i - 1]);
    const rank = (counter: number) => ranks.indexOf(counter);
    const clock = this.#clock(state, process);
    const since = (at: Instant) => {
      const ages = [clock.monotonicMs - at.monotonicMs, clock.wallMs - at.wallMs, state.now * TICK_MS - (at.bootMs ?? 0)];
      return ages.map((age) => max(-LONG_TICKS, min(LONG_TICKS, age / TICK_MS))).join(':');
    };
    const rows = sessions.map((session) =>
      session.ending && session.sessionId !== node.session?.sessionId
        ? 'x'
        : [
            session.ending?.how[0] ?? '',
            session.asked ? 1 : 0,
            session.firstRevision ?? '',
            session.acknowledged,
            rank(session.counter),
            session.leaseSeconds,
            min(LONG_TICKS, session.silenceMs / TICK_MS),
            session.contradictedAt === null ? '' : 'c',
            state.truth[session.sessionId]?.served ?? '',
            state.truth[session.sessionId]?.said ?? '',
          ].join(','),
    );
    const messages = process.messages.map((message) => {
      const of = message.sessionId === node.session?.sessionId ? '' : message.sessionId.slice(2);
      if (message.to === 'control')
        return `r${of}${rank(message.counter)},${message.revision},${message.newest},${message.leaseSeconds},${message.leaving ? 1 : 0},${message.table},${message.forged ? 1 : 0}`;
      if (message.what === 'terms')
        return `t${of}${rank(message.terms.counter)},${rank(message.terms.previousCounter)},${message.terms.leaseSeconds}`;
      return message.what === 'refused' ? `f${of}${message.because}` : `s${of}${message.revision}`;
    });
    messages.sort();
    const jobs = process.jobs.map((job) => `${job.sessionId.slice(2)}.${job.atLeast}.${job.read ?? ''}`).sort();
    if (process.life === 'dead')
      return `d${process.name}${process.folder ? 1 : 0}#${rows.join('+')}#${messages.join('+')}#${jobs.join('+')}`;
    return [
      process.life[0],
      process.name,
      process.table,
      process.revoked ? 1 : 0,
      process.request ? `${process.request.table}.${process.request.looks}` : '',
      process.waiting ? 'w' : '',
      node.session ? node.session.sessionId.slice(2) : '',
      node.applied,
      node.newest,
      node.synced ? 1 : 0,
      rank(node.counter),
      rank(node.answered),
      node.sent.map(({ counter, at }) => `${rank(counter)}@${since(at)}`).join('+'),
      node.lease ? `${node.lease.seconds}@${since(node.lease.from)}` : '',
      node.leaving ? 1 : 0,
      rows.join('+'),
      messages.join('+'),
      jobs.join('+'),
    ].join('#');
  }
}

const snapshotsOf = (process: Process): number =>
  process.messages.filter((message) => message.to === 'node' && message.what === 'snapshot').length;

const refusalOf = (effects: readonly ControlEffect[]): Refusal | undefined => effects.find((effect) => effect.do === 'refuse')?.because;

const withoutRequests = (event: NodeEvent): NodeEvent => ('requestsUnderWay' in event ? { ...event, requestsUnderWay: 0 } : event);
