import type { Difference } from './expect.ts';

export interface PartResult {
  title: string;
  requests: number;
  seconds: number;
  /** What it proved, for the table. */
  proved: string;
}

/** To the beginning of a line that is empty then. */
const ERASED = '\r\x1b[2K';
/** A terminal is not written to more often than anybody could read. */
const SHOWN_EVERY_MS = 100;

/** How far a part is: a line that is written over on a terminal, otherwise a line for each stage. */
export class Progress {
  readonly #terminal = process.stdout.isTTY;
  #title = '';
  #stage = '';
  #total = 0;
  #done = 0;
  #shownAt = -Infinity;

  begin(title: string): void {
    this.#title = title;
    this.#total = 0;
    this.#done = 0;
    if (!this.#terminal) console.log(title);
  }

  /** @param requests how many it will take, as far as known */
  stage(stage: string, requests: number): void {
    this.#stage = stage;
    this.#total += requests;
    if (!this.#terminal) return console.log(`  ${stage}`);
    this.show();
  }

  step(): void {
    this.#done++;
    if (this.#terminal && performance.now() - this.#shownAt >= SHOWN_EVERY_MS) this.show();
  }

  /** Takes the line away, so that another can be printed. */
  end(): void {
    if (this.#terminal) process.stdout.write(ERASED);
  }

  private show(): void {
    this.#shownAt = performance.now();
    process.stdout.write(`${ERASED}${this.#title}: ${this.#done}/${this.#total} requests  ${this.#stage}`);
  }
}

export function tellPassed({ title, requests, seconds, proved }: PartResult): void {
  if (process.stdout.isTTY) console.log(`${title}: pass, ${requests} requests, ${seconds.toFixed(1)} s: ${proved}`);
  else console.log(`  pass, ${requests} requests, ${seconds.toFixed(1)} s: ${proved}`);
}

/** The table at the end. */
export function summarize(results: readonly PartResult[], notes: readonly string[]): void {
  const width = Math.max(...results.map(({ title }) => title.length));
  const line = (title: string, requests: string, seconds: string, result: string) =>
    console.log(`${title.padEnd(width)}  ${requests.padStart(8)}  ${seconds.padStart(7)}  ${result}`);
  const sum = (of: (result: PartResult) => number) => results.reduce((total, result) => total + of(result), 0);
  console.log('\nSUMMARY');
  line('', 'requests', 'seconds', 'result');
  for (const { title, requests, seconds } of results) line(title, String(requests), seconds.toFixed(1), 'pass');
  line('All', String(sum(({ requests }) => requests)), sum(({ seconds }) => seconds).toFixed(1), 'pass');
  for (const note of notes) console.log(note);
}

/** Request, expected, received: enough to repeat it by hand. */
export function tellDifference(part: string, { request, expected, received, at }: Difference): void {
  const rows = [
    `\nDIFFERENCE in ${part}`,
    `  request   ${request}`,
    `  expected  ${expected}`,
    `  received  ${received}`,
    `  first at  ${at.path}`,
    `            expected ${at.expected}`,
    `            received ${at.received}`,
  ];
  console.error(rows.join('\n'));
}
