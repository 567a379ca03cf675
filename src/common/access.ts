import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { MachineRole } from './principal.js';

/** Metadata key under which a route declares who may call it. */
export const ACCESS = Symbol('access');

export type Access =
  | { kind: 'public' }
  /** A valid token, whatever its scope and roles. */
  | { kind: 'authenticated'; actions: readonly string[] }
  /** A machine's credential with this role, for the gateway in the path. */
  | { kind: 'machine'; role: MachineRole }
  /** A token of the project in the path, if the path names one, that holds the action. */
  | { kind: 'action'; action: string | ((request: FastifyRequest) => string); actions: readonly string[] }
  /** A token of a project or of a whole domain that holds the action; the service looks at what in the domain it is about. */
  | { kind: 'domain'; actions: readonly [action: string] }
  /** An API key of a project, or a token of a project that holds the action. The path names no project. */
  | { kind: 'project'; actions: readonly [action: string] };

/** Routes that load balancers and monitoring ask all the time: no limit counts them. */
export const PROBES: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/** The extension in which an operation's access waits for src/openapi to word it; it does not stand in the document. */
export const ACCESS_EXTENSION = 'x-signet-access';

/** The part of {@link Access} that is data. */
export interface DeclaredAccess {
  kind: Access['kind'];
  actions: readonly string[];
  role?: MachineRole;
}

const declare = (access: Access) =>
  applyDecorators(
    SetMetadata(ACCESS, access),
    ApiExtension(ACCESS_EXTENSION, {
      kind: access.kind,
      actions: 'actions' in access ? access.actions : [],
      ...(access.kind === 'machine' && { role: access.role }),
    } satisfies DeclaredAccess),
  );

/** Anyone may call this route. */
export const Public = () => declare({ kind: 'public' });

/**
 * Anyone with a valid token may call this route.
 * @param wider actions with which it is about more than the caller itself
 */
export const Authenticated = (...wider: string[]) => declare({ kind: 'authenticated', actions: wider });

/** Gateways of the instance in the path may call this route: their credential has the role `gateway`. */
export const ForGateway = () => declare({ kind: 'machine', role: 'gateway' });

/** Verifiers of the instance in the path may call this route: their credential has the role `verifier`. */
export const ForVerifier = () => declare({ kind: 'machine', role: 'verifier' });

/**
 * Callers of one project may call this route: whoever has one of its API keys (endpoints §1.1), and whoever has a token of it with
 * this action, e.g. `webhooks:endpoints:create`.
 * @param action the action's name
 */
export const ForProject = (action: string) => declare({ kind: 'project', actions: [action] });

/**
 * The route needs this action (apig §7.1, §7.2), e.g. `apig:signs:create`.
 * @param action the action's name
 */
export const Allow = (action: string) => declare({ kind: 'action', action, actions: [action] });

/**
 * The route is about the caller's domain and needs this action, in the scope of the token.
 * @param action the action's name, e.g. `iam:groups:createGroup`
 */
export const AllowInDomain = (action: string) => declare({ kind: 'domain', actions: [action] });

/**
 * The route needs one of several actions, chosen by the request: `POST …/apis/action` publishes or takes offline.
 * @param actions every action that `choose` can answer
 * @param choose picks the action of one request
 */
export const AllowOneOf = (actions: readonly string[], choose: (request: FastifyRequest) => string) =>
  declare({ kind: 'action', action: choose, actions });
