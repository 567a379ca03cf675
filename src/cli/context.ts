import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../app.module.js';
import { type Config, readConfig } from '../config/config.js';
import { createLogger, NestLogger } from '../observability/logger.js';
import { tellGeneratedPassword } from './welcome.js';

/** Runs `work` with every service of the control plane and no port, then closes everything. */
export async function withServices<T>(
  env: NodeJS.ProcessEnv,
  work: (services: INestApplicationContext, config: Config) => Promise<T>,
): Promise<T> {
  const config = readConfig(env);
  const logger = new NestLogger(createLogger('fatal'));
  const services = await NestFactory.createApplicationContext(AppModule.for(config), { logger, abortOnError: false });
  // Any command may be the first one on an empty database. Not on standard output: `TOKEN=$(signet token …)`.
  tellGeneratedPassword(services, console.error);
  try {
    return await work(services, config);
  } finally {
    await services.close();
  }
}
