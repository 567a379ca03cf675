import type { ServerResponse } from 'node:http';

/** Maximum number of unsent bytes. A subscriber with more gets no new events until it has read these. */
const BUFFER_MAX_BYTES = 4 * 1024 * 1024;
/** A subscriber whose buffer is full and that reads nothing for this number of checks is disconnected. It may reconnect. */
const STALLED_CHECKS_MAX = 3;
const CHECK_MS = 1000;
/** Number of consecutive heartbeats that may find the previous one still unsent. */
const MISSED_HEARTBEATS_MAX = 3;

/** An open stream of events. It never blocks, so that a slow reader does not delay the others. */
export class Subscriber {
  /** Resolves when the connection is closed. */
  readonly finished: Promise<void>;
  #stalled = 0;
  #closed = false;

  /** @param onClose called once, whichever side ends the stream */
  constructor(
    private readonly response: ServerResponse,
    readonly tokenId: string,
    /** When the credential of the subscriber expires; null: never. */
    readonly expiresAt: number | null,
    private readonly onClose: (subscriber: Subscriber) => void,
    private readonly onDrop: () => void,
  ) {
    this.finished = new Promise((resolve) => response.once('close', resolve));
    response.once('close', () => this.#close());
    response.on('error', () => this.#close());
    // The client may have disconnected before the stream began.
    if (response.destroyed || response.closed) queueMicrotask(() => this.#close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(bytes: Buffer): void {
    if (!this.#closed) this.response.write(bytes);
  }

  /** Whether nothing more may be sent until {@link drained}. */
  get full(): boolean {
    return !this.#closed && this.response.writableLength > BUFFER_MAX_BYTES;
  }

  /** Sends a heartbeat. Disconnects a reader that has read nothing since several heartbeats. */
  beat(bytes: Buffer): void {
    this.#stalled = this.response.writableLength > 0 ? this.#stalled + 1 : 0;
    if (this.#stalled >= MISSED_HEARTBEATS_MAX) this.#drop();
    else this.send(bytes);
  }

  /** Resolves when the buffer has room again or the stream is closed. A reader that reads nothing for some seconds is disconnected. */
  async drained(): Promise<void> {
    if (this.#closed || !this.response.writableNeedDrain) return;
    let [left, stalledChecks] = [this.response.writableLength, 0];
    await new Promise<void>((resolve) => {
      const check = setInterval(() => {
        stalledChecks = this.response.writableLength < left ? 0 : stalledChecks + 1;
        left = this.response.writableLength;
        if (stalledChecks === STALLED_CHECKS_MAX) this.#drop();
      }, CHECK_MS);
      const done = () => {
        clearInterval(check);
        this.response.off('drain', done).off('close', done);
        resolve();
      };
      this.response.on('drain', done).on('close', done);
    });
  }

  /** Ends the stream, after sending a last event if one is given. */
  end(last?: Buffer): void {
    if (this.#closed) return;
    this.response.end(last);
    this.#close();
  }

  /** Closes the connection without waiting until all data is sent. */
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
