import { expect } from '@jest/globals';
import { decodeGo, type GoType } from './go-json.js';
import type { Client } from './service.js';
import { Provider, type Shape } from './terraform.js';

/**
 * One run of a Terraform provider against a gateway. It accepts one status for each call, reads what its Go types read, and remembers its
 * reads for a second plan.
 */
export class TerraformRun {
  readonly #provider: Provider;
  /** For each path, the type of its last read and the value that the client saw. */
  readonly #reads = new Map<string, { type: GoType; state: unknown }>();
  gateway = '';

  constructor(
    shape: Shape,
    private readonly client: Client,
  ) {
    this.#provider = new Provider(shape, { token: client.token });
  }

  /** Sends a request and accepts one status. `B` at the beginning of a path stands for the gateway. @throws Error for another status */
  async send(method: string, path: string, status: number, body?: unknown): Promise<{ text: string; body: any }> {
    const url = path
      .replace(/^B(?=[/?]|$)/, `/v2/${this.client.projectId}/apigw/instances/${this.gateway}`)
      .replace('{p}', this.client.projectId);
    return this.#provider.request(method, this.client.baseUrl + url, { accepts: [status], ...(body !== undefined && { body }) });
  }

  /** Sends a request and reads its answer. */
  async call(method: string, path: string, status: number, type: GoType, body?: unknown): Promise<any> {
    return decodeGo(type, (await this.send(method, path, status, body)).body);
  }

  /** Sends a request whose answer must have no body. */
  async silent(method: string, path: string, status: number, body?: unknown): Promise<void> {
    expect([method, path, (await this.send(method, path, status, body)).text]).toEqual([method, path, '']);
  }

  /** Reads a resource, and remembers it for the second plan. */
  async read(path: string, type: GoType): Promise<any> {
    const state = decodeGo(type, (await this.send('GET', path, 200)).body);
    this.#reads.set(path, { type, state });
    return state;
  }

  /** Reads a list page by page until one is empty, as golangsdk does. */
  async pages(path: string, key: string, type: GoType, limit: number): Promise<any[]> {
    const rows: any[] = [];
    for (let offset = 0; ; offset += limit) {
      const page = (await this.read(`${path}&limit=${limit}&offset=${offset}`, type))[key] as any[];
      if (page.length === 0) return rows;
      rows.push(...page);
    }
  }

  /** Forgets the reads of a resource that has changed or was deleted. */
  forget(part: string): void {
    for (const path of this.#reads.keys()) if (path.includes(part)) this.#reads.delete(path);
  }

  /** Runs a second plan: every repeated read must return the same state and the same bytes. */
  async secondPlan(): Promise<void> {
    expect(this.#reads.size).toBeGreaterThan(0);
    for (const [path, { type, state }] of this.#reads) {
      const first = await this.send('GET', path, 200);
      expect([path, decodeGo(type, first.body)]).toEqual([path, state]);
      const second = await this.send('GET', path, 200);
      expect([path, second.text]).toEqual([path, first.text]);
    }
  }

  /** The status and the error code of a read. */
  async gone(path: string): Promise<string> {
    return (await this.send('GET', path, 404)).body.error_code as string;
  }
}

/** An object without some of its fields. */
export const without = (object: object, ...names: string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
