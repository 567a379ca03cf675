import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Config } from '../config/config.js';
import type { Rate } from '../config/values.js';
import { RateLimit } from './rate-limit.js';

const RETRY_MS = 1000;
/** If Redis takes longer than this, the request is counted in memory. */
const ANSWER_MS = 200;

/**
 * The rate limits. A limit is undefined if the configuration says `off`.
 *
 * Guarantees: A limit counts the requests of all processes together.
 * Condition: `REDIS_URL` is set and Redis answers.
 * Degrades: Without Redis each process counts separately, so the effective limit grows with the number of processes.
 */
@Injectable()
export class RateLimits implements OnModuleDestroy {
  readonly #logger = new Logger(RateLimits.name);
  readonly #redis: Redis | undefined;
  /** Requests of one user, or of one API key of a project. */
  readonly principal: RateLimit | undefined;
  /** Requests of one address. */
  readonly address: RateLimit | undefined;
  /**
   * Requests of machines from one address. This limit is separate, so that users at the address cannot stop a gateway node from fetching
   * keys.
   */
  readonly machines: RateLimit | undefined;
  /** Failed logins of one user. */
  readonly loginsOfUser: RateLimit | undefined;
  /** Failed logins of one user from one address. It is a tenth of the user's limit, so that one client cannot lock a user out. */
  readonly loginsOfPair: RateLimit | undefined;
  /** One-time passwords of one user, whatever the address: who may try them has the user's password already. */
  readonly passcodesOfUser: RateLimit | undefined;
  /** Failed logins from one address. */
  readonly loginsOfAddress: RateLimit | undefined;

  /** Wrong API keys from one address. */
  readonly apiKeysOfAddress: RateLimit | undefined;

  constructor({ edge, redisUrl }: Config) {
    const { principal, address, loginUser, loginAddress } = edge.limits;
    if (redisUrl && (principal ?? address ?? loginUser ?? loginAddress)) this.#redis = this.connect(redisUrl.reveal());
    const limit = (name: string, rate: Rate | undefined) => rate && new RateLimit(name, rate, this.#redis);
    this.principal = limit('principal', principal);
    this.address = limit('address', address);
    this.machines = limit('machines', address);
    this.loginsOfUser = limit('login-user', loginUser);
    const tenth = loginUser && { ...loginUser, requests: Math.ceil(loginUser.requests / 10) };
    this.loginsOfPair = limit('login-pair', tenth);
    this.passcodesOfUser = limit('passcode-user', tenth);
    this.loginsOfAddress = limit('login-address', loginAddress);
    this.apiKeysOfAddress = limit('api-keys', loginAddress);
  }

  onModuleDestroy(): void {
    this.#redis?.disconnect();
  }

  private connect(url: string): Redis {
    const redis = new Redis(url, {
      retryStrategy: () => RETRY_MS,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      commandTimeout: ANSWER_MS,
    });
    let silent = false;
    redis.on('error', (error: NodeJS.ErrnoException) => {
      // Logs one line per outage, without the URL, which may contain a password.
      if (!silent) this.#logger.warn(`Redis cannot be reached (${error.code ?? error.name}): each process counts rate limits separately`);
      silent = true;
    });
    redis.on('ready', () => (silent = false));
    return redis;
  }
}
