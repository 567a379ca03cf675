import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** Who is calling, as the credential proved it. */
export interface Principal {
  userId: string;
  userName: string;
  domainId: string;
  domainName: string;
  /** Absent when the token is scoped to a domain or to nothing. */
  projectId?: string;
  projectName?: string;
  /** Names of the roles held in the scope of the token. */
  roles: readonly string[];
  /** The access key that signed the request, when it was signed and carried no token. */
  accessKeyId?: string;
  /** First 16 hex digits of the SHA-256 of the credential: names it in the audit trail without revealing it. */
  credentialHash: string;
  /** Milliseconds since the epoch after which the credential is refused; `Infinity` for an access key that is not temporary. */
  expiresAt: number;
  /** Present when the credential is an API key of the project: a machine, which manages its project's webhooks and nothing else. */
  apiKeyMode?: ApiKeyMode;
}

/** What an API key says of itself; both reach the same endpoints and messages (endpoints §1.9). */
export const API_KEY_MODES = ['live', 'test'] as const;
export type ApiKeyMode = (typeof API_KEY_MODES)[number];

/** What a machine's credential is for. */
export const MACHINE_ROLES = ['gateway', 'verifier'] as const;
export type MachineRole = (typeof MACHINE_ROLES)[number];

/** A machine of one gateway, as its credential proved it. */
export interface Machine {
  /** The credential, not the machine: several may share one. */
  tokenId: string;
  projectId: string;
  instanceId: string;
  role: MachineRole;
}

/** A principal and the request it came with: what an audit row says about the actor. */
export interface Caller {
  principal: Principal;
  requestId: string;
  sourceAddress: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard on every route that is not public. */
    principal?: Principal;
    /** Set by the guard on every route for machines. */
    machine?: Machine;
  }
}

export function callerOf(request: FastifyRequest): Caller {
  if (!request.principal) throw new Error('a caller was asked for on a route that lets anyone in');
  return { principal: request.principal, requestId: request.id, sourceAddress: request.ip };
}

/** Parameter decorator: the {@link Caller} of this request. */
export const CallerOf = createParamDecorator((_: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** Parameter decorator: the {@link Machine} that calls. Its gateway is the one in the path: the guard has compared them. */
export const MachineOf = createParamDecorator((_: unknown, context: ExecutionContext): Machine => {
  const { machine } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!machine) throw new Error('a machine was asked for on a route that is not for machines');
  return machine;
});
