import { type Options, SingleBar, Presets } from 'cli-progress';
import type { Difference } from './expect.ts';

export interface PartResult {
  title: string;
  requests: number;
  seconds: number;
  /** What it proved, for the table. */
  proved: string;
}

const FORMAT: Options = { format: '{title} [{bar}] {value}/{total} requests  {stage}', hideCursor: true, clearOnComplete: true, fps: 10 };

/** How far a part is: a bar on a terminal, otherwise a line for each stage. */
export class Progress {
  readonly #bar = process.stdout.isTTY ? new SingleBar(FORMAT, Presets.shades_classic) : undefined;
  #title = '';
  #total = 0;

  begin(title: string): void {
    this.#title = title;
    this.#total = 0;
    if (this.#bar) this.#bar.start(1, 0, { title, stage: '' });
    else console.log(title);
  }

  /** @param requests how many it will take, as far as known */
  stage(stage: string, requests: number): void {
    this.#total += requests;
    if (!this.#bar) return console.log(`  ${stage}`);
    this.#bar.setTotal(this.#total);
    this.#bar.update({ title: this.#title, stage });
  }

  step(): void {
    this.#bar?.increment();
  }

  /** Takes the bar away, so that a line can be printed. */
  end(): void {
    this.#bar?.stop();
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
