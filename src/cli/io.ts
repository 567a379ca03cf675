import type { Readable } from 'node:stream';

/** Where text goes. `isTTY` and `columns` as in Node: absent, unless it is a terminal. */
interface Output {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Everything that a command for people has of its process. Tests pass their own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const processIo: Io = process;

/** Whether somebody can be asked: questions are written to standard error, answers come from standard input. */
export const canAsk = ({ stdin, stderr }: Io): boolean => stdin.isTTY === true && stderr.isTTY === true;

/** Everything from standard input, until its end. */
export async function readAll({ stdin }: Io): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}
