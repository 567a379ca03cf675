import { createHash } from 'node:crypto';

/** Size limit of the `detail` column: below MariaDB's limit of 65,535 bytes for TEXT. */
export const DETAIL_MAX_BYTES = 60_000;

/**
 * Formats the detail of a row as JSON that fits its column. Lists that do not fit are truncated, the longest first. The length of the whole
 * list and the SHA-256 of its JSON are added, so that whoever has the whole list can prove that it is the recorded one.
 */
export function detailText(detail: Readonly<Record<string, unknown>>): string {
  const whole = JSON.stringify(detail);
  if (Buffer.byteLength(whole) <= DETAIL_MAX_BYTES) return whole;
  const fitted: Record<string, unknown> = { ...detail };
  const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
  const lists = Object.entries(detail)
    .filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]))
    .toSorted(([, a], [, b]) => bytesOf(b) - bytesOf(a));
  for (const [name, list] of lists) {
    const text = JSON.stringify(list);
    Object.assign(fitted, {
      [name]: [],
      [`${name}_count`]: list.length,
      [`${name}_sha256`]: createHash('sha256').update(text).digest('hex'),
    });
    const room = DETAIL_MAX_BYTES - bytesOf(fitted);
    if (room <= 0) continue;
    const fitting: unknown[] = [];
    for (let used = 0; fitting.length < list.length; ) {
      used += bytesOf(list[fitting.length]) + 1;
      if (used > room) break;
      fitting.push(list[fitting.length]);
    }
    fitted[name] = fitting;
    break;
  }
  return JSON.stringify(fitted);
}
