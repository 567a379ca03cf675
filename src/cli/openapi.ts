import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AppModule } from '../app.module.js';
import { readConfig } from '../platform/config/config.js';
import { describe } from '../platform/openapi/openapi.js';

/** Prints the OpenAPI document. Nest's preview mode creates no providers, so it needs no database, key or port. */
export async function printOpenApi(): Promise<void> {
  const preview = await NestFactory.create(await AppModule.for(readConfig({})), new FastifyAdapter(), {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  process.stdout.write(`${JSON.stringify(describe(preview), null, 2)}\n`);
}
