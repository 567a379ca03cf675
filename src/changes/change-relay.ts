import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Config } from '../config/config.js';
import { ChangeFeed } from './change-feed.js';

const CHANNEL = 'signet:changes';
const MESSAGE = /^(\d{1,15}) ([A-Za-z0-9_-]{1,64})$/;
const RETRY_MS = 1000;

/**
 * Carries change notices between processes through Redis, where there is one. Notices hold a scope's id and its revision and
 * nothing else; one that is lost costs time and never a change.
 */
@Injectable()
export class ChangeRelay implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger(ChangeRelay.name);
  #connections: { publisher: Redis; subscriber: Redis } | undefined;
  #unsubscribe: (() => void) | undefined;
  #subscribed = false;

  constructor(
    private readonly config: Config,
    private readonly feed: ChangeFeed,
  ) {}

  /** Notices of other processes arrive. */
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
      const [, revision, scopeId] = MESSAGE.exec(message) ?? [];
      if (scopeId !== undefined) this.feed.announce({ scopeId, revision: Number(revision), local: false });
    });
    this.#unsubscribe = this.feed.subscribe(({ scopeId, revision, local }) => {
      // A notice that has to wait for Redis is worth nothing any more.
      if (local && publisher.status === 'ready') publisher.publish(CHANNEL, `${revision} ${scopeId}`).catch(() => undefined);
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
      // One line for an outage, and never the URL, which may hold a password.
      if (!silent) this.#logger.warn(`Redis cannot be reached (${error.code ?? error.name}): processes look for changes themselves`);
      silent = true;
    });
    redis.on('ready', () => (silent = false));
    return redis;
  }
}
