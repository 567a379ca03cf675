import { schemeOf } from '#signing/algorithms.js';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sign, UnusableKeyError } from 'signet-signing';
import { Exit, usage } from '../exit-codes.js';
import type { Io } from '../io.js';
import { bodyOf, curlRequest, type CurlRequest, dataArgument, quoted } from './curl-arguments.js';
import { content } from './prompt.js';
import { type MaterialOptions, signingMaterial } from './signing-material.js';

/** No configuration file of the user, no expansion of braces, no tidying of the path: what is sent is what was signed. */
const EXACT = ['-q', '--globoff', '--path-as-is'];

/** Prints a signed curl command, or runs it. @returns the exit code: that of curl if it runs */
export async function signCurl(io: Io, args: readonly string[], options: MaterialOptions & { run?: boolean }): Promise<number> {
  const request = curlRequest(args);
  const run = options.run === true;
  const fromStdin = request.data.some(({ from, value }) => from === 'file' && value === '-');
  if (fromStdin && options.material === '-') throw usage('only one of the body and --material can be standard input');
  if (fromStdin && !run) throw usage('a printed command cannot read the same standard input again: use a file, or --run');
  const key = await signingMaterial(io, options);
  if (!schemeOf(key.signType, key.signAlgorithm ?? null)?.coversRequest && !run)
    throw usage('the header of a basic key has its secret: it is not printed, use --run');
  const body = await bodyOf(request, (file) => content(io, file));
  const headers = signed(request, key, body);
  if (run) return execute(io, request, headers, body);
  const words = [
    'curl',
    ...EXACT,
    ...headers.flatMap((header) => ['-H', header]),
    ...request.others,
    ...request.data.flatMap(dataArgument),
  ];
  io.stdout.write(`${words.map(quoted).join(' ')}\n`);
  return 0;
}

function signed({ method, target, host }: CurlRequest, key: Parameters<typeof sign>[1], body: Buffer | undefined): string[] {
  try {
    const signature = sign({ method, url: target, host, ...(body !== undefined && { body }) }, key);
    return [`Host: ${host}`, ...Object.entries(signature).map(([name, value]) => `${name}: ${String(value)}`)];
  } catch (error) {
    if (error instanceof UnusableKeyError || error instanceof TypeError) throw usage(error.message);
    throw error;
  }
}

/**
 * The signature goes through standard input, not in the arguments: that of a basic key has its secret. The body is in a file of its own, as it
 * was signed: the named file may change.
 */
async function execute(io: Io, { data, others }: CurlRequest, headers: readonly string[], body: Buffer | undefined): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'signet-'));
  try {
    const file = join(folder, 'body');
    if (body !== undefined) await writeFile(file, body, { mode: 0o600 });
    const words = [...EXACT, '-H', '@-', ...others, ...(data.length > 0 ? ['--data-binary', `@${file}`] : [])];
    // Secrets in variables are for this command, not for others.
    const env = Object.fromEntries(Object.entries(io.env).filter(([name]) => !name.startsWith('SIGNET_')));
    const child = spawn('curl', words, { stdio: ['pipe', 'pipe', 'pipe'], env });
    const failed = once(child, 'error').then(([error]) => {
      throw new Exit('failed', `curl does not run (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    });
    child.stdout.on('data', (chunk: Buffer) => io.stdout.write(chunk));
    child.stderr.on('data', (chunk: Buffer) => io.stderr.write(chunk));
    // curl may end before it has read them.
    child.stdin.on('error', () => undefined);
    child.stdin.end(headers.map((header) => `${header}\n`).join(''));
    const [code] = (await Promise.race([once(child, 'close'), failed])) as [number | null];
    return code ?? 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
