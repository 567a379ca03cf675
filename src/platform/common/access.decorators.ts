import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ACCESS, ACCESS_EXTENSION, type Access, type DeclaredAccess } from './access.js';
import { routeConfig } from './route-config.js';

const declare = (access: Access) =>
  applyDecorators(
    SetMetadata(ACCESS, access),
    routeConfig({ access }),
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
 * @param wider actions that allow the caller more than its own resources
 */
export const Authenticated = (...wider: string[]) => declare({ kind: 'authenticated', actions: wider });

/** Gateway nodes of the instance in the path may call this route, with a credential of the role `gateway`. */
export const ForGateway = () => declare({ kind: 'machine', role: 'gateway' });

/** Verifiers of the instance in the path may call this route, with a credential of the role `verifier`. */
export const ForVerifier = () => declare({ kind: 'machine', role: 'verifier' });

/**
 * Callers of one project may call this route: API keys of the project (docs/contracts/endpoints.md §1.1), and tokens with this action, e.g.
 * `webhooks:endpoints:create`.
 * @param action the action's name
 */
export const ForProject = (action: string) => declare({ kind: 'project', actions: [action] });

/**
 * The route needs this action (docs/contracts/apig.md §7.1, §7.2), e.g. `apig:signs:create`.
 * @param action the action's name
 */
export const Allow = (action: string) => declare({ kind: 'action', action, actions: [action] });

/**
 * The route concerns the caller's domain and needs this action in the token's scope.
 * @param action the action's name, e.g. `iam:groups:createGroup`
 */
export const AllowInDomain = (action: string) => declare({ kind: 'domain', actions: [action] });

/**
 * The route needs one of several actions, and the request selects which: `POST …/apis/action` publishes an API or takes it offline.
 * @param actions every action that `choose` can return
 * @param choose returns the action that a request selects
 */
export const AllowOneOf = (actions: readonly string[], choose: (request: FastifyRequest) => string) =>
  declare({ kind: 'action', action: choose, actions });
