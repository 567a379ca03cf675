import { setTimeout as delay } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { ChangeFeed } from '../../platform/changes/change-feed.js';
import { ChangeLog, type LoggedChange } from '../../platform/changes/change-log.js';
import { RedisChangeNotifier } from '../../platform/changes/redis-change-notifier.js';
import { ApiFault, InstanceNotFound } from '../../platform/common/api-error.js';
import { Clock } from '../../platform/common/clock.js';
import type { Machine } from '../../platform/common/principal.js';
import { WATCH_HEARTBEAT_SECONDS } from '../../lib/protocol/protocol.js';
import { Metrics } from '../../platform/observability/metrics.js';
import { Pulse } from '../../platform/recovery/pulse.js';
import { Topic } from './topic.js';
import { GatewayTokens } from '../credentials/gateway-tokens.service.js';
import { Subscriber } from './subscriber.js';

const POLL_MS = 100;
/** If Redis carries notices, polling only finds changes whose notice was lost. */
const POLL_WITH_NOTICES_MS = 1000;
const POLL_AFTER_FAULT_MS = 1000;
/** Number of groups over which heartbeats are spread, so that thousands of them do not delay a change. */
const BEAT_SLOTS = 50;
const STOP_MS = 500;

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

interface Timers {
  poll: NodeJS.Timeout | undefined;
  beat: NodeJS.Timeout;
}

/**
 * The topics and subscribers of this process. One poll of the counters finds the changes that other processes have made to any gateway. One
 * read of the log and one encoded event serve all subscribers of a gateway.
 *
 * Guarantees: Every subscriber gets every change after its revision, in order, or an event to resync.
 * Condition: The change log still contains the rows after that revision.
 * Degrades: Without notices, the counters are polled ten times a second; with notices, once a second. While the database fails, changes are
 * late, but none is skipped.
 */
@Injectable()
export class SubscriptionHub implements OnModuleInit, BeforeApplicationShutdown {
  readonly #logger = new Logger(SubscriptionHub.name);
  readonly #topics = new Map<string, Topic>();
  readonly #slots = Array.from({ length: BEAT_SLOTS }, () => new Map<Subscriber, Topic>());
  #nextSlot = 0;
  #timers: Timers | undefined;
  #faulty = false;
  #stopping = false;
  /** Aborts calls that wait for a change. */
  readonly #stop = new AbortController();

  constructor(
    private readonly log: ChangeLog,
    private readonly feed: ChangeFeed,
    private readonly relay: RedisChangeNotifier,
    private readonly tokens: GatewayTokens,
    private readonly clock: Clock,
    private readonly pulse: Pulse,
    private readonly metrics: Metrics,
  ) {}

  /** Whether the process shuts down. Calls that wait for a change then end. */
  get stopping(): boolean {
    return this.#stopping;
  }

  onModuleInit(): void {
    this.feed.subscribe(({ scope, revision }) => {
      if (scope.kind === 'instance') this.#topics.get(scope.id)?.onNotice(revision);
    });
  }

  /**
   * Streams the changes of a gateway until either side ends the stream.
   * @param from the revision that the subscriber has; `undefined`: the current one
   * @param respond begins the response; called when nothing can fail any more
   * @throws InstanceNotFound; ApiFault `token_invalid` when the credential was revoked, `unavailable` while the process stops, `held`
   */
  async subscribe(machine: Machine, from: number | undefined, respond: () => ServerResponse): Promise<void> {
    if (this.#stopping) throw new ApiFault('unavailable');
    if (this.pulse.held) throw new ApiFault('held');
    const { instanceId } = machine;
    const topic = this.topic(instanceId);
    topic.joining++;
    let subscriber: Subscriber;
    try {
      if (!(await topic.open())) throw new InstanceNotFound(instanceId);
      await this.assertLive(topic, machine);
      subscriber = this.register(topic, machine, respond());
    } finally {
      topic.joining--;
      this.removeIfUnused(topic);
    }
    subscriber.send(topic.heartbeat());
    try {
      await topic.join(subscriber, from ?? topic.head);
    } catch (error) {
      this.report(error);
      subscriber.end();
    }
    if (this.#stopping) subscriber.end();
  }

  /**
   * Waits until the revision of a gateway differs from `revision`, the signal aborts, or the process stops. The revision of a deleted
   * gateway never changes.
   */
  async waitForChange(instanceId: string, revision: number, signal: AbortSignal): Promise<void> {
    if (this.#stopping) return;
    const topic = this.topic(instanceId);
    topic.joining++;
    try {
      const end = AbortSignal.any([signal, this.#stop.signal]);
      if (await topic.open()) {
        this.startTimers();
        await topic.waitForChange(revision, end);
      } else await aborted(end);
    } finally {
      topic.joining--;
      this.removeIfUnused(topic);
    }
  }

  /** Ends all streams, so that the server can close. Connections that do not end in time are destroyed. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping = true;
    this.#stop.abort();
    this.stopTimers();
    const subscribers = this.#slots.flatMap((slot) => [...slot.keys()]);
    if (subscribers.length === 0) return;
    for (const subscriber of subscribers) subscriber.end();
    await Promise.race([Promise.all(subscribers.map(({ finished: gone }) => gone)), delay(STOP_MS, undefined, { ref: false })]);
    for (const subscriber of subscribers) subscriber.destroy();
  }

  /**
   * Checks the credential again. It may have been revoked after it was cached and before the topic began to follow the log. The log shows
   * every later revocation.
   */
  private async assertLive(topic: Topic, machine: Machine): Promise<void> {
    let restarts: number;
    do {
      restarts = topic.restarts;
      await this.tokens.assertLive(machine);
    } while (topic.restarts !== restarts);
    if (topic.revoked.has(machine.tokenId)) throw new ApiFault('token_invalid');
  }

  private register(topic: Topic, { tokenId, expiresAt }: Machine, response: ServerResponse): Subscriber {
    const slot = this.#slots[this.#nextSlot++ % BEAT_SLOTS]!;
    const subscriber = new Subscriber(
      response,
      tokenId,
      expiresAt,
      () => {
        slot.delete(subscriber);
        topic.remove(subscriber);
        this.metrics.watchers.dec();
        this.removeIfUnused(topic);
      },
      () => this.metrics.droppedWatchers.inc(),
    );
    topic.add(subscriber);
    slot.set(subscriber, topic);
    this.metrics.watchers.inc();
    this.startTimers();
    return subscriber;
  }

  private topic(instanceId: string): Topic {
    return this.#topics.get(instanceId) ?? this.newTopic(instanceId);
  }

  private newTopic(instanceId: string): Topic {
    const topic = new Topic(
      instanceId,
      this.log,
      (changes) => this.endRevokedStreams(topic, changes),
      (error) => this.report(error),
    );
    this.#topics.set(instanceId, topic);
    return topic;
  }

  private removeIfUnused(topic: Topic): void {
    if (!topic.inUse) this.#topics.delete(topic.instanceId);
    if (this.#topics.size === 0) this.stopTimers();
  }

  /**
   * Ends the streams of a credential that another process has revoked or renewed. A renewed credential has a new expiry, which the next
   * stream uses.
   */
  private endRevokedStreams(topic: Topic, changes: readonly LoggedChange[]): void {
    for (const { kind, targetId, op } of changes) {
      if (kind !== 'gateway_token' || op === 'created') continue;
      this.tokens.forget();
      if (op === 'deleted') topic.revoked.add(targetId);
      for (const subscriber of [...topic.subscribers]) if (subscriber.tokenId === targetId) subscriber.end();
    }
  }

  private startTimers(): void {
    if (this.#timers || this.#stopping) return;
    let slot = 0;
    const beat = setInterval(
      () => {
        const now = this.clock.now();
        for (const [subscriber, topic] of this.#slots[slot++ % BEAT_SLOTS]!) {
          if (subscriber.expiresAt !== null && subscriber.expiresAt <= now) subscriber.end();
          else subscriber.beat(topic.heartbeat());
        }
      },
      (WATCH_HEARTBEAT_SECONDS * 1000) / BEAT_SLOTS,
    );
    this.#timers = { poll: undefined, beat };
    this.schedulePoll(this.#timers, POLL_MS);
  }

  private stopTimers(): void {
    clearTimeout(this.#timers?.poll);
    clearInterval(this.#timers?.beat);
    this.#timers = undefined;
  }

  private schedulePoll(timers: Timers, afterMs: number): void {
    timers.poll = setTimeout(() => {
      void this.poll().then(
        () => {
          this.#faulty = false;
          if (this.#timers === timers) this.schedulePoll(timers, this.relay.connected ? POLL_WITH_NOTICES_MS : POLL_MS);
        },
        (error: unknown) => {
          this.report(error);
          if (this.#timers === timers) this.schedulePoll(timers, POLL_AFTER_FAULT_MS);
        },
      );
    }, afterMs);
  }

  private async poll(): Promise<void> {
    // The subscribers may have revisions that are newer than the restored database. They find out when they reconnect.
    if (this.pulse.held) return this.#slots.forEach((slot) => [...slot.keys()].forEach((subscriber) => subscriber.end()));
    const topics = [...this.#topics.values()].map((topic) => ({ topic, head: topic.head }));
    const revisions = await this.log.revisions(
      'instance',
      topics.map(({ topic }) => topic.instanceId),
    );
    await Promise.all(topics.map(({ topic, head }) => topic.observe(revisions.get(topic.instanceId), head)));
  }

  /** Logs one line per outage. */
  private report(error: unknown): void {
    if (!this.#faulty) this.#logger.warn(`the change log cannot be read: ${error instanceof Error ? error.name : 'unknown'}`);
    this.#faulty = true;
  }
}
