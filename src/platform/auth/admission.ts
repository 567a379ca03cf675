import type { TLSSocket } from 'node:tls';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Access, MachineRole } from '../common/access.js';
import { ApiFault, InstanceNotFound } from '../common/api-error.js';
import { hasBody } from '../common/body-limit.js';
import type { Machine, Principal } from '../common/principal.js';
import { Config } from '../config/config.js';
import { ApiKeyIdentity } from './api-key-identity.js';
import { assertBoundTo, assertClientCertificate } from './client-certificate.js';
import { bearerOf, credentialOf, hasBearer } from './credentials.js';
import { MachineIdentity } from './machine-identity.js';
import type { PermissionSet } from './permission-set.js';
import { Permissions } from './permissions.js';
import { type Begun, SignedRequests } from './signed-requests.js';
import { TokenCache } from './token-cache.js';

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;

/**
 * Whether key material may be sent on this connection. It may if the connection uses TLS or stays on this machine, if the service runs in
 * the local mode, or if the operator has declared the network trusted. If a proxy on this machine reports that the client's connection has
 * no TLS, the answer is no. Without such a report, the proxy counts as the end of TLS.
 */
function isConfidential(request: FastifyRequest, config: Config): boolean {
  if (config.mode === 'local' || config.gatewayPlaintext) return true;
  if ((request.socket as TLSSocket).encrypted === true) return true;
  const forwarded = request.headers['x-forwarded-proto'];
  return LOOPBACK.test(request.socket.remoteAddress ?? '') && (forwarded === undefined || forwarded === 'https');
}

/**
 * Authenticates a request, compares the project in its path (for a machine: the gateway) with the credential, and checks permissions. The
 * headers decide everything, before the body is read. Only a signed request also needs its body: its headers and its key are checked first.
 * Admission does not check whether the resource in the path exists, so its responses do not reveal that.
 */
@Injectable()
export class Admission {
  /** Signed requests whose body is not verified yet. */
  readonly #begun = new WeakMap<FastifyRequest, { begun: Begun; access: ForPrincipals }>();

  constructor(
    private readonly tokens: TokenCache,
    private readonly signed: SignedRequests,
    private readonly machines: MachineIdentity,
    private readonly permissions: Permissions,
    private readonly apiKeys: ApiKeyIdentity,
    private readonly config: Config,
  ) {}

  /** Admits a request by its headers. @throws ApiFault, InstanceNotFound when the headers do not permit the call */
  admit(request: Request, access: Access): void | Promise<void> {
    if (access.kind === 'public') return;
    if (access.kind === 'machine') return this.admitMachine(request, access.role);
    if (access.kind === 'project' && hasBearer(request)) return this.admitApiKey(request);
    const credential = credentialOf(request);
    if (credential.kind === 'token') {
      const principal = this.tokens.authenticate(credential.token, !READS.has(request.method));
      return principal instanceof Promise
        ? principal.then((known) => this.admitPrincipal(request, access, known))
        : this.admitPrincipal(request, access, principal);
    }
    const begun = this.signed.begin(request);
    return begun instanceof Promise
      ? begun.then((found) => this.admitBegun(request, access, found))
      : this.admitBegun(request, access, begun);
  }

  /**
   * Authenticates a request for an unknown route with any credential of the path's contract, so that only authenticated callers can find
   * out which routes exist.
   * @throws ApiFault when there is no valid credential
   */
  admitUnknown(request: Request): void | Promise<void> {
    if (hasBearer(request) && request.url.startsWith('/v1/')) return this.admitApiKey(request);
    if (hasBearer(request) && request.url.startsWith('/signet/')) return this.identifyMachine(request).then(() => undefined);
    return this.admit(request, { kind: 'authenticated', actions: [] });
  }

  /** Whether the body must pass {@link admitBody} before anything else uses it. */
  awaitsBody(request: FastifyRequest): boolean {
    return this.#begun.has(request);
  }

  /**
   * The second step of {@link admit} for a signed request. @param body the bytes as received @throws ApiFault when the call is not
   * permitted
   */
  admitBody(request: Request, body: Uint8Array | null): void | Promise<void> {
    const waiting = this.#begun.get(request);
    if (!waiting) throw new ApiFault('token_invalid');
    const { begun, access } = waiting;
    this.#begun.delete(request);
    const principal = this.signed.finish(request, begun, body, request.params.project_id, access.kind !== 'authenticated');
    return principal instanceof Promise
      ? principal.then((known) => this.admitPrincipal(request, access, known))
      : this.admitPrincipal(request, access, principal);
  }

  /** Checks the action that the body or the query selects. @throws ApiFault `forbidden` */
  assertAction({ principal }: FastifyRequest, action: string): void | Promise<void> {
    if (principal?.apiKeyMode !== undefined) return;
    if (!principal) throw new ApiFault('token_missing');
    const held = this.permissions.of(principal);
    return held instanceof Promise ? held.then((set) => assertAllowed(set, [action])) : assertAllowed(held, [action]);
  }

  private admitBegun(request: Request, access: ForPrincipals, begun: Begun): void | Promise<void> {
    this.#begun.set(request, { begun, access });
    if (!hasBody(request)) return this.admitBody(request, null);
  }

  /**
   * If the request selects one of several actions, permission for any of them suffices here, because the body may contain the selection.
   */
  private admitPrincipal(request: Request, access: ForPrincipals, principal: Principal): void | Promise<void> {
    request.principal = principal;
    if (access.kind === 'authenticated') return;
    if (access.kind === 'action' || access.kind === 'project') assertProject(request, principal);
    const held = this.permissions.of(principal);
    return held instanceof Promise ? held.then((set) => assertAllowed(set, access.actions)) : assertAllowed(held, access.actions);
  }

  /** Admits an API key. It belongs to its project and may call every route for callers of a project. */
  private async admitApiKey(request: FastifyRequest): Promise<void> {
    request.principal = await this.apiKeys.authenticate(bearerOf(request), request.ip);
  }

  private async identifyMachine(request: Request): Promise<Machine> {
    assertClientCertificate(request, this.config);
    return this.machines.authenticate(bearerOf(request));
  }

  private async admitMachine(request: Request, role: MachineRole): Promise<void> {
    const machine = await this.identifyMachine(request);
    if (!isConfidential(request, this.config)) throw new ApiFault('forbidden', { detail: PLAINTEXT });
    assertMachine(request, role, machine);
    assertBoundTo(machine, request);
  }
}

/** Methods without side effects. */
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

const PLAINTEXT = 'machines must connect over TLS or loopback; set SIGNET_GATEWAY_PLAINTEXT=allow if the network is trusted';
const SIGN_THE_PROJECT = 'a signed request must name its project in X-Project-Id, and its signature must cover that header';

type Request = FastifyRequest<{ Params: { project_id?: string; instance_id?: string } }>;
type ForPrincipals = Exclude<Access, { kind: 'public' | 'machine' }>;

/** Answers a request for another gateway like one for an unknown gateway. */
function assertMachine(request: Request, role: MachineRole, machine: Machine): void {
  // Set before the checks, so that the audit row of a denied request names the machine.
  request.machine = machine;
  const instance = request.params.instance_id ?? '';
  if (instance !== machine.instanceId) throw new InstanceNotFound(instance);
  if (machine.role !== role) throw new ApiFault('forbidden');
}

/** Compares the project in the path with the project of the token, whether or not the one in the path exists. */
function assertProject({ params }: Request, { projectId, accessKeyId }: Principal): void {
  if (projectId === undefined) throw new ApiFault('token_unscoped', accessKeyId === undefined ? {} : { detail: SIGN_THE_PROJECT });
  if (params.project_id !== undefined && params.project_id !== projectId) throw new ApiFault('forbidden');
}

function assertAllowed(held: PermissionSet, actions: readonly string[]): void {
  if (!actions.some((action) => held.allows(action))) throw new ApiFault('forbidden');
}
