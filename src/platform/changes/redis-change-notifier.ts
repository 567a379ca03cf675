import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { SCOPE_KINDS, type Scope } from '../common/scope.js';
import { Config } from '../config/config.js';
import { ChangeFeed } from './change-feed.js';

const CHANNEL = 'signet:changes';
const MESSAGE = new RegExp(`^(\\d{1,15}) (${SCOPE_KINDS.join('|')}) ([A-Za-z0-9_-]{1,64})$`);
const RETRY_MS = 1000;

/**
 * Exchanges change notices between processes over Redis, if one is configured. A notice holds a scope's kind, id and revision and
 * nothing else; losing one delays a change and never loses it.
 *
 * Guarantees: Other processes hear of a commit after one round trip to Redis, at most once.
 * Condition: `REDIS_URL` is set, and both processes are connected to that Redis.
 * Degrades: Without a connection notices are dropped, `connected` is false, and subscribers are served by polls ten times a second.
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

  /** Whether notices of other processes arrive. */
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
      // Not queued while Redis is away: a late notice is of no use.
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
      // One line per outage, without the URL, which may hold a password.
      if (!silent)
        this.#logger.warn(`Redis cannot be reached (${error.code ?? error.name}): processes poll the change log until it is back`);
      silent = true;
    });
    redis.on('ready', () => (silent = false));
    return redis;
  }
}
