import { createPublicKey, verify } from 'node:crypto';
import type { EventSourceMessage } from 'eventsource-parser';
import type { Scheduler } from 'fast-check';
import type { Logger } from 'pino';
import type { ControlPlaneClient, ControlPlaneRefusal } from '../../src/gateway/control-plane/control-plane-client.js';
import type { ChangeReplicator } from '../../src/gateway/replication/change-replicator.js';
import type { GatewayMetrics } from '../../src/gateway/observability/gateway-metrics.js';
import type { KeyStore } from '../../src/gateway/keys/key-store.js';
import type { Reporter } from '../../src/gateway/session/reporter.js';
import type { InFlightRequests } from '../../src/gateway/session/in-flight-requests.js';
import type { Session } from '../../src/gateway/session/session.js';
import type { SessionIdentity } from '../../src/gateway/session/session-identity.js';
import type { SendPermit, Signer } from '../../src/gateway/signing/signer.js';
import type { StateFile } from '../../src/gateway/session/state-file.js';
import type { UsageCounter } from '../../src/gateway/session/usage-counter.js';
import type {
  ChangeEvent,
  GatewayPublication,
  SessionAdmission,
  SessionRegistration,
  SessionReport,
  SessionTerms,
  Snapshot,
} from '../../src/lib/protocol/protocol.js';
import { type DigestRow, digestOf, digestText } from '../../src/lib/receipts/digest.js';
import type { Faults } from '../../src/lib/receipts/faults.js';
import {
  type ControlEffect,
  type ControlEvent,
  type ControlState,
  type Observation,
  observe,
  silenceOf,
  step,
} from '../../src/lib/receipts/protocol.js';
import { maySucceed, type Tombstone } from '../../src/lib/receipts/node.js';
import { fromWire } from '../../src/lib/protocol/wire-tombstone.js';
import { registrationBytes, reportBytes, successionBytes } from '../../src/lib/receipts/report-bytes.js';
import { numbersFrom } from '../support/seeded.js';
import type { SimulatedTime } from './simulated-time.js';

/** The node's code, loaded with simulated timers in place of Node's. */
export interface Production {
  Session: typeof Session;
  ChangeReplicator: typeof ChangeReplicator;
  Reporter: typeof Reporter;
  Signer: typeof Signer;
  KeyStore: typeof KeyStore;
  InFlightRequests: typeof InFlightRequests;
  UsageCounter: typeof UsageCounter;
  Refusal: typeof ControlPlaneRefusal;
}

const GATEWAY = 'g';
const EPOCH = 'e';
const KEYS = 3;
const END_MS = 24_000;
/** The signature of one in this many reports is checked, because the checks cost more than all the rest. */
const CHECKED = 8;
const STEPS_MAX = 4000;
const TROUBLES = 5;
const NO_ANSWER_MS = 2000;
/** The maximum duration of a slow message or read. */
const SLOW_MS = 7000;
const OBSERVE_MS = 1500;
const LEASES = [3, 8] as const;

export interface Run {
  /** Checks whether a node signs. */
  readonly probes: number;
  readonly complete: number;
  readonly violation: string | undefined;
  readonly trace: readonly string[];
}

const TROUBLE_KINDS = [
  'partition',
  'partition',
  'answers lost',
  'answers late',
  'crash',
  'crash with its folder',
  'another one in its folder',
  'another one in a copy of its folder',
  'forged',
  'wall clock back',
  'wall clock ahead',
  'sleep',
  'sleep, and its wall clock goes back',
  'its network goes bad and then away',
  'lease',
  'a control plane restarts',
] as const;

/** The control planes and their database, with the rows on which the protocol's functions decide. */
class Plane {
  control: ControlState = {
    gateway: { epoch: EPOCH, revision: 1, leaseSeconds: LEASES[1], deleted: false, held: false, quarantine: null },
    sessions: [],
    receipts: [],
  };
  publications: GatewayPublication[] = Array.from({ length: KEYS }, (_, i) => publication(i));
  /** The receipts by revision. */
  readonly changes: ChangeEvent[] = [];
  /** The states that a read may find. The last one is the newest, and the one before it is that of a lagging replica. */
  readonly history: { revision: number; publications: GatewayPublication[] }[] = [];
  readonly endedAt = new Map<string, number>();
  readonly watchers = new Set<(event: ChangeEvent) => void>();

  constructor(
    private readonly faults: Faults,
    private readonly say: (what: string) => void,
  ) {
    this.history.push(this.now);
  }

  take(event: ControlEvent): readonly ControlEffect[] {
    const [after, effects] = step(this.control, event, this.faults);
    const [looked, completed] = step(after, { kind: 'look' }, this.faults);
    this.control = looked;
    for (const effect of [...effects, ...completed]) {
      if (effect.do === 'completed') this.say(`receipt ${effect.revision} is complete`);
      else if (effect.do === 'ended') this.say(`a session ends: ${effect.ending.how}`);
    }
    return effects;
  }

  get now(): { revision: number; publications: GatewayPublication[] } {
    return { revision: this.control.gateway.revision, publications: this.publications };
  }

  get completeThrough(): number {
    return this.control.receipts.reduce((most, { revision, complete }) => (complete ? Math.max(most, revision) : most), 0);
  }

  /** Deletes a key, or unbinds it from its API, whose new state a node must then fetch. */
  endKey(how: 'deleted' | 'unbound'): void {
    const deleted = this.publications.find(({ sign }) => sign);
    if (!deleted?.sign) return;
    const revision = this.control.gateway.revision + 1;
    const { sign_id: id } = deleted.sign;
    this.endedAt.set(id, revision);
    this.publications = this.publications.map((each) => (each === deleted ? { ...each, sign: null } : each));
    const receipts = [...this.control.receipts, { revision, epoch: EPOCH, complete: false, superseded: false }];
    this.control = { ...this.control, receipts, gateway: { ...this.control.gateway, revision } };
    this.history.push(this.now);
    this.say(`${id} is ${how} at ${revision}`);
    this.take({ kind: 'look' });
    const pointer = {
      deleted: { kind: 'sign', id, op: 'deleted' },
      unbound: { kind: 'publication', id: deleted.publish_id, op: 'updated' },
    };
    const change: ChangeEvent = { revision, changes: [pointer[how] as ChangeEvent['changes'][number]] };
    this.changes.push(change);
    for (const watcher of this.watchers) watcher(change);
  }

  get digest(): string {
    return digestText(digestOf(this.publications.map(rowOf)));
  }
}

const publication = (i: number): GatewayPublication => ({
  publish_id: `p${i}`,
  api_id: `a${i}`,
  group_id: 'gr',
  env_id: 'env',
  env_name: 'RELEASE',
  req_method: 'GET',
  req_uri: `/${i}`,
  match_mode: 'NORMAL',
  sign: {
    sign_id: `s${i}`,
    sign_type: 'hmac',
    sign_algorithm: null,
    sign_key: `key_${i}`,
    sign_secret: 'secret-secret-secret',
    version: 1,
  },
});

const rowOf = (each: GatewayPublication): DigestRow => ({
  environment: each.env_name,
  method: each.req_method,
  path: each.req_uri,
  matchMode: each.match_mode,
  publishId: each.publish_id,
  signId: each.sign?.sign_id ?? null,
  secretVersion: each.sign?.version ?? null,
});

const isSigned = (publicKey: string, bytes: Buffer, signature: string): boolean => {
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: publicKey } });
  return verify(null, bytes, key, Buffer.from(signature, 'base64url'));
};

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, fatal() {} } as unknown as Logger;
const uncounted = { signed() {}, unsigned() {}, refused() {} } as unknown as GatewayMetrics;

/**
 * One run, with three processes of two names, two control planes, a network that loses, repeats and reorders messages, and clocks that
 * jump.
 */
export class Simulation {
  readonly #trace: string[] = [];
  readonly #names = new Map<string, string>();
  readonly #below: (below: number) => number;
  readonly #plane: Plane;
  readonly #nodes: SimulatedNode[] = [];
  #probes = 0;
  #through = 0;
  #violation: string | undefined;

  constructor(
    private readonly production: Production,
    private readonly time: SimulatedTime,
    private readonly scheduler: Scheduler,
    seed: number,
    private readonly faults: Faults,
  ) {
    this.#below = numbersFrom(seed);
    this.#plane = new Plane(faults, (what) => this.#say(what));
  }

  async run(settle: () => Promise<void>): Promise<Run> {
    for (const name of ['a', 'b']) this.#start(name);
    // Half of the keys end soon after the key before them.
    let endsAt = 0;
    for (let i = 0; i < KEYS; i++) {
      endsAt = i > 0 && this.#below(2) === 0 ? endsAt + this.#below(300) : 2000 + this.#below(END_MS - 10_000);
      const how = this.#below(2) === 0 ? 'deleted' : 'unbound';
      this.time.setTimeout(() => this.#plane.endKey(how), endsAt);
    }
    this.time.setTimeout(() => this.#setLease(), this.#below(END_MS));
    this.time.setTimeout(() => this.#start('a'), this.#below(END_MS));
    for (const c of [0, 1]) this.#observe(c);
    for (let i = 0; i < TROUBLES; i++) this.time.setTimeout(() => this.#trouble(), this.#below(END_MS));
    for (let steps = 0; steps < STEPS_MAX && this.#violation === undefined; steps++) {
      await settle();
      this.#check();
      // Time is one of the tasks that wait for their turn.
      const messages = this.scheduler.count();
      if (messages === 0 || this.#below(messages + 2) === 0) {
        if (!this.time.advance(END_MS) && messages === 0) break;
      } else await this.scheduler.waitNext(1);
    }
    for (const node of this.#nodes) node.stop();
    // Ends everything that still runs, so that the next run begins in an empty state.
    for (let i = 0; i < 500 && (this.scheduler.count() > 0 || i < 2); i++) {
      await settle();
      if (this.scheduler.count() > 0) await this.scheduler.waitNext(1);
    }
    return {
      probes: this.#probes,
      complete: this.#plane.control.receipts.filter(({ complete }) => complete).length,
      violation: this.#violation,
      trace: this.#trace,
    };
  }

  #say(what: string): void {
    this.#trace.push(`${this.time.nowMs} ${what}`);
  }

  /** Session ids are random, so a trace shows their order of appearance in their place. */
  #name(sessionId: string): string {
    const known = this.#names.get(sessionId) ?? `session ${this.#names.size + 1}`;
    this.#names.set(sessionId, known);
    return known;
  }

  #start(name: string, folder = new Folder()): void {
    const p = this.#nodes.length;
    const node: SimulatedNode = new SimulatedNode(this.production, this.time, name, folder, this.faults, (n) => this.#controlPlane(n));
    this.#nodes.push(node);
    this.#say(`process ${p + 1} (${name}) starts`);
    node.start();
  }

  /** Half of the failures are followed by another failure of the same process. */
  #trouble(which?: SimulatedNode): void {
    const node = which ?? this.#nodes[this.#below(this.#nodes.length)];
    if (!node) return;
    const what = TROUBLE_KINDS[this.#below(TROUBLE_KINDS.length)]!;
    this.#say(`trouble: ${what} (${node.name})`);
    if (this.#below(2) === 0) this.time.setTimeout(() => this.#trouble(node), this.#below(4000));
    switch (what) {
      case 'partition':
        node.cutOff = true;
        this.time.setTimeout(() => (node.cutOff = false), 1000 + this.#below(15_000));
        break;
      case 'answers lost':
        node.deaf = true;
        this.time.setTimeout(() => (node.deaf = false), 500 + this.#below(5000));
        break;
      case 'answers late':
        node.lateMs = this.#below(SLOW_MS);
        this.time.setTimeout(() => (node.lateMs = 0), 500 + this.#below(5000));
        break;
      case 'crash':
        node.stop();
        this.time.setTimeout(() => this.#start(node.name), this.#below(3000));
        break;
      case 'crash with its folder':
        node.stop();
        this.time.setTimeout(() => this.#start(node.name, node.folder), this.#below(3000));
        break;
      case 'another one in its folder':
        this.#start(node.name, node.folder);
        break;
      case 'another one in a copy of its folder':
        this.#start(node.name, node.folder.copy());
        break;
      case 'forged':
        this.#forge(node);
        break;
      case 'wall clock back':
        node.wallMs -= 3_600_000;
        break;
      case 'wall clock ahead':
        node.wallMs += 3_600_000;
        break;
      case 'sleep':
        this.#sleep(node, 1000 + this.#below(10_000));
        break;
      case 'sleep, and its wall clock goes back':
        this.#sleep(node, 1000 + this.#below(10_000));
        node.wallMs -= 3_600_000;
        break;
      case 'its network goes bad and then away':
        node.deaf = true;
        this.time.setTimeout(() => {
          node.deaf = false;
          node.cutOff = true;
          this.time.setTimeout(() => (node.cutOff = false), 1000 + this.#below(15_000));
        }, this.#below(3000));
        break;
      case 'lease':
        this.#setLease();
        break;
      case 'a control plane restarts':
        this.#observations[this.#below(2)] = {};
    }
  }

  #setLease(): void {
    const { gateway } = this.#plane.control;
    this.#plane.control = { ...this.#plane.control, gateway: { ...gateway, leaseSeconds: LEASES[this.#below(2)] ?? 3 } };
  }

  /** A forged report: the process has applied everything, or leaves. */
  #forge(node: SimulatedNode): void {
    const { sessionId } = node.session;
    const session = this.#plane.control.sessions.find((each) => each.sessionId === sessionId);
    if (!session) return;
    const { revision } = this.#plane.control.gateway;
    const { counter, leaseSeconds } = session;
    const said = {
      counter: counter + 1000,
      revision,
      newestRevision: revision + 1,
      digest: '',
      leaseSeconds,
      leaving: this.#below(2) === 0,
    };
    const whole = { ...said, sessionId: session.sessionId, epoch: EPOCH, credentialId: 'c', ownDigest: undefined, succeeds: null, at: 0 };
    this.#plane.take({ kind: 'report', authentic: false, ...whole });
    const succeeds = { sessionId: session.sessionId, proven: false };
    const forger = { sessionId: `forged ${++this.#forged}`, nodeId: 'c', publicKey: '', credentialId: 'c', leaseSeconds: 0, succeeds };
    this.#plane.take({ kind: 'register', withTable: false, living: 0, sessionsMax: 1000, ...forger });
  }
  #forged = 0;

  /** Suspends the machine and its monotonic clock. */
  #sleep(node: SimulatedNode, ms: number): void {
    node.cutOff = true;
    node.asleepSinceMs = this.time.nowMs;
    this.time.setTimeout(() => {
      node.sleptMs += ms;
      node.asleepSinceMs = undefined;
      node.cutOff = false;
    }, ms);
  }

  /** Sometimes a message or read takes a long time. */
  async #slowly(): Promise<void> {
    if (this.#below(10) === 0) await this.time.wait(this.#below(SLOW_MS));
  }

  readonly #observations: Record<string, Observation>[] = [{}, {}];

  /** A control plane watches sessions, and its reads take time. */
  #observe(c: number): void {
    const again = () => this.#observe(c);
    this.time.setTimeout(() => {
      const begun = this.time.nowMs;
      void this.#slowly()
        .then(() => this.scheduler.schedule(Promise.resolve(), 'read'))
        .then(() => {
          const rows = this.#plane.control.sessions.filter(({ asked, ending }) => asked && !ending);
          void this.scheduler.schedule(Promise.resolve(), 'rows').then(() => {
            const observations = (this.#observations[c] ??= {});
            for (const row of rows) {
              const seen = observe(observations[row.sessionId], row, begun, this.time.nowMs, this.faults);
              observations[row.sessionId] = seen;
              void this.#slowly()
                .then(() => this.scheduler.schedule(Promise.resolve(), 'verdict'))
                .then(() =>
                  this.#plane.take({ kind: 'silence', sessionId: row.sessionId, counter: seen.counter, silenceMs: silenceOf(seen) }),
                );
            }
            again();
          });
        });
    }, OBSERVE_MS);
  }

  /** Replaces the HTTP client of a node by the simulated network and control planes. */
  #controlPlane(node: SimulatedNode): ControlPlaneClient {
    const refused = (effects: readonly ControlEffect[]) => {
      const refusal = effects.find((effect) => effect.do === 'refuse');
      return refusal && new this.production.Refusal('simulated', 409, refusal.because);
    };
    const plane = this.#plane;
    const network: Pick<ControlPlaneClient, 'register' | 'report' | 'snapshot' | 'watch' | 'close'> = {
      register: (sessionId, registration, signal) =>
        this.#call(node, `register ${this.#name(sessionId)}`, signal, (): SessionAdmission => {
          const effects = plane.take(registerEvent(plane.control, sessionId, registration));
          const error = refused(effects);
          if (error) throw error;
          return { epoch: plane.control.gateway.epoch, accepted: [], receipt_retention_days: 400 };
        }),
      report: (sessionId, report, signal) =>
        this.#call(
          node,
          `report ${report.counter} of ${this.#name(sessionId)}: ${report.applied_revision}${report.leaving ? ', leaving' : ''}`,
          signal,
          (): SessionTerms => {
            const effects = plane.take(reportEvent(plane, sessionId, report));
            const error = refused(effects);
            if (error) throw error;
            const answer = effects.find((effect) => effect.do === 'answer_report');
            const { revision } = plane.control.gateway;
            if (!answer) return { epoch: EPOCH, counter: report.counter, previous_counter: 0, revision, lease_seconds: 0, time_ms: 0 };
            const { terms } = answer;
            return {
              epoch: terms.epoch,
              counter: terms.counter,
              previous_counter: terms.previousCounter,
              revision: terms.revision,
              lease_seconds: terms.leaseSeconds,
              time_ms: 0,
            };
          },
        ),
      snapshot: (sessionId, signal, only) =>
        this.#call(node, `snapshot for ${this.#name(sessionId)}`, signal, async (): Promise<Snapshot> => {
          let effects = plane.take({ kind: 'ask', sessionId });
          for (;;) {
            const read = effects.find((effect) => effect.do === 'read' || effect.do === 'read_again');
            const error = refused(effects);
            if (error) throw error;
            if (!read || !('atLeast' in read)) throw new Error('asked, and told nothing');
            const { revision, publications: all } = plane.history.at(this.#below(6) === 0 ? -2 : -1) ?? plane.now;
            const publications = all.filter(
              (each) => !only || only.publishIds.includes(each.publish_id) || (each.sign && only.signIds.includes(each.sign.sign_id)),
            );
            // Anything may happen between the read and the record.
            await this.#slowly();
            await this.scheduler.schedule(Promise.resolve(), 'record');
            effects = plane.take({ kind: 'record', sessionId, revision, atLeast: read.atLeast, partial: only !== undefined });
            if (effects.some((effect) => effect.do === 'answer_snapshot'))
              return {
                instance_id: GATEWAY,
                epoch: EPOCH,
                revision,
                partial: only !== undefined,
                encoded_slashes: 'refuse',
                open_connections: 'keep',
                publications,
              };
          }
        }),
      watch: (_sessionId, after, signal, onOpen, onEvent) => this.#watch(node, after, signal, onOpen, onEvent),
      close: () => Promise.resolve(),
    };
    return network as ControlPlaneClient;
  }

  /** A request and its response; each may be lost, and the request may be duplicated. */
  async #call<T>(node: SimulatedNode, label: string, signal: AbortSignal, take: () => T | Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const fate = this.#below(20);
    const lost = new Error('no answer');
    const answer = (async () => {
      await this.#slowly();
      await this.scheduler.schedule(Promise.resolve(), label);
      if (fate === 0 || node.cutOff) return this.time.wait(NO_ANSWER_MS).then(() => Promise.reject(lost));
      this.#say(`${label} is taken`);
      // The request arrives twice, the second time at any time.
      if (fate === 1 || fate === 3)
        void this.#slowly()
          .then(() => this.scheduler.schedule(Promise.resolve(), `${label} again`))
          .then(() => take())
          .then(undefined, () => undefined);
      let result: T | undefined;
      let failure: unknown;
      try {
        result = await take();
      } catch (error) {
        failure = error;
      }
      await this.#slowly();
      if (node.lateMs > 0) await this.time.wait(node.lateMs);
      await this.scheduler.schedule(Promise.resolve(), `answer to ${label}`);
      if (fate === 2 || node.cutOff || node.deaf) return this.time.wait(NO_ANSWER_MS).then(() => Promise.reject(lost));
      if (failure !== undefined) throw failure as Error;
      return result as T;
    })();
    answer.catch(() => undefined);
    return new Promise<T>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      answer.then(resolve, reject);
    });
  }

  async #watch(
    node: SimulatedNode,
    after: number,
    signal: AbortSignal,
    onOpen: () => void,
    onEvent: (event: EventSourceMessage) => void,
  ): Promise<void> {
    await this.#call(node, 'watch', signal, () => undefined);
    onOpen();
    const { promise, reject } = Promise.withResolvers<void>();
    // A stream delivers one event after the other. It breaks sometimes, and delivers nothing to a node that is cut off.
    let queue: Promise<unknown> = Promise.resolve();
    const deliver = (change: ChangeEvent) => {
      queue = queue
        .then(() => this.scheduler.schedule(Promise.resolve(), `change ${change.revision}`))
        .then(() => {
          if (signal.aborted) return;
          if (node.cutOff || this.#below(12) === 0) return reject(new Error('the stream has broken'));
          onEvent({ event: 'change', id: String(change.revision), data: JSON.stringify(change) });
        });
    };
    for (const change of this.#plane.changes) if (change.revision > after) deliver(change);
    this.#plane.watchers.add(deliver);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    try {
      await promise;
    } finally {
      this.#plane.watchers.delete(deliver);
    }
  }

  /** Whether a process signs with a key whose receipt is complete. */
  #check(): void {
    const through = this.#plane.completeThrough;
    if (through < this.#through) this.#violation ??= `the complete receipt of ${this.#through} opened again`;
    this.#through = through;
    for (const [p, node] of this.#nodes.entries()) {
      // A process whose machine sleeps does nothing.
      if (!node.alive || node.asleepSinceMs !== undefined) continue;
      for (const [signId, revision] of this.#plane.endedAt) {
        this.#probes++;
        const signs = node.signsWith(signId);
        if (signs && revision <= through) this.#violation ??= `process ${p + 1} signs with ${signId}, and receipt ${revision} is complete`;
      }
      node.request(this.#below, (signId) => {
        const endedAt = this.#plane.endedAt.get(signId) ?? Number.POSITIVE_INFINITY;
        if (endedAt > this.#plane.completeThrough || !node.alive || node.asleepSinceMs !== undefined) return;
        this.#violation ??= `process ${p + 1} sends what it signed with ${signId}, and its receipt is complete`;
      });
      const session = this.#plane.control.sessions.find(({ sessionId }) => sessionId === node.session.sessionId);
      if (session?.ending?.how === 'lease_over' && node.session.refusal === undefined)
        this.#violation ??= `the session of process ${p + 1} is called lease_over, and signs`;
    }
    if (this.#violation !== undefined) this.#say(this.#violation);
  }
}

function registerEvent(control: ControlState, sessionId: string, registration: SessionRegistration): ControlEvent {
  const { node_id: nodeId, public_key: publicKey, with_table: withTable = false, lease_seconds: leaseSeconds = 0, succeeds } = registration;
  const tombstones = (registration.tombstones ?? []).map(fromWire);
  const bytes = registrationBytes({ gatewayId: GATEWAY, sessionId, nodeId, withTable, leaseSeconds, tombstones });
  if (!isSigned(publicKey, bytes, registration.signature)) throw new Error('a registration that is not signed');
  return {
    kind: 'register',
    sessionId,
    nodeId,
    publicKey,
    credentialId: 'c',
    withTable,
    leaseSeconds,
    living: 0,
    sessionsMax: 1000,
    succeeds: succession(control, sessionId, publicKey, succeeds),
  };
}

function succession(control: ControlState, successorId: string, successorPublicKey: string, succeeds: SessionRegistration['succeeds']) {
  if (!succeeds) return null;
  const before = control.sessions.find((each) => each.sessionId === succeeds.session_id);
  if (!before) return null;
  const bytes = successionBytes({ gatewayId: GATEWAY, predecessorId: before.sessionId, successorId, successorPublicKey });
  return { sessionId: before.sessionId, proven: isSigned(before.publicKey, bytes, succeeds.signature) };
}

function reportEvent(plane: Plane, sessionId: string, report: SessionReport): ControlEvent {
  const session = plane.control.sessions.find((each) => each.sessionId === sessionId);
  const {
    epoch,
    counter,
    applied_revision: revision,
    newest_revision: newestRevision,
    digest,
    lease_seconds: leaseSeconds,
    leaving,
  } = report;
  const bytes = reportBytes({ gatewayId: GATEWAY, epoch, sessionId, counter, revision, newestRevision, digest, leaseSeconds, leaving });
  return {
    kind: 'report',
    sessionId,
    authentic: session !== undefined && (counter % CHECKED !== 1 || isSigned(session.publicKey, bytes, report.signature)),
    credentialId: 'c',
    epoch,
    counter,
    revision,
    newestRevision,
    digest,
    ownDigest: revision === plane.control.gateway.revision ? plane.digest : undefined,
    leaseSeconds,
    leaving,
    succeeds: session ? succession(plane.control, sessionId, session.publicKey, report.succeeds) : null,
    at: 0,
  };
}

/** A process, which consists of production code with a simulated clock, network and requests. */
class SimulatedNode {
  alive = true;
  cutOff = false;
  /** Requests arrive, but responses are lost. */
  deaf = false;
  lateMs = 0;
  wallMs = 1_700_000_000_000;
  sleptMs = 0;
  asleepSinceMs: number | undefined;
  readonly session;
  readonly #keys;
  readonly #signer;
  readonly #replicator;
  readonly #reporter;
  readonly #stopping = new AbortController();
  #request: { signId: string; permit: SendPermit } | undefined;

  constructor(
    production: Production,
    private readonly time: SimulatedTime,
    readonly name: string,
    readonly folder: Folder,
    private readonly faults: Faults,
    controlPlane: (node: SimulatedNode) => ControlPlaneClient,
  ) {
    const clock = {
      now: () => this.time.nowMs + this.wallMs,
      monotonic: () => (this.asleepSinceMs ?? this.time.nowMs) - this.sleptMs,
      sinceBoot: () => this.time.nowMs,
    };
    const keys = (this.#keys = new production.KeyStore());
    const requests = new production.InFlightRequests();
    const usage = new production.UsageCounter();
    const plane = controlPlane(this);
    const events = {
      dropKeys: () => this.#replicator.dropKeys(),
      takeSnapshot: () => this.#replicator.takeSnapshot(),
      grantedLeaseSeconds: () => 0,
      reportSoon: () => this.#reporter.reportSoon(),
    };
    const config = { instanceId: GATEWAY, nodeId: name, environment: undefined, unbound: 'refuse' as const };
    const file = folder.open(this, faults);
    const session = (this.session = new production.Session(config, plane, keys, requests, usage, clock, false, file, events, silent));
    this.#signer = new production.Signer(keys, session, requests, config, usage, uncounted, clock, silent, { add: () => () => undefined });
    this.#replicator = new production.ChangeReplicator(plane, keys, [], session, silent);
    this.#reporter = new production.Reporter(session, silent);
  }

  start(): void {
    const { signal } = this.#stopping;
    for (const run of [this.#reporter.run(signal), this.#replicator.run(signal)]) run.catch(() => undefined);
  }

  /** The process is dead as after SIGKILL, and sends nothing any more. */
  stop(): void {
    this.alive = false;
    this.#stopping.abort(new Error('killed'));
  }

  signsWith(signId: string): boolean {
    if (this.session.refusal !== undefined) return false;
    const publishId = `p${signId.slice(1)}`;
    return this.#keys.table.route(publishId)?.key?.sign.sign_id === signId && !this.session.isTombstoned({ signId, version: 1, publishId });
  }

  /** Begins a request, or forwards a request that has begun. This happens at the end of the current turn of the event loop. */
  request(below: (below: number) => number, sent: (signId: string) => void): void {
    if (!this.#request) {
      if (below(8) !== 0) return;
      const i = below(KEYS);
      const decision = this.#signer.sign(
        { method: 'GET', target: `/${i}`, host: 'api.example', stage: undefined, bodySha256: 'UNSIGNED-PAYLOAD' },
        'proxy',
      );
      if (decision.ok) this.#request = { signId: `s${i}`, permit: decision.permit };
      return;
    }
    if (below(8) !== 0) return;
    const { signId, permit } = this.#request;
    this.#request = undefined;
    // Registered before the production code registers for the end of the turn, so that it also runs before.
    const write = this.time.setTimeout(() => sent(signId), 0);
    if (!this.faults.noSecondLook && permit.recheck()) this.time.clearTimeout(write);
  }
}

/** A state folder with its file and the holder of its lock. A copy of a folder no longer has the recorded identity. */
class Folder {
  owner: SimulatedNode | undefined;
  identities: SessionIdentity[] = [];
  tombstones: readonly Tombstone[] = [];
  putBack: readonly string[] = [];
  #isCopy = false;

  copy(): Folder {
    const copy = new Folder();
    copy.identities = [...this.identities];
    copy.tombstones = this.tombstones;
    copy.putBack = this.putBack;
    copy.#isCopy = true;
    return copy;
  }

  open(node: SimulatedNode, faults: Faults): StateFile | undefined {
    const place = { bootId: 'boot', device: 'device', inode: 'inode' };
    const locked = this.owner?.alive !== true;
    if (!locked && !faults.noKernelLock) return undefined;
    if (locked) this.owner = node;
    const found = this.#isCopy ? { ...place, inode: 'another' } : place;
    const dead = maySucceed(place, found, { locked, networkFileSystem: false }, faults);
    const predecessors = dead ? [...this.identities] : [];
    this.identities = [...predecessors];
    this.#isCopy = false;
    const file: { [Each in keyof StateFile]: StateFile[Each] } = {
      predecessors,
      tombstones: this.tombstones,
      restoredEpochs: this.putBack,
      savedBefore: () => [],
      save: (tombstones, putBack) => {
        this.tombstones = tombstones;
        this.putBack = putBack;
      },
      add: (identity) => void this.identities.push(identity),
      remove: (sessionId) => void (this.identities = this.identities.filter((each) => each.sessionId !== sessionId)),
      close: () => undefined,
    };
    return file as StateFile;
  }
}
