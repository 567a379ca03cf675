import { setTimeout as delay } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import type { ServerResponse } from 'node:http';
import { ChangeFeed } from '../changes/change-feed.js';
import { ChangeLog, type LoggedChange } from '../changes/change-log.js';
import { ChangeRelay } from '../changes/change-relay.js';
import { Fault, InstanceNotFound } from '../common/api-error.js';
import type { Machine } from '../common/principal.js';
import { WATCH_HEARTBEAT_SECONDS } from '../lib/protocol/protocol.js';
import { Metrics } from '../observability/metrics.js';
import { Channel } from './channel.js';
import { GatewayTokens } from './gateway-tokens.service.js';
import { Watcher } from './watcher.js';

const POLL_MS = 100;
/** Where Redis brings notices, polling only finds what was lost on the way. */
const POLL_WITH_NOTICES_MS = 1000;
const POLL_AFTER_FAULT_MS = 1000;
/** Heartbeats are spread over their interval, so that thousands of them do not delay a change. */
const BEAT_SLOTS = 50;
const STOP_MS = 500;

interface Timers {
  poll: NodeJS.Timeout | undefined;
  beat: NodeJS.Timeout;
}

/**
 * Every open watch of this process. One look at the counters finds what other processes wrote, for all gateways together; one
 * reading of the log and one text per event serves all watchers of a gateway.
 */
@Injectable()
export class WatchHub implements OnModuleInit, BeforeApplicationShutdown {
  readonly #logger = new Logger(WatchHub.name);
  readonly #channels = new Map<string, Channel>();
  readonly #slots = Array.from({ length: BEAT_SLOTS }, () => new Map<Watcher, Channel>());
  readonly #count: Gauge;
  readonly #dropped: Counter;
  #nextSlot = 0;
  #timers: Timers | undefined;
  #faulty = false;
  #stopping = false;

  constructor(
    private readonly log: ChangeLog,
    private readonly feed: ChangeFeed,
    private readonly relay: ChangeRelay,
    private readonly tokens: GatewayTokens,
    { registry }: Metrics,
  ) {
    const registers = [registry];
    this.#count = new Gauge({ name: 'signet_watchers', help: 'Open watch streams', registers });
    this.#dropped = new Counter({
      name: 'signet_watchers_dropped_total',
      help: 'Watch streams ended because their reader took nothing',
      registers,
    });
  }

  onModuleInit(): void {
    this.feed.subscribe(({ scopeId, revision }) => this.#channels.get(scopeId)?.seen(revision));
  }

  /**
   * Streams a gateway's changes until either side ends it.
   * @param from the revision that the watcher has; `undefined`: the newest
   * @param respond begins the answer, once nothing can be refused any more
   * @throws InstanceNotFound; Fault `unavailable` while the process stops
   */
  async watch({ instanceId, tokenId }: Machine, from: number | undefined, respond: () => ServerResponse): Promise<void> {
    if (this.#stopping) throw new Fault('unavailable');
    const channel = this.channel(instanceId);
    channel.expected++;
    let watcher: Watcher;
    try {
      if (!(await channel.open())) throw new InstanceNotFound(instanceId);
      watcher = this.register(channel, tokenId, respond());
    } finally {
      channel.expected--;
      this.tidy(channel);
    }
    watcher.send(channel.heartbeat());
    try {
      await channel.join(watcher, from ?? channel.head);
    } catch (error) {
      this.report(error);
      watcher.end();
    }
    if (this.#stopping) watcher.end();
  }

  /** Ends every stream, so that the server can close; a reader that takes nothing is cut off. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping = true;
    this.stopTimers();
    const watchers = this.#slots.flatMap((slot) => [...slot.keys()]);
    if (watchers.length === 0) return;
    for (const watcher of watchers) watcher.end();
    await Promise.race([Promise.all(watchers.map(({ gone }) => gone)), delay(STOP_MS, undefined, { ref: false })]);
    for (const watcher of watchers) watcher.destroy();
  }

  private register(channel: Channel, tokenId: string, response: ServerResponse): Watcher {
    const slot = this.#slots[this.#nextSlot++ % BEAT_SLOTS]!;
    const watcher = new Watcher(
      response,
      tokenId,
      () => {
        slot.delete(watcher);
        channel.remove(watcher);
        this.#count.dec();
        this.tidy(channel);
      },
      () => this.#dropped.inc(),
    );
    channel.add(watcher);
    slot.set(watcher, channel);
    this.#count.inc();
    this.startTimers();
    return watcher;
  }

  private channel(instanceId: string): Channel {
    return this.#channels.get(instanceId) ?? this.newChannel(instanceId);
  }

  private newChannel(instanceId: string): Channel {
    const channel = new Channel(
      instanceId,
      this.log,
      (changes) => this.endRevoked(channel, changes),
      (error) => this.report(error),
    );
    this.#channels.set(instanceId, channel);
    return channel;
  }

  private tidy(channel: Channel): void {
    if (!channel.wanted) this.#channels.delete(channel.instanceId);
    if (this.#channels.size === 0) this.stopTimers();
  }

  /** A credential that was revoked in another process ends its streams here. */
  private endRevoked(channel: Channel, changes: readonly LoggedChange[]): void {
    for (const { kind, targetId, op } of changes) {
      if (kind !== 'gateway_token' || op !== 'deleted') continue;
      this.tokens.forget(targetId);
      for (const watcher of [...channel.watchers]) if (watcher.tokenId === targetId) watcher.end();
    }
  }

  private startTimers(): void {
    if (this.#timers || this.#stopping) return;
    let slot = 0;
    const beat = setInterval(
      () => {
        for (const [watcher, channel] of this.#slots[slot++ % BEAT_SLOTS]!) watcher.beat(channel.heartbeat());
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
    const channels = [...this.#channels.values()].map((channel) => ({ channel, head: channel.head }));
    const revisions = await this.log.revisions(channels.map(({ channel }) => channel.instanceId));
    await Promise.all(channels.map(({ channel, head }) => channel.observe(revisions.get(channel.instanceId), head)));
  }

  /** One line for an outage. */
  private report(error: unknown): void {
    if (!this.#faulty) this.#logger.warn(`the change log cannot be read: ${error instanceof Error ? error.name : 'unknown'}`);
    this.#faulty = true;
  }
}
