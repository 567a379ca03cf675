import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { createApplication } from '../application.js';
import { type Config, readConfig } from '../config/config.js';
import type { IdentityConfig } from '../config/identity-config.js';
import { DEFAULT_DOMAIN, DEFAULT_PROJECT } from '../iam/iam-file.js';
import { InstancesService } from '../instances/instances.service.js';
import { Health } from '../observability/health.js';
import { createLogger } from '../observability/logger.js';
import { ProjectsService } from '../projects/projects.service.js';
import { type Embedded, startEmbedded } from './embedded.js';
import { tellGeneratedPassword, welcome } from './welcome.js';

/** How long `/readyz` says no before the port closes: a load balancer's interval times its threshold. */
const TURN_AWAY_MS: Record<Config['mode'], number> = { local: 0, production: 3000 };

/** Runs the control plane until SIGTERM or SIGINT, then drains: not ready, no new connections, requests under way finish. */
export async function serve(env: NodeJS.ProcessEnv): Promise<void> {
  const config = readConfig(env);
  const logger = createLogger(config.logLevel);
  const app = await createApplication(config, logger);
  await app.listen(config.port, config.host);
  const beside: { embedded?: Embedded } = {};
  stopOnSignal(app, config, logger, () => beside.embedded?.close());
  tellGeneratedPassword(app);
  if (config.mode !== 'local') return;
  const { port } = app.getHttpServer().address() as AddressInfo;
  if (config.identity) {
    const url = loopbackUrl(config, port);
    console.log(`Signet listens on ${url}   (reference: ${url}/docs); tokens come from ${tokenSource(config.identity)}`);
    return;
  }
  const demo = await demoGateway(app);
  if (config.embedded && demo.instanceId !== undefined) {
    const scope = { projectId: demo.projectId, instanceId: demo.instanceId };
    try {
      beside.embedded = await startEmbedded(app, config.embedded, scope, loopbackUrl(config, port), logger);
    } catch (error) {
      await app.close();
      throw error;
    }
  }
  await welcome(app, loopbackUrl(config, port), demo, beside.embedded);
}

const tokenSource = (identity: IdentityConfig) => (identity.kind === 'keystone' ? identity.url : identity.issuer);

/** Where this process reaches itself: an address that stands for all of them is no destination. */
function loopbackUrl({ host, edge }: Config, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${edge.tls ? 'https' : 'http'}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** The local mode has a gateway to begin with, in the project `default`. */
async function demoGateway(app: NestFastifyApplication): Promise<{ projectId: string; instanceId: string | undefined }> {
  const projects = app.get(ProjectsService, { strict: false });
  const { id: projectId } = await projects.ensureProject((await projects.ensureDomain(DEFAULT_DOMAIN)).id, DEFAULT_PROJECT);
  return { projectId, instanceId: await app.get(InstancesService, { strict: false }).ensureDemo(projectId) };
}

function stopOnSignal(app: NestFastifyApplication, config: Config, logger: Logger, stopBeside: () => Promise<void> | undefined): void {
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping');
    app.get(Health).stop();
    setTimeout(() => {
      logger.error('requests under way did not finish in time');
      process.exit(1);
    }, TURN_AWAY_MS[config.mode] + config.shutdownGraceMs).unref();
    await delay(TURN_AWAY_MS[config.mode]);
    await stopBeside()?.catch((error: unknown) => logger.error({ err: error }, 'the embedded gateway did not stop in order'));
    await app.close();
    logger.info('stopped');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
}
