import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestDatabase } from './databases.js';
import { Forwarder } from './forwarder.js';
import { GatewayProcess } from './gateway-process.js';
import { freePort, ServedProcess, signet } from './process.js';
import type { Client } from './service.js';
import { overdue } from './slowness.js';

const APIS = 6;
const IN_STEP_MS = 30_000;
/** The limit is long, because several processes start at once while other suites run. */
const READY_MS = 90_000;

export interface FleetApi {
  path: string;
  apiId: string;
  publishId: string;
}

export interface FleetNode {
  name: string;
  network: Forwarder;
  process: GatewayProcess;
}

/** The result of a request for each API: the name of the signing key, or the status of the refusal. */
export type Signing = (string | number)[];

/** A control plane and gateway nodes as processes; each node has its own simulated network. */
export class Fleet {
  served!: ServedProcess;
  admin!: Client;
  instance = '';
  token = '';
  readonly nodes: FleetNode[] = [];
  /** The folder that contains the folder of each node. */
  private readonly states = mkdtempSync(join(tmpdir(), 'signet-fleet-'));
  readonly apis: FleetApi[] = [];

  private constructor(readonly env: Record<string, string>) {}

  static async start({ env }: Pick<TestDatabase, 'env'>, nodes: number): Promise<Fleet> {
    const port = await freePort();
    const fleet = new Fleet({ ...env, SIGNET_PORT: String(port) });
    await fleet.serve();
    // The control plane listens before its first gateway exists.
    const instances = async () => (await fleet.admin.get('/v2/{project}/apigw/instances')).body.instances as { id: string }[];
    let [instance] = await instances();
    for (; !instance; [instance] = await instances()) await new Promise((resolve) => setTimeout(resolve, 20));
    fleet.instance = instance.id;
    for (let i = 0; i < APIS; i++) {
      const { apiId, publishIds } = await fleet.admin.publishedApi(fleet.instance);
      const path = (await fleet.admin.get(fleet.at(`/apis/${apiId}`))).body.req_uri as string;
      fleet.apis.push({ path, apiId, publishId: publishIds[0]! });
    }
    const made = await signet(['admin', 'gateway-token', '--instance', fleet.instance], fleet.env);
    fleet.token = made.stdout.trim();
    const names = Array.from({ length: nodes }, (_, i) => `node-${i}`);
    fleet.nodes.push(
      ...(await Promise.all(
        names.map(async (name) => {
          const network = await Forwarder.to(port);
          return { name, network, process: await fleet.gateway(name, network) };
        }),
      )),
    );
    return fleet;
  }

  at = (path: string) => `/v2/{project}/apigw/instances/${this.instance}${path}`;
  atSignet = (path: string) => `/signet/v1/instances/${this.instance}${path}`;

  /** Starts the control plane again at the same address. */
  async serve(): Promise<void> {
    this.served = await ServedProcess.start(this.env, READY_MS);
    this.admin = await this.served.admin();
  }

  /** Replaces a node's process by a new one with the same folder, without waiting until it signs. */
  async startAgain(node: FleetNode, env: Record<string, string> = {}): Promise<void> {
    node.process = await GatewayProcess.start({ ...this.envOf(node.name, node.network), ...env }, READY_MS, '/healthz');
  }

  /** Deletes a node's folder. */
  forget({ name }: FleetNode): void {
    rmSync(join(this.states, name), { recursive: true, force: true });
  }

  /** @param env variables of this node alone */
  gateway(name: string, network: Forwarder, env: Record<string, string> = {}): Promise<GatewayProcess> {
    return GatewayProcess.start({ ...this.envOf(name, network), ...env }, READY_MS);
  }

  /** Adds a node. */
  async join(name: string, env: Record<string, string>): Promise<FleetNode> {
    const network = await Forwarder.to(Number(this.env['SIGNET_PORT']));
    const node = { name, network, process: await this.gateway(name, network, env) };
    this.nodes.push(node);
    return node;
  }

  private envOf(name: string, network: Forwarder): Record<string, string> {
    return {
      SIGNET_CONTROL_PLANE_URL: `http://127.0.0.1:${network.port}`,
      SIGNET_GATEWAY_TOKEN: this.token,
      SIGNET_INSTANCE_ID: this.instance,
      SIGNET_NODE_ID: name,
      SIGNET_GATEWAY_STATE_DIR: join(this.states, name),
      SIGNET_LOG_LEVEL: 'fatal',
    };
  }

  signing(node: FleetNode): Promise<Signing> {
    return Promise.all(this.apis.map(({ path }) => signedWith(node, path)));
  }

  /** The key of each API according to the control plane. */
  bound(): Promise<Signing> {
    return Promise.all(
      this.apis.map(async ({ apiId }) => {
        const { body } = await this.admin.get(this.at(`/sign-bindings/binded-signs?api_id=${apiId}`));
        return (body.bindings[0]?.sign_key as string | undefined) ?? 403;
      }),
    );
  }

  /**
   * Deletes a key and waits until the receipt is complete. @returns its revision, and the applied revision that each node reports
   * @throws Error when that takes too long
   */
  async inStep(): Promise<{ revision: number; applied: number[] }> {
    let receipt: unknown;
    for (const began = performance.now(); !overdue(began, IN_STEP_MS); ) {
      const { body } = await this.admin.post(this.at('/signs'), { name: `last_${Math.round(performance.now())}`, sign_type: 'hmac' });
      const gone = await this.admin.call('DELETE', this.at(`/signs/${body?.id}`), undefined, { prefer: 'wait=5' });
      if (gone.status === 204) {
        const answer = await this.admin.get(gone.headers.get('signet-receipt')!);
        receipt = answer.body;
        if (answer.body.complete === true)
          return {
            revision: Number(gone.headers.get('signet-revision')),
            applied: await Promise.all(this.nodes.map(({ process }) => appliedBy(process))),
          };
      } else receipt = gone.text;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`no complete receipt: ${JSON.stringify(receipt)}`);
  }

  async stop(): Promise<void> {
    for (const { network } of this.nodes) network.heal();
    await Promise.all(this.nodes.map(({ process }) => process.stop('SIGKILL')));
    await Promise.all(this.nodes.map(({ network }) => network.close()));
    await this.served.stop();
  }
}

/** Asks a node's `/sign`, as nginx would. */
export async function signedWith({ process }: FleetNode, path: string): Promise<string | number> {
  const headers = { 'x-original-method': 'GET', 'x-original-uri': path, 'x-original-host': 'api.example' };
  const answer = await fetch(`${process.signUrl}/sign`, { headers });
  await answer.arrayBuffer();
  return /Access=([^,]+),/.exec(answer.headers.get('authorization') ?? '')?.[1] ?? answer.status;
}

async function appliedBy({ signUrl }: GatewayProcess): Promise<number> {
  const text = await (await fetch(`${signUrl}/metrics`)).text();
  return Number(/^signet_gateway_revision (\d+)$/m.exec(text)?.[1]);
}
