import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { MachineRole } from '../common/principal.js';
import { Instance } from '../instances/instance.entity.js';

/** A machine's credential for one gateway. */
@Entity({ name: 'gateway_tokens' })
@Index('uq_gateway_tokens_hash', ['tokenHash'], { unique: true })
@Index('ix_gateway_tokens_instance', ['instanceId', 'id'])
export class GatewayToken {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @ForeignKey(() => Instance, { name: 'fk_gateway_tokens_instance', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @Column({ type: 'varchar', length: 16 })
  role: MachineRole;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  /**
   * Hex SHA-256 of the token. No salt, no pepper, no slow hash: the token is 256 random bits, so nobody finds it from its hash
   * by trying, however fast the hash is, and no two are alike.
   */
  @Column({ name: 'token_hash', type: 'varchar', length: 64, select: false })
  tokenHash: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}

/** A verifier that has asked for the keys, and what it holds. */
@Entity({ name: 'gateway_verifiers' })
@Index('ix_gateway_verifiers_instance', ['instanceId'])
export class GatewayVerifier {
  @ForeignKey(() => GatewayToken, { name: 'fk_gateway_verifiers_token', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'token_id', type: 'varchar', length: 32 })
  tokenId: string;

  /** Tells verifiers apart that share a credential; may be empty. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  name: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  /** The revision of the keys that it has shown to hold. */
  @Column({ type: 'bigint' })
  revision: number;

  @Column({ name: 'last_seen', type: 'bigint' })
  lastSeen: number;
}
