import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestDatabase } from './databases.js';
import { Forwarder } from './forwarder.js';
import { GatewayProcess } from './gateway-process.js';
import type { LeftOut } from './left-out.js';
import { type ControlPlane, READY_MS, Rules, shortLease } from './probed-plane.js';
import { until } from './until.js';
import { nginx, Probes } from './probes.js';
import { Front } from './receipt-front.js';
import { WallClock } from './wall-clock.js';

export interface NodeOptions {
  /** The name of the node, which another process may share. */
  name?: string;
  /** The offset of the node's wall clock. */
  offset?: number;
  /** The state folder; by default a separate one. */
  folder?: string;
  token?: string;
  /** The HAProxy that signs with its keys. */
  front?: Front;
  /** The path that answers 200 after the start; by default readiness. */
  probe?: string;
}

/** A node with its network, its clock and its continuous requests. */
export interface ProbedNode {
  name: string;
  folder: string;
  token: string;
  front: Front | undefined;
  process: GatewayProcess;
  network: Forwarder;
  clock: WallClock;
  probes: Probes;
}

/** Requests that are answered within the limit of a wait, also on a busy machine. */
const PROBES_STEP = 50;

/** A gateway on several control planes, with one API, one bound key, and nodes. */
export class Ground {
  readonly nodes: ProbedNode[] = [];
  readonly #folders = mkdtempSync(join(tmpdir(), 'signet-ground-'));
  readonly #all: ProbedNode[] = [];
  readonly #closing: (() => unknown)[] = [];
  gateway = '';
  token = '';
  tokenId = '';
  path = '';
  key = '';
  #signId = '';
  #bindingId = '';
  #publishId = '';
  #ends = 0;
  readonly #complete = new Set<string>();
  /** The keys that must not sign any more. */
  readonly #ended = new Set<string>();

  private constructor(
    readonly database: TestDatabase,
    readonly planes: readonly ControlPlane[],
    private readonly leftOut: LeftOut | undefined,
  ) {}

  /** Whether its nodes leave out a rule. */
  get leavesOut(): boolean {
    return this.leftOut !== undefined;
  }

  /** @param leftOut the rules that the nodes leave out @param planes the control planes, of which nodes follow the first */
  static async of(database: TestDatabase, planes: readonly ControlPlane[], lease: number, leftOut?: LeftOut): Promise<Ground> {
    const ground = new Ground(database, planes, leftOut);
    const { admin } = ground.plane;
    ground.gateway = await admin.gateway();
    await shortLease(database, ground.gateway, lease);
    const { apiId, publishIds } = await admin.publishedApi(ground.gateway);
    ground.#publishId = publishIds[0]!;
    ground.path = (await ground.plane.done('GET', ground.at(`/apis/${apiId}`))).body.req_uri as string;
    [ground.token, ground.tokenId] = await ground.credential();
    await ground.newKey();
    return ground;
  }

  get plane(): ControlPlane {
    return this.planes[0]!;
  }

  at = (path: string) => `/v2/{project}/apigw/instances/${this.gateway}${path}`;
  own = (path: string) => `/signet/v1/instances/${this.gateway}${path}`;

  async credential(): Promise<[token: string, id: string]> {
    const { body } = await this.plane.done('POST', this.own('/gateway-tokens'), { role: 'gateway', name: 'probed' });
    return [body.token as string, body.id as string];
  }

  async revoke(tokenId: string): Promise<void> {
    await this.plane.done('DELETE', this.own(`/gateway-tokens/${tokenId}`));
  }

  /** Creates a key, and binds it to the API. */
  async newKey(): Promise<void> {
    const { body } = await this.plane.done('POST', this.at('/signs'), {
      name: `key_${Math.round(performance.now() * 1000)}`,
      sign_type: 'hmac',
    });
    [this.#signId, this.key] = [body.id as string, body.sign_key as string];
    const bound = await this.plane.done('POST', this.at('/sign-bindings'), { sign_id: body.id, publish_ids: [this.#publishId] });
    this.#bindingId = bound.body.bindings[0].id as string;
  }

  /** Starts an HAProxy without keys. If a rule is left out, old workers live longer, so that the violation also shows on a busy machine. */
  async front(master: boolean): Promise<Front> {
    const front = await Front.start(this.path, { master, hardStopSeconds: this.leavesOut ? 60 : 1 });
    this.#closing.push(() => front.stop());
    return front;
  }

  /** Starts a node and waits until it signs, unless told otherwise. */
  async node(options: NodeOptions = {}): Promise<ProbedNode> {
    const { name = `node-${this.#all.length}`, offset = 0, token = this.token, front } = options;
    const { folder = join(this.#folders, String(this.#all.length)) } = options;
    const [network, clock] = [await Forwarder.to(this.plane.port), new WallClock(offset)];
    const node: ProbedNode = { name, folder, token, network, clock, front, process: undefined!, probes: undefined! };
    node.process = await this.#start(node, options.probe);
    const asked = front ?? nginx(() => node.process.signUrl, this.path);
    if ('close' in asked) this.#closing.push(() => asked.close());
    node.probes = new Probes(name, asked.ask);
    for (const key of this.#ended) node.probes.completed(key);
    this.#all.push(node);
    this.nodes.push(node);
    return node;
  }

  #start({ name, folder, token, network, clock, front }: ProbedNode, probe?: string): Promise<GatewayProcess> {
    const env = {
      ...clock.env,
      ...front?.env,
      ...(this.leftOut && new Rules([this.leftOut]).env),
      SIGNET_CONTROL_PLANE_URL: `http://127.0.0.1:${network.port}`,
      SIGNET_GATEWAY_TOKEN: token,
      SIGNET_INSTANCE_ID: this.gateway,
      SIGNET_NODE_ID: name,
      SIGNET_GATEWAY_STATE_DIR: folder,
      SIGNET_LOG_LEVEL: 'fatal',
    };
    return GatewayProcess.start(env, READY_MS, probe);
  }

  /** Kills a node's process, and starts another one with the same folder. */
  async again(node: ProbedNode): Promise<void> {
    node.process = await this.#start(node);
  }

  /** Waits until every node signs with the current key. */
  async signing(): Promise<void> {
    await until(() => this.nodes.every(({ probes }) => probes.key === this.key), 'every node to sign');
  }

  /** Deletes or unbinds the key. @returns the URL of the receipt */
  async end(how: 'delete' | 'unbind'): Promise<string> {
    const path = how === 'delete' ? `/signs/${this.#signId}` : `/sign-bindings/${this.#bindingId}`;
    const receipt = (await this.plane.done('DELETE', this.at(path))).headers.get('signet-receipt')!;
    this.#ends++;
    return receipt;
  }

  /** Whether any of the control planes reports the receipt as complete. From then on its key counts as ended everywhere. */
  async isComplete(receipt: string): Promise<boolean> {
    const { body } = await this.planes.at(-1)!.call('GET', receipt);
    if (body?.complete !== true) return false;
    this.#complete.add(receipt);
    this.#ended.add(this.key);
    for (const { probes } of this.#all) probes.completed(this.key);
    return true;
  }

  /** The state of each session in a receipt. */
  async states(receipt: string): Promise<string[]> {
    const { body } = await this.plane.done('GET', receipt);
    return (body.sessions as { node_id: string; state: string }[]).map(({ node_id, state }) => `${node_id} ${state}`).sort();
  }

  /** The session of a process that has not ended. */
  async sessionOf({ name }: ProbedNode): Promise<string> {
    const { body } = await this.plane.done('GET', this.own('/sessions'));
    return (body.sessions as { session_id: string; node_id: string }[]).find(({ node_id }) => node_id === name)!.session_id;
  }

  get violations(): string[] {
    return this.#all.flatMap(({ probes }) => probes.violations);
  }

  get counts(): { answered: number; signed: number; counted: number; ends: number; receipts: number } {
    const sum = (of: (probes: Probes) => number) => this.#all.reduce((total, { probes }) => total + of(probes), 0);
    return {
      answered: sum(({ answered }) => answered),
      signed: sum(({ signed }) => signed),
      counted: sum(({ counted }) => counted),
      ends: this.#ends,
      receipts: this.#complete.size,
    };
  }

  /**
   * Resolves when a node has answered this many requests that began after the receipt, or at the first violation. However long they all take
   * on a busy machine, it fails only when no next few are answered. @param withinMs limit for all of them
   */
  async probed({ name, probes }: ProbedNode, amount: number, withinMs?: number): Promise<void> {
    const wanted = probes.counted + amount;
    while (probes.counted < wanted && this.violations.length === 0) {
      const next = withinMs === undefined ? Math.min(wanted, probes.counted + PROBES_STEP) : wanted;
      await until(() => probes.counted >= next || this.violations.length > 0, `${next} of ${wanted} probes of ${name}`, withinMs);
    }
  }

  #stopped = false;

  /** The counts are kept. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const { network, process } of this.#all) {
      network.heal();
      process.child.kill('SIGCONT');
    }
    await Promise.all(this.#all.map(({ probes }) => probes.stop()));
    await Promise.all(this.#all.map(({ process }) => process.stop('SIGKILL')));
    await Promise.all(this.#all.map(({ network }) => network.close()));
    await Promise.all(this.#closing.map((close) => close()));
  }
}
