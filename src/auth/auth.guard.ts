import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { ACCESS, type Access } from '../common/access.js';
import { Fault, InstanceNotFound } from '../common/api-error.js';
import type { Machine, MachineRole, Principal } from '../common/principal.js';
import { Config } from '../config/config.js';
import { ApiKeyIdentity } from './api-key-identity.js';
import { assertClientCertificate } from './client-certificate.js';
import { isConfidential } from './confidential.js';
import { bearerOf, credentialOf, hasBearer } from './credentials.js';
import { MachineIdentity } from './machine-identity.js';
import type { PermissionSet } from './permission-set.js';
import { Permissions } from './permissions.js';
import { SignedRequests } from './signed-requests.js';
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
    private readonly signed: SignedRequests,
    private readonly machines: MachineIdentity,
    private readonly permissions: Permissions,
    private readonly apiKeys: ApiKeyIdentity,
    private readonly config: Config,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = this.reflector.get<Access | undefined>(ACCESS, context.getHandler());
    if (!access) throw new Fault('forbidden');
    if (access.kind === 'public') return true;
    if (access.kind === 'machine') return this.admitMachine(context.switchToHttp().getRequest(), access.role);
    const request = context.switchToHttp().getRequest<Request>();
    if (access.kind === 'project' && hasBearer(request)) return this.admitApiKey(request);
    const principal = this.authenticate(request, access);
    if (principal instanceof Promise) return principal.then((known) => this.admitPrincipal(request, access, known));
    return this.admitPrincipal(request, access, principal);
  }

  private authenticate(request: Request, { kind }: ForPrincipals): Principal | Promise<Principal> {
    const credential = credentialOf(request);
    if (credential.kind === 'token') return this.tokens.authenticate(credential.token, !READS.has(request.method));
    return this.signed.authenticate(request, request.params.project_id, kind !== 'authenticated');
  }

  private admitPrincipal(request: Request, access: ForPrincipals, principal: Principal): boolean | Promise<boolean> {
    request.principal = principal;
    if (access.kind === 'authenticated') return true;
    if (access.kind === 'action' || access.kind === 'project') assertProject(request, principal);
    const action = access.kind === 'action' ? actionOf(access, request) : access.actions[0];
    const held = this.permissions.of(principal);
    return held instanceof Promise ? held.then((set) => admit(set, action)) : admit(held, action);
  }

  /** An API key is its project's: it may do everything that is for callers of a project. */
  private async admitApiKey(request: FastifyRequest): Promise<true> {
    request.principal = await this.apiKeys.authenticate(bearerOf(request), request.ip);
    return true;
  }

  private async admitMachine(request: FastifyRequest<{ Params: { instance_id?: string } }>, role: MachineRole): Promise<true> {
    assertClientCertificate(request, this.config);
    const machine = await this.machines.authenticate(bearerOf(request));
    if (!isConfidential(request, this.config)) throw new Fault('forbidden', { detail: PLAINTEXT });
    return admitMachine(request, role, machine);
  }
}

/** Methods that change nothing. */
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

const PLAINTEXT = 'machines are served over TLS or loopback only; SIGNET_GATEWAY_PLAINTEXT=allow where the network between is trusted';
const SIGN_THE_PROJECT = 'a request that is signed says its project in X-Project-Id, and signs that header';

/** Another gateway answers as one that does not exist. */
function admitMachine(request: FastifyRequest<{ Params: { instance_id?: string } }>, role: MachineRole, machine: Machine): true {
  // Before it is admitted: a refusal names it too.
  request.machine = machine;
  const instance = request.params.instance_id ?? '';
  if (instance !== machine.instanceId) throw new InstanceNotFound(instance);
  if (machine.role !== role) throw new Fault('forbidden');
  return true;
}

type Request = FastifyRequest<{ Params: { project_id?: string } }>;
type ForPrincipals = Exclude<Access, { kind: 'public' | 'machine' }>;

const actionOf = ({ action }: Extract<Access, { kind: 'action' }>, request: Request) =>
  typeof action === 'string' ? action : action(request);

/** The project in the path is the token's, whether or not there is another of that id. */
function assertProject({ params }: Request, { projectId, accessKeyId }: Principal): void {
  if (projectId === undefined) throw new Fault('token_unscoped', accessKeyId === undefined ? {} : { detail: SIGN_THE_PROJECT });
  if (params.project_id !== undefined && params.project_id !== projectId) throw new Fault('forbidden');
}

function admit(held: PermissionSet, action: string): true {
  if (!held.allows(action)) throw new Fault('forbidden');
  return true;
}
