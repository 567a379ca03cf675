const FORM = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

let second = Number.NaN;
let text = '';

/** `YYYYMMDDTHHMMSSZ` in UTC. Caches the last result: gateways format thousands of times per second. */
export function formatSdkDate(epochMs: number): string {
  const asked = Math.floor(epochMs / 1000);
  if (asked !== second) {
    text = new Date(asked * 1000).toISOString().replace(/[-:]|\.000/g, '');
    second = asked;
  }
  return text;
}

/** Milliseconds since the epoch; undefined for an invalid date or another format. */
export function parseSdkDate(date: string): number | undefined {
  const [, year, month, day, hour, minute, seconds] = FORM.exec(date) ?? [];
  if (year === undefined) return undefined;
  const epochMs = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(seconds));
  return formatSdkDate(epochMs) === date ? epochMs : undefined;
}
