import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Identity } from '../../platform/auth/identity.js';
import { ApiFault } from '../../platform/common/api-error.js';
import type { Principal } from '../../platform/common/principal.js';
import { Directory, type ProjectRow, type UserRow } from './directory.js';
import { LoginSessions } from './login-sessions.js';
import { type Claims, Tokens } from './tokens.js';

/** A valid token, and the principal that it represents now. */
export interface Session {
  claims: Claims;
  user: UserRow;
  project?: ProjectRow;
  roles: readonly string[];
}

/**
 * Authenticates tokens of the embedded identity service. The signature proves the login; the database says what the user may do now. A
 * disabled user, a new password, a removed role or a revoked token applies with the next read, which happens when the entry in
 * platform/auth/token-cache.ts is not fresh any more.
 */
@Injectable()
export class JwtIdentity extends Identity {
  constructor(
    private readonly tokens: Tokens,
    private readonly directory: Directory,
    private readonly logins: LoginSessions,
  ) {
    super();
  }

  async authenticate(token: string): Promise<Principal> {
    const { claims, user, project, roles } = await this.session(token);
    const { sessionId } = claims;
    if (sessionId !== undefined) this.logins.used(sessionId);
    return {
      userId: user.id,
      userName: user.name,
      domainId: user.domainId,
      domainName: user.domainName,
      ...(project && { projectId: project.id, projectName: project.name }),
      roles,
      ...(sessionId !== undefined && { sessionId }),
      credentialHash: hash('sha256', token, 'hex').slice(0, 16),
      expiresAt: claims.expiresAt,
    };
  }

  /** @throws ApiFault `token_expired` or `token_invalid` */
  async session(token: string): Promise<Session> {
    const claims = await this.tokens.verify(token);
    const user = await this.directory.userById(claims.userId);
    if (!user?.enabled || claims.issuedAt < user.tokensValidFrom || (await this.directory.isRevoked(claims))) {
      throw new ApiFault('token_invalid');
    }
    if (claims.projectId !== undefined) {
      const membership = await this.directory.membership(user.id, { id: claims.projectId });
      if (!membership) throw new ApiFault('token_invalid');
      return { claims, user, ...membership };
    }
    if (claims.domainId === undefined) return { claims, user, roles: [] };
    if (claims.domainId !== user.domainId) throw new ApiFault('token_invalid');
    return { claims, user, roles: await this.directory.rolesInDomain(user.id, user.domainId) };
  }
}
