import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { WebhookEndpoint } from '../endpoints/endpoint.entity.js';

/**
 * `hmac`: a shared `whsec_` secret. `ed25519`: a `whsk_` private key; the receiver has the `whpk_` public key
 * (docs/contracts/endpoints.md §3.1).
 */
export const SIGNING_KEY_TYPES = ['hmac', 'ed25519'] as const;
export type SigningKeyType = (typeof SIGNING_KEY_TYPES)[number];

/**
 * A signing key of an endpoint (docs/contracts/endpoints.md §1.5). An endpoint has one or two keys: the unique slot prevents a third one,
 * and the lock of the endpoint prevents the deletion of the last one. One of the keys has no expiry.
 */
@Entity({ name: 'signing_keys' })
@Index('uq_signing_keys_slot', ['endpointId', 'slot'], { unique: true })
@Index('ix_signing_keys_expiry', ['expiresAt'])
@Check('ck_signing_keys_slot', 'slot IN (1, 2)')
@Check('ck_signing_keys_secret', "substr(secret, 1, 3) = 'K1.' AND length(secret) > 50")
export class SigningKey {
  /** `sk_` and 32 hex digits. Sorts by time of creation. */
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

  /** Secret with its prefix, encrypted. */
  @Column({ type: 'text', select: false })
  secret: string;

  /** `whpk_…` of an ed25519 key. */
  @Column({ name: 'public_key', type: 'varchar', length: 64, nullable: true })
  publicKey: string | null;

  /** Last four characters of the secret; for an ed25519 key, of the public key. */
  @Column({ name: 'key_hint', type: 'varchar', length: 4 })
  keyHint: string;

  /** The time from which on the key does not sign, as Unix time in milliseconds; null: the key does not expire. */
  @Column({ name: 'expires_at', type: 'bigint', nullable: true })
  expiresAt: number | null;

  /** When the expiry of the key was announced; null if it was not announced. */
  @Column({ name: 'end_announced_at', type: 'bigint', nullable: true })
  endAnnouncedAt: number | null;

  /** Time of the last signed delivery, accurate to a minute. */
  @Column({ name: 'last_used_at', type: 'bigint', nullable: true })
  lastUsedAt: number | null;

  /** Id of the user or API key that created it. */
  @Column({ name: 'created_by', type: 'varchar', length: 64 })
  createdBy: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}

/**
 * The hash of a secret that a signing key of the project has or had. The row stays after the key and the endpoint are deleted, so that no
 * secret is used twice.
 */
@Entity({ name: 'used_signing_secrets' })
export class UsedSigningSecret {
  /** HMAC-SHA256 under the pepper of API keys, in hex. Without the pepper, the table allows no offline guessing. */
  @PrimaryColumn({ name: 'secret_hash', type: 'varchar', length: 64 })
  secretHash: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'endpoint_id', type: 'varchar', length: 35 })
  endpointId: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}
