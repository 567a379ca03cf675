import { type Fleet, type FleetNode, signedWith } from './fleet.js';
import { pause, until } from './until.js';

/**
 * The maximum number of keys, beyond which the oldest are deleted. It is lower than the number of APIs, so that a key signs until its
 * deletion.
 */
const KEYS_KEPT = 3;

interface Deletion {
  /** The name under which the key signed. */
  key: string;
  receipt: string;
}

/**
 * A writer, a sender of requests to every node, and a reader of receipts, which continue during all failures. They record what the control
 * plane has acknowledged. A write without an answer may or may not have happened.
 */
export class Workload {
  /** The keys by id whose creation was acknowledged and whose deletion was not attempted. */
  readonly kept = new Map<string, string>();
  /** The acknowledged deletions. */
  readonly deleted: Deletion[] = [];
  /** The time at which the receipt of each deleted key was complete, by name of the key. */
  readonly provedAt = new Map<string, number>();
  /** The requests that began after the receipt was complete and were signed with the deleted key. */
  readonly late: string[] = [];
  #writes = 0;
  #stop = false;
  #working: Promise<unknown> = Promise.resolve();

  constructor(private readonly fleet: Fleet) {}

  begin(): void {
    this.#stop = false;
    this.#working = Promise.all([
      this.#again(() => this.#write()),
      this.#again(() => this.#prove()),
      ...this.fleet.nodes.map((node) => this.#again(() => this.#probe(node))),
    ]);
  }

  async end(): Promise<void> {
    this.#stop = true;
    await this.#working;
  }

  /** Resolves when this many more keys were created and bound. */
  async written(more: number): Promise<void> {
    const wanted = this.#writes + more;
    await until(() => this.#writes >= wanted);
  }

  async #again(work: () => Promise<void>): Promise<void> {
    while (!this.#stop) await work().catch(() => pause(20));
  }

  /** Creates a key, binds it to the next API, and deletes the oldest key. */
  async #write(): Promise<void> {
    await pause(10);
    const { admin, apis } = this.fleet;
    const api = apis[this.#writes % apis.length]!;
    const made = await admin.post(this.fleet.at('/signs'), { name: `key_${Math.round(performance.now() * 1000)}`, sign_type: 'hmac' });
    if (made.status !== 201) return pause(20);
    this.kept.set(made.body.id as string, made.body.sign_key as string);
    const bound = await admin.post(this.fleet.at('/sign-bindings'), { sign_id: made.body.id, publish_ids: [api.publishId] });
    if (bound.status === 201) this.#writes++;
    const [oldest] = this.kept;
    if (!oldest || this.kept.size <= KEYS_KEPT) return;
    const [id, key] = oldest;
    this.kept.delete(id);
    const gone = await admin.delete(this.fleet.at(`/signs/${id}`));
    if (gone.status === 204) this.deleted.push({ key, receipt: gone.headers.get('signet-receipt')! });
  }

  #next = 0;
  /** Whether the oldest open receipt is complete now. */
  async #prove(): Promise<void> {
    const deletion = this.deleted[this.#next];
    if (!deletion) return pause(5);
    const { body } = await this.fleet.admin.get(deletion.receipt);
    if (body?.complete !== true) return pause(20);
    this.provedAt.set(deletion.key, performance.now());
    this.#next++;
  }

  #turn = 0;
  async #probe(node: FleetNode): Promise<void> {
    const { path } = this.fleet.apis[this.#turn++ % this.fleet.apis.length]!;
    const began = performance.now();
    const key = await signedWith(node, path);
    const provedAt = this.provedAt.get(String(key));
    if (provedAt !== undefined && began > provedAt) this.late.push(`${node.name} ${key}`);
    await pause(10);
  }
}
