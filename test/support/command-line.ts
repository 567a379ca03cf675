import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { run } from '../../src/cli/program.js';

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

interface Given {
  /** Standard input, which is no terminal. */
  stdin?: string;
  /** What somebody types, when standard input and error are a terminal: an answer for each question. */
  typed?: readonly string[];
  /** Columns of the terminal that standard output is. */
  columns?: number;
  env?: Record<string, string>;
}

/** The command line of one user, in this process, with a folder for profiles. */
export class CommandLine {
  readonly home = mkdtempSync(join(tmpdir(), 'signet-home-'));
  readonly profiles = join(this.home, 'signet', 'profiles');
  /** Everything that any command has printed. */
  printed = '';

  constructor(private readonly env: Record<string, string> = {}) {}

  async run(args: readonly string[], { stdin = '', typed, columns, env = {} }: Given = {}): Promise<Ended> {
    const ended: Ended = { code: 0, stdout: '', stderr: '' };
    const input =
      typed === undefined
        ? Readable.from([Buffer.from(stdin)])
        : Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
    const answers = [...(typed ?? [])];
    ended.code = await run(args, {
      stdin: input,
      stdout: { write: (text) => (ended.stdout += String(text)), ...(columns !== undefined && { isTTY: true, columns }) },
      stderr: {
        write(text) {
          ended.stderr += String(text);
          // A question ends so, and nothing else does.
          if (/: $/.test(String(text))) setImmediate(() => answers.length > 0 && (input as PassThrough).write(`${answers.shift()}\r`));
        },
        ...(typed !== undefined && { isTTY: true, columns: 80 }),
      },
      env: { PATH: process.env['PATH'], XDG_CONFIG_HOME: this.home, ...this.env, ...env },
    });
    this.printed += ended.stdout + ended.stderr;
    return ended;
  }

  /** Runs a command that ends with 0. @returns its standard output @throws Error with what it printed */
  async done(args: readonly string[], given: Given = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, given);
    if (code !== 0) throw new Error(`signet ${args.join(' ')} ended with ${code}:\n${stderr}`);
    return stdout;
  }

  /** Runs a command that ends with 0. @returns what it printed, from JSON */
  json = async (args: readonly string[], given: Given = {}): Promise<any> => JSON.parse(await this.done([...args, '--json'], given));

  remove(): void {
    rmSync(this.home, { recursive: true });
  }
}
