import type { TestDatabase } from './databases.js';
import { Forwarder } from './forwarder.js';
import { GatewayProcess } from './gateway-process.js';
import { freePort, ServedProcess, signet } from './process.js';
import type { Client } from './service.js';

const APIS = 6;
const IN_STEP_MS = 30_000;
/** Several processes start at once, and other suites run beside them. */
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

/** What signs a request for each API: the name of a key, or the status of the refusal. */
export type Signing = (string | number)[];

/** A control plane and some gateway nodes, processes all of them, each node behind a network of its own. */
export class Fleet {
  served!: ServedProcess;
  admin!: Client;
  instance = '';
  token = '';
  readonly nodes: FleetNode[] = [];
  readonly apis: FleetApi[] = [];

  private constructor(readonly env: Record<string, string>) {}

  static async start({ env }: Pick<TestDatabase, 'env'>, nodes: number): Promise<Fleet> {
    const port = await freePort();
    const fleet = new Fleet({ ...env, SIGNET_PORT: String(port) });
    await fleet.serve();
    // It listens before its first gateway is there.
    const instances = async () => (await fleet.admin.get('/v2/{project}/apigw/instances')).body.instances as { id: string }[];
    let [instance] = await instances();
    for (; !instance; [instance] = await instances()) await new Promise((resolve) => setTimeout(resolve, 20));
    fleet.instance = instance.id;
    for (let i = 0; i < APIS; i++) {
      const { apiId, publishIds } = await fleet.admin.publishedApi(fleet.instance);
      const path = (await fleet.admin.get(fleet.at(`/apis/${apiId}`))).body.req_uri as string;
      fleet.apis.push({ path, apiId, publishId: publishIds[0]! });
    }
    const made = await signet(['gateway-token', '--instance', fleet.instance], fleet.env);
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

  /** Starts the control plane, at the place where it was. */
  async serve(): Promise<void> {
    this.served = await ServedProcess.start(this.env, READY_MS);
    this.admin = await this.served.admin();
  }

  gateway(name: string, network: Forwarder): Promise<GatewayProcess> {
    const env = {
      SIGNET_CONTROL_PLANE_URL: `http://127.0.0.1:${network.port}`,
      SIGNET_GATEWAY_TOKEN: this.token,
      SIGNET_INSTANCE_ID: this.instance,
      SIGNET_NODE_ID: name,
      SIGNET_LOG_LEVEL: 'fatal',
    };
    return GatewayProcess.start(env, READY_MS);
  }

  signing(node: FleetNode): Promise<Signing> {
    return Promise.all(this.apis.map(({ path }) => signedWith(node, path)));
  }

  /** What the control plane says that each API is signed with. */
  bound(): Promise<Signing> {
    return Promise.all(
      this.apis.map(async ({ apiId }) => {
        const { body } = await this.admin.get(this.at(`/sign-bindings/binded-signs?api_id=${apiId}`));
        return (body.bindings[0]?.sign_key as string | undefined) ?? 403;
      }),
    );
  }

  /**
   * Waits until the receipt of one more deletion is complete.
   * @returns its revision, and the one that each node says to have applied
   * @throws Error when that takes too long
   */
  async inStep(): Promise<{ revision: number; applied: number[] }> {
    let receipt: unknown;
    for (const end = performance.now() + IN_STEP_MS; performance.now() < end; ) {
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
