import type { ChangeLog, LoggedChange } from '../changes/change-log.js';
import { type Frame, framesAfter, heartbeat, resync } from './frames.js';
import type { Watcher } from './watcher.js';

/** Revisions read at once. */
const PAGE = 200;
/** A watcher further behind than this takes a snapshot instead: it is smaller. */
const BEHIND_MAX = 10_000;
const RECENT_MAX = 1000;
const RECENT_MAX_BYTES = 1024 * 1024;

/**
 * The change log of one gateway as a live stream: read once, sent to every watcher. The head only moves forward, one revision
 * at a time; what cannot be told without a gap is told as `resync`.
 */
export class Channel {
  readonly #watchers = new Set<Watcher>();
  readonly #live = new Set<Watcher>();
  /** The newest events, so that watchers that come back together do not each ask the database. */
  readonly #recent: Frame[] = [];
  #recentBytes = 0;
  readonly #pages = new Map<number, Promise<Frame[]>>();
  #head = 0;
  #wanted = 0;
  #opened = false;
  #advancing: Promise<void> | undefined;
  #beat: Frame = { revision: -1, bytes: Buffer.alloc(0) };

  /**
   * @param onChanges sees every change that goes out, after it has
   * @param onFault is told what the database said; the channel tries again when it is woken again
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

  get watchers(): ReadonlySet<Watcher> {
    return this.#watchers;
  }

  /** Watchers on their way: a channel that somebody is about to use is not thrown away. */
  expected = 0;

  get wanted(): boolean {
    return this.#watchers.size > 0 || this.expected > 0;
  }

  /** @returns false when there is no such gateway */
  async open(): Promise<boolean> {
    if (this.#opened) return true;
    const revision = (await this.log.revisions([this.instanceId])).get(this.instanceId);
    if (revision === undefined) return false;
    if (!this.#opened) this.#head = revision;
    this.#opened = true;
    this.seen(revision);
    return true;
  }

  /** A revision is said to be there. */
  seen(revision: number): void {
    this.#wanted = Math.max(this.#wanted, revision);
    void this.#advance();
  }

  /**
   * What the counter said.
   * @param revision `undefined`: the gateway is gone
   * @param headBefore the head when the counter was asked
   */
  async observe(revision: number | undefined, headBefore: number): Promise<void> {
    if (!this.#opened) return;
    if (revision === undefined) return this.#finish();
    // The database was put back to an earlier state: what watchers have is of a future that is not.
    if (revision < headBefore) return this.#restart(revision);
    this.seen(revision);
  }

  add(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    this.#live.delete(watcher);
  }

  heartbeat(): Buffer {
    if (this.#beat.revision !== this.#head) this.#beat = { revision: this.#head, bytes: heartbeat(this.#head) };
    return this.#beat.bytes;
  }

  /** Sends a watcher what it has missed, at its own pace, and then everything. */
  async join(watcher: Watcher, from: number): Promise<void> {
    let position = from;
    if (position > this.#head) await this.#refresh();
    while (!watcher.closed) {
      if (position > this.#head || this.#head - position > BEHIND_MAX) return watcher.end(resync(this.#head));
      const recent = this.#since(position);
      const frames = recent ?? (await this.#page(position));
      if (!recent && frames.length === 0) return watcher.end(resync(this.#head));
      for (const { revision, bytes } of frames) {
        watcher.send(bytes);
        position = revision;
        if (watcher.full) break;
      }
      if (recent && !watcher.full) {
        if (!watcher.closed) this.#live.add(watcher);
        return;
      }
      await watcher.drained();
    }
  }

  /** A watcher that does not keep up reads the log by itself, so that the others go on. */
  #leaveBehind(watcher: Watcher, position: number): void {
    this.#live.delete(watcher);
    void watcher
      .drained()
      .then(() => this.join(watcher, position))
      .catch((error: unknown) => {
        this.onFault(error);
        watcher.end();
      });
  }

  async #refresh(): Promise<void> {
    const headBefore = this.#head;
    await this.observe((await this.log.revisions([this.instanceId])).get(this.instanceId), headBefore);
    await this.#advancing;
  }

  /** Events after a position that are still in memory; `undefined` when some are not. */
  #since(position: number): readonly Frame[] | undefined {
    if (position === this.#head) return [];
    const first = this.#recent[0];
    return first && first.revision <= position + 1 ? this.#recent.slice(position + 1 - first.revision) : undefined;
  }

  /** The next events from the log; watchers at the same place share one read. Empty: there is a hole. */
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
    while (this.#wanted > this.#head) {
      const to = Math.min(this.#wanted, this.#head + PAGE);
      if (await this.#tell(to)) continue;
      // Not all there: said too early, said falsely, or a hole. The counter knows, and is read after the log.
      const revision = (await this.log.revisions([this.instanceId])).get(this.instanceId);
      if (revision === undefined || revision <= this.#head) {
        this.#wanted = this.#head;
        return;
      }
      this.#wanted = revision;
      if (!(await this.#tell(Math.min(revision, this.#head + PAGE)))) return this.#restart(revision);
    }
  }

  /** @returns whether the log had every revision */
  async #tell(to: number): Promise<boolean> {
    const changes = await this.log.range(this.instanceId, this.#head, to);
    const frames = framesAfter(this.#head, changes);
    for (const frame of frames) this.#emit(frame);
    if (frames.length > 0) this.onChanges(changes);
    return this.#head === to;
  }

  #emit(frame: Frame): void {
    this.#head = frame.revision;
    this.#recent.push(frame);
    this.#recentBytes += frame.bytes.length;
    while (this.#recent.length > RECENT_MAX || (this.#recentBytes > RECENT_MAX_BYTES && this.#recent.length > 1))
      this.#recentBytes -= this.#recent.shift()!.bytes.length;
    for (const watcher of this.#live) {
      watcher.send(frame.bytes);
      if (watcher.full) this.#leaveBehind(watcher, frame.revision);
    }
  }

  /** Everybody takes a snapshot, and the stream goes on from here. */
  #restart(revision: number): void {
    this.#recent.length = 0;
    this.#recentBytes = 0;
    this.#head = revision;
    this.#wanted = revision;
    for (const watcher of [...this.#watchers]) watcher.end(resync(revision));
  }

  /** The gateway is gone: its log ends with its deletion, and so do the streams. */
  async #finish(): Promise<void> {
    await this.#advancing;
    await this.#tell(this.#head + PAGE).catch(this.onFault);
    for (const watcher of [...this.#watchers]) watcher.end();
  }
}
