import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { canAsk, type Io, readAll } from '../io.js';
import { Exit, usage } from '../exit-codes.js';
import type { Confirmation } from './options.js';

/** Asks one question. @param hidden whether the answer is not shown @throws Exit `usage` without a terminal */
export async function ask(io: Io, question: string, { hidden = false } = {}): Promise<string> {
  if (!canAsk(io)) throw usage(`there is no terminal to ask for: ${question}`);
  io.stderr.write(`${question}: `);
  // A terminal shows what is typed by itself, unless readline reads it key by key; without an output, the answer then stays invisible.
  const terminal = createInterface({
    input: io.stdin,
    terminal: hidden,
    ...(hidden && { output: new Writable({ write: (_, __, done) => done() }) }),
  });
  try {
    return await new Promise((resolve, reject) => {
      terminal.once('close', () => reject(new Exit('declined', 'no answer was given')));
      terminal.once('SIGINT', () => reject(new Exit('declined', 'interrupted')));
      terminal.question('').then(resolve, reject);
    });
  } finally {
    terminal.close();
    if (hidden) io.stderr.write('\n');
  }
}

/** @throws Exit `declined` unless `--yes` was given or somebody at a terminal agrees */
export async function confirm(io: Io, question: string, { yes = false }: Confirmation): Promise<void> {
  if (yes) return;
  if (!canAsk(io)) throw new Exit('declined', 'there is no terminal to ask on: say --yes');
  const answer = await ask(io, `${question} [y/N]`);
  if (!/^y(es)?$/i.test(answer.trim())) throw new Exit('declined', 'nothing was changed');
}

/** Where a secret comes from: never from the arguments, which every user of the machine can read. */
export interface SecretSource {
  readonly stdin?: boolean;
  readonly file?: string;
}

/**
 * Reads a secret: one line of a file or of standard input, or typed at a terminal without being shown.
 * @throws Exit `usage` when it is given in no way, empty, or more than one line
 */
export async function secret(io: Io, what: string, { stdin = false, file }: SecretSource): Promise<string> {
  if (stdin && file !== undefined) throw usage('give --stdin or --file, not both');
  if (!stdin && file === undefined && !canAsk(io))
    throw usage(`there is no terminal to ask for the ${what}: give it with --stdin or --file`);
  if (stdin || file !== undefined) return given(io, what, stdin ? '-' : file!);
  return lineOf(what, await ask(io, `${what[0]!.toUpperCase()}${what.slice(1)}`, { hidden: true }));
}

/** The one line of a file; `-` is standard input. @throws Exit `usage` */
export async function given(io: Io, what: string, file: string): Promise<string> {
  return lineOf(what, (await content(io, file)).toString('utf8'));
}

/** What is in a file; `-` is standard input. @throws Exit `usage` */
export async function content(io: Io, file: string): Promise<Buffer> {
  if (file === '-') return readAll(io);
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw usage(`${file} cannot be read (${error.code ?? error.message})`);
  });
}

function lineOf(what: string, text: string): string {
  const line = text.replace(/\r?\n$/, '');
  if (line === '' || /[\r\n]/.test(line)) throw usage(`the ${what} must be one line that is not empty`);
  return line;
}
