import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { VerifierEnding } from '../../lib/receipts/verifiers.js';

/**
 * A process that verifies signatures and has asked for keys. Without a foreign key, because it may accept a key for longer than its
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

  /** The first credential of the line of renewals that it uses. */
  @Column({ name: 'token_id', type: 'varchar', length: 32 })
  tokenId: string;

  /** The name that the process has given itself; may be empty. */
  @Column({ type: 'varchar', length: 64 })
  name: string;

  /** Random, generated when the process starts; empty: it sends none. */
  @Column({ name: 'process_id', type: 'varchar', length: 64 })
  processId: string;

  /** The newest revision whose keys it has confirmed. Only grows. */
  @Column({ name: 'shown_revision', type: 'bigint' })
  shownRevision: number;

  /** The revision of the first keys that it was given; 0: its first request showed that it had keys already. */
  @Column({ name: 'first_revision', type: 'bigint' })
  firstRevision: number;

  /** The revision and ETag of its last answer: its next request shows whether that answer arrived. */
  @Column({ name: 'offered_revision', type: 'bigint' })
  offeredRevision: number;

  @Column({ name: 'offered_content', type: 'varchar', length: 16 })
  offeredContent: string;

  @Column({ name: 'max_age_seconds', type: 'int', nullable: true })
  maxAgeSeconds: number | null;

  /** Counts stored contacts: two equal counts mean silence in between. */
  @Column({ type: 'bigint' })
  contacts: number;

  @Column({ name: 'silence_ms', type: 'bigint' })
  silenceMs: number;

  @Column({ type: 'varchar', length: 16, nullable: true })
  ending: VerifierEnding | null;

  @Column({ name: 'ended_at', type: 'bigint', nullable: true })
  endedAt: number | null;

  /** Who vouched. */
  @Column({ name: 'ended_by', type: 'varchar', length: 64, nullable: true })
  endedBy: string | null;

  /** It asked again after somebody vouched for it: since then the vouch is known to be wrong. */
  @Column({ name: 'contradicted_at', type: 'bigint', nullable: true })
  contradictedAt: number | null;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'last_seen', type: 'bigint' })
  lastSeen: number;
}
