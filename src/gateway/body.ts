import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** SHA-256 of nothing: the payload line of a request that has no body. */
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** What a request says about its body before it is here. */
export type Announced = { kind: 'none' } | { kind: 'length'; bytes: number } | { kind: 'chunked' };

export function announced({ headers }: IncomingMessage): Announced {
  if (headers['transfer-encoding'] !== undefined) return { kind: 'chunked' };
  const bytes = Number(headers['content-length'] ?? 0);
  return bytes === 0 ? { kind: 'none' } : { kind: 'length', bytes };
}

/** The bytes of bodies that this process holds; a limit for all of them together keeps a flood from ending it. */
export class Budget {
  #used = 0;
  constructor(private readonly bytes: number) {}

  take(bytes: number): boolean {
    if (this.#used + bytes > this.bytes) return false;
    this.#used += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
  }
}

/** A body, or the beginning of one that is longer than the limit: then the request has been paused in the middle. */
export interface ReadBody {
  chunks: Buffer[];
  bytes: number;
  whole: boolean;
  /** Absent when the body is not whole. */
  sha256?: string;
}

export type BodyFault = 'busy' | 'gone';

/**
 * Reads a body and hashes it while it arrives, so that 12 MB are never hashed in one go.
 * @param keep false: the bytes are hashed and thrown away
 */
export function readBody(request: IncomingMessage, limit: number, budget: Budget, keep = true): Promise<ReadBody | BodyFault> {
  return new Promise((resolve) => {
    const hash = createHash('sha256');
    const chunks: Buffer[] = [];
    let bytes = 0;
    let held = 0;
    const settle = (result: ReadBody | BodyFault) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      if (typeof result === 'string') budget.giveBack(held);
      resolve(result);
    };
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (keep) {
        if (!budget.take(chunk.length)) {
          request.pause();
          return settle('busy');
        }
        held += chunk.length;
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
