import { randomInt } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock, HOUR_MS } from '../../platform/common/clock.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { EndpointStatesService } from '../endpoints/endpoint-states.service.js';
import { LastUsed } from '../../platform/auth/last-used.js';
import { SsrfGuard } from '../endpoints/ssrf-guard.js';
import { fromColumn } from '../../platform/vault/sealed.js';
import { VaultService } from '../../platform/vault/vault.service.js';
import { attemptOf, headersOf, notSent } from './attempt.js';
import { ConnectionPool } from './connection-pool.js';
import { DeliverySession, type AttemptHold } from './delivery-session.js';
import { type ClaimedMessage, DeliveryQueue } from './delivery-queue.js';
import { DeliveryResults, type DeliveryResult } from './delivery-results.js';
import { type RunningAttempt, DeliveryShares, type DueEndpoint, type AttemptEnding, SILENT_MS } from './delivery-shares.js';
import { messageHeadersContext } from './message-headers.js';
import { type DeliveryResponse, sendWebhook } from './webhook-sender.js';
import { type ResolvedEndpoint, EndpointResolver } from './endpoint-resolver.js';

const ATTEMPT_FAILED = 'the attempt could not be made';
const HEADERS_DAMAGED = 'the stored headers of the message are damaged: send the message again';
/** Interval of the poll that finds retries, and messages that another process accepted. */
const POLL_MS = 500;
/** Minimum poll interval for rate-limited endpoints. */
const LIMITED_POLL_MS = 10;
/** With random ids up to this number, two processes have the same id with a probability of about 10^-14. */
const HOLDER_MAX = 2 ** 48 - 1;
const RECORD_MAX = 1024;
/** Results are stored in batches, because a COMMIT on SQLite blocks the process. */
const FLUSH_DELAY_MS = 25;
const FLUSH_AT = 512;
/** Maximum payload bytes that this process holds in memory. One payload has up to 1 MB. */
const HELD_MAX_BYTES = 64 * 1024 * 1024;
/** Time that is reserved for storing a result before the lease ends. */
const RECORD_MS = 2000;
/** How long a shutdown waits for attempts in flight. Messages whose attempt has not ended become due again when their lease ends. */
const STOP_MS = 5000;

/**
 * Claims due messages, attempts their delivery and stores the results. Processes share the work through the database. Each message is
 * delivered at least once, even if a process ends at any moment (docs/adr/0017).
 */
@Injectable()
export class DeliveryService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(DeliveryService.name);
  readonly #holder = randomInt(1, HOLDER_MAX);
  readonly #connections: ConnectionPool;
  readonly #lastUsed: LastUsed;
  readonly #shares: DeliveryShares<ClaimedMessage>;

  /** Messages that this process has claimed and whose result is not stored yet. */
  readonly #held = new Map<string, ClaimedMessage>();
  #heldBytes = 0;
  /**
   * Endpoints that had due messages but no capacity at the last claim, if nothing else was due. Another claim is useless until one of them
   * has capacity.
   */
  #blocked: readonly DueEndpoint[] | undefined;
  /** When an endpoint's rate limit allows the next delivery, by endpoint, as Unix time in milliseconds. */
  readonly #limited = new Map<string, number>();
  #results: DeliveryResult[] = [];

  #claiming: Promise<void> | undefined;
  #claimAgain = false;
  #recording: Promise<void> | undefined;
  /** Writes in progress that disable failing endpoints. */
  readonly #disabling = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #started = false;
  #stopped = false;

  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly queue: DeliveryQueue,
    private readonly results: DeliveryResults,
    private readonly endpointResolver: EndpointResolver,
    private readonly vault: VaultService,
    private readonly endpoints: EndpointStatesService,
    private readonly session: DeliverySession,
    database: Database,
    ssrfGuard: SsrfGuard,
  ) {
    const { timeoutMs, concurrency } = config.webhooks;
    this.#connections = new ConnectionPool(ssrfGuard, timeoutMs);
    this.#lastUsed = new LastUsed(database, 'signing_keys');
    this.#shares = new DeliveryShares(concurrency);
  }

  onApplicationBootstrap(): void {
    if (!this.config.webhooks.delivery) return;
    this.#started = true;
    this.session.start(() => this.wake());
    this.poll();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#claiming;
    for (const message of this.#shares.releaseWaiting()) this.#results.push({ message, back: 'due' });
    clearTimeout(this.#flushTimer);
    this.flush();
    const end = performance.now() + STOP_MS;
    while (this.#held.size > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    this.#connections.close();
    await this.#recording;
    await Promise.all(this.#disabling);
    await this.#lastUsed.settle();
    await this.session.stop();
  }

  /** Claims due messages at once instead of at the next poll. */
  wake(): void {
    if (!this.#started || this.#stopped) return;
    if (this.#claiming) {
      this.#claimAgain = true;
      return;
    }
    this.#claiming = this.claim()
      .catch((error: unknown) => this.report('due messages could not be claimed', error))
      .finally(() => {
        this.#claiming = undefined;
        if (!this.#claimAgain) return;
        this.#claimAgain = false;
        this.wake();
      });
  }

  /** For tests: resolves when this process holds no message and none is due. */
  async idle(): Promise<void> {
    for (;;) {
      await this.#claiming;
      await this.claim();
      // Another poll may have claimed messages in the meantime.
      if (this.#claiming) continue;
      // A write that disables an endpoint decides about the endpoint's next message.
      if (this.#disabling.size > 0) await Promise.all(this.#disabling);
      else if (this.#held.size === 0) return;
      while (this.#held.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  private poll(): void {
    this.wake();
    for (const message of this.#shares.releaseWaiting(this.clock.monotonic())) this.settle({ message, back: 'due' });
    if (this.#results.length > 0) this.flush();
    const now = this.clock.now();
    const next = Math.min(now + POLL_MS, ...this.#limited.values());
    this.#timer = setTimeout(() => this.poll(), Math.max(LIMITED_POLL_MS, next - now)).unref();
  }

  private async claim(): Promise<void> {
    for (let more = true; more && !this.#stopped; ) {
      this.#blocked = undefined;
      if (this.#heldBytes >= HELD_MAX_BYTES || !(await this.session.ensureReady())) return;
      const now = this.clock.now();
      for (const [endpointId, until] of this.#limited) if (until <= now) this.#limited.delete(endpointId);
      const claim = await this.queue.claim(this.#holder, this.#shares, this.#held);
      for (const [endpointId, until] of claim.limited) this.#limited.set(endpointId, until);
      for (const message of claim.messages) {
        this.#held.set(message.id, message);
        this.#heldBytes += message.sizeBytes;
        this.#shares.add({ id: message.endpointId, projectId: message.projectId }, message, this.clock.monotonic());
      }
      this.startAttempts();
      more = claim.more;
      if (!more) this.#blocked = claim.full;
    }
  }

  private startAttempts(): void {
    const now = this.clock.now();
    for (let begun = this.#stopped ? undefined : this.#shares.begin(); begun; begun = this.#shares.begin()) {
      if (begun.message.leaseUntil - now < this.config.webhooks.timeoutMs + RECORD_MS) {
        // Not enough of the lease is left for an attempt, so the message is released to any process.
        this.settle({ message: begun.message, back: 'due' });
        this.#shares.end(begun, 'not made', 0);
      } else void this.runAttempt(begun);
    }
  }

  private async runAttempt(begun: RunningAttempt<ClaimedMessage>): Promise<void> {
    const { message } = begun;
    const began = this.clock.monotonic();
    const silence = setTimeout(() => {
      this.#shares.silent(begun);
      this.startAttempts();
      this.wake();
    }, SILENT_MS);
    let ending: AttemptEnding = 'not made';
    try {
      ending = await this.attempt(message);
    } catch (error) {
      this.report('an attempt could not be made', error);
      // A temporary fault of the service is retried after the lease. Any other error would occur again each time, so it counts as an
      // attempt.
      if (error instanceof ApiFault && (error.kind === 'unavailable' || error.kind === 'held')) this.forget(message);
      else this.recordFailure(message, ATTEMPT_FAILED, began);
    }
    clearTimeout(silence);
    this.#shares.end(begun, ending, this.clock.monotonic() - began);
    this.startAttempts();
  }

  /**
   * Makes one attempt outside the queue, signed with one key only. Stores nothing.
   * @returns undefined when the endpoint has no such key, or the key has expired
   * @throws ApiFault `unavailable` in a process that does not deliver, or that has no lease
   */
  async sendTest(endpointId: string, keyId: string, { id, body }: { id: string; body: Buffer }): Promise<DeliveryResponse | undefined> {
    if (!this.config.webhooks.delivery)
      throw new ApiFault('unavailable', {
        detail: 'this process does not deliver webhooks, because SIGNET_WEBHOOKS contains delivery=off',
      });
    await this.session.whenReady();
    const reading = await this.session.hold(endpointId, () => this.endpointResolver.read(endpointId));
    if (!reading) return undefined;
    try {
      const { read: receiver } = reading;
      const signer = receiver.signersOfKey.get(keyId);
      if (receiver.deleted || !signer) return undefined;
      const timestamp = Math.floor(this.clock.now() / 1000);
      const sent = headersOf({ id, body, timestamp }, signer, receiver.headers);
      if (!this.session.maySend) throw new ApiFault('unavailable', { detail: 'this process may not deliver now, because it has no lease' });
      return await this.post(receiver.url, sent, body, reading.held);
    } finally {
      this.session.release(reading.held);
    }
  }

  private async attempt(message: ClaimedMessage): Promise<AttemptEnding> {
    const began = this.clock.monotonic();
    const reading = await this.session.hold(message.endpointId, () => this.endpointResolver.read(message.endpointId));
    if (!reading) {
      this.settle({ message, back: 'deleted' });
      return 'not made';
    }
    try {
      return await this.attemptAt(reading.read, message, began, reading.held);
    } finally {
      this.session.release(reading.held);
    }
  }

  private async attemptAt(receiver: ResolvedEndpoint, message: ClaimedMessage, began: number, held: AttemptHold): Promise<AttemptEnding> {
    if (receiver.deleted || receiver.paused) {
      this.settle({ message, back: receiver.deleted ? 'deleted' : 'paused' });
      return 'not made';
    }
    const startedAt = this.clock.now();
    const own = await this.decryptHeaders(message);
    const unusable = receiver.unusable ?? (own ? undefined : HEADERS_DAMAGED);
    if (!own || unusable !== undefined) {
      this.recordFailure(message, unusable ?? HEADERS_DAMAGED, began);
      return 'not made';
    }
    const sent = headersOf(
      { id: message.id, body: message.body, timestamp: Math.floor(startedAt / 1000) },
      receiver.signers,
      receiver.headers,
      own,
    );
    // The lease must last longer than the time-out of the request that follows.
    if (!this.session.maySend) {
      this.settle({ message, back: 'due' });
      return 'not made';
    }
    const response = await this.post(receiver.url, sent, message.body, held);
    this.recordUse(receiver, startedAt);
    if (response.unfinished) {
      this.settle({ message, back: 'due' });
      return 'unanswered';
    }
    const times = { startedAt, endedAt: this.clock.now(), processingMs: this.clock.monotonic() - began };
    this.settle({ message, ...attemptOf(message, sent, response, times) });
    return response.status === undefined ? 'unanswered' : 'answered';
  }

  /** Checks the lease again when the connection is open, before the request is written. */
  private post(url: URL, headers: Record<string, string>, body: Buffer, held: AttemptHold): Promise<DeliveryResponse> {
    return sendWebhook(this.#connections, url, headers, body, this.config.webhooks.timeoutMs, () => this.session.stillHeld(held));
  }

  /** Records a failed attempt without a request, so that the customer sees the reason and the retries come to an end. */
  private recordFailure(message: ClaimedMessage, why: string, began: number): void {
    const now = this.clock.now();
    const times = { startedAt: now, endedAt: now, processingMs: this.clock.monotonic() - began };
    this.settle({ message, ...attemptOf(message, {}, notSent(why), times) });
  }

  /** Decrypts the headers of the message; undefined when they are damaged. */
  private async decryptHeaders({ id, projectId, endpointId, headers }: ClaimedMessage): Promise<Record<string, string> | undefined> {
    if (headers === null) return {};
    const place = messageHeadersContext(projectId, endpointId, id);
    const [text] = await this.vault.openEach(projectId, [headers], (box, sealed) => box.open(place, fromColumn(sealed)), String);
    return text === undefined ? undefined : (JSON.parse(text) as Record<string, string>);
  }

  private recordUse({ keyIds }: ResolvedEndpoint, now: number): void {
    for (const id of keyIds) this.#lastUsed.record(id, now);
  }

  private settle(result: DeliveryResult): void {
    this.#results.push(result);
    this.scheduleFlush();
  }

  private scheduleFlush(): void {
    if (this.#results.length === 0) return;
    if (this.#results.length >= FLUSH_AT || this.#stopped) return this.flush();
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = undefined;
      this.flush();
    }, FLUSH_DELAY_MS);
  }

  /** Stores pending results, one batch at a time. */
  private flush(): void {
    if (this.#recording || this.#results.length === 0) return;
    const results = this.#results.splice(0, RECORD_MAX);
    this.#recording = this.results
      .record(this.#holder, results)
      .then(
        () => {
          for (const { message } of results) this.forget(message);
          this.disableFailing(results);
          const returned = results.some((result) => 'back' in result && result.back === 'due');
          if (returned || !this.#blocked || this.#blocked.some((endpoint) => this.#shares.hasCapacity(endpoint))) this.wake();
          return true;
        },
        (error: unknown) => {
          // The next poll tries again. If the lease ends first, another process attempts the messages again.
          this.report('delivery results could not be stored', error);
          this.#results.unshift(...results);
          return false;
        },
      )
      .then((written) => {
        this.#recording = undefined;
        if (written) this.scheduleFlush();
      });
  }

  /** Disables endpoints whose attempts have all failed for `disableAfterHours`. */
  private disableFailing(results: readonly DeliveryResult[]): void {
    const { disableAfterHours } = this.config.webhooks;
    if (disableAfterHours === 0) return;
    const before = this.clock.now() - disableAfterHours * HOUR_MS;
    const failing = new Map<string, ClaimedMessage>();
    for (const result of results) {
      const { message } = result;
      if ('attempt' in result && result.verdict.status !== 'succeeded' && message.failingSince !== null && message.failingSince <= before)
        failing.set(message.endpointId, message);
    }
    for (const { projectId, endpointId, failingSince } of failing.values()) {
      const disabling = this.endpoints
        .disable({ projectId, endpointId }, failingSince ?? 0)
        .catch((error: unknown) => this.report('a failing endpoint could not be disabled', error))
        .finally(() => this.#disabling.delete(disabling));
      this.#disabling.add(disabling);
    }
  }

  private forget(message: ClaimedMessage): void {
    if (this.#held.delete(message.id)) this.#heldBytes -= message.sizeBytes;
  }

  private report(what: string, error: unknown): void {
    this.#logger.warn(`${what}: ${error instanceof Error ? error.name : 'unknown'}`);
  }
}
