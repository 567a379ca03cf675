import { SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** Metadata key under which a route declares who may call it. */
export const ACCESS = Symbol('access');

export type Access =
  | { kind: 'public' }
  /** A valid token, whatever its scope and roles. */
  | { kind: 'authenticated' }
  /** A token of the project in the path, if the path names one, that holds the action. */
  | { kind: 'action'; action: string | ((request: FastifyRequest) => string); actions: readonly string[] };

/** Anyone may call this route. */
export const Public = () => SetMetadata<symbol, Access>(ACCESS, { kind: 'public' });

/** Anyone with a valid token may call this route. */
export const Authenticated = () => SetMetadata<symbol, Access>(ACCESS, { kind: 'authenticated' });

/**
 * The route needs this action (apig §7.1, §7.2), e.g. `apig:signs:create`.
 * @param action the action's name
 */
export const Allow = (action: string) => SetMetadata<symbol, Access>(ACCESS, { kind: 'action', action, actions: [action] });

/**
 * The route needs one of several actions, chosen by the request: `POST …/apis/action` publishes or takes offline.
 * @param actions every action that `choose` can answer
 * @param choose picks the action of one request
 */
export const AllowOneOf = (actions: readonly string[], choose: (request: FastifyRequest) => string) =>
  SetMetadata<symbol, Access>(ACCESS, { kind: 'action', action: choose, actions });
