import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { ApiQuery, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, type Observable } from 'rxjs';
import { InstanceNotFound, invalid } from './api-error.js';
import { ID_PATTERN } from './ids.js';
import { Impacts, ImpactView } from './impact.js';

interface Route {
  Params: { project_id: string; instance_id: string; sign_id: string };
  Querystring: { dry_run?: unknown };
}

/** Answers what a deletion would do, in its place. */
@Injectable()
export class DryRunInterceptor implements NestInterceptor {
  constructor(private readonly impacts: Impacts) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const { params, query } = http.getRequest<FastifyRequest<Route>>();
    if (query.dry_run === undefined || query.dry_run === '' || query.dry_run === 'false') return next.handle();
    // Whoever writes `dry_run=1` does not mean to delete.
    if (query.dry_run !== 'true') throw invalid('dry_run', { where: 'query' });
    if (!ID_PATTERN.test(params.instance_id)) throw new InstanceNotFound(params.instance_id);
    void http.getResponse<FastifyReply>().status(200);
    return from(this.impacts.of({ projectId: params.project_id, instanceId: params.instance_id }, params.sign_id));
  }
}

/** `?dry_run=true` answers what the deletion of the key in the path would do, and changes nothing. */
export const CanDryRun = () =>
  applyDecorators(
    UseInterceptors(DryRunInterceptor),
    ApiQuery({
      name: 'dry_run',
      required: false,
      enum: ['true', 'false'],
      description: 'true: delete nothing, and answer who would feel it',
    }),
    ApiResponse({ status: 200, type: ImpactView, description: 'OK: a dry run' }),
  );
