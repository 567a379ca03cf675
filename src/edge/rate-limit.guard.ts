import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { tell } from './limited.js';
import type { Quota } from './quota.js';
import { Quotas } from './quotas.service.js';

/**
 * Counts requests by who sent them, behind the guard that found out. A user is one caller, whatever token or access key it uses; a
 * machine is none, and counts by its address alone.
 */
@Injectable()
export class RateLimitGuard implements CanActivate {
  readonly #quota: Quota | undefined;

  constructor(quotas: Quotas) {
    this.#quota = quotas.principal;
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (!this.#quota) return true;
    const http = context.switchToHttp();
    const { principal } = http.getRequest<FastifyRequest>();
    return principal ? this.count(this.#quota, principal.userId, http.getResponse<FastifyReply>()) : true;
  }

  private async count(quota: Quota, userId: string, reply: FastifyReply): Promise<true> {
    tell(reply, quota, await quota.take(userId));
    return true;
  }
}
