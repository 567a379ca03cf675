import { type Faults, NO_FAULTS } from './faults.js';

/**
 * Decides whether a receipt is complete: the control plane's part of the protocol, as a pure function. (`node.ts` contains the node's part,
 * `hold.ts` the rules for HAProxy workers that keep old maps, and `restore.ts` the rules for a restored database.)
 *
 * All decisions are made here. In one transaction, SQL selects the rows that an event needs, and {@link step} decides on them. Then the
 * caller writes every row that is **not the same object any more** (`changedRows`), commits, and only after that performs the effects. Rows
 * that a step does not need may be missing in the state. The rows listed for an event must be present and **locked** (`FOR UPDATE` on
 * MariaDB), so that two steps on one row never run at the same time.
 *
 * | event | rows of the state | caller |
 * |---|---|---|
 * | {@link Register} | gateway; the session with that id, if any; the session that it succeeds | `PUT …/sessions/{id}` |
 * | {@link Ask} | **gateway with its counter's row locked**; the session | `GET …/snapshot`, before the read |
 * | {@link Record} | gateway; the session | `GET …/snapshot`, after the read and before the response |
 * | {@link Report} | gateway; the session; the session that it succeeds | `PUT …/sessions/{id}/report` |
 * | {@link Silence} | the session | a control plane that has observed a session (see {@link observe}) |
 * | {@link Vouch} | the session | an operator |
 * | {@link Look} | gateway; its open receipts; all sessions for which {@link isCandidate} is true | after an acknowledgement, and once a second |
 *
 *
 * Rules, each of which the explorer (`test/protocol`) has shown to be necessary:
 * - A receipt of revision R waits for every session that has asked for keys and has neither ended nor acknowledged R or a later revision.
 *   Exception: a session whose **first** snapshot is recorded with R or a later revision.
 * - The ask commits before the snapshot is read, and the read must not be older than that commit. {@link Ask} returns the minimum revision,
 *   which is correct only if the counter's row is locked while it is read.
 * - The row of a session contains the longest lease that the process may use: the one in its report or the one in the response.
 * - Times of different machines are never compared. A lease is over when a control plane itself has observed on its monotonic clock that
 *   the counter did not change for the lease plus a margin ({@link observe}), and the counter is still the same in the transaction that
 *   decides.
 * - A completed receipt is stored, and never reopens.
 */
export interface ControlState {
  readonly gateway: GatewayRow;
  readonly sessions: readonly SessionRow[];
  readonly receipts: readonly ReceiptRow[];
}

export interface GatewayRow {
  /** A random text, which changes when a restore is detected and when it is decided. Revisions of different epochs cannot be compared. */
  readonly epoch: string;
  /** The current revision, read in the same transaction. */
  readonly revision: number;
  /** The lease in the gateway's settings, in seconds; null: unlimited. */
  readonly leaseSeconds: number | null;
  /** Whether the gateway was deleted. Its sessions may then only acknowledge and send a last report. */
  readonly deleted: boolean;
  /**
   * Whether a detected restore waits for a decision. Until then there are no snapshots, no changes, and no writes except those of recovery.
   */
  readonly held: boolean;
  /** Set since a restore: sessions that this database does not know may still sign. Null: the database was never restored. */
  readonly quarantine: Quarantine | null;
}

export interface Quarantine {
  /** The epoch that began when the restore was detected. A later restore begins another quarantine. */
  readonly since: string;
  /** The longest lease, in seconds, that any control plane has granted; null: an unlimited one. */
  readonly longestLeaseSeconds: number | null;
  /** The time since the detection, as observed by control planes on their own monotonic clocks. */
  readonly elapsedMs: number;
  /** The operator who states that no process from before the restore still signs. */
  readonly vouchedBy: string | null;
}

export interface SessionRow {
  readonly sessionId: string;
  /** Name for display, not unique. */
  readonly nodeId: string;
  readonly publicKey: string;
  /** The credential of the last report, or of the registration. */
  readonly credentialId: string;
  readonly epoch: string;
  /** Whether the session has asked for keys, or was registered with a table. */
  readonly asked: boolean;
  /** Whether the session was registered with an earlier table, so that no snapshot exempts it from receipts. */
  readonly withTable: boolean;
  /** Revision of the first whole snapshot that was sent to the session. */
  readonly firstRevision: number | null;
  /** The revision that is in effect at the process, with all earlier ones, according to its own signature; 0: none. */
  readonly acknowledged: number;
  /** Counter of the newest report; 0: none yet. */
  readonly counter: number;
  /** The longest lease, in seconds, that the session may use; null: unlimited. */
  readonly leaseSeconds: number | null;
  /** Lower bound of the time since the newest report. */
  readonly silenceMs: number;
  readonly ending: Ending | null;
  /** When the session reported after an operator had vouched for it, which proves the operator wrong. Unix time in milliseconds. */
  readonly contradictedAt: number | null;
}

export type Ending =
  | { readonly how: 'left' }
  | { readonly how: 'lease_over' }
  | { readonly how: 'vouched'; readonly by: string; readonly at: number }
  | { readonly how: 'succeeded'; readonly by: string };

export interface ReceiptRow {
  readonly revision: number;
  readonly epoch: string;
  readonly complete: boolean;
  /** Whether the receipt was open when the database was restored. Then it is unknown whether it was ever complete. */
  readonly superseded: boolean;
}

/** A process registers its public key before it gets keys. Idempotent: it may be repeated after a lost response. */
interface Register {
  readonly kind: 'register';
  readonly sessionId: string;
  readonly nodeId: string;
  readonly publicKey: string;
  readonly credentialId: string;
  /** Whether the process has a table from before a restore and signs with it. This counts as asking for keys. */
  readonly withTable: boolean;
  /** Lease of that table in seconds; 0: none; null: unlimited. */
  readonly leaseSeconds: number | null;
  /** The number of open sessions of the credential, and their maximum. */
  readonly living: number;
  readonly sessionsMax: number;
  readonly succeeds: Succession | null;
}

/** Ends a session whose process has ended, or a previous session of this process. `proven`: signed with the private key of that session. */
export interface Succession {
  readonly sessionId: string;
  readonly proven: boolean;
}

interface Ask {
  readonly kind: 'ask';
  readonly sessionId: string;
}

interface Record {
  readonly kind: 'record';
  readonly sessionId: string;
  /** Revision of the snapshot that was read. */
  readonly revision: number;
  /** The minimum revision that {@link Ask} has returned. */
  readonly atLeast: number;
  readonly partial: boolean;
}

interface Report {
  readonly kind: 'report';
  readonly sessionId: string;
  /** Whether the signature by the session's key over `report-bytes.ts` is valid. */
  readonly authentic: boolean;
  readonly credentialId: string;
  readonly epoch: string;
  readonly counter: number;
  readonly revision: number;
  /** The newest revision of any row in the table of the process, because a partial snapshot may be newer than the change that caused it. */
  readonly newestRevision: number;
  readonly digest: string;
  /** The control plane's own digest at exactly `revision`; undefined if it is unknown. */
  readonly ownDigest: string | undefined;
  /** Current lease of the session in seconds; 0: none yet; null: unlimited. */
  readonly leaseSeconds: number | null;
  readonly leaving: boolean;
  readonly succeeds: Succession | null;
  /** Unix time in milliseconds. For display only. */
  readonly at: number;
}

/**
 * A control plane has observed a silent session. Stores the silence, and ends the session if the silence exceeds the lease plus the margin.
 */
interface Silence {
  readonly kind: 'silence';
  readonly sessionId: string;
  /** Counter at the observation. */
  readonly counter: number;
  /** The silence of the observation, as {@link silenceOf} returns it. */
  readonly silenceMs: number;
}

interface Vouch {
  readonly kind: 'vouch';
  readonly sessionId: string;
  readonly by: string;
  readonly at: number;
}

/** Completes receipts for which no session has to be waited for. */
interface Look {
  readonly kind: 'look';
}

/** A restore was detected. */
interface Restored {
  readonly kind: 'restored';
  /** A new random epoch. */
  readonly epoch: string;
  /** The value in the control plane's own file, which a restore does not reset. */
  readonly longestLeaseSeconds: number | null;
}

/** The time that a control plane has observed since the detection. It is stored like the silence of a session. */
interface Elapsed {
  readonly kind: 'elapsed';
  /** The quarantine that was observed. */
  readonly since: string;
  readonly elapsedMs: number;
}

/** An operator's decision. (The decisions `accept` and `delete-again` concern other rows.) */
interface Recover {
  readonly kind: 'recover';
  readonly epoch: string;
}

/** Ends a quarantine. If leases are unlimited, a quarantine has no other end. */
interface VouchForUnknown {
  readonly kind: 'vouch_for_unknown';
  readonly by: string;
}

export type ControlEvent = Register | Ask | Record | Report | Silence | Vouch | Look | Restored | Elapsed | Recover | VouchForUnknown;

/**
 * Why a session is refused. `unknown`, `epoch`, `ahead`: the node concludes that the database was restored. `ended`, `mismatch`: the node
 * drops its keys and registers again. `forged`, `repeated`: the node ignores the refusal. `held`: it tries again later. `gone`: the gateway
 * was deleted. `taken`: the id belongs to another key.
 */
export type Refusal = 'unknown' | 'forged' | 'ended' | 'epoch' | 'repeated' | 'ahead' | 'mismatch' | 'held' | 'gone' | 'taken' | 'too_many';

export type ControlEffect =
  | { readonly do: 'refuse'; readonly because: Refusal }
  /** Accept the registration. */
  | { readonly do: 'admit'; readonly epoch: string; readonly warnOfSessions: boolean }
  /** After the commit: read a snapshot of at least this revision. */
  | { readonly do: 'read'; readonly atLeast: number }
  /** Discard what was read, and read again. */
  | { readonly do: 'read_again'; readonly atLeast: number }
  /** After the commit: send the snapshot. */
  | { readonly do: 'answer_snapshot' }
  | { readonly do: 'answer_report'; readonly terms: Terms }
  | { readonly do: 'completed'; readonly revision: number }
  /** The session ended; recorded in the audit trail. */
  | { readonly do: 'ended'; readonly sessionId: string; readonly ending: Ending }
  | { readonly do: 'contradicted'; readonly sessionId: string };

/** The response to a report. */
export interface Terms {
  readonly epoch: string;
  /** Counter of the report to which this is the response. */
  readonly counter: number;
  /** The session's counter before the report. If it is lower than a counter that already got a response, the database was restored. */
  readonly previousCounter: number;
  readonly revision: number;
  /** Null: unlimited. 0: the process must not sign. */
  readonly leaseSeconds: number | null;
}

/** Maximum lease of a session without an acknowledgement, so that a process that crashes in a loop does not accumulate sessions. */
const FIRST_LEASE_SECONDS = 60;
const WARN_PART = 0.8;

/** The margin of the control plane: 2 s plus 1 % of the lease, which is its bound for the drift between two monotonic clocks. */
const leaseMarginMs = (leaseSeconds: number): number => 2000 + leaseSeconds * 10;

/** The silence after which a session cannot sign any more; infinite for an unlimited lease. */
export const leaseEndMs = (leaseSeconds: number | null): number =>
  leaseSeconds === null ? Number.POSITIVE_INFINITY : leaseSeconds * 1000 + leaseMarginMs(leaseSeconds);

/** Returns the longer lease; null (unlimited) is the longest. */
export const longerLease = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : Math.max(a, b));

/** Whether SQL may select the session for {@link Look}. No receipt waits for any other session. */
export const isCandidate = ({ asked, ending }: Pick<SessionRow, 'asked' | 'ending'>): boolean => asked && ending === null;

/** Whether the receipt waits for the session. */
export function waitsFor(
  receipt: Pick<ReceiptRow, 'revision' | 'epoch'>,
  session: Pick<SessionRow, 'asked' | 'ending' | 'epoch' | 'acknowledged' | 'firstRevision' | 'withTable'>,
  faults: Faults = NO_FAULTS,
): boolean {
  if (!isCandidate(session)) return false;
  // An acknowledgement from another epoch does not count.
  if (session.epoch !== receipt.epoch && !faults.noEpoch) return true;
  if (session.acknowledged >= receipt.revision) return false;
  const excused = session.firstRevision !== null && (!session.withTable || faults.tableExcusedBySnapshot);
  return !(excused && session.firstRevision >= receipt.revision);
}

/** Whether all sessions that the database does not know have ended. */
export const isQuarantineOver = (quarantine: Quarantine | null): boolean =>
  quarantine === null || quarantine.vouchedBy !== null || quarantine.elapsedMs >= leaseEndMs(quarantine.longestLeaseSeconds);

/** Decides on one event, with the rows of its transaction. */
export function step(
  state: ControlState,
  event: ControlEvent,
  faults: Faults = NO_FAULTS,
): readonly [ControlState, readonly ControlEffect[]] {
  switch (event.kind) {
    case 'register':
      return register(state, event, faults);
    case 'ask':
      return ask(state, event, faults);
    case 'record':
      return record(state, event, faults);
    case 'report':
      return report(state, event, faults);
    case 'silence':
      return silence(state, event, faults);
    case 'vouch':
      return vouch(state, event);
    case 'look':
      return look(state, faults);
    case 'restored':
      return restored(state, event, faults);
    case 'elapsed':
      return elapsed(state, event);
    case 'recover':
      return recover(state, event, faults);
    case 'vouch_for_unknown':
      return vouchForUnknown(state, event);
  }
}

type Step = readonly [ControlState, readonly ControlEffect[]];

const refuse = (state: ControlState, because: Refusal): Step => [state, [{ do: 'refuse', because }]];

const sessionOf = (state: ControlState, sessionId: string) => state.sessions.find((session) => session.sessionId === sessionId);

const withSession = (state: ControlState, changed: SessionRow): ControlState => ({
  ...state,
  sessions: state.sessions.map((session) => (session.sessionId === changed.sessionId ? changed : session)),
});

function register(state: ControlState, event: Register, faults: Faults): Step {
  const { gateway } = state;
  if (gateway.deleted) return refuse(state, 'gone');
  const admitted: ControlEffect = { do: 'admit', epoch: gateway.epoch, warnOfSessions: event.living + 1 >= event.sessionsMax * WARN_PART };
  const known = sessionOf(state, event.sessionId);
  if (known) {
    if (known.publicKey !== event.publicKey) return refuse(state, 'taken');
    if (known.ending) return refuse(state, 'ended');
    return known.epoch === gateway.epoch ? [state, [admitted]] : refuse(state, 'epoch');
  }
  if (gateway.held && !event.withTable && !faults.heldHandsOut) return refuse(state, 'held');
  if (event.living >= event.sessionsMax) return refuse(state, 'too_many');
  const session: SessionRow = {
    sessionId: event.sessionId,
    nodeId: event.nodeId,
    publicKey: event.publicKey,
    credentialId: event.credentialId,
    epoch: gateway.epoch,
    asked: event.withTable,
    withTable: event.withTable,
    firstRevision: null,
    acknowledged: 0,
    counter: 0,
    leaseSeconds: longerLease(event.withTable ? event.leaseSeconds : 0, firstLease(gateway)),
    silenceMs: 0,
    ending: null,
    contradictedAt: null,
  };
  const others = faults.nameIsIdentity
    ? state.sessions.map((each) =>
        each.nodeId === event.nodeId ? { ...each, ending: { how: 'succeeded' as const, by: session.sessionId } } : each,
      )
    : state.sessions;
  const next = { ...state, sessions: [...others, session] };
  const [succeeded, effects] = succeed(next, event.succeeds, session, faults);
  return [succeeded, [admitted, ...effects]];
}

const firstLease = ({ leaseSeconds }: GatewayRow): number => Math.min(FIRST_LEASE_SECONDS, leaseSeconds ?? FIRST_LEASE_SECONDS);

/** Ends the predecessor: its process has ended, and the successor has its private key. */
function succeed(state: ControlState, succession: Succession | null, by: SessionRow, faults: Faults): Step {
  if (!succession || succession.sessionId === by.sessionId) return [state, []];
  if (!succession.proven && !faults.successorWithoutProof) return [state, []];
  const before = sessionOf(state, succession.sessionId);
  return before && !before.ending ? end(state, before, { how: 'succeeded', by: by.sessionId }) : [state, []];
}

const end = (state: ControlState, session: SessionRow, ending: Ending): Step => [
  withSession(state, { ...session, ending }),
  [{ do: 'ended', sessionId: session.sessionId, ending }],
];

/** Returns the session, or why it may not ask. */
function living(state: ControlState, sessionId: string, faults: Faults): SessionRow | Refusal {
  const session = sessionOf(state, sessionId);
  if (!session) return 'unknown';
  if (session.ending) return 'ended';
  if (session.epoch !== state.gateway.epoch) return 'epoch';
  if (state.gateway.deleted) return 'gone';
  return state.gateway.held && !faults.heldHandsOut ? 'held' : session;
}

function ask(state: ControlState, event: Ask, faults: Faults): Step {
  const session = living(state, event.sessionId, faults);
  if (typeof session === 'string') return refuse(state, session);
  const next = session.asked ? state : withSession(state, { ...session, asked: true });
  return [next, [{ do: 'read', atLeast: state.gateway.revision }]];
}

function record(state: ControlState, event: Record, faults: Faults): Step {
  const session = living(state, event.sessionId, faults);
  if (typeof session === 'string') return refuse(state, session);
  if (event.revision < event.atLeast && !faults.snapshotReadBeforeCommit) return [state, [{ do: 'read_again', atLeast: event.atLeast }]];
  if (faults.anySnapshotExcuses) return [withSession(state, { ...session, firstRevision: event.revision }), [{ do: 'answer_snapshot' }]];
  if (session.firstRevision !== null) {
    if (event.revision >= session.firstRevision || faults.lateFirstSnapshot) return [state, [{ do: 'answer_snapshot' }]];
    return [state, [{ do: 'read_again', atLeast: session.firstRevision }]];
  }
  const next = event.partial ? state : withSession(state, { ...session, firstRevision: event.revision });
  return [next, [{ do: 'answer_snapshot' }]];
}

function report(state: ControlState, event: Report, faults: Faults): Step {
  const { gateway } = state;
  const session = sessionOf(state, event.sessionId);
  if (!session) return refuse(state, 'unknown');
  if (!event.authentic && !faults.anyCredentialReports) return refuse(state, 'forged');
  if (session.ending && !faults.endedAcknowledges) return afterTheEnd(state, session, session.ending, event);
  if ((event.epoch !== gateway.epoch || session.epoch !== gateway.epoch) && !faults.noEpoch) return refuse(state, 'epoch');
  if (event.counter <= session.counter && !faults.repeatedReportRenews) return refuse(state, 'repeated');
  if (event.revision > gateway.revision) return refuse(state, 'ahead');
  if (event.leaving) {
    const left = { ...session, counter: Math.max(session.counter, event.counter), silenceMs: 0, credentialId: event.credentialId };
    return end(withSession(state, left), left, { how: 'left' });
  }
  // A table with rows newer than the acknowledged revision does not match any single revision.
  const comparable = event.revision > 0 && event.newestRevision <= event.revision && event.ownDigest !== undefined;
  if (comparable && event.ownDigest !== event.digest && !faults.digestIgnored) return refuse(state, 'mismatch');
  const acknowledged = session.asked ? Math.max(session.acknowledged, event.revision) : session.acknowledged;
  const leaseSeconds = gateway.deleted ? 0 : acknowledged === 0 ? firstLease(gateway) : gateway.leaseSeconds;
  const reported: SessionRow = {
    ...session,
    credentialId: event.credentialId,
    acknowledged,
    counter: Math.max(session.counter, event.counter),
    leaseSeconds: faults.leaseFromSettingOnly ? leaseSeconds : longerLease(event.leaseSeconds, leaseSeconds),
    silenceMs: 0,
  };
  const terms: Terms = {
    epoch: gateway.epoch,
    counter: event.counter,
    previousCounter: session.counter,
    revision: gateway.revision,
    leaseSeconds,
  };
  const [next, effects] = succeed(withSession(state, reported), event.succeeds, reported, faults);
  return [next, [{ do: 'answer_report', terms }, ...effects]];
}

/** A session reports after an operator has vouched for it, which proves the operator wrong. */
function afterTheEnd(state: ControlState, session: SessionRow, ending: Ending, event: Report): Step {
  if (ending.how !== 'vouched' || session.contradictedAt !== null) return refuse(state, 'ended');
  return [
    withSession(state, { ...session, contradictedAt: event.at }),
    [
      { do: 'refuse', because: 'ended' },
      { do: 'contradicted', sessionId: session.sessionId },
    ],
  ];
}

function silence(state: ControlState, event: Silence, faults: Faults): Step {
  const session = sessionOf(state, event.sessionId);
  if (!session || session.ending) return [state, []];
  // The session has reported since the observation.
  if (session.counter !== event.counter && !faults.verdictWithoutLook) return [state, []];
  if (event.silenceMs >= leaseEndMs(session.leaseSeconds)) return end(state, session, { how: 'lease_over' });
  if (faults.silenceNotStored) return [state, []];
  const silenceMs = faults.silenceAddedUp
    ? session.silenceMs + event.silenceMs
    : Math.max(session.silenceMs, faults.silenceRoundedUp ? roundedUp(event.silenceMs, session) : Math.floor(event.silenceMs));
  return silenceMs === session.silenceMs ? [state, []] : [withSession(state, { ...session, silenceMs }), []];
}

/** For a fault in tests: steps so wide that few of them reveal the fault. */
function roundedUp(silenceMs: number, { leaseSeconds }: SessionRow): number {
  const stepMs = leaseSeconds === null ? 1 : leaseEndMs(leaseSeconds) / 2;
  return Math.ceil((silenceMs + 1) / stepMs) * stepMs;
}

function vouch(state: ControlState, event: Vouch): Step {
  const session = sessionOf(state, event.sessionId);
  if (!session) return refuse(state, 'unknown');
  if (session.ending) return refuse(state, 'ended');
  return end(state, session, { how: 'vouched', by: event.by, at: event.at });
}

function look(state: ControlState, faults: Faults): Step {
  const { gateway, sessions } = state;
  if (!faults.noQuarantine && (gateway.held || !isQuarantineOver(gateway.quarantine))) return [state, []];
  const effects: ControlEffect[] = [];
  const receipts = state.receipts.map((receipt): ReceiptRow => {
    if (receipt.superseded || (receipt.complete && !faults.completeNotStored)) return receipt;
    const complete = sessions.every(
      (session) => !waitsFor(receipt, session, faults) || (faults.receiptOverNodesOfNow && session.silenceMs > 0),
    );
    if (complete === receipt.complete) return receipt;
    if (complete) effects.push({ do: 'completed', revision: receipt.revision });
    return { ...receipt, complete };
  });
  return effects.length > 0 || faults.completeNotStored ? [{ ...state, receipts }, effects] : [state, []];
}

function restored(state: ControlState, { epoch, longestLeaseSeconds }: Restored, faults: Faults): Step {
  if (faults.noEpoch) return [state, []];
  const quarantine = {
    since: epoch,
    longestLeaseSeconds: longerLease(longestLeaseSeconds, longestOf(state)),
    elapsedMs: 0,
    vouchedBy: null,
  };
  // The stored silences may be older than reports that were lost. From now on, reports of these sessions are refused. The counter gets a
  // value that no report has, so that every control plane begins its observation again.
  const sessions = state.sessions.map((session) => (session.ending ? session : { ...session, counter: -1, silenceMs: 0 }));
  const receipts = state.receipts.map((receipt) => (receipt.complete ? receipt : { ...receipt, superseded: true }));
  return [{ ...state, sessions, receipts, gateway: { ...state.gateway, epoch, held: true, quarantine } }, []];
}

/** The longest lease that a session of this database may use. */
const longestOf = ({ gateway, sessions }: ControlState): number | null =>
  sessions.reduce<number | null>((longest, { leaseSeconds }) => longerLease(longest, leaseSeconds), gateway.leaseSeconds);

function elapsed(state: ControlState, { since, elapsedMs }: Elapsed): Step {
  const { quarantine } = state.gateway;
  if (quarantine?.since !== since || elapsedMs <= quarantine.elapsedMs) return [state, []];
  return [{ ...state, gateway: { ...state.gateway, quarantine: { ...quarantine, elapsedMs: Math.floor(elapsedMs) } } }, []];
}

function recover(state: ControlState, { epoch }: Recover, faults: Faults): Step {
  if (!state.gateway.held) return [state, []];
  return [{ ...state, gateway: { ...state.gateway, epoch: faults.noEpoch ? state.gateway.epoch : epoch, held: false } }, []];
}

function vouchForUnknown(state: ControlState, { by }: VouchForUnknown): Step {
  const { quarantine } = state.gateway;
  if (!quarantine) return [state, []];
  return [{ ...state, gateway: { ...state.gateway, quarantine: { ...quarantine, vouchedBy: by } } }, []];
}

/** What one control plane has observed about a session, in memory. Times are its own monotonic milliseconds. */
export interface Observation {
  readonly counter: number;
  /** The stored silence at the first read. */
  readonly foundMs: number;
  /** When the first read with this counter returned. */
  readonly firstReturnedMs: number;
  /** When the last read with this counter began. */
  readonly lastBegunMs: number;
}

/**
 * Updates an observation with a new read of the session's row.
 * @param begunMs a time before the read was sent @param returnedMs a time after its result arrived
 */
export function observe(
  before: Observation | undefined,
  row: Pick<SessionRow, 'counter' | 'silenceMs'>,
  begunMs: number,
  returnedMs: number,
  faults: Faults = NO_FAULTS,
): Observation {
  if (before?.counter === row.counter) return { ...before, lastBegunMs: Math.max(before.lastBegunMs, begunMs) };
  const first = faults.silenceCountedFromBegin ? begunMs : returnedMs;
  return { counter: row.counter, foundMs: row.silenceMs, firstReturnedMs: first, lastBegunMs: first };
}

/** Lower bound of the session's silence: what was stored, plus what was observed since then. */
export const silenceOf = ({ foundMs, firstReturnedMs, lastBegunMs }: Observation): number =>
  foundMs + Math.max(0, Math.floor(lastBegunMs - firstReturnedMs));

/** The step in which observed silence is stored: a tenth of the lease. Infinite for an unlimited lease. */
export const storeStepMs = (leaseSeconds: number | null): number => (leaseSeconds === null ? Number.POSITIVE_INFINITY : leaseSeconds * 100);
