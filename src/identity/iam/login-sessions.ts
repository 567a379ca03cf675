import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { LastUsed } from '../../platform/auth/last-used.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock, MINUTE_MS, since } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import { columnsOf } from '../../platform/database/columns.js';
import { Database, type Tx } from '../../platform/database/database.js';
import { LoginSession } from './login-session.entity.js';

const SESSION = columnsOf(LoginSession).all();
const USER_AGENT_MAX_CHARS = 255;

/** The request with which a user logs in. */
export interface LoginOrigin {
  requestId: string;
  sourceAddress: string;
  /** As the client sent it. */
  userAgent: string;
}

/**
 * A row for each login, which users can list. No row makes a token valid: if the database has no space, users can still log in and read, in
 * a session that is not listed.
 */
@Injectable()
export class LoginSessions implements OnModuleDestroy {
  readonly #logger = new Logger(LoginSessions.name);
  readonly #lastUsed: LastUsed;
  #purgedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {
    this.#lastUsed = new LastUsed(database, 'login_sessions');
  }

  async onModuleDestroy(): Promise<void> {
    await this.#lastUsed.settle();
  }

  /** Begins a session with one token. @returns its id */
  async begin(
    userId: string,
    { methods, issuedAt, expiresAt }: { methods: readonly string[]; issuedAt: number; expiresAt: number },
    { sourceAddress, userAgent }: LoginOrigin,
  ): Promise<string> {
    const id = newId();
    const values = SESSION.values({
      id,
      userId,
      methods: methods.join(),
      sourceAddress,
      userAgent: userAgent.slice(0, USER_AGENT_MAX_CHARS),
      tokens: 1,
      createdAt: issuedAt,
      lastUsedAt: null,
      expiresAt,
    });
    await this.record(async (tx) => {
      await this.purge(tx);
      await tx.run(SESSION.insert(), values);
    });
    return id;
  }

  /** Records that a token of the session was exchanged for another one. */
  async addToken(id: string): Promise<void> {
    await this.record((tx) => tx.run('UPDATE login_sessions SET tokens = tokens + 1 WHERE id = ?', [id]));
  }

  /** Records, in this transaction, that a token of the session was revoked. The session ends with its last token. */
  async removeToken(tx: Tx, id: string): Promise<void> {
    await tx.run('UPDATE login_sessions SET tokens = tokens - 1 WHERE id = ?', [id]);
    await tx.run('DELETE FROM login_sessions WHERE id = ? AND tokens <= 0', [id]);
  }

  /** Records that a token of the session was looked up, which means that it is in use. */
  used(id: string): void {
    this.#lastUsed.record(id, this.clock.now());
  }

  private async record(write: (tx: Tx) => Promise<unknown>): Promise<void> {
    await this.database.transaction(write).catch((error: unknown) => {
      if (!(error instanceof ApiFault) || error.kind !== 'unavailable') throw error;
      this.#logger.warn({ err: error }, 'a login is not listed, because the database did not accept the write');
    });
  }

  /** Deletes ended sessions, at most once a minute in this process, because on MariaDB deletions in one range wait for each other. */
  private async purge(tx: Tx): Promise<void> {
    const now = this.clock.now();
    if (since(this.#purgedAt, now) < MINUTE_MS) return;
    this.#purgedAt = now;
    await tx.run('DELETE FROM login_sessions WHERE expires_at < ?', [now]);
  }
}
