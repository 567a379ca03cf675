import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type KeyMaterial, sign } from 'signet-signing';
import { freePort } from './process.js';
import { until } from './until.js';

const HOST = 'backend.internal';
export const PROGRAM_KEY = { signType: 'hmac', signKey: 'orders-gateway', signSecret: 'Secret-0123456789' } satisfies KeyMaterial;

interface Sent {
  method?: string;
  /** The target that is signed, and also sent unless `sentTarget` is given. */
  target?: string;
  sentTarget?: string;
  body?: string;
  /** The body that is sent in place of the signed body. */
  sentBody?: string;
  /** With null, the request is sent without a signature. */
  key?: KeyMaterial | null;
}

/** A program that listens on `PORT` of its environment and answers signed requests only. */
export class VerifierProgram {
  output = '';
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (this.output += String(chunk)));
  }

  static async start(
    command: readonly string[],
    env: Record<string, string> = { SIGN_KEY: PROGRAM_KEY.signKey, SIGN_SECRET: PROGRAM_KEY.signSecret },
  ): Promise<VerifierProgram> {
    const port = await freePort();
    const [file = '', ...args] = command;
    const child = spawn(file, args, { env: { PATH: process.env['PATH'], ...env, PORT: String(port) }, stdio: ['ignore', 'pipe', 'pipe'] });
    const program = new VerifierProgram(child, port);
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`the program ended: ${program.output}`);
      return (await program.send({ key: null }).catch(() => undefined)) !== undefined;
    }, 'the program listens');
    return program;
  }

  /** Sends a request, signed unless told otherwise. */
  async send({
    method = 'POST',
    target = '/v1/orders?b=2&a=1',
    sentTarget = target,
    body = '{"n":1}',
    sentBody = body,
    key = PROGRAM_KEY,
  }: Sent = {}): Promise<{
    status: number;
    text: string;
  }> {
    const signature = key === null ? {} : sign({ method, url: target, host: HOST, body }, key);
    const bytes = Buffer.from(sentBody);
    const headers = { host: HOST, ...signature, 'content-length': String(bytes.length), connection: 'close' };
    // Without an agent: Node's keeps a connection that the server has closed without saying so.
    const sent = request({ agent: false, port: this.port, host: '127.0.0.1', method, path: sentTarget, headers }).end(bytes);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode ?? 0, text };
  }

  /** Asks the program to end, and waits. @returns its exit code, null after a signal */
  async stop(): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    this.child.kill('SIGTERM');
    const [code] = (await once(this.child, 'exit')) as [number | null];
    return code;
  }
}
