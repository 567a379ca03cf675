import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { VerifierEnding } from '../../lib/receipts/verifiers.js';

/**
 * A process that verifies signatures and has asked for keys. It has no foreign key, because it may accept a key for longer than its
 * credential or its gateway exists.
 */
@Entity({ name: 'verifiers' })
@Index('uq_verifiers_process', ['tokenId', 'name', 'processId'], { unique: true })
@Index('ix_verifiers_instance', ['instanceId', 'id'])
@Index('ix_verifiers_ended', ['endedAt'])
export class Verifier {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  /** The first credential in the chain of renewals that the process uses. */
  @Column({ name: 'token_id', type: 'varchar', length: 32 })
  tokenId: string;

  /** The name that the process has chosen; may be empty. */
  @Column({ type: 'varchar', length: 64 })
  name: string;

  /** A random id that the process generates at its start; empty: the process sends none. */
  @Column({ name: 'process_id', type: 'varchar', length: 64 })
  processId: string;

  /** The newest revision whose keys the process has confirmed. Only increases. */
  @Column({ name: 'shown_revision', type: 'bigint' })
  shownRevision: number;

  /** The revision of the first keys that the process got; 0: its first request showed that it already had keys. */
  @Column({ name: 'first_revision', type: 'bigint' })
  firstRevision: number;

  /** The revision and ETag of the last response. The next request shows whether that response arrived. */
  @Column({ name: 'offered_revision', type: 'bigint' })
  offeredRevision: number;

  @Column({ name: 'offered_content', type: 'varchar', length: 16 })
  offeredContent: string;

  @Column({ name: 'max_age_seconds', type: 'int', nullable: true })
  maxAgeSeconds: number | null;

  /** Number of stored contacts. If two reads return the same number, the process was silent in between. */
  @Column({ type: 'bigint' })
  contacts: number;

  @Column({ name: 'silence_ms', type: 'bigint' })
  silenceMs: number;

  @Column({ type: 'varchar', length: 16, nullable: true })
  ending: VerifierEnding | null;

  @Column({ name: 'ended_at', type: 'bigint', nullable: true })
  endedAt: number | null;

  /** The operator who vouched. */
  @Column({ name: 'ended_by', type: 'varchar', length: 64, nullable: true })
  endedBy: string | null;

  /** When the process asked for keys again after an operator had vouched for it. From then on it is known that the operator was wrong. */
  @Column({ name: 'contradicted_at', type: 'bigint', nullable: true })
  contradictedAt: number | null;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'last_seen', type: 'bigint' })
  lastSeen: number;
}
