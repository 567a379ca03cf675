import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** SHA-256 of the empty string in hex: the payload hash of a request without a body. */
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** How the headers frame the body. Known before the body arrives. */
export type BodyFraming = { kind: 'none' } | { kind: 'length'; bytes: number } | { kind: 'chunked' };

export function bodyFramingOf({ headers }: IncomingMessage): BodyFraming {
  if (headers['transfer-encoding'] !== undefined) return { kind: 'chunked' };
  const bytes = Number(headers['content-length'] ?? 0);
  return bytes === 0 ? { kind: 'none' } : { kind: 'length', bytes };
}

/**
 * Limits the bytes of request bodies in memory: in total, so that a flood cannot exhaust the process, and per client, so that one client
 * cannot use all of it.
 */
export class MemoryBudget {
  #used = 0;
  readonly #byClient = new Map<string, number>();

  constructor(
    private readonly bytes: number,
    private readonly clientBytes = bytes,
  ) {}

  reserve(bytes: number, client: string): boolean {
    const theirs = (this.#byClient.get(client) ?? 0) + bytes;
    if (this.#used + bytes > this.bytes || theirs > this.clientBytes) return false;
    this.#used += bytes;
    this.#byClient.set(client, theirs);
    return true;
  }

  release(bytes: number, client: string): void {
    if (bytes === 0) return;
    this.#used -= bytes;
    const theirs = (this.#byClient.get(client) ?? 0) - bytes;
    if (theirs > 0) this.#byClient.set(client, theirs);
    else this.#byClient.delete(client);
  }
}

/** The minimum speed of a request body. */
export interface BodyPace {
  /** Minimum average speed after the first {@link GRACE_MS}. */
  bodyMinBytesPerSecond: number;
  /** Time limit of the whole body. */
  bodyTimeoutMs: number;
}
const GRACE_MS = 5000;
const CHECK_INTERVAL_MS = 500;

/** A body, or the beginning of a body that exceeds the limit. In the second case, the request is paused. */
export interface ReadBody {
  chunks: Buffer[];
  bytes: number;
  whole: boolean;
  /** Hash of the body in hex; absent if the body is incomplete. */
  sha256?: string;
}

/**
 * `busy`: the memory budget is exceeded. `late`: the body is slower than the minimum speed. `gone`: the client has closed the connection.
 */
export type BodyFault = 'busy' | 'late' | 'gone';

interface BodyRules {
  limit: number;
  pace: BodyPace;
  /** The budget to which the bytes are charged; absent: the bytes are hashed and discarded. */
  buffer?: { budget: MemoryBudget; client: string };
}

/** Reads a body and hashes it while it arrives, so that a large body never blocks the event loop. */
export function readBody(request: IncomingMessage, { limit, pace, buffer }: BodyRules): Promise<ReadBody | BodyFault> {
  return new Promise((resolve) => {
    const hash = createHash('sha256');
    const chunks: Buffer[] = [];
    const began = performance.now();
    let bytes = 0;
    let bufferedBytes = 0;
    const settle = (result: ReadBody | BodyFault) => {
      clearInterval(watch);
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      if (typeof result === 'string') buffer?.budget.release(bufferedBytes, buffer.client);
      resolve(result);
    };
    const watch = setInterval(() => {
      const passedMs = performance.now() - began;
      const slow = passedMs > GRACE_MS && bytes < (passedMs / 1000) * pace.bodyMinBytesPerSecond;
      if (!slow && passedMs <= pace.bodyTimeoutMs) return;
      request.pause();
      settle('late');
    }, CHECK_INTERVAL_MS).unref();
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (buffer) {
        if (!buffer.budget.reserve(chunk.length, buffer.client)) {
          request.pause();
          return settle('busy');
        }
        bufferedBytes += chunk.length;
        chunks.push(chunk);
      }
      if (bytes > limit) {
        request.pause();
        return settle({ chunks, bytes, whole: false });
      }
      hash.update(chunk);
    };
    const onEnd = () => settle({ chunks, bytes, whole: true, sha256: hash.digest('hex') });
    const onClose = () => settle('gone');
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}
