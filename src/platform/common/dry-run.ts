import type { FastifyInstance, FastifyRequest } from 'fastify';
import { invalid } from './api-error.js';
import { routeConfig } from './route-config.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the deletion supports `dry_run`. Deletions without support refuse it. */
    dryRuns?: boolean;
  }
}

/** Method decorator: the operation supports `dry_run`. */
export const DryRuns = (): MethodDecorator => routeConfig({ dryRuns: true });

/** Whether the query asks for a dry run. @throws ApiFault 400 for any other value, because `dry_run=1` must not delete anything */
export function isDryRun(value: unknown): boolean {
  if (value === undefined || value === '' || value === 'false') return false;
  if (value !== 'true') throw invalid('dry_run', { where: 'query' });
  return true;
}

/** Refuses `dry_run` on deletions without support, so that they do not delete anything. */
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
