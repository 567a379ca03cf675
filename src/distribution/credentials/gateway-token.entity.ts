import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { MachineRole } from '../../platform/common/access.js';

/**
 * A machine's credential for one gateway. It has no foreign key, because it outlives its gateway: processes that may still sign use it for
 * reports, but get no keys (docs/adr/0045).
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

  /** SHA-256 of the token, in hex. The token has 256 random bits, so neither a salt nor a pepper nor a slow hash is needed. */
  @Column({ name: 'token_hash', type: 'varchar', length: 64, select: false })
  tokenHash: string;

  /** The time from which the credential is refused, as Unix time in milliseconds; null: never. */
  @Column({ name: 'expires_at', type: 'bigint', nullable: true })
  expiresAt: number | null;

  /**
   * SHA-256, in hex, of the only client certificate (DER) with which the credential is accepted. Null: any certificate of the configured
   * CA, if a CA is configured.
   */
  @Column({ name: 'certificate_sha256', type: 'varchar', length: 64, nullable: true })
  certificateSha256: string | null;

  /** The first credential in this chain of renewals. It identifies the verifiers of the chain. Null: this credential is the first. */
  @Column({ name: 'renewal_of', type: 'varchar', length: 32, nullable: true })
  renewalOf: string | null;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** MAC of the columns on which authentication relies (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}
