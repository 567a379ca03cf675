import { randomInt } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { LastUsed } from '../endpoints/last-used.js';
import { Targets } from '../endpoints/targets.js';
import { VaultService } from '../vault/vault.service.js';
import { attemptOf, headersOf } from './attempt.js';
import { Connections } from './connections.js';
import { type Claimed, DeliveryQueue, type Result } from './delivery-queue.js';
import { messageHeadersPlace } from './message-headers.js';
import { post } from './poster.js';
import { type Receiver, Receivers } from './receivers.js';

/** How often a process looks for what it was not told of: retries, and messages that another process accepted. */
const POLL_MS = 500;
/** Two processes draw the same number once in 10^14 times. */
const HOLDER_MAX = 2 ** 48 - 1;
/** Claimed at most for each attempt that may be under way: a claim takes as long as that many attempts. */
const CLAIMED_PER_ATTEMPT = 8;
const CLAIM_MAX = 1024;
const RECORD_MAX = 1024;
/** Results wait that long for others, unless there are many: on SQLite a COMMIT holds up everything else. */
const LINGER_MS = 25;
const LINGER_MAX = 512;
/** Of everything that is claimed: a payload has up to 1 MB. */
const HELD_MAX_BYTES = 64 * 1024 * 1024;
/** Left to write the result down before the lease ends. */
const RECORD_MS = 2000;
/** How long a stop waits for attempts under way. What is not over then is attempted again by others, after its lease. */
const STOP_MS = 5000;

/**
 * Delivers what is due: claims, attempts, writes down. Several processes share the work through the database; each message that was accepted is
 * attempted at least once, whoever dies when (docs/adr/0017).
 */
@Injectable()
export class DeliveryService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(DeliveryService.name);
  readonly #holder = randomInt(1, HOLDER_MAX);
  readonly #connections: Connections;
  readonly #lastUsed: LastUsed;
  /** Attempts at once: to all endpoints, and to one, so that a slow one leaves room for others. */
  readonly #flyingMax: number;
  readonly #flyingPerEndpoint: number;

  /** Claimed by this process, until what came of it is written down. */
  readonly #held = new Map<string, Claimed>();
  #heldBytes = 0;
  readonly #waiting = new Map<string, Claimed[]>();
  readonly #flying = new Map<string, number>();
  #flyingCount = 0;
  /** The last look found nothing but what is due to these, which had no room: without room for one of them, another finds nothing either. */
  #waitsFor: readonly string[] | undefined;
  /** Endpoints that take nothing until then, because of their rate limit. */
  readonly #limited = new Map<string, number>();
  #results: Result[] = [];

  #claiming: Promise<void> | undefined;
  #again = false;
  #recording: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #started = false;
  #stopped = false;

  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly queue: DeliveryQueue,
    private readonly receivers: Receivers,
    private readonly vault: VaultService,
    database: Database,
    targets: Targets,
  ) {
    const { timeoutMs, concurrency } = config.webhooks;
    this.#connections = new Connections(targets, timeoutMs);
    this.#lastUsed = new LastUsed(database, 'signing_keys');
    this.#flyingMax = concurrency;
    this.#flyingPerEndpoint = Math.max(1, Math.floor(concurrency / 4));
  }

  onApplicationBootstrap(): void {
    if (!this.config.webhooks.delivery) return;
    this.#started = true;
    this.poll();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#claiming;
    for (const messages of this.#waiting.values()) this.#results.push(...messages.map((message) => ({ message, back: 'due' as const })));
    this.#waiting.clear();
    clearTimeout(this.#linger);
    this.flush();
    const end = performance.now() + STOP_MS;
    while (this.#held.size > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    this.#connections.close();
    await this.#recording;
    await this.#lastUsed.settle();
  }

  /** Something may be due now. */
  wake(): void {
    if (!this.#started || this.#stopped) return;
    if (this.#claiming) {
      this.#again = true;
      return;
    }
    this.#claiming = this.claim()
      .catch((error: unknown) => this.report('messages could not be claimed', error))
      .finally(() => {
        this.#claiming = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.wake();
      });
  }

  /** Resolves when this process holds nothing and finds nothing due: for tests, which move the clock. */
  async idle(): Promise<void> {
    for (;;) {
      await this.#claiming;
      await this.claim();
      // The poll's own look may have claimed something that is still on its way here.
      if (this.#claiming) continue;
      if (this.#held.size === 0) return;
      while (this.#held.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  private poll(): void {
    this.wake();
    if (this.#results.length > 0) this.flush();
    const now = this.clock.now();
    const next = Math.min(now + POLL_MS, ...[...this.#limited.values()].filter((until) => until > now));
    this.#timer = setTimeout(() => this.poll(), Math.max(5, next - now)).unref();
  }

  private async claim(): Promise<void> {
    for (let more = true; more && !this.#stopped; ) {
      const free = Math.min(CLAIM_MAX, CLAIMED_PER_ATTEMPT * this.#flyingMax - this.#held.size);
      this.#waitsFor = undefined;
      if (free <= 0 || this.#heldBytes >= HELD_MAX_BYTES) return;
      const now = this.clock.now();
      for (const [endpointId, until] of this.#limited) if (until <= now) this.#limited.delete(endpointId);
      const full = [...this.#flying.keys(), ...this.#waiting.keys()].filter((endpointId) => this.room(endpointId) <= 0);
      const excluded = [...new Set([...this.#limited.keys(), ...full])];
      const claim = await this.queue.claim(this.#holder, free, excluded, this.#held, (endpointId) => this.room(endpointId));
      for (const [endpointId, until] of claim.limited) this.#limited.set(endpointId, until);
      for (const message of claim.messages) {
        this.#held.set(message.id, message);
        this.#heldBytes += message.sizeBytes;
        const waiting = this.#waiting.get(message.endpointId);
        if (waiting) waiting.push(message);
        else this.#waiting.set(message.endpointId, [message]);
      }
      this.start();
      more = claim.messages.length > 0 || claim.more;
      if (!more) this.#waitsFor = full;
    }
  }

  /** Some more may wait than are under way, so that they are there when a place is free; they are claimed by the hundred, not one by one. */
  private room(endpointId: string): number {
    if (this.#limited.has(endpointId)) return 0;
    const claimed = (this.#flying.get(endpointId) ?? 0) + (this.#waiting.get(endpointId)?.length ?? 0);
    const room = CLAIMED_PER_ATTEMPT * this.#flyingPerEndpoint - claimed;
    return room < 2 * this.#flyingPerEndpoint ? 0 : room;
  }

  private start(): void {
    for (const endpointId of this.#waiting.keys()) this.startOf(endpointId);
  }

  private startOf(endpointId: string): void {
    const waiting = this.#waiting.get(endpointId);
    if (!waiting) return;
    const now = this.clock.now();
    for (;;) {
      const flying = this.#flying.get(endpointId) ?? 0;
      if (this.#stopped || flying >= this.#flyingPerEndpoint || this.#flyingCount >= this.#flyingMax) break;
      const message = waiting.shift();
      if (!message) break;
      if (message.leaseUntil - now < this.config.webhooks.timeoutMs + RECORD_MS) {
        // It waited too long to be over in time: whoever has room takes it.
        this.settle({ message, back: 'due' });
        continue;
      }
      this.#flying.set(endpointId, flying + 1);
      this.#flyingCount++;
      void this.attempt(message)
        .catch((error: unknown) => {
          this.report('an attempt could not be made', error);
          this.forget(message);
        })
        .finally(() => this.landed(endpointId));
    }
    if (waiting.length === 0) this.#waiting.delete(endpointId);
  }

  private landed(endpointId: string): void {
    const flying = (this.#flying.get(endpointId) ?? 1) - 1;
    if (flying === 0) this.#flying.delete(endpointId);
    else this.#flying.set(endpointId, flying);
    this.#flyingCount--;
    if (this.#waiting.has(endpointId)) this.startOf(endpointId);
    else this.start();
  }

  private async attempt(message: Claimed): Promise<void> {
    const began = performance.now();
    const receiver = await this.receivers.read(message.endpointId);
    if (!receiver || receiver.deleted || receiver.paused) {
      this.settle({ message, back: receiver && !receiver.deleted ? 'paused' : 'deleted' });
      return;
    }
    const startedAt = this.clock.now();
    const own = await this.openHeaders(message);
    const sent = headersOf(
      { id: message.id, body: message.body, timestamp: Math.floor(startedAt / 1000) },
      receiver.signers,
      receiver.headers,
      own,
    );
    const exchange = await post(this.#connections, receiver.url, sent, message.body, this.config.webhooks.timeoutMs);
    this.noteUse(receiver, startedAt);
    const times = { startedAt, endedAt: this.clock.now(), processingMs: performance.now() - began };
    this.settle({ message, ...attemptOf(message, sent, exchange, times) });
  }

  private async openHeaders({ id, projectId, headers }: Claimed): Promise<Record<string, string>> {
    if (headers === null) return {};
    const text = await this.vault.open(messageHeadersPlace(projectId, id), headers);
    return JSON.parse(text) as Record<string, string>;
  }

  private noteUse({ keyIds }: Receiver, now: number): void {
    for (const id of keyIds) this.#lastUsed.note(id, now);
  }

  private settle(result: Result): void {
    this.#results.push(result);
    this.linger();
  }

  private linger(): void {
    if (this.#results.length === 0) return;
    if (this.#results.length >= LINGER_MAX || this.#stopped) return this.flush();
    this.#linger ??= setTimeout(() => {
      this.#linger = undefined;
      this.flush();
    }, LINGER_MS);
  }

  /** Writes results down, those that arrive meanwhile in the next turn. */
  private flush(): void {
    if (this.#recording || this.#results.length === 0) return;
    const results = this.#results.splice(0, RECORD_MAX);
    this.#recording = this.queue
      .record(this.#holder, results)
      .then(
        () => {
          for (const { message } of results) this.forget(message);
          const returned = results.some((result) => 'back' in result && result.back === 'due');
          if (returned || !this.#waitsFor || this.#waitsFor.some((endpointId) => this.room(endpointId) > 0)) this.wake();
          return true;
        },
        (error: unknown) => {
          // They stay claimed; the next look tries again, and after the lease others do.
          this.report('attempts could not be written down', error);
          this.#results.unshift(...results);
          return false;
        },
      )
      .then((written) => {
        this.#recording = undefined;
        if (written) this.linger();
      });
  }

  private forget(message: Claimed): void {
    if (this.#held.delete(message.id)) this.#heldBytes -= message.sizeBytes;
  }

  private report(what: string, error: unknown): void {
    this.#logger.warn(`${what}: ${error instanceof Error ? error.name : 'unknown'}`);
  }
}
