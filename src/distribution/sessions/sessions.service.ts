import { Injectable, Logger } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { ApiFault, InstanceNotFound } from '../../platform/common/api-error.js';
import { Clock } from '../../platform/common/clock.js';
import type { Caller, Machine } from '../../platform/common/principal.js';
import type { InstanceScope, Scope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import { Database, type Reads, type Tx } from '../../platform/database/database.js';
import type { SessionAdmission, SessionRegistration, SessionSuccession, Snapshot } from '../../lib/protocol/protocol.js';
import { type ControlEffect, type ControlEvent, type Succession, step } from '../../lib/receipts/protocol.js';
import { fromWire, toWire } from '../../lib/protocol/wire-tombstone.js';
import { registrationBytes, successionBytes } from '../../lib/receipts/report-bytes.js';
import {
  gatewayRow,
  insertSession,
  livingSessions,
  lockCounter,
  lockSessions,
  sessionsById,
  shownGateway,
  type StoredGateway,
  type StoredSession,
  updateSessions,
} from '../../platform/receipts/protocol-rows.js';
import { ReceiptsService } from '../../platform/receipts/receipts.service.js';
import type { RestoreCheck } from '../../platform/recovery/restore-check.js';
import { Pulse } from '../../platform/recovery/pulse.js';
import { acceptedTombstones, nameTombstones } from '../../platform/recovery/tombstone-rows.js';
import { GatewayTokens } from '../credentials/gateway-tokens.service.js';
import { inGatewayOrProject } from '../../apig/instances/instance-rows.js';
import { isSignedBy } from './session-keys.js';
import { SessionRefused } from './sessions.errors.js';
import { SESSION_ID } from './gateways.dto.js';
import { type SessionListView, toView } from './sessions.dto.js';
import { type SealedSnapshot, SnapshotService, type Wanted } from '../snapshot/snapshot.service.js';

const READS_MAX = 5;

/** The result of one step of the protocol for a session. */
interface Outcome {
  gateway: StoredGateway;
  effects: readonly ControlEffect[];
}

/**
 * Sessions of processes, which register before they get keys. A session ends by its own report, by its successor, or when an operator
 * vouches for it.
 */
@Injectable()
export class SessionsService {
  readonly #logger = new Logger(SessionsService.name);

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly snapshots: SnapshotService,
    private readonly receipts: ReceiptsService,
    private readonly tokens: GatewayTokens,
    private readonly clock: Clock,
    private readonly config: Config,
    private readonly pulse: Pulse,
  ) {}

  /** Registers a process. Idempotent. @throws InstanceNotFound, SessionRefused, ApiFault `token_invalid` */
  async register(machine: Machine, sessionId: string, registration: SessionRegistration): Promise<SessionAdmission> {
    const {
      node_id: nodeId,
      public_key: publicKey,
      with_table: withTable = false,
      lease_seconds: leaseSeconds = 0,
      signature,
    } = registration;
    const tombstones = (registration.tombstones ?? []).map(fromWire);
    const bytes = registrationBytes({ gatewayId: machine.instanceId, sessionId, nodeId, withTable, leaseSeconds, tombstones });
    if (!(await isSignedBy(publicKey, bytes, signature))) throw new SessionRefused('forged');
    const succeeds = await this.succession(machine, registration.succeeds, { sessionId, publicKey });
    const { gateway, effects, accepted } = await this.pulse.transaction(async (tx, check) => {
      // Locks the row, so that concurrent registrations cannot exceed the limit of the credential.
      await this.assertCredential(tx, machine);
      const [count] = await tx.rows<{ living: number }>(
        'SELECT COUNT(*) AS living FROM signing_sessions WHERE credential_id = ? AND ending IS NULL',
        [machine.tokenId],
      );
      const event = {
        kind: 'register',
        sessionId,
        nodeId,
        publicKey,
        credentialId: machine.tokenId,
        withTable,
        leaseSeconds,
        living: count?.living ?? 0,
        sessionsMax: this.config.sessionsPerCredential,
        succeeds,
      } as const;
      const outcome = await this.step(
        tx,
        check,
        machine,
        event,
        [sessionId, ...(succeeds ? [succeeds.sessionId] : [])],
        registration.version,
      );
      // Stores the tombstones even while the registration waits, because the operator needs them to decide about the restore.
      if (outcome.gateway.quarantine) await nameTombstones(tx, machine.instanceId, nodeId, tombstones, this.clock.now());
      return { ...outcome, accepted: await acceptedTombstones(tx, machine.instanceId) };
    });
    throwIfRefused(effects);
    if (effects.some((effect) => effect.do === 'admit' && effect.warnOfSessions))
      this.#logger.warn(
        `a credential of the gateway ${machine.instanceId} has nearly reached its maximum number of sessions: ${machine.tokenId}`,
      );
    if (effects.some((effect) => effect.do === 'ended')) void this.receipts.check(instance(machine));
    return { epoch: gateway.epoch, accepted: accepted.map(toWire), receipt_retention_days: this.config.receiptRetentionDays };
  }

  /**
   * Returns the keys and routes with which a session signs. Commits that the session asked before it reads them, and commits the revision
   * of its first snapshot before it responds. So receipts always know which keys the session may have.
   * @throws InstanceNotFound, SessionRefused
   */
  async snapshot(machine: Machine, sessionId: string, wanted?: Wanted): Promise<Snapshot> {
    const again = await this.pulse.snapshot((reads, check) => this.readWithoutWriting(reads, check, machine, sessionId, wanted));
    if (again) return this.snapshots.open(machine, again.epoch, again.sealed);
    const asked = await this.pulse.transaction(async (tx, check) => {
      await this.assertCredential(tx, machine);
      await lockCounter(tx, instance(machine));
      return this.step(tx, check, machine, { kind: 'ask', sessionId }, [sessionId]);
    });
    throwIfRefused(asked.effects);
    let atLeast = asked.effects.find((effect) => effect.do === 'read')?.atLeast ?? 0;
    for (let reads = 0; reads < READS_MAX; reads++) {
      const sealed = await this.database.snapshot((tx) => this.snapshots.read(tx, machine, wanted));
      const event = { kind: 'record', sessionId, revision: sealed.revision, atLeast, partial: sealed.partial } as const;
      const { gateway, effects } = await this.pulse.transaction((tx, check) => this.step(tx, check, machine, event, [sessionId]));
      throwIfRefused(effects);
      if (effects.some((effect) => effect.do === 'answer_snapshot')) return this.snapshots.open(machine, gateway.epoch, sealed);
      atLeast = effects.find((effect) => effect.do === 'read_again')?.atLeast ?? atLeast;
    }
    throw new ApiFault('unavailable', { detail: 'the database repeatedly returned an older revision than it has committed' });
  }

  /** @throws SessionRefused when the session has ended */
  async assertLiving(machine: Machine, sessionId: string): Promise<void> {
    const outcome = await this.pulse.snapshot(async (reads, check) => {
      const gateway = await this.gateway(reads, check, machine);
      const sessions = await sessionsById(reads, instance(machine), [sessionId]);
      return step({ gateway, sessions, receipts: [] }, { kind: 'ask', sessionId })[1];
    });
    throwIfRefused(outcome);
  }

  /** Returns the open sessions, by name. @throws InstanceNotFound */
  async list(scope: InstanceScope): Promise<SessionListView> {
    const rows = await this.database.snapshot(async (reads) => {
      const gateway = await shownGateway(reads, instance(scope));
      if (gateway?.projectId !== scope.projectId) throw new InstanceNotFound(scope.instanceId);
      return livingSessions(reads, instance(scope));
    });
    return { total: rows.length, size: rows.length, sessions: rows.map(toView) };
  }

  /**
   * Ends a session because the caller vouches that its process does not sign any more. Receipts do not wait for it any more, and name the
   * caller. If the session reports again, receipts also show since when the statement is known to be wrong. Also works for a deleted
   * gateway.
   * @throws ApiFault `not_found`, InstanceNotFound
   */
  async vouch(scope: InstanceScope, sessionId: string, caller: Caller): Promise<void> {
    if (!SESSION_ID.test(sessionId)) throw new ApiFault('not_found');
    const { lock } = await inGatewayOrProject(this.database, scope);
    await this.changes.write(lock, async (write) => {
      const event = { kind: 'vouch', sessionId, by: caller.principal.userName.slice(0, 255), at: write.now } as const;
      const [before] = await lockSessions(write, instance(scope), [sessionId]);
      if (!before || before.ending) throw new ApiFault('not_found');
      await this.step(write, write.restoreCheck, scope, event, [sessionId]);
      const detail = { node_id: before.nodeId, applied_revision: before.acknowledged, last_seen: before.lastSeen };
      await this.audit.record(write, caller, { action: 'VouchForSession', resourceType: 'SigningSession', resourceId: sessionId, detail });
      write.change('session', sessionId, 'deleted');
    });
    void this.receipts.check(instance(scope));
  }

  /** @returns undefined when a write is needed before the response */
  private async readWithoutWriting(
    reads: Reads,
    check: RestoreCheck,
    machine: Machine,
    sessionId: string,
    wanted: Wanted | undefined,
  ): Promise<{ epoch: string; sealed: SealedSnapshot } | undefined> {
    const gateway = await this.gateway(reads, check, machine);
    // Reads the database instead of the cache, which may be seconds old. If the credential has ended, the path with a write refuses it.
    if (!(await this.tokens.findLive(reads, [machine.tokenId])).has(machine.tokenId)) return undefined;
    const sessions = await sessionsById(reads, instance(machine), [sessionId]);
    const before = { gateway, sessions, receipts: [] };
    const [asked, effects] = step(before, { kind: 'ask', sessionId });
    const read = effects.find((effect) => effect.do === 'read');
    if (!read || asked !== before) return undefined;
    const sealed = await this.snapshots.read(reads, machine, wanted);
    const event = { kind: 'record', sessionId, revision: sealed.revision, atLeast: read.atLeast, partial: sealed.partial } as const;
    const [recorded, answers] = step(asked, event);
    return recorded === asked && answers.some((effect) => effect.do === 'answer_snapshot') ? { epoch: gateway.epoch, sealed } : undefined;
  }

  /** Locks the rows, applies one event of the protocol, and stores the changes. */
  private async step(
    tx: Tx,
    check: RestoreCheck,
    scope: InstanceScope,
    event: ControlEvent,
    ids: readonly string[],
    version = '',
  ): Promise<Outcome> {
    const gateway = await this.gateway(tx, check, scope);
    const sessions = await lockSessions(tx, instance(scope), ids);
    const [after, effects] = step({ gateway, sessions, receipts: [] }, event);
    const now = this.clock.now();
    const changed: StoredSession[] = [];
    for (const session of after.sessions as StoredSession[]) {
      const before = sessions.find(({ sessionId }) => sessionId === session.sessionId);
      if (before === session) continue;
      if (before) changed.push(session.ending ? { ...session, endedAt: now, endedRevision: gateway.revision } : session);
      else await insertSession(tx, { ...session, ...newColumns(gateway, version, now) });
    }
    await updateSessions(tx, changed);
    return { gateway, effects };
  }

  /** Reads a gateway, even a deleted one, because the protocol decides what its sessions may do. @throws InstanceNotFound */
  private async gateway(reads: Reads, check: RestoreCheck, { projectId, instanceId }: InstanceScope): Promise<StoredGateway> {
    const gateway = await gatewayRow(reads, { kind: 'instance', id: instanceId }, check);
    if (!gateway || gateway.projectId !== projectId) throw new InstanceNotFound(instanceId);
    return gateway;
  }

  /** Reads the credential in the same transaction, because the cache may be seconds old. @throws ApiFault `token_invalid` */
  private async assertCredential(tx: Tx, { tokenId }: Machine): Promise<void> {
    if ((await this.tokens.lockLive(tx, [tokenId])).has(tokenId)) return;
    this.tokens.forget();
    throw new ApiFault('token_invalid');
  }

  /** Runs outside any transaction, which is possible because public keys never change. */
  private async succession(
    machine: Machine,
    succeeds: SessionSuccession | undefined,
    by: { sessionId: string; publicKey: string },
  ): Promise<Succession | null> {
    if (!succeeds) return null;
    const [before] = await sessionsById(this.database, instance(machine), [succeeds.session_id]);
    if (!before) return null;
    const bytes = successionBytes({
      gatewayId: machine.instanceId,
      predecessorId: succeeds.session_id,
      successorId: by.sessionId,
      successorPublicKey: by.publicKey,
    });
    return { sessionId: succeeds.session_id, proven: await isSignedBy(before.publicKey, bytes, succeeds.signature) };
  }
}

const instance = ({ instanceId }: Pick<InstanceScope, 'instanceId'>): Scope => ({ kind: 'instance', id: instanceId });

/** @throws SessionRefused */
function throwIfRefused(effects: readonly ControlEffect[]): void {
  const refused = effects.find((effect) => effect.do === 'refuse');
  if (refused) throw new SessionRefused(refused.because);
}

const newColumns = ({ scope, projectId }: StoredGateway, version: string, now: number) => ({
  scopeKind: scope.kind,
  scopeId: scope.id,
  projectId,
  version,
  acknowledgedAt: null,
  endedAt: null,
  endedRevision: null,
  registeredAt: now,
  lastSeen: now,
});
