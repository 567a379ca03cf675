import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { ADMIN_PASSWORD, Client } from './service.js';

/**
 * All that a process of ours inherits. Tests start hundreds, and each would compile the same code for a quarter of a second: what is
 * compiled is kept.
 */
export const CHILD_ENV = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: 'node_modules/.cache/compiled' };

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Runs the built command line to its end. */
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
  static async start(env: Record<string, string>, readyMs = 30_000): Promise<ServedProcess> {
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
    const end = performance.now() + readyMs;
    while (performance.now() < end && child.exitCode === null) {
      const ready = await fetch(`${served.baseUrl}/readyz`).then(
        ({ status }) => status === 200,
        () => false,
      );
      if (ready) return served;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    child.kill('SIGKILL');
    throw new Error(`signet serve was not ready:\n${served.output}`);
  }

  /** The administrator of the project `default`, by password. */
  async admin(): Promise<Client> {
    const response = await fetch(`${this.baseUrl}/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        auth: {
          identity: { methods: ['password'], password: { user: { name: 'admin', password: ADMIN_PASSWORD, domain: { name: 'default' } } } },
          scope: { project: { name: 'default' } },
        },
      }),
    });
    const { token } = (await response.json()) as { token: { project: { id: string } } };
    return new Client(this.baseUrl, token.project.id, response.headers.get('x-subject-token')!);
  }

  /** Sends a signal and waits for the end. @returns the exit code, or null after SIGKILL */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    this.child.kill(signal);
    const [code] = (await once(this.child, 'exit')) as [number | null];
    return code;
  }
}
