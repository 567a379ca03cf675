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

/** The request of a login. */
export interface LoginOrigin {
  sourceAddress: string;
  /** As the client sent it. */
  userAgent: string;
}

/**
 * A row for each login, for the person to see. No row makes a token valid: without space in the database, people can still log in and read,
 * in a session that is not listed.
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

  /** A token of the session was exchanged for a further one. */
  async addToken(id: string): Promise<void> {
    await this.record((tx) => tx.run('UPDATE login_sessions SET tokens = tokens + 1 WHERE id = ?', [id]));
  }

  /** A token of the session was revoked, in this transaction. The last one ends it. */
  async removeToken(tx: Tx, id: string): Promise<void> {
    await tx.run('UPDATE login_sessions SET tokens = tokens - 1 WHERE id = ?', [id]);
    await tx.run('DELETE FROM login_sessions WHERE id = ? AND tokens <= 0', [id]);
  }

  /** A token of the session was looked up, because somebody uses it. */
  used(id: string): void {
    this.#lastUsed.record(id, this.clock.now());
  }

  private async record(write: (tx: Tx) => Promise<unknown>): Promise<void> {
    await this.database.transaction(write).catch((error: unknown) => {
      if (!(error instanceof ApiFault) || error.kind !== 'unavailable') throw error;
      this.#logger.warn({ err: error }, 'a login is not listed, because the database took no write');
    });
  }

  /** At most once a minute in this process: on MariaDB, deletions of one range wait for one another. */
  private async purge(tx: Tx): Promise<void> {
    const now = this.clock.now();
    if (since(this.#purgedAt, now) < MINUTE_MS) return;
    this.#purgedAt = now;
    await tx.run('DELETE FROM login_sessions WHERE expires_at < ?', [now]);
  }
}
