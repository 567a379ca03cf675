import { Injectable } from '@nestjs/common';
import { TokenCache } from '../../platform/auth/token-cache.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock } from '../../platform/common/clock.js';
import { cursorAfter, positionOf } from '../../platform/common/cursor.js';
import type { Principal } from '../../platform/common/principal.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { Database } from '../../platform/database/database.js';
import { LoginSession } from './login-session.entity.js';
import { LISTED, type LoginSessionPageView, type SessionQuery, toView } from './my-sessions.dto.js';
import { revokeIn } from './revoked-tokens.js';
import { StoredAccessKeys } from './stored-access-keys.js';

const EXPIRY = columnsOf(LoginSession).pick('expiresAt');
const ID = /^[0-9a-f]{32}$/;
/** Means the session of the request. */
const CURRENT = 'current';

/** The login sessions of the caller. */
@Injectable()
export class MySessionsService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly tokens: TokenCache,
    private readonly accessKeys: StoredAccessKeys,
  ) {}

  /**
   * Returns the sessions whose tokens are valid. Sessions from before the last change of the password are not among them. @throws ApiFault
   * 400 for an invalid cursor
   */
  async list({ limit, cursor }: SessionQuery, { userId, sessionId }: Principal): Promise<LoginSessionPageView> {
    const after = cursor === undefined ? undefined : positionOf(cursor, ID);
    const rows = await this.database.rows<RowOf<typeof LISTED>>(
      `SELECT ${LISTED.select} FROM login_sessions s JOIN users u ON u.id = s.user_id
       WHERE s.user_id = ? AND s.expires_at > ? AND s.created_at >= u.tokens_valid_from${after === undefined ? '' : ' AND s.id < ?'}
       ORDER BY s.id DESC LIMIT ?`,
      [userId, this.clock.now(), ...(after === undefined ? [] : [after]), String(limit + 1)],
    );
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      sessions: page.map((row) => toView(row, sessionId)),
      next_cursor: rows.length > limit && last ? cursorAfter(last.id) : null,
    };
  }

  /**
   * Ends a session: all its tokens are refused, and so are the temporary access keys that were created with them. This applies at once in
   * this process, and in others when their cached entries are not fresh any more (platform/auth/freshness.ts).
   * @throws ApiFault `not_found`, the same for an unknown session and for a session of another user
   */
  async end(given: string, { userId, sessionId }: Principal): Promise<void> {
    const id = given === CURRENT ? (sessionId ?? '') : given;
    const ended = await this.database.transaction(async (tx) => {
      const sql = `SELECT ${EXPIRY.select} FROM login_sessions WHERE id = ? AND user_id = ?`;
      const [row] = await tx.rows<RowOf<typeof EXPIRY>>(sql, [id, userId]);
      if (!row) return false;
      await revokeIn(tx, id, row.expiresAt, this.clock.now());
      await tx.run('DELETE FROM login_sessions WHERE id = ?', [id]);
      return true;
    });
    if (!ended) throw new ApiFault('not_found');
    this.tokens.forgetSession(id);
    this.accessKeys.forget();
  }
}
