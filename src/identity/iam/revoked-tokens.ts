import { columnsOf } from '../../platform/database/columns.js';
import type { Tx } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { RevokedToken } from './user.entity.js';

const REVOKED = columnsOf(RevokedToken).all();
const UNIQUE_REVOKED = { name: 'PRIMARY', columns: 'revoked_tokens.id' };

/**
 * Revokes a token, or all tokens of a login session.
 * @param id the id of the token or of the session @param expiresAt when the token or session would expire
 * @returns false when another caller has revoked it at the same time
 */
export async function revokeIn(tx: Tx, id: string, expiresAt: number, now: number): Promise<boolean> {
  await tx.run('DELETE FROM revoked_tokens WHERE expires_at < ?', [now]);
  try {
    await tx.run(REVOKED.insert(), REVOKED.values({ id, expiresAt }));
    return true;
  } catch (error) {
    if (!violates(error, UNIQUE_REVOKED)) throw error;
    return false;
  }
}
