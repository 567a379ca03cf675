import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Pair } from './raw-signer.js';

/** Reads calls as JSON lines and answers each with one line. The package prints other lines between them. */
const CLIENT = `
  const { BasicCredentials, GlobalCredentials, Region } = require('@huaweicloud/huaweicloud-sdk-core');
  const { ClientBuilder } = require('@huaweicloud/huaweicloud-sdk-core/ClientBuilder');
  const { kind, access, secret, securitytoken, projectId, endpoint, region } = JSON.parse(process.argv[1]);
  const credential = new (kind === 'global' ? GlobalCredentials : BasicCredentials)().withAk(access).withSk(secret).withIamEndpoint(endpoint);
  if (securitytoken) credential.withSecurityToken(securitytoken);
  if (projectId) credential.withProjectId(projectId);
  const builder = new ClientBuilder((client) => client).withCredential(credential);
  const client = (region ? builder.withRegion(new Region(region, endpoint)) : builder.withEndpoint(endpoint)).build();
  const print = (answer) => process.stdout.write('\\nANSWER ' + JSON.stringify(answer) + '\\n');
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { method, url, queryParams = {}, data } = JSON.parse(line);
    client.sendRequest({ method, url, contentType: 'application/json', queryParams, pathParams: {}, headers: {}, data }).then(print, (error) => {
      const { httpStatusCode, errorCode, errorMsg, requestId, message } = error;
      print({ httpStatusCode, errorCode, errorMsg: errorMsg ?? message, requestId });
    });
  });
`;

export interface SdkOptions extends Pair {
  endpoint: string;
  /** With a project, the package does not call the identity service. */
  projectId?: string;
  /** With a region and no project, it looks up the project. */
  region?: string;
  /** `global` is a credential of a domain. */
  kind?: 'basic' | 'global';
}

/** The unmodified client of Huawei Cloud, npm `@huaweicloud/huaweicloud-sdk-core`, in a separate process. */
export class HuaweiCloudSdk {
  readonly #waiting: ((answer: any) => void)[] = [];

  private constructor(private readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.startsWith('ANSWER ')) this.#waiting.shift()?.(JSON.parse(line.slice(7)));
    });
    child.on('close', () => this.#waiting.splice(0).forEach((answer) => answer({ errorMsg: 'the client ended' })));
  }

  static start(options: SdkOptions): HuaweiCloudSdk {
    const args = ['-e', CLIENT, JSON.stringify(options)];
    return new HuaweiCloudSdk(spawn(process.execPath, args, { env: { HOME: '/nonexistent' }, stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** Makes one call at a time. @returns the package's result, or the parts of its error */
  send(method: string, url: string, { query, data }: { query?: Record<string, unknown>; data?: unknown } = {}): Promise<any> {
    const answered = new Promise<any>((resolve) => this.#waiting.push(resolve));
    this.child.stdin!.write(`${JSON.stringify({ method, url, queryParams: query, data })}\n`);
    return answered;
  }

  stop(): void {
    this.child.kill();
  }
}
