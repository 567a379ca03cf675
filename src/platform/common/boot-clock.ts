import { readFileSync } from 'node:fs';

/** Maximum time between two reads of the uptime. */
const OLD_MS = 500;

/** Time since this machine booted, suspend included, where Linux reports it. */
export class BootClock {
  #readAt = Number.NEGATIVE_INFINITY;
  #bootMs: number | undefined;

  read(): { bootMs?: number } {
    const now = performance.now();
    if (now - this.#readAt > OLD_MS) {
      this.#readAt = now;
      this.#bootMs = uptimeMs();
    }
    return this.#bootMs === undefined ? {} : { bootMs: this.#bootMs };
  }
}

function uptimeMs(): number | undefined {
  try {
    const seconds = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'));
    return Number.isFinite(seconds) ? seconds * 1000 : undefined;
  } catch {
    return undefined;
  }
}
