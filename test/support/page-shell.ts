import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/**
 * Runs each script that arrives in the shell itself, so that its variables, functions and background processes remain, and tells when it is
 * over. Descriptors 3 and 4 carry scripts and answers, and background processes get neither.
 */
const LOOP = 'while IFS= read -r script <&3; do . "$script" 3<&- 4>&-; echo done >&4; done';

/** A bash like a reader's terminal, with `-euo pipefail`, so that it exits at the first failed command. */
export class PageShell {
  #output = '';
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #scripts = mkdtempSync(join(tmpdir(), 'signet-page-'));
  #count = 0;

  constructor(cwd: string, env: Record<string, string | undefined>) {
    // It is a separate process group, so that background processes of a page end with the shell.
    this.#child = spawn('bash', ['--norc', '-euo', 'pipefail', '-c', LOOP], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream!.on('data', (chunk) => (this.#output += String(chunk)));
    (this.#child.stdio[3] as Writable).on('error', () => undefined);
    this.#answers = createInterface({ input: this.#child.stdio[4] as Readable })[Symbol.asyncIterator]();
  }

  /**
   * Runs a block. @returns its output @throws Error with its output, when a command fails or the block takes longer than `limitMs`
   */
  async run(text: string, limitMs: number): Promise<string> {
    const script = join(this.#scripts, `${this.#count++}.sh`);
    writeFileSync(script, text);
    const before = this.#output.length;
    (this.#child.stdio[3] as Writable).write(`${script}\n`);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.kill();
    }, limitMs);
    const { done } = await this.#answers.next();
    clearTimeout(timer);
    // Output of the last command may arrive after the answer.
    await new Promise((resolve) => setImmediate(resolve));
    const end = late ? `was killed after ${limitMs / 1000} s` : 'ended';
    if (done) throw new Error(`the shell ${end} in:\n${text}\nafter it printed:\n${this.#output.slice(before)}`);
    return this.#output.slice(before);
  }

  /** Ends the shell and its background processes. */
  async close(): Promise<void> {
    const over = this.#child.exitCode !== null || this.#child.signalCode !== null || once(this.#child, 'exit');
    this.kill();
    await over;
  }

  kill(): void {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL');
    } catch {
      // The shell has ended already.
    }
  }
}
