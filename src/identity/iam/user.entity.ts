import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Domain, Project } from '../projects/project.entity.js';
import { Policy } from './policy.entity.js';

/** A user of the embedded identity service. */
@Entity({ name: 'users' })
@Index('uq_users_domain_name', ['domainId', 'name'], { unique: true })
@Check('ck_users_password_hash', "substr(password_hash, 1, 10) = '$argon2id$'")
export class User {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;

  @ForeignKey(() => Domain, { name: 'fk_users_domain', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'domain_id', type: 'varchar', length: 64 })
  domainId: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  /** Argon2id in PHC format. */
  @Column({ name: 'password_hash', type: 'varchar', length: 255, select: false })
  passwordHash: string;

  @Column({ type: 'boolean' })
  enabled: boolean;

  /** Tokens that were issued before this time (Unix time in milliseconds) are refused. A new password changes it. */
  @Column({ name: 'tokens_valid_from', type: 'bigint' })
  tokensValidFrom: number;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** The time (Unix time in milliseconds) from which the password must be changed before it gives a token. Null: never. */
  @Column({ name: 'password_expires_at', type: 'bigint', nullable: true })
  passwordExpiresAt: number | null;

  /** The one-time passwords without which a password gives no token. Null: none. */
  @Column({ name: 'totp_id', type: 'varchar', length: 32, nullable: true })
  totpId: string | null;

  /** MAC of the columns on which authentication relies (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}

/** A role that a user has in a project. */
@Entity({ name: 'role_assignments' })
export class RoleAssignment {
  @ForeignKey(() => User, { name: 'fk_role_assignments_user', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'user_id', type: 'varchar', length: 64 })
  userId: string;

  @ForeignKey(() => Project, { name: 'fk_role_assignments_project', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** The name of a system policy, or the id of a policy of the domain. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  role: string;

  /** The policy of the domain. If it is deleted, the assignment is deleted too. Null: a system policy. */
  @ForeignKey(() => Policy, { name: 'fk_role_assignments_policy', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'policy_id', type: 'varchar', length: 64, nullable: true })
  policyId: string | null;

  /** MAC of the columns on which authorization relies (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}

/** A key pair with which the embedded identity service signs tokens. */
@Entity({ name: 'token_keys' })
@Check('ck_token_keys_private_key', "substr(private_key, 1, 3) = 'K1.'")
export class TokenKey {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  /** PKCS#8 DER in base64, encrypted. */
  @Column({ name: 'private_key', type: 'text', select: false })
  privateKey: string;

  /** SPKI DER in base64. */
  @Column({ name: 'public_key', type: 'text' })
  publicKey: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}

/** A revoked token. The row is kept until the token would have expired. */
@Entity({ name: 'revoked_tokens' })
export class RevokedToken {
  /** The `jti` of the token. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;

  @Column({ name: 'expires_at', type: 'bigint' })
  expiresAt: number;
}
