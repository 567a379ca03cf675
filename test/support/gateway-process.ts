import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { CHILD_ENV } from './process.js';
import { overdue } from './slowness.js';
import { stockPort } from './stock-gateways.js';

/** `signet gateway` as a process of its own. */
export class GatewayProcess {
  output = '';
  private constructor(
    readonly child: ChildProcess,
    readonly signUrl: string,
    readonly proxyPort: number,
  ) {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (this.output += String(chunk)));
  }

  /**
   * @param probe the path that must answer 200; by default readiness, which means that the node signs
   * @throws Error with what the process printed when it does not within `readyMs`
   */
  static async start(env: Record<string, string>, readyMs = 30_000, probe = '/readyz'): Promise<GatewayProcess> {
    const [signPort, proxyPort] = [await stockPort(), await stockPort()];
    const child = spawn(process.execPath, ['dist/main.gateway.js'], {
      env: {
        ...CHILD_ENV,
        SIGNET_LOG_LEVEL: 'warn',
        SIGNET_TIMEOUTS: 'drain=0,shutdown=1000ms',
        ...env,
        SIGNET_GATEWAY_LISTEN: `sign=${signPort},proxy=${proxyPort}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const node = new GatewayProcess(child, `http://127.0.0.1:${signPort}`, proxyPort);
    const began = performance.now();
    while (!overdue(began, readyMs) && child.exitCode === null) {
      if (await node.answers(probe)) return node;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    child.kill('SIGKILL');
    throw new Error(`signet gateway was not ready:\n${node.output}`);
  }

  ready(): Promise<boolean> {
    return this.answers('/readyz');
  }

  private answers(probe: string): Promise<boolean> {
    return fetch(`${this.signUrl}${probe}`).then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  /** Sends a signal and waits for the end. @returns the exit code, or null after SIGKILL */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    this.child.kill(signal);
    const [code] = (await once(this.child, 'exit')) as [number | null];
    return code;
  }
}
