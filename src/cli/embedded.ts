import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import type { InstanceScope } from '../common/scope.js';
import type { MachineRole } from '../common/principal.js';
import type { Config } from '../config/config.js';
import { readGatewayConfig } from '../config/gateway-config.js';
import { GatewayTokens } from '../distribution/gateway-tokens.service.js';
import { type DemoBackend, startDemoBackend } from '../gateway/demo-backend.js';
import { type Gateway, startGateway } from '../gateway/gateway.js';
import { VerificationKeyClient } from '../gateway/verification-keys.js';
import { operator } from '../projects/operator.js';

/** The data plane of the local mode: a gateway node for one instance and a backend behind it, in the control plane's process. */
export interface Embedded {
  readonly gateway: Gateway;
  readonly backend: DemoBackend;
  /** Stops both and revokes their credentials. */
  close(): Promise<void>;
}

/**
 * Both speak to the control plane over loopback HTTP with credentials of their own, as they would from another machine.
 * @param url base URL of the control plane, which listens already
 * @throws Error in the operator's words when a port is taken
 */
export async function startEmbedded(
  app: NestFastifyApplication,
  { proxyPort, signPort, backendPort }: NonNullable<Config['embedded']>,
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
    // A port that another process has is found here, before its credentials are taken for those of a process that died.
    backend = await startDemoBackend(backendPort, () => verification?.keys() ?? []).catch(taken('SIGNET_DEMO_BACKEND_PORT'));
    await forgetDead(tokens, scope);
    const source = { controlPlaneUrl: url, instanceId: scope.instanceId, name: 'demo-backend' };
    verification = new VerificationKeyClient({ ...source, token: await credential('verifier') });
    const config = readGatewayConfig({
      SIGNET_CONTROL_PLANE_URL: url,
      SIGNET_INSTANCE_ID: scope.instanceId,
      SIGNET_GATEWAY_TOKEN: await credential('gateway'),
      SIGNET_NODE_ID: 'embedded',
      SIGNET_GATEWAY_UPSTREAM: `http://127.0.0.1:${backend.port}`,
      SIGNET_GATEWAY_PORT: String(proxyPort),
      SIGNET_GATEWAY_SIGN_PORT: String(signPort),
      SIGNET_SHUTDOWN_GRACE_MS: '1000',
    });
    const gateway = await startGateway(config, logger.child({ part: 'embedded gateway' })).catch(
      taken('SIGNET_GATEWAY_PORT or SIGNET_GATEWAY_SIGN_PORT'),
    );
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

/** Credentials of an embedded node that was killed. */
async function forgetDead(tokens: GatewayTokens, scope: InstanceScope): Promise<void> {
  const { gateway_tokens } = await tokens.list(scope);
  for (const { id, name } of gateway_tokens) if (name.startsWith('embedded ')) await tokens.revoke(scope, id, operator('signet'));
}

const taken = (variables: string) => (error: unknown) => {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  throw new Error(`${(error as Error).message}: choose another with ${variables}, or SIGNET_EMBEDDED_GATEWAY=off`, { cause: error });
};
