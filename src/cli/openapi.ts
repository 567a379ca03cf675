import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AppModule } from '../app.module.js';
import { readConfig } from '../config/config.js';
import { describe } from '../openapi/openapi.js';

/** Prints the OpenAPI document. A preview makes no provider, so it needs no database, no key and no port. */
export async function printOpenApi(): Promise<void> {
  const preview = await NestFactory.create(AppModule.for(readConfig({})), new FastifyAdapter(), {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  process.stdout.write(`${JSON.stringify(describe(preview), null, 2)}\n`);
}
