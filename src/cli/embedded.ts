import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import type { InstanceScope } from '../platform/common/scope.js';
import type { MachineRole } from '../platform/common/access.js';
import { Config } from '../platform/config/config.js';
import { readGatewayConfig } from '../platform/config/gateway-config.js';
import type { Listen } from '../platform/config/listen.js';
import { GatewayTokens } from '../distribution/credentials/gateway-tokens.service.js';
import { type DemoBackend, startDemoBackend } from '../gateway/backend/demo-backend.js';
import { type Gateway, startGateway } from '../gateway/gateway.js';
import { VerificationKeyClient } from '../gateway/backend/verification-key-client.js';
import { operator } from '../identity/projects/operator.js';

/** The data plane of local mode in the control plane's process: a gateway node for one gateway, and a backend behind it. */
export interface Embedded {
  readonly gateway: Gateway;
  readonly backend: DemoBackend;
  /** Stops both and revokes their credentials. */
  close(): Promise<void>;
}

/**
 * Both call the control plane over loopback HTTP with credentials of their own, as from another machine.
 * @param url base URL of the control plane, which is listening already
 * @throws Error for the operator when a port is taken
 */
export async function startEmbedded(
  app: NestFastifyApplication,
  { proxy, sign, backendPort }: NonNullable<Config['embedded']>,
  scope: InstanceScope,
  url: string,
  logger: Logger,
): Promise<Embedded> {
  const tokens = app.get(GatewayTokens, { strict: false });
  const made: string[] = [];
  const credential = async (role: MachineRole) => {
    const { id, token } = await tokens.create(scope, { role, name: `embedded ${role}` }, operator('signet'));
    made.push(id);
    return token;
  };
  const revoke = async () => {
    for (const id of made) await tokens.revoke(scope, id, operator('signet'));
  };

  let verification: VerificationKeyClient | undefined;
  let backend: DemoBackend | undefined;
  try {
    // Fails on a port in use before it removes the credentials of a node that is assumed dead.
    backend = await startDemoBackend(backendPort, () => verification?.keys() ?? [], {
      refresh: async () => verification?.refresh(),
    }).catch(taken('demo-backend'));
    await forgetDead(tokens, scope);
    const source = { controlPlaneUrl: url, instanceId: scope.instanceId, name: 'demo-backend' };
    verification = new VerificationKeyClient({ ...source, token: await credential('verifier') });
    const config = readGatewayConfig({
      SIGNET_CONTROL_PLANE_URL: url,
      SIGNET_INSTANCE_ID: scope.instanceId,
      SIGNET_GATEWAY_TOKEN: await credential('gateway'),
      SIGNET_NODE_ID: 'embedded',
      SIGNET_GATEWAY_STATE_DIR: join(app.get(Config, { strict: false }).dataDir, 'gateway'),
      SIGNET_GATEWAY_UPSTREAM: `http://127.0.0.1:${backend.port}`,
      SIGNET_GATEWAY_LISTEN: `proxy=${written(proxy)},sign=${written(sign)}`,
      SIGNET_TIMEOUTS: 'drain=0s,shutdown=200ms',
    });
    const gateway = await startGateway(config, logger.child({ part: 'embedded gateway' })).catch(taken('proxy or sign'));
    const [running, client] = [backend, verification];
    return {
      gateway,
      backend,
      async close() {
        await gateway.close();
        await running.close();
        await client.close();
        await revoke();
      },
    };
  } catch (error) {
    await backend?.close();
    await verification?.close();
    await revoke();
    throw error;
  }
}

/** Removes the credentials of an embedded node that was killed. */
async function forgetDead(tokens: GatewayTokens, scope: InstanceScope): Promise<void> {
  const { gateway_tokens } = await tokens.list(scope);
  for (const { id, name } of gateway_tokens) if (name.startsWith('embedded ')) await tokens.revoke(scope, id, operator('signet'));
}

const written = ({ host, port }: Listen) => `${host.includes(':') ? `[${host}]` : host}:${port}`;

const taken = (items: string) => (error: unknown) => {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  throw new Error(`${(error as Error).message}: choose another with ${items} in SIGNET_GATEWAY_LISTEN, or SIGNET_EMBEDDED_GATEWAY=off`, {
    cause: error,
  });
};
