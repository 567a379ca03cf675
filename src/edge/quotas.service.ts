import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Config } from '../config/config.js';
import type { Rate } from '../config/edge.js';
import { Quota } from './quota.js';

const RETRY_MS = 1000;
/** A Redis that hangs must not hold requests up: what it does not answer by then is counted in memory. */
const ANSWER_MS = 200;

/** What is limited, and how: none where the configuration says `off`. */
@Injectable()
export class Quotas implements OnModuleDestroy {
  readonly #logger = new Logger(Quotas.name);
  readonly #redis: Redis | undefined;
  /** Requests of one user, or of one API key of a project. */
  readonly principal: Quota | undefined;
  /** Requests of one address. */
  readonly address: Quota | undefined;
  /** Requests of machines from one address: what users there do is no reason to keep a gateway from its keys. */
  readonly machines: Quota | undefined;
  /** Failed logins of one user. */
  readonly loginsOfUser: Quota | undefined;
  /** Failed logins of one user from one address: a tenth, so that one client alone cannot lock a user out. */
  readonly loginsOfPair: Quota | undefined;
  /** Failed logins from one address. */
  readonly loginsOfAddress: Quota | undefined;

  /** Wrong API keys from one address. */
  readonly apiKeysOfAddress: Quota | undefined;

  constructor({ edge, redisUrl }: Config) {
    const { principal, address, loginUser, loginAddress } = edge.limits;
    if (redisUrl && (principal ?? address ?? loginUser ?? loginAddress)) this.#redis = this.connect(redisUrl.reveal());
    const quota = (name: string, rate: Rate | undefined) => rate && new Quota(name, rate, this.#redis);
    this.principal = quota('principal', principal);
    this.address = quota('address', address);
    this.machines = quota('machines', address);
    this.loginsOfUser = quota('login-user', loginUser);
    this.loginsOfPair = quota('login-pair', loginUser && { ...loginUser, requests: Math.ceil(loginUser.requests / 10) });
    this.loginsOfAddress = quota('login-address', loginAddress);
    this.apiKeysOfAddress = quota('api-keys', loginAddress);
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
      // One line for an outage, and never the URL, which may hold a password.
      if (!silent) this.#logger.warn(`Redis cannot be reached (${error.code ?? error.name}): each process limits by itself`);
      silent = true;
    });
    redis.on('ready', () => (silent = false));
    return redis;
  }
}
