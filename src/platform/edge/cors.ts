import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Config } from '../config/config.js';

/** Response headers that web pages of an allowed origin may read. */
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

/** Allows the configured origins. If there are none, no CORS headers are sent. Cookies are neither used nor allowed. */
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
