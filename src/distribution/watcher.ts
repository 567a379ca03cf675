import type { ServerResponse } from 'node:http';

/** What waits for a slow reader; beyond it the reader gets its events when it has taken these. */
const BUFFER_MAX_BYTES = 4 * 1024 * 1024;
/** A reader with a full buffer that takes nothing for this many looks is dropped, and comes back when it can. */
const LOOKS_MAX = 3;
const LOOK_MS = 1000;
/** Heartbeats that find the last one still unsent. */
const STALLED_MAX = 3;

/** One open stream of events. Never waits and never holds others up. */
export class Watcher {
  /** Everything that was sent has left, or never will. */
  readonly gone: Promise<void>;
  #stalled = 0;
  #closed = false;

  /** @param onClose called once, whoever ends the stream */
  constructor(
    private readonly response: ServerResponse,
    readonly tokenId: string,
    private readonly onClose: (watcher: Watcher) => void,
    private readonly onDrop: () => void,
  ) {
    this.gone = new Promise((resolve) => response.once('close', resolve));
    response.once('close', () => this.#close());
    response.on('error', () => this.#close());
    // The client may have left before the stream began.
    if (response.destroyed || response.closed) queueMicrotask(() => this.#close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(bytes: Buffer): void {
    if (!this.#closed) this.response.write(bytes);
  }

  /** It should be sent nothing more until {@link drained}. */
  get full(): boolean {
    return !this.#closed && this.response.writableLength > BUFFER_MAX_BYTES;
  }

  /** A sign of life; drops a reader that has taken nothing since several of them. */
  beat(bytes: Buffer): void {
    this.#stalled = this.response.writableLength > 0 ? this.#stalled + 1 : 0;
    if (this.#stalled >= STALLED_MAX) this.#drop();
    else this.send(bytes);
  }

  /** Resolves when there is room again, or nobody to make room for: a reader that takes nothing for seconds is dropped. */
  async drained(): Promise<void> {
    if (this.#closed || !this.response.writableNeedDrain) return;
    let [left, looks] = [this.response.writableLength, 0];
    await new Promise<void>((resolve) => {
      const look = setInterval(() => {
        looks = this.response.writableLength < left ? 0 : looks + 1;
        left = this.response.writableLength;
        if (looks === LOOKS_MAX) this.#drop();
      }, LOOK_MS);
      const done = () => {
        clearInterval(look);
        this.response.off('drain', done).off('close', done);
        resolve();
      };
      this.response.on('drain', done).on('close', done);
    });
  }

  /** Ends the stream, after a last event if there is one. */
  end(last?: Buffer): void {
    if (this.#closed) return;
    this.response.end(last);
    this.#close();
  }

  /** Ends the stream of a reader that may never take what is under way. */
  destroy(): void {
    this.response.destroy();
  }

  #drop(): void {
    this.onDrop();
    this.destroy();
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onClose(this);
  }
}
