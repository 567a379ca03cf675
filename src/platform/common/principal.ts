import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ApiKeyMode, MachineRole } from './access.js';

/** The authenticated caller. */
export interface Principal {
  userId: string;
  userName: string;
  domainId: string;
  domainName: string;
  /** Absent when the token is scoped to a domain or unscoped. */
  projectId?: string;
  projectName?: string;
  /** Names of the roles in the token's scope. */
  roles: readonly string[];
  /** The access key that signed the request; absent when a token was sent. */
  accessKeyId?: string;
  /** The login that the token belongs to; absent for other credentials, and for tokens of another identity service. */
  sessionId?: string;
  /** First 16 hex digits of the credential's SHA-256: identifies it in the audit trail without revealing it. */
  credentialHash: string;
  /** Expiry of the credential: Unix time in milliseconds; `Infinity` for an access key that is not temporary. */
  expiresAt: number;
  /** Set when the credential is a project's API key: a machine that manages the project's webhooks and nothing else. */
  apiKeyMode?: ApiKeyMode;
}

/** An authenticated machine of one gateway. */
export interface Machine {
  /** Id of the credential, which several machines may share. */
  tokenId: string;
  projectId: string;
  instanceId: string;
  role: MachineRole;
  /** Id of the first credential in its chain of renewals: constant across renewals. */
  lineageId: string;
  /** Expiry of the credential: Unix time in milliseconds; null: none. */
  expiresAt: number | null;
  /** Hex SHA-256 of the client certificate it is bound to; null: none. */
  certificateSha256: string | null;
}

/** A principal and its request: the actor of an audit row. */
export interface Caller {
  principal: Principal;
  requestId: string;
  sourceAddress: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard on every non-public route. */
    principal?: Principal;
    /** Set by the guard on every machine route. */
    machine?: Machine;
  }
}

function callerOf(request: FastifyRequest): Caller {
  if (!request.principal) throw new Error('CallerOf used on a public route: declare who may call it');
  return { principal: request.principal, requestId: request.id, sourceAddress: request.ip };
}

/** Parameter decorator: the {@link Caller} of this request. */
export const CallerOf = createParamDecorator((_: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** Parameter decorator: the calling {@link Machine}. The guard has compared its gateway with the path's. */
export const MachineOf = createParamDecorator((_: unknown, context: ExecutionContext): Machine => {
  const { machine } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!machine) throw new Error('MachineOf used on a route without machine access: declare ForGateway or ForVerifier');
  return machine;
});
