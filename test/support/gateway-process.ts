import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { CHILD_ENV } from './process.js';
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

  /** @throws Error with what the process printed when it does not sign within `readyMs` */
  static async start(env: Record<string, string>, readyMs = 30_000): Promise<GatewayProcess> {
    const [signPort, proxyPort] = [await stockPort(), await stockPort()];
    const child = spawn(process.execPath, ['dist/main.gateway.js'], {
      env: {
        ...CHILD_ENV,
        SIGNET_LOG_LEVEL: 'warn',
        ...env,
        SIGNET_GATEWAY_SIGN_PORT: String(signPort),
        SIGNET_GATEWAY_PORT: String(proxyPort),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const node = new GatewayProcess(child, `http://127.0.0.1:${signPort}`, proxyPort);
    const end = performance.now() + readyMs;
    while (performance.now() < end && child.exitCode === null) {
      if (await node.ready()) return node;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    child.kill('SIGKILL');
    throw new Error(`signet gateway was not ready:\n${node.output}`);
  }

  async ready(): Promise<boolean> {
    return fetch(`${this.signUrl}/readyz`).then(
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
