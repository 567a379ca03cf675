import { type Faults, NO_FAULTS } from '../../src/lib/receipts/faults.js';
import {
  type Instant,
  isTombstoned,
  newNode,
  type NodeEvent,
  type NodeState,
  refusalToSign,
  stepNode,
  type Tombstone,
} from '../../src/lib/receipts/node.js';
import { type ControlEffect, type ControlEvent, type ControlState, step } from '../../src/lib/receipts/protocol.js';
import { BEAT_MS, beat, beaten, leftByRestore, mayRelease, newPulse, type Pulse, type Standing } from '../../src/lib/receipts/restore.js';
import { after, type Model } from './explorer.js';

export interface RestoreScope {
  readonly name: string;
  /** The number of nodes in addition to the one that signs when the run begins. */
  readonly later: number;
  /** Whether a second control plane, which has no file, may start. */
  readonly starter: boolean;
  readonly restores: number;
  /** Whether a second control plane runs, and one of the two may stop and restart with its file. */
  readonly stops: number;
  /** The number of failures: node restarts, lost answers, and control planes that crash in the middle of a beat. */
  readonly troubles: number;
  /** Whether the first node signs when the run begins; false: no node has started. */
  readonly signing: boolean;
  /** The steps before the run: for each text, the first step whose name contains it. */
  readonly prefix: readonly string[];
}

const LEASE_SECONDS = 3;
const { min } = Math;
/** Longer than any lease and its margin. */
const LONG_TICKS = 6;
const KEY = { signId: 's', version: 1, publishId: 'p' };

interface Observed {
  readonly counter: number;
  readonly sinceMs: number;
}

interface Stored {
  readonly control: ControlState;
  readonly key: boolean;
  /** The control planes, by number. */
  readonly pulses: readonly (number | undefined)[];
  /** The earlier epochs of this database. */
  readonly left: readonly string[];
  readonly accepted: readonly Tombstone[];
}

interface Plane {
  readonly up: boolean;
  readonly pulse: Pulse;
}

interface Node {
  readonly life: 'alive' | 'later';
  readonly state: NodeState;
  /** Whether it has the key. */
  readonly key: boolean;
  /** The content of its state folder. */
  readonly folder: readonly Tombstone[];
  /** Every tombstone that it has created. */
  readonly buried: readonly Tombstone[];
  readonly sessions: number;
}

export interface RestoreState {
  readonly nowMs: number;
  readonly stored: Stored;
  readonly backup: { readonly stored: Stored; readonly atMs: number } | undefined;
  /** Whether an answer was given since the backup. A restore that loses less than a second of answers is not detected, and not explored. */
  readonly told: 'nothing' | 'within a second' | 'later';
  readonly restores: number;
  /**
   * How often a restore may be detected: once for each epoch that a file has. Files of two epochs cannot show that it is the same restore,
   * because a backup may have been made between what the two control planes know.
   */
  readonly restored: number;
  readonly stops: number;
  readonly noticed: number;
  readonly noticedAtMs: number | undefined;
  readonly planes: readonly Plane[];
  readonly nodes: readonly Node[];
  readonly observed: Readonly<Record<string, Observed>>;
  /** Whether a complete receipt states that nobody signs with the key, and no operator has accepted the key since. */
  readonly gone: boolean;
  readonly epochs: number;
  readonly troubles: number;
}

const RUNNING: Plane = { up: true, pulse: { file: 1, epoch: 'e0', writtenAtMs: 0, startedAtMs: -10_000 } };

/** Model of a database restore, the control planes that detect it, and nodes with state; uses the production functions. */
export class RestoreModel implements Model<RestoreState> {
  readonly name: string;
  readonly initial: readonly RestoreState[];
  private readonly faults: Faults;

  constructor(scope: RestoreScope, faults: Faults = NO_FAULTS) {
    this.name = scope.name;
    this.faults = faults;
    const node = (life: 'alive' | 'later'): Node => ({ life, state: newNode([]), key: false, folder: [], buried: [], sessions: 0 });
    const cold: RestoreState = {
      nowMs: 0,
      stored: {
        control: {
          gateway: { epoch: 'e0', revision: 1, leaseSeconds: LEASE_SECONDS, deleted: false, held: false, quarantine: null },
          sessions: [],
          receipts: [],
        },
        key: true,
        pulses: [1, scope.stops > 0 ? 1 : undefined],
        left: [],
        accepted: [],
      },
      backup: undefined,
      told: 'nothing',
      restores: scope.restores,
      restored: 0,
      stops: scope.stops,
      noticed: 0,
      noticedAtMs: undefined,
      // The first control plane has run for a long time.
      planes: [RUNNING, ...(scope.stops > 0 ? [RUNNING] : []), ...(scope.starter ? [{ up: false, pulse: newPulse(0, '') }] : [])],
      nodes: [node(scope.signing ? 'alive' : 'later'), ...Array.from({ length: scope.later }, () => node('later'))],
      observed: {},
      gone: false,
      epochs: 1,
      troubles: scope.troubles,
    };
    const began = scope.signing ? this.#report(this.#snapshot(this.#register(cold, 0, false), 0, false), 0) : cold;
    this.initial = [after(this, began, scope.prefix)];
  }

  successors(state: RestoreState, emit: (action: string, next: RestoreState) => void): void {
    const { stored, planes } = state;
    const { gateway } = stored.control;
    emit('a second passes', this.#tick(state));
    if (!state.backup) emit('a backup is made', { ...state, backup: { stored, atMs: state.nowMs }, told: 'nothing' });
    else if (state.restores > 0 && state.told !== 'within a second')
      emit('the backup is put back', {
        ...state,
        stored: state.backup.stored,
        restores: state.restores - 1,
        restored: state.restored + new Set(planes.map(({ pulse }) => pulse.epoch).filter((epoch) => epoch !== '')).size,
      });
    planes.forEach((plane, c) => {
      const who = `control plane ${c + 1}`;
      if (!plane.up) {
        emit(`${who} starts`, this.#beat({ ...state, planes: planes.map((each, i) => (i === c ? { ...each, up: true } : each)) }, c));
        return;
      }
      if (state.stops > 0)
        emit(`${who} stops`, {
          ...state,
          stops: state.stops - 1,
          planes: planes.map((each, i) => (i === c ? { up: false, pulse: newPulse(plane.pulse.file, plane.pulse.epoch) } : each)),
        });
      if (state.troubles > 0)
        emit(`${who} crashes in the middle of a beat, and starts`, this.#halfBeat({ ...state, troubles: state.troubles - 1 }, c));
      const tell = (action: string, next: (from: RestoreState) => RestoreState) => {
        const at = this.#telling(state, c);
        if (at) emit(`${who}: ${action}`, at.noticed ? at.state : this.#completed(this.#told(next(at.state))));
      };
      if (stored.key && !gateway.held)
        tell('the key is deleted', (from) => {
          const revision = from.stored.control.gateway.revision + 1;
          const { epoch } = from.stored.control.gateway;
          const receipts = [...from.stored.control.receipts, { revision, epoch, complete: false, superseded: false }];
          return this.#store(from, {
            key: false,
            control: { ...from.stored.control, receipts, gateway: { ...from.stored.control.gateway, revision } },
          });
        });
      tell('a receipt is looked at', (from) => from);
      if (gateway.held) this.#recover(state, tell);
      state.nodes.forEach((node, n) => this.#node(state, n, node, tell, emit));
    });
  }

  #node(
    state: RestoreState,
    n: number,
    node: Node,
    tell: (action: string, next: (from: RestoreState) => RestoreState) => void,
    emit: (action: string, next: RestoreState) => void,
  ): void {
    const who = `node ${n + 1}`;
    if (node.life === 'later') return emit(`${who} starts`, this.#with(state, n, { life: 'alive' }));
    const { session } = node.state;
    if (!session) {
      if (node.sessions < 3) tell(`${who} registers`, (from) => this.#register(from, n, false));
    } else {
      tell(`${who} reports`, (from) => this.#report(from, n));
      const { gateway } = state.stored.control;
      if (!node.state.synced || node.state.applied === 0) {
        tell(`${who} takes a snapshot`, (from) => this.#snapshot(from, n, false));
        if (state.troubles > 0)
          tell(`${who} takes a snapshot, and the answer is lost`, (from) =>
            this.#snapshot({ ...from, troubles: from.troubles - 1 }, n, true),
          );
      } else if (node.state.applied < gateway.revision && session.epoch === gateway.epoch && !gateway.held)
        tell(`${who} applies change ${node.state.applied + 1}`, (from) => this.#apply(from, n));
    }
    if (state.troubles > 0)
      emit(
        `${who} restarts`,
        this.#with({ ...state, troubles: state.troubles - 1 }, n, {
          state: newNode(node.folder, this.faults, node.state.putBack),
          key: false,
        }),
      );
  }

  /** An operator decides. A tombstone that is not named in full stays. */
  #recover(state: RestoreState, tell: (action: string, next: (from: RestoreState) => RestoreState) => void): void {
    const decided = (from: RestoreState, changed: Partial<Stored>, gone: boolean): RestoreState => {
      const epoch = `e${from.epochs}`;
      const [control] = step(from.stored.control, { kind: 'recover', epoch }, this.faults);
      const left = [...from.stored.left, from.stored.control.gateway.epoch];
      return { ...this.#store(from, { control, left, ...changed }), gone, epochs: from.epochs + 1 };
    };
    const named = state.nodes.flatMap(({ folder }) => folder);
    const other: Tombstone[] = [{ signId: KEY.signId, version: 99, publishId: null, revision: 1, epoch: 'e0' }];
    tell('the operator names other tombstones of the key and continues', (from) => decided(from, { accepted: other }, false));
    if (named.length > 0) tell('the operator names every tombstone and continues', (from) => decided(from, { accepted: named }, false));
    if (state.stored.key)
      tell('the operator deletes the key again', (from) => {
        const { control } = from.stored;
        const revision = control.gateway.revision + 1;
        const deleted = {
          ...from,
          stored: { ...from.stored, key: false, control: { ...control, gateway: { ...control.gateway, revision } } },
        };
        return decided(deleted, {}, from.gone);
      });
  }

  /** Whether this control plane may return the result of its transaction. It beats first if it must. */
  #telling(state: RestoreState, c: number): { state: RestoreState; noticed: boolean } | undefined {
    const { pulse } = state.planes[c] as Plane;
    switch (mayRelease(pulse, this.#standing(state, c), state.nowMs, this.faults)) {
      case 'release':
        return { state, noticed: false };
      case 'wait':
        return undefined;
      case 'restored':
        return { state: this.#notice(state, c), noticed: true };
      case 'beat': {
        const later = this.#beat(state, c);
        if (later.noticedAtMs !== state.noticedAtMs) return { state: later, noticed: true };
        return mayRelease((later.planes[c] as Plane).pulse, this.#standing(later, c), later.nowMs, this.faults) === 'release'
          ? { state: later, noticed: false }
          : undefined;
      }
    }
  }

  #told(state: RestoreState): RestoreState {
    if (!state.backup || state.told === 'later') return state;
    return { ...state, told: state.nowMs - state.backup.atMs > BEAT_MS ? 'later' : 'within a second' };
  }

  #beat(state: RestoreState, c: number): RestoreState {
    const { pulse } = state.planes[c] as Plane;
    const number = beat(pulse, this.#standing(state, c), state.stored.left.includes(pulse.epoch), this.faults);
    if (number === 'restored') return this.#notice(state, c);
    return this.#plane(
      this.#store(state, { pulses: state.stored.pulses.map((each, i) => (i === c ? number : each)) }),
      c,
      beaten(pulse, number, state.stored.control.gateway.epoch, state.nowMs),
    );
  }

  #standing = ({ stored }: RestoreState, c: number): Standing => ({ row: stored.pulses[c], epoch: stored.control.gateway.epoch });

  /** The control plane crashes after the first of the two writes, and the new process reads the file. */
  #halfBeat(state: RestoreState, c: number): RestoreState {
    const { pulse } = state.planes[c] as Plane;
    const number = beat(pulse, this.#standing(state, c), state.stored.left.includes(pulse.epoch), this.faults);
    if (number === 'restored') return this.#notice(state, c);
    if (this.faults.pulseFileFirst) return this.#plane(state, c, newPulse(number, state.stored.control.gateway.epoch));
    return this.#plane(
      this.#store(state, { pulses: state.stored.pulses.map((each, i) => (i === c ? number : each)) }),
      c,
      newPulse(pulse.file, pulse.epoch),
    );
  }

  #notice(state: RestoreState, c: number): RestoreState {
    const { pulse } = state.planes[c] as Plane;
    const [control] = step(
      state.stored.control,
      { kind: 'restored', epoch: `e${state.epochs}`, longestLeaseSeconds: LEASE_SECONDS },
      this.faults,
    );
    const number = pulse.file + 1;
    const left = [...new Set([...state.stored.left, ...leftByRestore(pulse, state.stored.control.gateway.epoch, this.faults)])];
    const stored = { ...state.stored, control, left, pulses: state.stored.pulses.map((each, i) => (i === c ? number : each)) };
    return this.#plane(
      { ...state, stored, noticed: state.noticed + 1, noticedAtMs: state.nowMs, epochs: state.epochs + 1, told: 'later' },
      c,
      beaten(pulse, number, control.gateway.epoch, state.nowMs),
    );
  }

  #register(state: RestoreState, n: number, withTable: boolean): RestoreState {
    const node = state.nodes[n] as Node;
    const sessionId = `${n + 1}.${node.sessions + 1}`;
    const own = node.state.session?.sessionId;
    const event: ControlEvent = {
      kind: 'register',
      sessionId,
      nodeId: `n${n}`,
      publicKey: sessionId,
      credentialId: 'c',
      withTable,
      leaseSeconds: node.state.lease ? node.state.lease.seconds : 0,
      living: 0,
      sessionsMax: 1000,
      succeeds: withTable && own !== undefined ? { sessionId: own, proven: true } : null,
    };
    const [control, effects] = step(state.stored.control, event, this.faults);
    const admitted = effects.find((effect) => effect.do === 'admit');
    if (!admitted) return state;
    const next = this.#with(this.#store(state, { control }), n, { sessions: node.sessions + 1 });
    return this.#event(next, n, { kind: 'registered', sessionId, epoch: admitted.epoch, accepted: state.stored.accepted });
  }

  #report(state: RestoreState, n: number): RestoreState {
    const node = state.nodes[n] as Node;
    const at = this.#clock(state);
    const [sent, effects] = stepNode(node.state, { kind: 'send', at, leaving: false, requestsUnderWay: 0 }, this.faults);
    const report = effects.find((effect) => effect.do === 'report');
    const from = this.#with(state, n, { state: sent });
    if (!report || !sent.session) return state;
    const event: ControlEvent = {
      kind: 'report',
      sessionId: sent.session.sessionId,
      authentic: true,
      credentialId: 'c',
      epoch: sent.session.epoch,
      counter: report.counter,
      revision: report.revision,
      newestRevision: report.newestRevision,
      digest: '',
      ownDigest: undefined,
      leaseSeconds: report.leaseSeconds,
      leaving: false,
      succeeds: null,
      at: 0,
    };
    const [control, answers] = step(from.stored.control, event, this.faults);
    const answered = answers.find((effect) => effect.do === 'answer_report');
    const stored = this.#store(from, { control });
    return answered ? this.#event(stored, n, { kind: 'answered', terms: answered.terms, at }) : this.#refused(stored, n, answers);
  }

  #snapshot(state: RestoreState, n: number, lost: boolean): RestoreState {
    const { session } = (state.nodes[n] as Node).state;
    if (!session) return state;
    const { sessionId } = session;
    const [asked, read] = step(state.stored.control, { kind: 'ask', sessionId }, this.faults);
    if (!read.some((effect) => effect.do === 'read')) return this.#refused(state, n, read);
    const { revision, epoch } = asked.gateway;
    const [control] = step(asked, { kind: 'record', sessionId, revision, atLeast: revision, partial: false }, this.faults);
    const next = this.#store(state, { control });
    if (lost) return next;
    const [, effects] = stepNode((next.nodes[n] as Node).state, { kind: 'snapshot', revision, epoch }, this.faults);
    if (!effects.some((effect) => effect.do === 'apply_snapshot')) return next;
    return this.#event(this.#with(next, n, { key: next.stored.key }), n, {
      kind: 'snapshot_in_effect',
      revision,
      epoch,
      requestsUnderWay: 0,
    });
  }

  #apply(state: RestoreState, n: number): RestoreState {
    const node = state.nodes[n] as Node;
    const revision = node.state.applied + 1;
    const { epoch } = state.stored.control.gateway;
    const ended = node.key && !state.stored.key;
    const tombstone: Tombstone = { signId: KEY.signId, version: KEY.version, publishId: null, revision, epoch };
    const told = ended
      ? this.#event(this.#with(state, n, { buried: [...node.buried, tombstone] }), n, { kind: 'ended', tombstones: [tombstone] })
      : state;
    return this.#event(this.#with(told, n, { key: state.stored.key }), n, {
      kind: 'applied',
      first: revision,
      last: revision,
      newest: revision,
      requestsUnderWay: 0,
    });
  }

  #refused(state: RestoreState, n: number, effects: readonly ControlEffect[]): RestoreState {
    const refusal = effects.find((effect) => effect.do === 'refuse');
    return refusal ? this.#event(state, n, { kind: 'refused', because: refusal.because, at: this.#clock(state) }) : state;
  }

  #event(state: RestoreState, n: number, event: NodeEvent): RestoreState {
    const node = state.nodes[n] as Node;
    const [next, effects] = stepNode(node.state, event, this.faults);
    let at = this.#with(state, n, { state: next });
    for (const effect of effects) {
      if (effect.do === 'drop_keys') at = this.#with(at, n, { key: false });
      else if (effect.do === 'store_tombstones') at = this.#with(at, n, { folder: next.tombstones });
      else if (effect.do === 'register' && effect.withTable && node.sessions < 3) at = this.#register(at, n, true);
    }
    return at;
  }

  /** The worst case: every running control plane beats and ends leases as early as permitted. */
  #tick(state: RestoreState): RestoreState {
    let at: RestoreState = { ...state, nowMs: state.nowMs + BEAT_MS };
    at.planes.forEach(({ up }, c) => {
      if (up) at = this.#beat(at, c);
    });
    const { quarantine } = at.stored.control.gateway;
    if (quarantine && at.noticedAtMs !== undefined)
      at = this.#store(at, {
        control: step(
          at.stored.control,
          { kind: 'elapsed', since: quarantine.since, elapsedMs: at.nowMs - at.noticedAtMs },
          this.faults,
        )[0],
      });
    const observed: Record<string, Observed> = {};
    for (const { sessionId, counter, ending, asked } of at.stored.control.sessions) {
      if (ending || !asked) continue;
      const before = state.observed[sessionId];
      const seen = before?.counter === counter ? before : { counter, sinceMs: at.nowMs };
      observed[sessionId] = seen;
      at = this.#store(at, {
        control: step(at.stored.control, { kind: 'silence', sessionId, counter, silenceMs: at.nowMs - seen.sinceMs }, this.faults)[0],
      });
    }
    return { ...at, observed };
  }

  #completed(state: RestoreState): RestoreState {
    const [control, effects] = step(state.stored.control, { kind: 'look' }, this.faults);
    if (control === state.stored.control) return state;
    const gone = state.gone || effects.some((effect) => effect.do === 'completed');
    return { ...this.#store(state, { control }), gone };
  }

  #store = (state: RestoreState, changed: Partial<Stored>): RestoreState => ({ ...state, stored: { ...state.stored, ...changed } });
  #plane = (state: RestoreState, c: number, pulse: Pulse): RestoreState => ({
    ...state,
    planes: state.planes.map((each, i) => (i === c ? { up: true, pulse } : each)),
  });
  #with = (state: RestoreState, n: number, changed: Partial<Node>): RestoreState => ({
    ...state,
    nodes: state.nodes.map((each, i) => (i === n ? { ...each, ...changed } : each)),
  });
  #clock = ({ nowMs }: RestoreState): Instant => ({ monotonicMs: nowMs, wallMs: nowMs });

  violation(state: RestoreState): string | undefined {
    if (state.noticed > state.restored) return 'a restore was noticed that never was';
    for (const [n, { life, state: node, key, buried: made }] of state.nodes.entries()) {
      if (life !== 'alive' || refusalToSign(node, this.#clock(state), this.faults) !== undefined) continue;
      const session = state.stored.control.sessions.find(({ sessionId }) => sessionId === node.session?.sessionId);
      if (session?.ending?.how === 'lease_over') return `session ${session.sessionId} is called lease_over, and signs`;
      if (!key || isTombstoned(node, KEY, this.faults)) continue;
      if (state.gone) return `node ${n + 1} signs with the key, whose receipt is complete`;
      const { accepted } = state.stored;
      const buried = made.some(
        (one) =>
          (one.epoch !== node.session?.epoch || node.putBack.includes(one.epoch)) &&
          !accepted.some((each) => each.version === one.version && each.revision === one.revision && each.epoch === one.epoch),
      );
      if (buried && state.restored > 0) return `node ${n + 1} signs with what its tombstone names, and nobody accepted it`;
    }
    return undefined;
  }

  shows(state: RestoreState, see: (what: string) => void): void {
    const { gateway, receipts } = state.stored.control;
    if (state.noticed > 1) see('a second restore is noticed');
    if (state.restored > 0)
      see(gateway.held ? 'held after a restore' : state.noticedAtMs === undefined ? 'restored, not noticed yet' : 'recovered');
    if (receipts.some(({ complete }) => complete)) see('a receipt is complete');
    if (receipts.some(({ complete, epoch }) => complete && epoch !== 'e0')) see('a receipt of after a restore is complete');
    if (receipts.some(({ superseded }) => superseded)) see('a receipt is superseded by a restore');
    for (const { state: node, key } of state.nodes) {
      if (node.session && node.session.epoch !== 'e0' && key && refusalToSign(node, this.#clock(state)) === undefined)
        see(isTombstoned(node, KEY) ? 'a tombstone keeps a node from signing' : 'a node signs after a restore');
    }
  }

  key(state: RestoreState): string {
    const { nowMs, stored, backup } = state;
    const age = (ms: number | undefined) => (ms === undefined ? '' : min(LONG_TICKS, (nowMs - ms) / BEAT_MS));
    const planes = state.planes.map(({ up, pulse }, c) => {
      const numbers = [pulse.file, stored.pulses[c] ?? 0, backup?.stored.pulses[c] ?? 0];
      const ranks = [...new Set(numbers)].sort((a, b) => a - b);
      return `${up ? 1 : 0}${pulse.epoch}${numbers.map((each) => ranks.indexOf(each)).join('')}${age(pulse.writtenAtMs)},${age(pulse.startedAtMs)}`;
    });
    const nodes = state.nodes.map(({ life, state: node, key, folder, buried, sessions }) =>
      [
        life[0],
        node.session?.sessionId ?? '',
        node.session?.epoch ?? '',
        node.applied,
        node.newest,
        node.synced ? 1 : 0,
        node.counter - node.answered,
        node.lease ? age(node.lease.from.monotonicMs) : '',
        key ? 1 : 0,
        sessions,
        node.putBack.join(''),
        [folder, node.tombstones, buried].map((list) => list.map((each) => `${each.revision}${each.epoch}`).join('+')).join(';'),
      ].join(','),
    );
    return [
      this.#storedKey(state, stored),
      backup ? `${this.#storedKey(state, backup.stored)}@${nowMs - backup.atMs > BEAT_MS ? 2 : nowMs - backup.atMs}` : '',
      state.told[0],
      state.restores,
      state.restored,
      state.stops,
      state.noticed,
      age(state.noticedAtMs),
      state.gone ? 1 : 0,
      state.epochs,
      state.troubles,
      planes.join('|'),
      nodes.join('|'),
    ].join('#');
  }

  #storedKey(state: RestoreState, { control, key, accepted, left }: Stored): string {
    const { gateway, sessions, receipts } = control;
    const rows = sessions.map((session) => {
      const node = state.nodes[Number(session.sessionId[0]) - 1];
      const own = node?.state.session?.sessionId === session.sessionId;
      const seen = state.observed[session.sessionId];
      const silence = seen?.counter === session.counter && !session.ending ? min(LONG_TICKS, (state.nowMs - seen.sinceMs) / BEAT_MS) : '';
      // Only whether it is older than the node's revision matters.
      const counter = own ? min(2, (node?.state.counter ?? 0) - session.counter) : 0;
      return `${session.sessionId}${session.ending?.how[0] ?? ''}${session.asked ? 1 : 0}${session.withTable ? 1 : 0}${session.firstRevision ?? ''},${session.acknowledged},${counter},${session.leaseSeconds},${min(LONG_TICKS, session.silenceMs / BEAT_MS)},${silence},${session.epoch}`;
    });
    const quarantine = gateway.quarantine ? min(LONG_TICKS, gateway.quarantine.elapsedMs / BEAT_MS) : '';
    return `${gateway.epoch}${gateway.revision}${gateway.held ? 1 : 0}${quarantine}${key ? 1 : 0}${accepted.length}${left.join('')}|${rows.join('+')}|${receipts.map((each) => `${each.revision}${each.epoch}${each.complete ? 1 : 0}${each.superseded ? 1 : 0}`).join('+')}`;
  }
}
