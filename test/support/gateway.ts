import { pino } from 'pino';
import { type GatewayConfig, readGatewayConfig } from '../../src/platform/config/gateway-config.js';
import { type Gateway, startGateway } from '../../src/gateway/gateway.js';
import { INSTANCE, type TestControlPlane, TOKEN } from './control-plane.js';

export const gatewayEnv = (plane: TestControlPlane, env: Record<string, string> = {}): Record<string, string> => ({
  SIGNET_CONTROL_PLANE_URL: plane.url,
  SIGNET_GATEWAY_TOKEN: TOKEN,
  SIGNET_INSTANCE_ID: INSTANCE,
  SIGNET_NODE_ID: 'node1',
  SIGNET_GATEWAY_LISTEN: 'proxy=0,sign=0',
  SIGNET_TIMEOUTS: 'drain=0,shutdown=200ms',
  ...env,
});

/** Starts a gateway node in this process. By default, waits until it has the state of `plane`. */
export async function startTestGateway(plane: TestControlPlane, env: Record<string, string> = {}, synced = true): Promise<Gateway> {
  const config: GatewayConfig = readGatewayConfig(gatewayEnv(plane, env));
  const node = await startGateway(config, pino({ level: process.env['TEST_LOG'] ?? 'silent' }));
  if (synced) await plane.until(() => plane.watchers > 0 && node.unready === undefined);
  return node;
}
