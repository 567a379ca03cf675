import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { MachineRole } from '../../platform/common/access.js';

/**
 * A machine's credential for one gateway. Without a foreign key, because it outlives the gateway: processes that may still sign
 * report with it, and are given no keys (docs/adr/0045).
 */
@Entity({ name: 'gateway_tokens' })
@Index('uq_gateway_tokens_hash', ['tokenHash'], { unique: true })
@Index('ix_gateway_tokens_instance', ['instanceId', 'id'])
@Index('ix_gateway_tokens_renewal', ['renewalOf'])
export class GatewayToken {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @Column({ type: 'varchar', length: 16 })
  role: MachineRole;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  /** Hex SHA-256 of the token. The token is 256 random bits, so a salt, a pepper or a slow hash would add nothing. */
  @Column({ name: 'token_hash', type: 'varchar', length: 64, select: false })
  tokenHash: string;

  /** Unix time in milliseconds, from which the credential is refused; null: never. */
  @Column({ name: 'expires_at', type: 'bigint', nullable: true })
  expiresAt: number | null;

  /**
   * Hex SHA-256 of the only client certificate (DER) with which the credential is accepted; null: any certificate of the configured CA, if
   * one is configured.
   */
  @Column({ name: 'certificate_sha256', type: 'varchar', length: 64, nullable: true })
  certificateSha256: string | null;

  /** The first credential of this line of renewals; identifies its verifiers across renewals. Null: this is the first. */
  @Column({ name: 'renewal_of', type: 'varchar', length: 32, nullable: true })
  renewalOf: string | null;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** MAC of the columns that authentication relies on (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}
