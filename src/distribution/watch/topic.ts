import type { ChangeLog, LoggedChange } from '../../platform/changes/change-log.js';
import { type Frame, framesAfter, heartbeat, resync } from './frames.js';
import type { Subscriber } from './subscriber.js';

/** Number of revisions that one query reads. */
const PAGE = 200;
/** A subscriber that is further behind gets a snapshot instead, which is smaller. */
const LAG_MAX = 10_000;
const RECENT_MAX = 1000;
const RECENT_MAX_BYTES = 1024 * 1024;

/**
 * The change log of one gateway as a live stream, which is read once and sent to every subscriber. The head advances one revision at a
 * time. A gap is sent as `resync`.
 */
export class Topic {
  readonly #subscribers = new Set<Subscriber>();
  readonly #live = new Set<Subscriber>();
  readonly #waiters = new Set<() => void>();
  /** The newest events, so that subscribers that reconnect together need no queries. */
  readonly #recent: Frame[] = [];
  #recentBytes = 0;
  readonly #pages = new Map<number, Promise<Frame[]>>();
  #head = 0;
  #target = 0;
  #opened = false;
  #advancing: Promise<void> | undefined;
  #lastHeartbeat: Frame = { revision: -1, bytes: Buffer.alloc(0) };

  /**
   * @param onChanges called with every change after it was sent
   * @param onFault called with a database error. The next notice tries again
   */
  constructor(
    readonly instanceId: string,
    private readonly log: ChangeLog,
    private readonly onChanges: (changes: readonly LoggedChange[]) => void,
    private readonly onFault: (error: unknown) => void,
  ) {}

  get head(): number {
    return this.#head;
  }

  get subscribers(): ReadonlySet<Subscriber> {
    return this.#subscribers;
  }

  /** Credentials that were revoked according to the log. */
  readonly revoked = new Set<string>();
  /** Number of restarts of the stream. At each restart, changes may have been missed. */
  restarts = 0;

  /** Number of subscribers that are about to join. While there are any, the topic stays open. */
  joining = 0;

  get inUse(): boolean {
    return this.#subscribers.size > 0 || this.joining > 0;
  }

  /** Resolves when the head differs from `revision`, the gateway was deleted, or the signal aborts. */
  async waitForChange(revision: number, signal: AbortSignal): Promise<void> {
    if (this.#head !== revision || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add(resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    this.#waiters.delete(resolve);
  }

  #notifyWaiters(): void {
    for (const wake of this.#waiters) wake();
  }

  /** @returns false when the gateway does not exist */
  async open(): Promise<boolean> {
    if (this.#opened) return true;
    const revision = (await this.log.revisions('instance', [this.instanceId])).get(this.instanceId);
    if (revision === undefined) return false;
    if (!this.#opened) this.#head = revision;
    this.#opened = true;
    this.onNotice(revision);
    return true;
  }

  /** Handles a best-effort notice that the revision exists. */
  onNotice(revision: number): void {
    this.#target = Math.max(this.#target, revision);
    void this.#advance();
  }

  /**
   * Handles the revision counter as read from the database.
   * @param revision `undefined`: the gateway was deleted
   * @param headBefore the head before the counter was read
   */
  async observe(revision: number | undefined, headBefore: number): Promise<void> {
    if (!this.#opened) return;
    if (revision === undefined) return this.#finish();
    // The database was restored to an earlier state, so subscribers may have revisions that do not exist any more.
    if (revision < headBefore) return this.#restart(revision);
    this.onNotice(revision);
  }

  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
  }

  remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    this.#live.delete(subscriber);
  }

  heartbeat(): Buffer {
    if (this.#lastHeartbeat.revision !== this.#head) this.#lastHeartbeat = { revision: this.#head, bytes: heartbeat(this.#head) };
    return this.#lastHeartbeat.bytes;
  }

  /** Sends a subscriber the events that it has missed, at its own pace, and then adds it to the live subscribers. */
  async join(subscriber: Subscriber, from: number): Promise<void> {
    let position = from;
    if (position > this.#head) await this.#refresh();
    while (!subscriber.closed) {
      if (position > this.#head || this.#head - position > LAG_MAX) return subscriber.end(resync(this.#head));
      const recent = this.#since(position);
      const frames = recent ?? (await this.#page(position));
      if (!recent && frames.length === 0) return subscriber.end(resync(this.#head));
      for (const { revision, bytes } of frames) {
        subscriber.send(bytes);
        position = revision;
        if (subscriber.full) break;
      }
      if (recent && !subscriber.full) {
        if (!subscriber.closed) this.#live.add(subscriber);
        return;
      }
      await subscriber.drained();
    }
  }

  /** Lets a slow subscriber read from the log, so that it does not delay the others. */
  #replayFromLog(subscriber: Subscriber, position: number): void {
    this.#live.delete(subscriber);
    void subscriber
      .drained()
      .then(() => this.join(subscriber, position))
      .catch((error: unknown) => {
        this.onFault(error);
        subscriber.end();
      });
  }

  async #refresh(): Promise<void> {
    const headBefore = this.#head;
    await this.observe((await this.log.revisions('instance', [this.instanceId])).get(this.instanceId), headBefore);
    await this.#advancing;
  }

  /** Returns the events after a position that are still in memory; `undefined` when some are not. */
  #since(position: number): readonly Frame[] | undefined {
    if (position === this.#head) return [];
    const first = this.#recent[0];
    return first && first.revision <= position + 1 ? this.#recent.slice(position + 1 - first.revision) : undefined;
  }

  /** Returns the next events from the log. Subscribers at the same position share one read. Empty: the log has a gap. */
  #page(position: number): Promise<Frame[]> {
    const to = Math.min(this.#head, position + PAGE);
    let page = this.#pages.get(position);
    if (!page) {
      page = this.log
        .range(this.instanceId, position, to)
        .then((changes) => framesAfter(position, changes))
        .finally(() => this.#pages.delete(position));
      this.#pages.set(position, page);
    }
    return page;
  }

  #advance(): Promise<void> {
    if (!this.#opened) return Promise.resolve();
    this.#advancing ??= this.#catchUp()
      .catch(this.onFault)
      .finally(() => {
        this.#advancing = undefined;
      });
    return this.#advancing;
  }

  async #catchUp(): Promise<void> {
    while (this.#target > this.#head) {
      const to = Math.min(this.#target, this.#head + PAGE);
      if (await this.#broadcast(to)) continue;
      // Revisions are missing, because the notice was early or wrong, or because the log has a gap. The counter, which is read after the
      // log, decides.
      const revision = (await this.log.revisions('instance', [this.instanceId])).get(this.instanceId);
      if (revision === undefined || revision <= this.#head) {
        this.#target = this.#head;
        return;
      }
      this.#target = revision;
      if (!(await this.#broadcast(Math.min(revision, this.#head + PAGE)))) return this.#restart(revision);
    }
  }

  /** @returns whether the log contained every revision */
  async #broadcast(to: number): Promise<boolean> {
    const changes = await this.log.range(this.instanceId, this.#head, to);
    const frames = framesAfter(this.#head, changes);
    for (const frame of frames) this.#emit(frame);
    if (frames.length > 0) {
      this.onChanges(changes);
      this.#notifyWaiters();
    }
    return this.#head === to;
  }

  #emit(frame: Frame): void {
    this.#head = frame.revision;
    this.#recent.push(frame);
    this.#recentBytes += frame.bytes.length;
    while (this.#recent.length > RECENT_MAX || (this.#recentBytes > RECENT_MAX_BYTES && this.#recent.length > 1))
      this.#recentBytes -= this.#recent.shift()!.bytes.length;
    for (const subscriber of this.#live) {
      subscriber.send(frame.bytes);
      if (subscriber.full) this.#replayFromLog(subscriber, frame.revision);
    }
  }

  /** Tells every subscriber to load a snapshot, and continues from this revision. */
  #restart(revision: number): void {
    this.restarts++;
    this.#recent.length = 0;
    this.#recentBytes = 0;
    this.#head = revision;
    this.#target = revision;
    for (const subscriber of [...this.#subscribers]) subscriber.end(resync(revision));
    this.#notifyWaiters();
  }

  /** Handles the deletion of the gateway: sends the rest of its log and ends the streams. */
  async #finish(): Promise<void> {
    await this.#advancing;
    await this.#broadcast(this.#head + PAGE).catch(this.onFault);
    for (const subscriber of [...this.#subscribers]) subscriber.end();
    this.#notifyWaiters();
  }
}
