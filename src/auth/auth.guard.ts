import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { ACCESS, type Access } from '../common/access.js';
import { Fault } from '../common/api-error.js';
import type { Principal } from '../common/principal.js';
import { allows } from './permissions.js';
import { TokenCache } from './token-cache.js';

const TOKEN_MAX_CHARS = 16_384;

/**
 * Stands before every route: who is it, is the project in the path theirs, may they do this. A route that declares no
 * access is refused. Whether the thing in the path exists is not looked at here, so nothing can be learnt from it.
 */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: TokenCache,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = this.reflector.get<Access | undefined>(ACCESS, context.getHandler());
    if (!access) throw new Fault('forbidden');
    if (access.kind === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest<{ Params: { project_id?: string } }>>();
    const principal = this.tokens.authenticate(tokenOf(request));
    if (principal instanceof Promise) return principal.then((known) => admit(request, access, known));
    return admit(request, access, principal);
  }
}

function tokenOf(request: FastifyRequest): string {
  const token = request.headers['x-auth-token'];
  if (token === undefined || token === '') throw new Fault('token_missing');
  if (typeof token !== 'string' || token.length > TOKEN_MAX_CHARS) throw new Fault('token_invalid');
  return token;
}

function admit(
  request: FastifyRequest<{ Params: { project_id?: string } }>,
  access: Exclude<Access, { kind: 'public' }>,
  principal: Principal,
): true {
  request.principal = principal;
  if (access.kind === 'authenticated') return true;
  if (principal.projectId === undefined) throw new Fault('token_unscoped');
  const project = request.params.project_id;
  if (project !== undefined && project !== principal.projectId) throw new Fault('forbidden');
  const action = typeof access.action === 'string' ? access.action : access.action(request);
  if (!allows(principal.roles, action)) throw new Fault('forbidden');
  return true;
}
