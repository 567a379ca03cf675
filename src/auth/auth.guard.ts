import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { ACCESS, type Access } from '../common/access.js';
import { Fault, InstanceNotFound } from '../common/api-error.js';
import type { Machine, MachineRole, Principal } from '../common/principal.js';
import { Config } from '../config/config.js';
import { isConfidential } from './confidential.js';
import { bearerOf, credentialOf } from './credentials.js';
import { MachineIdentity } from './machine-identity.js';
import { allows } from './permissions.js';
import { TokenCache } from './token-cache.js';

/**
 * Stands before every route: who is it, is the project (for a machine: the gateway) in the path theirs, may they do this. A route that declares no
 * access is refused. Whether the thing in the path exists is not looked at here, so nothing can be learnt from it.
 */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: TokenCache,
    private readonly machines: MachineIdentity,
    private readonly config: Config,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = this.reflector.get<Access | undefined>(ACCESS, context.getHandler());
    if (!access) throw new Fault('forbidden');
    if (access.kind === 'public') return true;
    if (access.kind === 'machine') return this.admitMachine(context.switchToHttp().getRequest(), access.role);
    const request = context.switchToHttp().getRequest<FastifyRequest<{ Params: { project_id?: string } }>>();
    const principal = this.tokens.authenticate(credentialOf(request).token);
    if (principal instanceof Promise) return principal.then((known) => admit(request, access, known));
    return admit(request, access, principal);
  }

  private async admitMachine(request: FastifyRequest<{ Params: { instance_id?: string } }>, role: MachineRole): Promise<true> {
    const machine = await this.machines.authenticate(bearerOf(request));
    if (!isConfidential(request, this.config)) throw new Fault('forbidden', { detail: PLAINTEXT });
    return admitMachine(request, role, machine);
  }
}

const PLAINTEXT = 'machines are served over TLS or loopback only; SIGNET_GATEWAY_PLAINTEXT=allow where the network between is trusted';

/** Another gateway answers as one that does not exist. */
function admitMachine(request: FastifyRequest<{ Params: { instance_id?: string } }>, role: MachineRole, machine: Machine): true {
  const instance = request.params.instance_id ?? '';
  if (instance !== machine.instanceId) throw new InstanceNotFound(instance);
  if (machine.role !== role) throw new Fault('forbidden');
  request.machine = machine;
  return true;
}

function admit(
  request: FastifyRequest<{ Params: { project_id?: string } }>,
  access: Exclude<Access, { kind: 'public' | 'machine' }>,
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
