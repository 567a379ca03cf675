import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiFault, InstanceNotFound } from './api-error.js';
import { ID_PATTERN } from './ids.js';

/**
 * The kinds of scopes that have revisions of their own. `service`: the audit chains of the service itself. `deliveries`: the signing keys
 * of all endpoints together, with which webhooks are signed.
 */
export const SCOPE_KINDS = ['instance', 'project', 'domain', 'endpoint', 'service', 'deliveries'] as const;

/** What has a counter, a change log and an audit chain. */
export interface Scope {
  kind: (typeof SCOPE_KINDS)[number];
  id: string;
}

/** Columns that every query for a row of a project must contain: `where: { ...scope, id }`. */
export interface ProjectScope {
  projectId: string;
}

/** Columns that every query for a row of a gateway must contain. */
export interface InstanceScope extends ProjectScope {
  instanceId: string;
}

interface Path {
  project_id: string;
  instance_id: string;
}

/** Parameter decorator: the project in the path. The guard has compared it with the project of the token. */
export const InProject = createParamDecorator((_: unknown, context: ExecutionContext): ProjectScope => {
  const { params } = context.switchToHttp().getRequest<FastifyRequest<{ Params: Path }>>();
  return { projectId: params.project_id };
});

/** Parameter decorator: the project of the caller's credential, for paths without a project. */
export const InCallersProject = createParamDecorator((_: unknown, context: ExecutionContext): ProjectScope => {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
  if (principal?.projectId === undefined) throw new ApiFault('token_unscoped');
  return { projectId: principal.projectId };
});

/** Parameter decorator: the project and the gateway in the path. */
export const InInstance = createParamDecorator((_: unknown, context: ExecutionContext): InstanceScope => {
  const { params } = context.switchToHttp().getRequest<FastifyRequest<{ Params: Path }>>();
  if (!ID_PATTERN.test(params.instance_id)) throw new InstanceNotFound(params.instance_id);
  return { projectId: params.project_id, instanceId: params.instance_id };
});

/** Parameter decorator: the gateway in the path, in the project of the token, for paths without a project. */
export const InCallersInstance = createParamDecorator((_: unknown, context: ExecutionContext): InstanceScope => {
  const { params, principal } = context.switchToHttp().getRequest<FastifyRequest<{ Params: Path }>>();
  if (principal?.projectId === undefined) throw new ApiFault('token_unscoped');
  if (!ID_PATTERN.test(params.instance_id)) throw new InstanceNotFound(params.instance_id);
  return { projectId: principal.projectId, instanceId: params.instance_id };
});
