import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ApiKeyMode, MachineRole } from './access.js';

/** The authenticated caller. */
export interface Principal {
  userId: string;
  userName: string;
  domainId: string;
  domainName: string;
  /** Absent when the token is scoped to a domain or has no scope. */
  projectId?: string;
  projectName?: string;
  /** Names of the roles in the scope of the token. */
  roles: readonly string[];
  /** The access key that signed the request; absent when a token was sent. */
  accessKeyId?: string;
  /** Id of the login session of the token. Absent for other credentials, and for tokens of an external identity service. */
  sessionId?: string;
  /** First 16 hex digits of the credential's SHA-256. Identifies the credential in the audit trail without revealing it. */
  credentialHash: string;
  /** Expiry of the credential, Unix time in milliseconds; `Infinity` for a permanent access key. */
  expiresAt: number;
  /** Set when the credential is an API key of a project. An API key may manage the project's webhooks and nothing else. */
  apiKeyMode?: ApiKeyMode;
}

/** The principal of audit rows that no request with a credential has caused. It may do nothing. */
export const withoutCredential = (of: Pick<Principal, 'userId' | 'userName' | 'domainId' | 'domainName'>): Principal => ({
  ...of,
  roles: [],
  credentialHash: '',
  expiresAt: 0,
});

/** An authenticated machine of one gateway: a gateway node or a verifier. */
export interface Machine {
  /** Id of the credential. Several machines may share it. */
  tokenId: string;
  projectId: string;
  instanceId: string;
  role: MachineRole;
  /** Id of the first credential in its chain of renewals, which renewals do not change. */
  lineageId: string;
  /** Expiry of the credential, Unix time in milliseconds; null: none. */
  expiresAt: number | null;
  /** SHA-256, in hex, of the client certificate to which the credential is bound; null: not bound. */
  certificateSha256: string | null;
}

/** A principal and the request: the actor of an audit row. */
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
  if (!request.principal) throw new Error('CallerOf was used on a public route: declare who may call the route');
  return { principal: request.principal, requestId: request.id, sourceAddress: request.ip };
}

/** Parameter decorator: the {@link Caller} of this request. */
export const CallerOf = createParamDecorator((_: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** Parameter decorator: the calling {@link Machine}. The guard has checked that it belongs to the gateway in the path. */
export const MachineOf = createParamDecorator((_: unknown, context: ExecutionContext): Machine => {
  const { machine } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!machine) throw new Error('MachineOf was used on a route without machine access: declare ForGateway or ForVerifier');
  return machine;
});
