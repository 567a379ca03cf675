import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { ACCESS, type Access } from '../common/access.js';
import { ApiFault } from '../common/api-error.js';
import { Admission } from './admission.js';

/**
 * Guards every route, after the hooks that authenticate ({@link Admission}). Refuses routes without an access rule and requests that did
 * not pass the hooks. Checks the action if the body selects it.
 */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly admission: Admission,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = this.reflector.get<Access | undefined>(ACCESS, context.getHandler());
    if (!access) throw new ApiFault('forbidden');
    if (access.kind === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (access.kind === 'machine' ? !request.machine : !request.principal) throw new ApiFault('token_missing');
    if (access.kind !== 'action' || typeof access.action === 'string') return true;
    const asserted = this.admission.assertAction(request, access.action(request));
    return asserted instanceof Promise ? asserted.then(() => true) : true;
  }
}
