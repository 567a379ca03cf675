import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { WebhookEndpoint } from './endpoint.entity.js';

/** `hmac`: a shared `whsec_` secret; `ed25519`: a `whsk_` private key whose `whpk_` half the receiver has (endpoints §3.1). */
export const SIGNING_KEY_TYPES = ['hmac', 'ed25519'] as const;
export type SigningKeyType = (typeof SIGNING_KEY_TYPES)[number];

/**
 * A key that signs an endpoint's deliveries (endpoints §1.5). An endpoint has one or two: the slot makes a third impossible, the lock
 * of the endpoint keeps the last one, and one of them never expires.
 */
@Entity({ name: 'signing_keys' })
@Index('uq_signing_keys_slot', ['endpointId', 'slot'], { unique: true })
@Index('ix_signing_keys_expiry', ['expiresAt'])
@Check('ck_signing_keys_slot', 'slot IN (1, 2)')
@Check('ck_signing_keys_secret', "substr(secret, 1, 3) = 'K1.' AND length(secret) > 50")
export class SigningKey {
  /** `sk_` and 32 hex digits, in the order in which keys were made. */
  @PrimaryColumn({ type: 'varchar', length: 35 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @ForeignKey(() => WebhookEndpoint, { name: 'fk_signing_keys_endpoint', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'endpoint_id', type: 'varchar', length: 35 })
  endpointId: string;

  @Column({ type: 'int' })
  slot: number;

  @Column({ type: 'varchar', length: 16 })
  type: SigningKeyType;

  /** Text with its prefix, sealed to this row. */
  @Column({ type: 'text', select: false })
  secret: string;

  /** `whpk_…` of an ed25519 key. */
  @Column({ name: 'public_key', type: 'varchar', length: 64, nullable: true })
  publicKey: string | null;

  /** Last four characters of the secret; of an ed25519 key, of its public half. */
  @Column({ name: 'key_hint', type: 'varchar', length: 4 })
  keyHint: string;

  /** Milliseconds since the epoch from which on it signs nothing more. */
  @Column({ name: 'expires_at', type: 'bigint', nullable: true })
  expiresAt: number | null;

  /** Within a minute of the last delivery that it signed. */
  @Column({ name: 'last_used_at', type: 'bigint', nullable: true })
  lastUsedAt: number | null;

  /** Who made it: a user's id, or an API key's. */
  @Column({ name: 'created_by', type: 'varchar', length: 64 })
  createdBy: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}
