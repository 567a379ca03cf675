import { Injectable, Logger } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { ApiFault, InstanceNotFound } from '../../platform/common/api-error.js';
import { Clock } from '../../platform/common/clock.js';
import type { Machine } from '../../platform/common/principal.js';
import type { Scope } from '../../platform/common/scope.js';
import { CommitOutcomeUnknown, Database, type Tx } from '../../platform/database/database.js';
import type { SessionReport, SessionTerms } from '../../lib/protocol/protocol.js';
import { type ControlState, step, type Succession, type Terms } from '../../lib/receipts/protocol.js';
import { reportBytes, successionBytes } from '../../lib/receipts/report-bytes.js';
import { operator } from '../../identity/projects/operator.js';
import { gatewayRow, lockSessions, sessionsById, type StoredSession, updateSessions } from '../../platform/receipts/protocol-rows.js';
import { ReceiptsService } from '../../platform/receipts/receipts.service.js';
import type { RestoreCheck } from '../../platform/recovery/restore-check.js';
import { Pulse } from '../../platform/recovery/pulse.js';
import { GatewayTokens } from '../credentials/gateway-tokens.service.js';
import { inGatewayOrProject } from '../../apig/instances/instance-rows.js';
import { isSignedBy } from './session-keys.js';
import { SessionRefused } from './sessions.errors.js';
import { TableDigests } from '../snapshot/table-digests.js';
import { addUsage } from '../../apig/signs/usage.js';

/** Maximum number of reports that one transaction stores. */
const BATCH_MAX = 200;

interface Waiting {
  machine: Machine;
  sessionId: string;
  report: SessionReport;
  resolve: (terms: SessionTerms) => void;
  reject: (error: unknown) => void;
}

/** A report whose signatures are checked. */
interface Checked extends Waiting {
  authentic: boolean;
  ownDigest: string | undefined;
  succeeds: Succession | null;
}

type Answer = Terms | Error;

/**
 * Stores the reports of sessions. A report is not a write of the gateway, so it has no revision, audit row or change. Reports that arrive
 * while others are being stored share the next transaction. So, when thousands of nodes apply one change, their reports take only a few
 * dozen transactions.
 */
@Injectable()
export class SessionReports {
  readonly #logger = new Logger(SessionReports.name);
  readonly #waiting: Waiting[] = [];
  #storing = false;

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly receipts: ReceiptsService,
    private readonly tokens: GatewayTokens,
    private readonly digests: TableDigests,
    private readonly clock: Clock,
    private readonly pulse: Pulse,
  ) {}

  /** Stores a report. @throws InstanceNotFound, SessionRefused, ApiFault `token_invalid` */
  take(machine: Machine, sessionId: string, report: SessionReport): Promise<SessionTerms> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ machine, sessionId, report, resolve, reject });
      if (!this.#storing) void this.store();
    });
  }

  private async store(): Promise<void> {
    this.#storing = true;
    while (this.#waiting.length > 0) await this.storeBatch(this.#waiting.splice(0, BATCH_MAX));
    this.#storing = false;
  }

  /** Stores a batch. If that fails, each report is stored alone, so that one bad report does not fail the others. */
  private async storeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      const checked = await this.check(batch);
      const { answers, contradicted } = await this.pulse.transaction((tx, check) => this.storeAll(tx, check, checked));
      for (const answer of answers) if (!(answer instanceof Error)) await this.pulse.leaseGranted(answer.leaseSeconds);
      for (const instanceId of new Set(batch.map(({ machine }) => machine.instanceId))) void this.receipts.check(instance(instanceId));
      batch.forEach(({ resolve, reject }, i) => {
        const answer = answers[i];
        if (answer instanceof Error || answer === undefined) reject(answer);
        else resolve(toWire(answer, this.clock.now()));
      });
      for (const each of contradicted) await this.recordContradiction(each);
    } catch (error) {
      const [only, ...more] = batch;
      if (more.length > 0) for (const one of batch) await this.storeBatch([one]);
      // The node repeats the report with a higher counter.
      else only?.reject(error instanceof CommitOutcomeUnknown ? new ApiFault('unavailable', {}, { cause: error }) : error);
    }
  }

  /** Checks signatures before the transaction and off the event loop, which is possible because public keys never change. */
  private async check(batch: readonly Waiting[]): Promise<Checked[]> {
    const keys = new Map<string, string>();
    for (const [instanceId, waiting] of byInstance(batch)) {
      const ids = new Set(
        waiting.flatMap(({ sessionId, report }) => [sessionId, ...(report.succeeds ? [report.succeeds.session_id] : [])]),
      );
      for (const { sessionId, publicKey } of await sessionsById(this.database, instance(instanceId), [...ids]))
        keys.set(`${instanceId} ${sessionId}`, publicKey);
    }
    return Promise.all(
      batch.map(async (waiting) => {
        const { machine, sessionId, report } = waiting;
        const gatewayId = machine.instanceId;
        const publicKey = keys.get(`${gatewayId} ${sessionId}`);
        if (publicKey === undefined) return { ...waiting, authentic: false, ownDigest: undefined, succeeds: null };
        const authentic = await isSignedBy(publicKey, bytesOf(gatewayId, sessionId, report), report.signature);
        // If the table has rows that are newer than the acknowledged revision, there is no digest with which to compare it.
        const compared = report.applied_revision > 0 && report.newest_revision <= report.applied_revision;
        const ownDigest = authentic && compared ? this.digests.of(machine, report.applied_revision) : undefined;
        const predecessor = report.succeeds && keys.get(`${gatewayId} ${report.succeeds.session_id}`);
        if (!report.succeeds || predecessor === undefined) return { ...waiting, authentic, ownDigest, succeeds: null };
        const predecessorId = report.succeeds.session_id;
        const bytes = successionBytes({ gatewayId, predecessorId, successorId: sessionId, successorPublicKey: publicKey });
        const proven = await isSignedBy(predecessor, bytes, report.succeeds.signature);
        return { ...waiting, authentic, ownDigest, succeeds: { sessionId: predecessorId, proven } };
      }),
    );
  }

  private async storeAll(tx: Tx, check: RestoreCheck, batch: readonly Checked[]): Promise<{ answers: Answer[]; contradicted: Checked[] }> {
    const live = await this.liveCredentials(tx, batch);
    const answers = new Map<Checked, Answer>();
    const contradicted: Checked[] = [];
    for (const [instanceId, reports] of byInstance(batch)) {
      const gateway = await gatewayRow(tx, instance(instanceId), check);
      const ids = reports.flatMap(({ sessionId, succeeds }) => [sessionId, ...(succeeds ? [succeeds.sessionId] : [])]);
      const sessions = await lockSessions(tx, instance(instanceId), ids);
      const before = new Map(sessions.map((session) => [session.sessionId, session]));
      let state: ControlState | undefined = gateway && { gateway, sessions, receipts: [] };
      const now = this.clock.now();
      for (const checked of reports) {
        const { machine, sessionId, report, authentic, ownDigest, succeeds } = checked;
        if (!gateway || !state || gateway.projectId !== machine.projectId) {
          answers.set(checked, new InstanceNotFound(instanceId));
          continue;
        }
        if (!live.has(machine.tokenId)) {
          answers.set(checked, new ApiFault('token_invalid'));
          continue;
        }
        const [next, effects] = step(state, {
          kind: 'report',
          sessionId,
          authentic,
          credentialId: machine.tokenId,
          epoch: report.epoch,
          counter: report.counter,
          revision: report.applied_revision,
          newestRevision: report.newest_revision,
          digest: report.digest,
          ownDigest,
          leaseSeconds: report.lease_seconds,
          leaving: report.leaving,
          succeeds,
          at: now,
        });
        state = next;
        const refused = effects.find((effect) => effect.do === 'refuse');
        const answered = effects.find((effect) => effect.do === 'answer_report');
        const terms: Terms = answered?.terms ?? {
          epoch: gateway.epoch,
          counter: report.counter,
          previousCounter: report.counter,
          revision: gateway.revision,
          leaseSeconds: 0,
        };
        answers.set(checked, refused ? new SessionRefused(refused.because) : terms);
        if (effects.some((effect) => effect.do === 'contradicted')) contradicted.push(checked);
        if (!refused) await addUsage(tx, machine, report.usage ?? [], now);
      }
      if (state && gateway)
        await updateSessions(tx, changedSessions(before, state.sessions as readonly StoredSession[], gateway.revision, now));
    }
    return { answers: batch.map((checked) => answers.get(checked)!), contradicted };
  }

  /**
   * Reads the credentials in the transaction, because the cache may be seconds old and an ended credential must not acknowledge anything.
   */
  private async liveCredentials(tx: Tx, batch: readonly Checked[]): Promise<ReadonlySet<string>> {
    const ids = [...new Set(batch.map(({ machine }) => machine.tokenId))];
    const live = await this.tokens.findLive(tx, ids);
    if (live.size < ids.length) this.tokens.forget();
    return live;
  }

  /** Records that a session has reported after an operator had vouched that it does not sign any more. */
  private async recordContradiction({ machine, sessionId }: Checked): Promise<void> {
    this.#logger.warn(
      `the session ${sessionId} has reported, although an operator had vouched that it does not sign any more: check its process`,
    );
    const entry = {
      action: 'ContradictVouch' as const,
      resourceType: 'SigningSession',
      resourceId: sessionId,
      detail: { credential_id: machine.tokenId },
    };
    await inGatewayOrProject(this.database, machine)
      .then(({ lock }) =>
        this.changes.write(lock, async (write) => {
          await this.audit.record(write, operator('signet'), entry);
          write.change('session', sessionId, 'updated');
        }),
      )
      .catch((error: unknown) => this.#logger.error({ err: error }, 'a contradicted vouch could not be recorded in the audit trail'));
  }
}

const instance = (id: string): Scope => ({ kind: 'instance', id });

function byInstance<T extends Waiting>(batch: readonly T[]): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const waiting of batch) {
    const { instanceId } = waiting.machine;
    const list = found.get(instanceId);
    if (list) list.push(waiting);
    else found.set(instanceId, [waiting]);
  }
  return found;
}

function bytesOf(gatewayId: string, sessionId: string, report: SessionReport): Buffer {
  return reportBytes({
    gatewayId,
    epoch: report.epoch,
    sessionId,
    counter: report.counter,
    revision: report.applied_revision,
    newestRevision: report.newest_revision,
    digest: report.digest,
    leaseSeconds: report.lease_seconds,
    leaving: report.leaving,
  });
}

const toWire = ({ epoch, counter, previousCounter, revision, leaseSeconds }: Terms, now: number): SessionTerms => ({
  epoch,
  counter,
  previous_counter: previousCounter,
  revision,
  lease_seconds: leaseSeconds,
  time_ms: now,
});

/** Returns the rows that reports have changed, with the columns for display. */
function changedSessions(
  before: ReadonlyMap<string, StoredSession>,
  after: readonly StoredSession[],
  revision: number,
  now: number,
): StoredSession[] {
  return after.flatMap((session) => {
    const was = before.get(session.sessionId);
    if (!was || was === session) return [];
    const ended = session.ending !== null && was.ending === null;
    return [
      {
        ...session,
        lastSeen: session.counter > was.counter ? now : was.lastSeen,
        acknowledgedAt: session.acknowledged > was.acknowledged ? now : was.acknowledgedAt,
        ...(ended && { endedAt: now, endedRevision: revision }),
      },
    ];
  });
}
