import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { ADMIN_PASSWORD, Client } from './service.js';
import { overdue } from './slowness.js';

/** The inherited environment of Signet processes. Tests start hundreds of them, and the compile cache saves each a quarter of a second. */
export const CHILD_ENV = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: 'node_modules/.cache/compiled' };

/** A free loopback port below the ephemeral range, so that no outgoing connection takes it before the server starts. */
export async function freePort(): Promise<number> {
  for (;;) {
    const probe = createServer();
    const port = randomInt(10_000, 32_768);
    const free = await new Promise<boolean>((resolve) =>
      probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)),
    );
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

/** Runs the built command line until it exits. */
export async function signet(
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['dist/cli.js', ...args], {
    env: { ...CHILD_ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** `signet serve` as a process of its own. */
export class ServedProcess {
  output = '';
  private constructor(
    readonly child: ChildProcess,
    readonly baseUrl: string,
  ) {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (this.output += String(chunk)));
  }

  /** @throws Error with what the process printed when it is not ready within `readyMs` */
  static start(env: Record<string, string>, readyMs = 30_000): Promise<ServedProcess> {
    return ServedProcess.begin(env, '/readyz', readyMs);
  }

  /** @param probe the path that must answer 200 */
  static async begin(env: Record<string, string>, probe: string, readyMs = 30_000): Promise<ServedProcess> {
    const port = env['SIGNET_PORT'] ?? String(await freePort());
    const child = spawn(process.execPath, ['dist/cli.js', 'serve'], {
      env: {
        ...CHILD_ENV,
        SIGNET_LOG_LEVEL: 'warn',
        SIGNET_ADMIN_PASSWORD: ADMIN_PASSWORD,
        ...env,
        SIGNET_PORT: port,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const served = new ServedProcess(child, `http://127.0.0.1:${port}`);
    const began = performance.now();
    while (!overdue(began, readyMs) && child.exitCode === null) {
      const ready = await fetch(served.baseUrl + probe).then(
        ({ status }) => status === 200,
        () => false,
      );
      if (ready) return served;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    child.kill('SIGKILL');
    throw new Error(`signet serve was not ready:\n${served.output}`);
  }

  /** As {@link Client.admin}, with the output of the process in the error. */
  admin(): Promise<Client> {
    return Client.admin(this.baseUrl).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${this.output}`);
    });
  }

  /** Sends a signal and waits for the end. @returns the exit code, or null after SIGKILL */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    this.child.kill(signal);
    const [code] = (await once(this.child, 'exit')) as [number | null];
    return code;
  }
}
