import type { FastifyInstance, FastifyRequest } from 'fastify';
import { invalid } from './api-error.js';
import { routeConfig } from './route-config.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the deletion supports `dry_run`; others refuse it. */
    dryRuns?: boolean;
  }
}

/** Method decorator: the operation handles `dry_run` itself. */
export const DryRuns = (): MethodDecorator => routeConfig({ dryRuns: true });

/** Whether the query asks for a dry run. @throws ApiFault 400 for other values: `dry_run=1` must not delete */
export function isDryRun(value: unknown): boolean {
  if (value === undefined || value === '' || value === 'false') return false;
  if (value !== 'true') throw invalid('dry_run', { where: 'query' });
  return true;
}

/** Refuses `dry_run` on deletions that do not support it, so that they do not delete. */
export function refuseDryRuns(server: FastifyInstance): void {
  server.addHook('preHandler', (request: FastifyRequest<{ Querystring: { dry_run?: unknown } }>, _reply, done) => {
    if (request.method !== 'DELETE' || request.routeOptions.config.dryRuns) return done();
    const { dry_run } = request.query;
    done(
      dry_run === undefined || dry_run === '' || dry_run === 'false'
        ? undefined
        : invalid('dry_run', { where: 'query', rule: 'dry_run is not supported by this operation' }),
    );
  });
}
