import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type {
  ChangePointer,
  EncodedSlashes,
  OpenConnections,
  GatewayPublication,
  GatewaySign,
  SessionRegistration,
  SessionReport,
  Snapshot,
  WireTombstone,
} from '../../src/lib/protocol/protocol.js';
import type { Refusal } from '../../src/lib/receipts/protocol.js';

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

/** A fake control plane in this process: it implements the protocol, and the test controls its answers. */
export class TestControlPlane {
  /** The accepted credentials. */
  readonly tokens = new Set([TOKEN]);
  revision = 1;
  leaseSeconds: number | null = null;
  publications: GatewayPublication[] = [];
  /** All requests so far, as `METHOD path`. */
  readonly calls: string[] = [];
  readonly reports: SessionReport[] = [];
  readonly registrations: SessionRegistration[] = [];
  /** The epoch of its revisions. */
  epoch = 'epoch1';
  /** Tombstones that an operator has accepted. */
  accepted: WireTombstone[] = [];
  encodedSlashes: EncodedSlashes = 'refuse';
  openConnections: OpenConnections = 'keep';
  /** Refuses reports for this reason. */
  refuseSession: Refusal | undefined;
  /** The newest counter of each session. */
  readonly #counters = new Map<string, number>();
  /** Delays the answer to each snapshot; the snapshot has the state at the time of the request. */
  holdSnapshots: Promise<void> | undefined;
  /** The gateway is deleted, so only reports of its sessions are answered. */
  deleted = false;
  /** The time that its clock shows. */
  timeMs = () => new Date().getTime();
  /** Delays the answers to reports. */
  holdReports: Promise<void> | undefined;
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

  /** Performs a write: changes the state and sends the pointers. */
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

  /** Sends a text to every watcher unchanged. */
  emit(text: string): void {
    for (const watcher of this.#watchers) watcher.write(text);
  }

  /** The streams end after the events that are still to be sent. */
  endWatchers(): void {
    for (const watcher of this.#watchers) watcher.end();
  }

  dropWatchers(): void {
    for (const watcher of this.#watchers) watcher.destroy();
  }

  /** Resolves when `condition` holds, which is checked after every call and every event. */
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
    else if (!this.tokens.has((request.headers.authorization ?? '').replace('Bearer ', ''))) json(401, {});
    else if (this.refuseSession !== undefined && path.endsWith('/report')) json(409, { code: `session_${this.refuseSession}` });
    else if (this.deleted && !path.endsWith('/report')) json(409, { code: 'session_gone' });
    else if (path === '/snapshot') {
      const snapshot = structuredClone(this.#snapshot(url.searchParams));
      await this.holdSnapshots;
      json(200, snapshot);
    } else if (path === '/watch') this.#watch(request, response);
    else if (path.endsWith('/report') && this.refuseReportsWith !== undefined) json(this.refuseReportsWith, {});
    else if (request.method === 'PUT' && path.endsWith('/report')) {
      const report = JSON.parse(text) as SessionReport;
      this.reports.push(report);
      const previous_counter = this.#counters.get(path) ?? 0;
      this.#counters.set(path, report.counter);
      await this.holdReports;
      json(200, {
        epoch: this.epoch,
        counter: report.counter,
        previous_counter,
        revision: this.revision,
        lease_seconds: this.deleted ? 0 : this.leaseSeconds,
        time_ms: this.timeMs(),
      });
    } else if (request.method === 'PUT') {
      this.registrations.push(JSON.parse(text) as SessionRegistration);
      json(200, { epoch: this.epoch, accepted: this.accepted, receipt_retention_days: 400 });
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
    return {
      instance_id: INSTANCE,
      epoch: this.epoch,
      revision: this.revision,
      partial,
      encoded_slashes: this.encodedSlashes,
      open_connections: this.openConnections,
      publications,
    };
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
