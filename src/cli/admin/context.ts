import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../app.module.js';
import { type Config, readConfig } from '../../platform/config/config.js';
import { assertInstalled } from '../../platform/database/open.js';
import { createLogger, NestLogger } from '../../platform/observability/logger.js';
import { tellGeneratedPassword } from '../welcome.js';

/**
 * Runs `work` with every service of the control plane but without a port, then closes everything.
 * @param makes whether to create an installation if there is none; otherwise a missing one is an error
 */
export async function withServices<T>(
  env: NodeJS.ProcessEnv,
  work: (services: INestApplicationContext, config: Config) => Promise<T>,
  { makes = false } = {},
): Promise<T> {
  const config = readConfig(env);
  if (!makes) await assertInstalled(config);
  const logger = new NestLogger(createLogger('fatal'));
  const services = await NestFactory.createApplicationContext(await AppModule.for(config), { logger, abortOnError: false });
  // Any command may be the first one on an empty database. Not on standard output: `TOKEN=$(signet admin token …)`.
  tellGeneratedPassword(services, console.error);
  try {
    return await work(services, config);
  } finally {
    await services.close();
  }
}
