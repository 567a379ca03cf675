import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { ChangePointer, GatewayPublication, GatewaySign, NodeReport, Snapshot } from '../../src/lib/protocol/protocol.js';

export const INSTANCE = 'instance1';
export const TOKEN = 'gateway-token';

let made = 0;
export function sign(overrides: Partial<GatewaySign> = {}): GatewaySign {
  const n = ++made;
  return {
    sign_id: `sign${n}`,
    sign_type: 'hmac',
    sign_algorithm: null,
    sign_key: `access_key_${n}`,
    sign_secret: `secret_of_the_key_${n}`,
    version: 1,
    ...overrides,
  };
}

export function publication(overrides: Partial<GatewayPublication> = {}): GatewayPublication {
  const n = ++made;
  return {
    publish_id: `publish${String(n).padStart(5, '0')}`,
    api_id: `api${n}`,
    group_id: 'group',
    env_id: 'env',
    env_name: 'RELEASE',
    req_method: 'ANY',
    req_uri: '/',
    match_mode: 'SWA',
    sign: null,
    ...overrides,
  };
}

/** The far side of a gateway node, in this process: speaks the protocol and does exactly what a test says. */
export class TestControlPlane {
  revision = 1;
  leaseSeconds: number | null = null;
  publications: GatewayPublication[] = [];
  /** Everything that was asked, as `METHOD path`. */
  readonly calls: string[] = [];
  readonly reports: NodeReport[] = [];
  /** What each snapshot waits for before it is answered; the state is taken when it was asked. */
  holdSnapshots: Promise<void> | undefined;
  /** Answers every call with this status. */
  refuseWith: number | undefined;
  /** Answers reports with this status. */
  refuseReportsWith: number | undefined;
  readonly #watchers = new Set<ServerResponse>();
  readonly #log: { revision: number; changes: ChangePointer[] }[] = [];
  #waiting: (() => void)[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  static async start(port = 0): Promise<TestControlPlane> {
    const plane = new TestControlPlane();
    await plane.listen(port);
    return plane;
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** A write: the state as `change` leaves it, and its pointers. */
  commit(changes: ChangePointer[], change: () => void = () => undefined): number {
    change();
    this.revision++;
    this.#log.push({ revision: this.revision, changes });
    for (const watcher of this.#watchers) this.send(watcher, this.revision, changes);
    return this.revision;
  }

  deleteSign(signId: string): number {
    return this.commit([{ kind: 'sign', id: signId, op: 'deleted' }], () => {
      for (const each of this.publications) if (each.sign?.sign_id === signId) each.sign = null;
    });
  }

  bind(publishId: string, key: GatewaySign | null): number {
    return this.commit([{ kind: 'publication', id: publishId, op: 'updated' }], () => {
      this.publications.find(({ publish_id }) => publish_id === publishId)!.sign = key;
    });
  }

  send(watcher: ServerResponse, revision: number, changes: ChangePointer[]): void {
    watcher.write(`id: ${revision}\nevent: change\ndata: ${JSON.stringify({ revision, changes })}\n\n`);
  }

  /** Sends something to every watcher as it is. */
  emit(text: string): void {
    for (const watcher of this.#watchers) watcher.write(text);
  }

  dropWatchers(): void {
    for (const watcher of this.#watchers) watcher.destroy();
  }

  /** Resolves when `condition` holds; looked at after every call and every event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  acknowledged(revision: number): Promise<void> {
    return this.until(() => (this.reports.at(-1)?.applied_revision ?? -1) >= revision);
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://x');
    const path = url.pathname.replace(`/signet/v1/instances/${INSTANCE}`, '');
    this.calls.push(`${request.method} ${path}${url.search}`);
    this.#wake();
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const json = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (this.refuseWith !== undefined) json(this.refuseWith, {});
    else if (request.headers.authorization !== `Bearer ${TOKEN}`) json(401, {});
    else if (path === '/snapshot') {
      const snapshot = structuredClone(this.#snapshot(url.searchParams));
      await this.holdSnapshots;
      json(200, snapshot);
    } else if (path === '/watch') this.#watch(request, response);
    else if (request.method === 'PUT' && this.refuseReportsWith !== undefined) json(this.refuseReportsWith, {});
    else if (request.method === 'PUT' && path.startsWith('/nodes/')) {
      this.reports.push(JSON.parse(text) as NodeReport);
      json(200, { revision: this.revision, lease_seconds: this.leaseSeconds });
    } else json(404, {});
    this.#wake();
  }

  #snapshot(query: URLSearchParams): Snapshot {
    const publishIds = query.get('publish_ids')?.split(',');
    const signIds = query.get('sign_ids')?.split(',');
    const partial = publishIds !== undefined || signIds !== undefined;
    const publications = this.publications.filter(
      ({ publish_id, sign: key }) => !partial || publishIds?.includes(publish_id) || (key && signIds?.includes(key.sign_id)),
    );
    return { instance_id: INSTANCE, revision: this.revision, partial, publications };
  }

  #watch(request: IncomingMessage, response: ServerResponse): void {
    const after = Number(request.headers['last-event-id'] ?? 0);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    for (const { revision, changes } of this.#log) if (revision > after) this.send(response, revision, changes);
    this.#watchers.add(response);
    response.on('close', () => {
      this.#watchers.delete(response);
      this.#wake();
    });
  }
}
