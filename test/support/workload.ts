import { type Fleet, type FleetNode, signedWith } from './fleet.js';

/** Keys beyond this are deleted, the oldest first: fewer than there are APIs, so that a key signs until its deletion. */
const KEYS_KEPT = 3;
const PATIENCE_MS = 60_000;

/** Resolves when the condition holds. @throws Error when it does not, for long */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await condition()); await pause(10))
    if (performance.now() > end) throw new Error(`waited in vain: ${condition.toString()}`);
}
const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

interface Deletion {
  /** The name under which the key signed. */
  key: string;
  receipt: string;
}

/**
 * A writer, requests at every node, and somebody who reads receipts, none of whom rests whatever fails meanwhile. They keep books
 * of what the control plane has acknowledged; what it did not answer may or may not have happened.
 */
export class Workload {
  /** By id: keys whose creation was acknowledged, and that nobody tried to delete. */
  readonly kept = new Map<string, string>();
  /** Deletions that were acknowledged. */
  readonly deleted: Deletion[] = [];
  /** By the name of a deleted key: when its receipt was seen to be complete. */
  readonly provedAt = new Map<string, number>();
  /** Requests signed with a key that began after its receipt was complete. */
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

  /** Resolves when so many more keys were made and bound. */
  async written(more: number): Promise<void> {
    const wanted = this.#writes + more;
    await until(() => this.#writes >= wanted);
  }

  async #again(work: () => Promise<void>): Promise<void> {
    while (!this.#stop) await work().catch(() => pause(20));
  }

  /** One key more, bound to the next API, and the oldest one less. */
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
  /** Whether the oldest deletion that is not proved is by now. */
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
