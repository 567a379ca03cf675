import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Config } from '../config/config.js';

/** What a page of an allowed origin may read beside the body. */
const EXPOSED = [
  'X-Subject-Token',
  'X-Request-Id',
  'Location',
  'Link',
  'ETag',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'Signet-Revision',
  'Signet-Receipt',
];

/** Pages of other origins may call when the configuration lists them; no answer says so otherwise. Cookies are not used, and not allowed. */
export function allowOrigins(app: NestFastifyApplication, { edge }: Config): void {
  if (edge.corsOrigins.length === 0) return;
  app.enableCors({
    origin: [...edge.corsOrigins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: EXPOSED,
    credentials: false,
    maxAge: 600,
  });
}
