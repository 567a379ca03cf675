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
import { InstanceNotFound } from '../../platform/common/api-error.js';
import { DryRuns, isDryRun } from '../../platform/common/dry-run.js';
import { ID_PATTERN } from '../../platform/common/ids.js';
import { ImpactView } from './impact.dto.js';
import { ImpactService } from './impact.service.js';

interface Route {
  Params: { project_id: string; instance_id: string; sign_id: string };
  Querystring: { dry_run?: unknown };
}

/** Returns the effect of deleting a key, and deletes nothing. */
@Injectable()
class DryRunInterceptor implements NestInterceptor {
  constructor(private readonly impacts: ImpactService) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const { params, query } = http.getRequest<FastifyRequest<Route>>();
    if (!isDryRun(query.dry_run)) return next.handle();
    if (!ID_PATTERN.test(params.instance_id)) throw new InstanceNotFound(params.instance_id);
    void http.getResponse<FastifyReply>().status(200);
    return from(this.impacts.of({ projectId: params.project_id, instanceId: params.instance_id }, params.sign_id));
  }
}

/** Method decorator: with `?dry_run=true`, the response shows the effect of deleting the key in the path, and nothing is changed. */
export const CanDryRun = () =>
  applyDecorators(
    DryRuns(),
    UseInterceptors(DryRunInterceptor),
    ApiQuery({
      name: 'dry_run',
      required: false,
      enum: ['true', 'false'],
      description: 'If true, nothing is deleted, and the response shows what the deletion would affect',
    }),
    ApiResponse({ status: 200, type: ImpactView, description: 'OK: a dry run' }),
  );
