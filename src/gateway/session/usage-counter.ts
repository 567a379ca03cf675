import type { Usage } from '../../lib/protocol/protocol.js';

/** Counts signatures by publication and key until they are reported. */
export class UsageCounter {
  #counts = new Map<string, Map<string, Usage>>();

  add(publishId: string, signId: string, now: number, count = 1): void {
    let ofPublication = this.#counts.get(publishId);
    if (!ofPublication) this.#counts.set(publishId, (ofPublication = new Map<string, Usage>()));
    const usage = ofPublication.get(signId);
    if (usage) {
      usage.count += count;
      usage.last_signed_at = Math.max(usage.last_signed_at, now);
    } else ofPublication.set(signId, { publish_id: publishId, sign_id: signId, count, last_signed_at: now });
  }

  /** Removes and returns up to `max` counts. The rest is for the next report. */
  take(max: number): Usage[] {
    const all = [...this.#counts.values()].flatMap((ofPublication) => [...ofPublication.values()]);
    this.#counts = new Map();
    this.restore(all.slice(max));
    return all.slice(0, max);
  }

  /** Adds the counts of a failed report again. */
  restore(usage: readonly Usage[]): void {
    for (const { publish_id, sign_id, count, last_signed_at } of usage) this.add(publish_id, sign_id, last_signed_at, count);
  }
}
