import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { ApiKeyMode } from '../../platform/common/access.js';
import { Project } from '../../identity/projects/project.entity.js';

/** An API key: the credential of a machine for one project (docs/contracts/endpoints.md §1.9). */
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

  /** The first 11 characters of the key, shown to people. */
  @Column({ type: 'varchar', length: 16 })
  prefix: string;

  /** HMAC-SHA256 of the key under the pepper, in hex. Without the pepper, the table allows no offline guessing. */
  @Column({ name: 'key_hash', type: 'varchar', length: 64, select: false })
  keyHash: string;

  /** Id of the user or API key that created it. */
  @Column({ name: 'created_by', type: 'varchar', length: 64 })
  createdBy: string;

  /** The API key that created this key. When it is revoked, this key is revoked too. Null if a person created this key. */
  @Column({ name: 'parent_id', type: 'varchar', length: 36, nullable: true })
  parentId: string | null;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** Time of the last request, accurate to a minute. */
  @Column({ name: 'last_used_at', type: 'bigint', nullable: true })
  lastUsedAt: number | null;

  /** MAC of the row's security-relevant columns (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}

/** The encrypted HMAC key for the hashes of API keys. The table has one row. */
@Entity({ name: 'api_key_peppers' })
@Check('ck_api_key_peppers_pepper', "substr(pepper, 1, 3) = 'K1.' AND length(pepper) > 50")
export class ApiKeyPepper {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ type: 'varchar', length: 255, select: false })
  pepper: string;
}
