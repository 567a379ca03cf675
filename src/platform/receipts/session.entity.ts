import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Scope } from '../common/scope.js';
import type { Ending } from '../../lib/receipts/protocol.js';

/**
 * A process that was given keys; receipts wait for it. The row outlives its gateway and its credential, because the process may do so too.
 * `lib/receipts/protocol.ts` defines the columns and is the only code that decides on them.
 */
@Entity({ name: 'signing_sessions' })
@Index('ix_signing_sessions_scope', ['scopeKind', 'scopeId', 'ending', 'acknowledged'])
@Index('ix_signing_sessions_credential', ['credentialId', 'ending'])
export class SigningSession {
  /** Random, chosen by the process. */
  @PrimaryColumn({ name: 'session_id', type: 'varchar', length: 32 })
  sessionId: string;

  /** The scope whose keys it signs with. */
  @Column({ name: 'scope_kind', type: 'varchar', length: 16 })
  scopeKind: Scope['kind'];

  @Column({ name: 'scope_id', type: 'varchar', length: 64 })
  scopeId: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** Name for display, not unique. */
  @Column({ name: 'node_id', type: 'varchar', length: 64 })
  nodeId: string;

  /** Version of the software. */
  @Column({ type: 'varchar', length: 64 })
  version: string;

  /** Ed25519 public key, 32 bytes as base64url. */
  @Column({ name: 'public_key', type: 'varchar', length: 64 })
  publicKey: string;

  @Column({ name: 'credential_id', type: 'varchar', length: 32 })
  credentialId: string;

  @Column({ type: 'varchar', length: 32 })
  epoch: string;

  @Column({ type: 'int' })
  asked: number;

  @Column({ name: 'with_table', type: 'int' })
  withTable: number;

  @Column({ name: 'first_revision', type: 'bigint', nullable: true })
  firstRevision: number | null;

  @Column({ type: 'bigint' })
  acknowledged: number;

  /** First acknowledgement of that revision, Unix time in milliseconds by the clock of a control plane. For display only. */
  @Column({ name: 'acknowledged_at', type: 'bigint', nullable: true })
  acknowledgedAt: number | null;

  @Column({ type: 'bigint' })
  counter: number;

  @Column({ name: 'lease_seconds', type: 'int', nullable: true })
  leaseSeconds: number | null;

  @Column({ name: 'silence_ms', type: 'bigint' })
  silenceMs: number;

  @Column({ type: 'varchar', length: 16, nullable: true })
  ending: Ending['how'] | null;

  /** The operator who vouched, or the session that succeeded this one. */
  @Column({ name: 'ended_by', type: 'varchar', length: 255, nullable: true })
  endedBy: string | null;

  /** For display only. */
  @Column({ name: 'ended_at', type: 'bigint', nullable: true })
  endedAt: number | null;

  /** The scope's revision when the session ended. Receipts of revisions up to this one have waited for the session. */
  @Column({ name: 'ended_revision', type: 'bigint', nullable: true })
  endedRevision: number | null;

  @Column({ name: 'contradicted_at', type: 'bigint', nullable: true })
  contradictedAt: number | null;

  @Column({ name: 'registered_at', type: 'bigint' })
  registeredAt: number;

  /** For display only. */
  @Column({ name: 'last_seen', type: 'bigint' })
  lastSeen: number;
}
