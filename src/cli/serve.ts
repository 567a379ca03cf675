import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { createApplication } from '../application.js';
import { type Config, readConfig } from '../config/config.js';
import { DEFAULT_DOMAIN, DEFAULT_PROJECT } from '../iam/iam-file.js';
import { InstancesService } from '../instances/instances.service.js';
import { Health } from '../observability/health.js';
import { createLogger } from '../observability/logger.js';
import { ProjectsService } from '../projects/projects.service.js';
import { tellGeneratedPassword, welcome } from './welcome.js';

/** How long `/readyz` says no before the port closes: a load balancer's interval times its threshold. */
const TURN_AWAY_MS: Record<Config['mode'], number> = { local: 0, production: 3000 };

/** Runs the control plane until SIGTERM or SIGINT, then drains: not ready, no new connections, requests under way finish. */
export async function serve(env: NodeJS.ProcessEnv): Promise<void> {
  const config = readConfig(env);
  const logger = createLogger(config.logLevel);
  const app = await createApplication(config, logger);
  await app.listen(config.port, config.host);
  stopOnSignal(app, config, logger);
  tellGeneratedPassword(app);
  if (config.mode === 'local') await welcome(app, config, (app.getHttpServer().address() as AddressInfo).port, await demoGateway(app));
}

/** The local mode has a gateway to begin with, in the project `default`. */
async function demoGateway(app: NestFastifyApplication): Promise<{ projectId: string; instanceId: string | undefined }> {
  const projects = app.get(ProjectsService, { strict: false });
  const { id: projectId } = await projects.ensureProject((await projects.ensureDomain(DEFAULT_DOMAIN)).id, DEFAULT_PROJECT);
  return { projectId, instanceId: await app.get(InstancesService, { strict: false }).ensureDemo(projectId) };
}

function stopOnSignal(app: NestFastifyApplication, config: Config, logger: Logger): void {
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
    await app.close();
    logger.info('stopped');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
}
