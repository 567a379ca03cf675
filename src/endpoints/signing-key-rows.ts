import type { Write } from '../changes/changes.service.js';
import type { WebhookKeyText } from '../lib/signing/webhook-keys.js';
import { isLive } from './live-keys.js';
import type { SigningKeyType } from './signing-key.entity.js';

/** A key as it is listed: without its secret. */
export interface SigningKeyRow {
  id: string;
  slot: number;
  type: SigningKeyType;
  publicKey: string | null;
  keyHint: string;
  expiresAt: number | null;
  lastUsedAt: number | null;
  createdBy: string;
  createdAt: number;
}

/** Newest first. Its one parameter is the endpoint's id. */
export const LIST_SIGNING_KEYS = `SELECT id, slot, type, public_key AS publicKey, key_hint AS keyHint, expires_at AS expiresAt,
    last_used_at AS lastUsedAt, created_by AS createdBy, created_at AS createdAt
  FROM signing_keys WHERE endpoint_id = ? ORDER BY id DESC`;

/** Keys that sign at the moment of this write, newest first. */
export async function liveKeysOf(write: Write): Promise<SigningKeyRow[]> {
  const rows = await write.rows<SigningKeyRow>(LIST_SIGNING_KEYS, [write.scopeId]);
  return rows.filter((row) => isLive(row, write.now));
}

/** What a key shows of itself, from its text. */
export const describeKey = ({ secret, publicKey }: WebhookKeyText): Pick<SigningKeyRow, 'type' | 'publicKey' | 'keyHint'> => ({
  type: publicKey === null ? 'hmac' : 'ed25519',
  publicKey,
  keyHint: (publicKey ?? secret).slice(-4),
});

/** Stores a key in its endpoint's write, or in the one that makes the endpoint. */
export async function insertSigningKey(
  write: Write,
  key: Omit<SigningKeyRow, 'expiresAt' | 'lastUsedAt' | 'createdAt'> & { endpointId: string; sealedSecret: string },
): Promise<void> {
  await write.run(
    `INSERT INTO signing_keys (id, project_id, endpoint_id, slot, type, secret, public_key, key_hint, created_by, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [key.id, write.projectId, key.endpointId, key.slot, key.type, key.sealedSecret, key.publicKey, key.keyHint, key.createdBy, write.now],
  );
}
