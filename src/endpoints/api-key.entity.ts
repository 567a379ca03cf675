import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { ApiKeyMode } from '../common/principal.js';
import { Project } from '../projects/project.entity.js';

/** What a machine shows to act for a project (endpoints §1.9). */
@Entity({ name: 'api_keys' })
@Index('uq_api_keys_hash', ['keyHash'], { unique: true })
@Index('ix_api_keys_project', ['projectId', 'id'])
export class ApiKey {
  /** `key_` and 32 hex digits. */
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  @ForeignKey(() => Project, { name: 'fk_api_keys_project', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ type: 'varchar', length: 255, nullable: true })
  label: string | null;

  @Column({ type: 'varchar', length: 8 })
  mode: ApiKeyMode;

  /** First 11 characters of the key, for people. */
  @Column({ type: 'varchar', length: 16 })
  prefix: string;

  /** Hex HMAC-SHA256 of the key under the pepper: the table alone does not let anyone try keys. */
  @Column({ name: 'key_hash', type: 'varchar', length: 64, select: false })
  keyHash: string;

  /** Who made it: a user's id, or another API key's. */
  @Column({ name: 'created_by', type: 'varchar', length: 64 })
  createdBy: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** Within a minute of its last request. */
  @Column({ name: 'last_used_at', type: 'bigint', nullable: true })
  lastUsedAt: number | null;
}

/** The secret under which API keys are hashed, sealed; one row. */
@Entity({ name: 'api_key_peppers' })
@Check('ck_api_key_peppers_pepper', "substr(pepper, 1, 3) = 'K1.' AND length(pepper) > 50")
export class ApiKeyPepper {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ type: 'varchar', length: 255, select: false })
  pepper: string;
}
