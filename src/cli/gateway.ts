import { readGatewayConfig } from '../platform/config/gateway-config.js';
import { startGateway } from '../gateway/gateway.js';
import { createLogger } from '../platform/observability/logger.js';

/** Runs a gateway node until SIGTERM or SIGINT, then drains it. */
export async function gateway(env: NodeJS.ProcessEnv): Promise<void> {
  const config = readGatewayConfig(env);
  const logger = createLogger(config.logLevel);
  const node = await startGateway(config, logger);
  logger.info({ nodeId: config.nodeId, signPort: node.signPort, proxyPort: node.proxyPort }, 'the gateway node listens');
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping');
    await node.close();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
  process.on('SIGHUP', () => logger.info('SIGHUP: nothing to reload; a credential in a file is read for every request'));
}
