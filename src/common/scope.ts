import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Fault, InstanceNotFound } from './api-error.js';
import { ID_PATTERN } from './ids.js';

/** The columns that every find of a project's row goes through: `where: { ...scope, id }`. */
export interface ProjectScope {
  projectId: string;
}

/** The columns that every find of a gateway's row goes through. */
export interface InstanceScope extends ProjectScope {
  instanceId: string;
}

interface Path {
  project_id: string;
  instance_id: string;
}

/** Parameter decorator: the project in the path. The guard has already compared it with the token's. */
export const InProject = createParamDecorator((_: unknown, context: ExecutionContext): ProjectScope => {
  const { params } = context.switchToHttp().getRequest<FastifyRequest<{ Params: Path }>>();
  return { projectId: params.project_id };
});

/** Parameter decorator: the project of the caller's credential. For paths that name no project. */
export const InCallersProject = createParamDecorator((_: unknown, context: ExecutionContext): ProjectScope => {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
  if (principal?.projectId === undefined) throw new Fault('token_unscoped');
  return { projectId: principal.projectId };
});

/** Parameter decorator: the project and the gateway in the path. */
export const InInstance = createParamDecorator((_: unknown, context: ExecutionContext): InstanceScope => {
  const { params } = context.switchToHttp().getRequest<FastifyRequest<{ Params: Path }>>();
  if (!ID_PATTERN.test(params.instance_id)) throw new InstanceNotFound(params.instance_id);
  return { projectId: params.project_id, instanceId: params.instance_id };
});

/** Parameter decorator: the gateway in the path, in the project of the token. For paths that name no project. */
export const InCallersInstance = createParamDecorator((_: unknown, context: ExecutionContext): InstanceScope => {
  const { params, principal } = context.switchToHttp().getRequest<FastifyRequest<{ Params: Path }>>();
  if (principal?.projectId === undefined) throw new Fault('token_unscoped');
  if (!ID_PATTERN.test(params.instance_id)) throw new InstanceNotFound(params.instance_id);
  return { projectId: principal.projectId, instanceId: params.instance_id };
});
