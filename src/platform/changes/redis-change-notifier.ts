import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { SCOPE_KINDS, type Scope } from '../common/scope.js';
import { Config } from '../config/config.js';
import { ChangeFeed } from './change-feed.js';

const CHANNEL = 'signet:changes';
const MESSAGE = new RegExp(`^(\\d{1,15}) (${SCOPE_KINDS.join('|')}) ([A-Za-z0-9_-]{1,64})$`);
const RETRY_MS = 1000;

/**
 * Exchanges change notices between processes over Redis, if Redis is configured. A notice contains only the kind, id and revision of a
 * scope. A lost notice delays a change, but no change is lost.
 *
 * Guarantees: Other processes get at most one notice of a commit, after one round trip to Redis.
 * Condition: `REDIS_URL` is set, and both processes are connected to that Redis.
 * Degrades: Without a connection, notices are dropped, `connected` is false, and each process polls the change log ten times a second.
 */
@Injectable()
export class RedisChangeNotifier implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger(RedisChangeNotifier.name);
  #connections: { publisher: Redis; subscriber: Redis } | undefined;
  #unsubscribe: (() => void) | undefined;
  #subscribed = false;

  constructor(
    private readonly config: Config,
    private readonly feed: ChangeFeed,
  ) {}

  /** Whether notices of other processes arrive here. */
  get connected(): boolean {
    return this.#subscribed && this.#connections?.subscriber.status === 'ready';
  }

  onModuleInit(): void {
    if (!this.config.redisUrl) return;
    const [publisher, subscriber] = [this.connect(this.config.redisUrl.reveal()), this.connect(this.config.redisUrl.reveal())];
    this.#connections = { publisher, subscriber };
    subscriber.on('ready', () => {
      subscriber.subscribe(CHANNEL).then(
        () => (this.#subscribed = true),
        () => (this.#subscribed = false),
      );
    });
    subscriber.on('close', () => (this.#subscribed = false));
    subscriber.on('message', (_channel, message) => {
      const [, revision, kind, id] = MESSAGE.exec(message) ?? [];
      if (id !== undefined) this.feed.announce({ scope: { kind: kind as Scope['kind'], id }, revision: Number(revision), local: false });
    });
    this.#unsubscribe = this.feed.subscribe(({ scope, revision, local }) => {
      // Drops the notice while Redis is unavailable: a late notice is useless.
      if (local && publisher.status === 'ready') publisher.publish(CHANNEL, `${revision} ${scope.kind} ${scope.id}`).catch(() => undefined);
    });
  }

  onModuleDestroy(): void {
    this.#unsubscribe?.();
    this.#connections?.publisher.disconnect();
    this.#connections?.subscriber.disconnect();
  }

  private connect(url: string): Redis {
    const redis = new Redis(url, {
      retryStrategy: () => RETRY_MS,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      autoResubscribe: false,
    });
    let silent = false;
    redis.on('error', (error: NodeJS.ErrnoException) => {
      // Logs one line per outage, without the URL, which may contain a password.
      if (!silent)
        this.#logger.warn(
          `Redis cannot be reached (${error.code ?? error.name}): processes poll the change log until Redis is available again`,
        );
      silent = true;
    });
    redis.on('ready', () => (silent = false));
    return redis;
  }
}
