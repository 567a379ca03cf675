import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Clock } from '../common/clock.js';
import type { HaproxyConfig } from '../config/gateway-config.js';
import { NODE_REPORT_SECONDS } from '../lib/protocol/protocol.js';
import type { Mirror } from './follower.js';
import { type HaproxyMaps, haproxyMaps } from './haproxy-maps.js';
import { type HaproxyCount, HaproxySocket, USAGE_TABLE } from './haproxy-socket.js';
import { KeyTable } from './key-table.js';
import type { Lease } from './lease.js';
import type { UsageCounter } from './usage-counter.js';

const POLL_MS = 1000;
/** Its counters are read this often, in looks: with the signs of life that report them. */
const LOOKS_PER_COUNT = NODE_REPORT_SECONDS;
/** A gateway without a lease: the year 2100. */
const NO_END = 4_102_444_800;
const LEASE_MAP = 'lease.map';
/** Keys leave HAProxy's memory before anything else changes. */
const MAPS = ['keys.map', 'exact.map', 'patterns.map'] as const;

/**
 * Keeps the maps of an HAProxy that signs for itself. A revision counts as applied when HAProxy has it; while HAProxy cannot
 * be reached nothing is acknowledged, since it may well go on signing.
 */
export class HaproxyMirror implements Mirror {
  readonly #socket: HaproxySocket;
  #wanted: HaproxyMaps | undefined;
  /** The control plane denies this node: HAProxy must not sign either. */
  #denied = false;
  /** What the worker with this process id has been given. */
  #given: { pid: number; maps: Partial<HaproxyMaps>; leaseEnd: number } | undefined;
  /** What the worker with this process id had counted when it was asked last. */
  #counted: { pid: number; counts: Map<string, HaproxyCount> } | undefined;
  /** Its configuration is older than this node, or somebody else's. */
  #uncounted = false;
  /** Until then workers of before a reload may be alive, with the keys of then, out of reach. */
  #oldWorkersUntil = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly config: HaproxyConfig,
    private readonly unbound: 'refuse' | 'unsigned',
    private readonly lease: Lease,
    private readonly usage: UsageCounter,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.#socket = new HaproxySocket(config.socket);
  }

  async follow(table: KeyTable | undefined, signal: AbortSignal): Promise<void> {
    this.#denied = table === undefined;
    this.#wanted = haproxyMaps(table ?? KeyTable.EMPTY, this.unbound);
    const keysGone = await this.#inTurn(() => this.#give());
    const wait = keysGone ? this.#oldWorkersUntil - performance.now() : 0;
    if (wait > 0) await delay(wait, undefined, { signal });
  }

  /** Notices reloads, carries the lease on and counts. Runs until `signal` aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    let reachable = true;
    for (let looks = 0; !signal.aborted; looks++) {
      try {
        await this.#inTurn(() => this.#give());
        if (looks % LOOKS_PER_COUNT === 0) await this.count();
        reachable = true;
      } catch (error) {
        if (reachable) this.logger.warn({ err: error }, 'HAProxy cannot be reached: nothing is acknowledged meanwhile');
        reachable = false;
      }
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * Adds what HAProxy has signed since the last time. What a worker counted between that and its reload is lost, as are entries
   * that its table dropped.
   */
  async count(): Promise<void> {
    const known = this.#counted;
    if ((await this.#socket.pid()) !== known?.pid) return;
    const counts = await this.#counts();
    const now = this.clock.now();
    for (const [key, { publishId, signId, count }] of counts) {
      const last = known.counts.get(key)?.count ?? 0;
      // Less than last time: the entry is another one.
      const more = count < last ? count : count - last;
      if (more > 0) this.usage.add(publishId, signId, now, more);
    }
    known.counts = counts;
  }

  async #counts(): Promise<Map<string, HaproxyCount>> {
    const counts = await this.#socket.counts();
    if (!counts && !this.#uncounted) this.logger.warn(`HAProxy has no table ${USAGE_TABLE}: what it signs is not counted`);
    this.#uncounted = !counts;
    return new Map((counts ?? []).map((each) => [`${each.publishId}|${each.signId}`, each]));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** @returns whether a key that HAProxy had is not there any more */
  async #give(): Promise<boolean> {
    if (!this.#wanted) return false;
    const pid = await this.#socket.pid();
    if (this.#given?.pid !== pid) {
      if (this.#given) {
        this.#oldWorkersUntil = performance.now() + this.config.drainMs;
        this.logger.info({ pid }, 'HAProxy was reloaded: it gets its keys anew');
      }
      // Before it has keys from here: what it has signed until now is not this node's to report.
      this.#counted = { pid, counts: await this.#counts() };
      this.#given = { pid, maps: { ...(this.#given && { 'keys.map': this.#given.maps['keys.map'] ?? [] }) }, leaseEnd: -1 };
    }
    const given = this.#given;
    const before = given.maps['keys.map'] ?? [];
    const wanted = this.#wanted;
    const anew = given.leaseEnd === -1;
    if (this.#denied) await this.#carryLease(given);
    for (const map of MAPS) {
      if (!anew && same(given.maps[map], wanted[map])) continue;
      await this.#socket.replace(`${this.config.maps}/${map}`, wanted[map]);
      given.maps[map] = wanted[map];
    }
    await this.#carryLease(given);
    const now = new Set(wanted['keys.map']);
    return before.some((line) => !now.has(line));
  }

  /** Until when HAProxy may sign, by the wall clock that both read: it stops by itself, also when this node is gone. */
  async #carryLease(given: { leaseEnd: number }): Promise<void> {
    const left = Math.max(0, this.lease.leftMs);
    const end = this.#denied ? 0 : left === Number.POSITIVE_INFINITY ? NO_END : Math.floor((this.clock.now() + left) / 1000);
    if (end === given.leaseEnd) return;
    await this.#socket.replace(`${this.config.maps}/${LEASE_MAP}`, [`end ${end}`]);
    given.leaseEnd = end;
  }
}

const same = (a: readonly string[] | undefined, b: readonly string[]) =>
  a !== undefined && a.length === b.length && a.every((line, i) => line === b[i]);
