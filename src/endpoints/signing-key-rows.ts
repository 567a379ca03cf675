import type { Write } from '../changes/changes.service.js';
import { isLive, type NewSecret } from './live-keys.js';
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

/** Stores a key in its endpoint's write. */
export async function insertSigningKey(
  write: Write,
  key: Omit<NewSecret, 'secret'> & {
    id: string;
    endpointId: string;
    slot: number;
    sealedSecret: string;
    expiresAt: number | null;
    createdBy: string;
  },
): Promise<void> {
  await write.run(
    `INSERT INTO signing_keys (id, project_id, endpoint_id, slot, type, secret, public_key, key_hint, expires_at, created_by, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      key.id,
      write.projectId,
      key.endpointId,
      key.slot,
      key.type,
      key.sealedSecret,
      key.publicKey,
      key.keyHint,
      key.expiresAt,
      key.createdBy,
      write.now,
    ],
  );
}
