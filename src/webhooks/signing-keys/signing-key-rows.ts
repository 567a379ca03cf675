import type { Write } from '../../platform/changes/changes.service.js';
import type { WebhookKeyText } from '#signing/webhook-keys.js';
import { violates } from '../../platform/database/errors.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { SigningSecretUsed } from './signing-keys.errors.js';
import { isLive } from './live-keys.js';
import { SigningKey, UsedSigningSecret } from './signing-key.entity.js';

const UNIQUE_SECRET = { name: 'PRIMARY', columns: 'used_signing_secrets.secret_hash' };

const SIGNING_KEY = columnsOf(SigningKey).except('projectId', 'endpointId', 'secret', 'endAnnouncedAt');
const USED_SECRET = columnsOf(UsedSigningSecret).all();
const NEW_KEY = columnsOf(SigningKey).pick(
  'id',
  'projectId',
  'endpointId',
  'slot',
  'type',
  { sealedSecret: 'secret' },
  'publicKey',
  'keyHint',
  'createdBy',
  'createdAt',
);

/** A signing key without its secret. */
export type SigningKeyRow = RowOf<typeof SIGNING_KEY>;

/** The data about a key in operational events. */
export const eventOf = (endpointId: string, { id, type, keyHint }: Pick<SigningKeyRow, 'id' | 'type' | 'keyHint'>) => ({
  endpoint_id: endpointId,
  signing_key_id: id,
  key_type: type,
  key_hint: keyHint,
});

/** Selects the keys of an endpoint, newest first. The parameter is the id of the endpoint. */
export const LIST_SIGNING_KEYS = `SELECT ${SIGNING_KEY.select}
  FROM signing_keys WHERE endpoint_id = ? ORDER BY id DESC`;

/** Returns the keys that have not expired at the time of the write, newest first. */
export async function liveKeysOf(write: Write): Promise<SigningKeyRow[]> {
  const rows = await write.rows<SigningKeyRow>(LIST_SIGNING_KEYS, [write.scope.id]);
  return rows.filter((row) => isLive(row, write.now));
}

/** Returns the public attributes of a key. */
export const describeKey = ({ secret, publicKey }: WebhookKeyText): Pick<SigningKeyRow, 'type' | 'publicKey' | 'keyHint'> => ({
  type: publicKey === null ? 'hmac' : 'ed25519',
  publicKey,
  keyHint: (publicKey ?? secret).slice(-4),
});

/**
 * Returns the text whose hash detects that a secret was used before. For an ed25519 key it contains the public key, because the private key
 * has two encodings.
 */
export const secretIdentity = (projectId: string, { secret, publicKey }: WebhookKeyText): string =>
  `signing key\n${projectId}\n${publicKey ?? secret}`;

/**
 * Inserts a key, and records the hash of its secret for ever. Runs in a write of the endpoint, or in the write that creates it.
 * @param key with `secretHash`, the peppered hash of {@link secretIdentity}
 * @throws SigningSecretUsed
 */
export async function insertSigningKey(
  write: Write,
  key: { secretHash: string } & Omit<SigningKeyRow, 'expiresAt' | 'lastUsedAt' | 'createdAt'> & {
      endpointId: string;
      sealedSecret: string;
    },
): Promise<void> {
  const row = { ...key, projectId: write.projectId, createdAt: write.now };
  await write.run(USED_SECRET.insert(), USED_SECRET.values(row)).catch((error: unknown) => {
    throw violates(error, UNIQUE_SECRET) ? new SigningSecretUsed() : error;
  });
  await write.run(NEW_KEY.insert(), NEW_KEY.values(row));
}
