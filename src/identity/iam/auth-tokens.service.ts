import { Injectable } from '@nestjs/common';
import { Permissions } from '../../platform/auth/permissions.js';
import { TokenCache } from '../../platform/auth/token-cache.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { Clock } from '../../platform/common/clock.js';
import type { Principal } from '../../platform/common/principal.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import type { ScopeInput, TokenInput } from './auth-tokens.dto.js';
import { catalogFor, type TokenAnswerView, toTokenView } from './auth-tokens.views.js';
import { Directory, type Reference, type UserRow } from './directory.js';
import { PasscodeRequired, PasswordExpired } from './iam.errors.js';
import { JwtIdentity, type Session } from './jwt-identity.js';
import { type LoginOrigin, LoginSessions } from './login-sessions.js';
import { PasswordCheck, type UserReference } from './password-check.js';
import { revokeIn } from './revoked-tokens.js';
import { rolesNamed } from './roles.js';
import { type Claims, Tokens } from './tokens.js';
import { TotpService } from './totp.service.js';
import { RowMacs } from '../../platform/vault/row-macs.js';

/** Allows a caller to validate and revoke tokens of other users in its domain. */
export const VALIDATE = 'iam:tokens:validateToken';

/** The authenticated user, the method of authentication, and when the proof expires. */
interface Proof {
  user: UserRow;
  methods: readonly string[];
  expiresAt: number;
  /** The login session of the token that is exchanged. */
  sessionId?: string;
}

type Identity = TokenInput['auth']['identity'];

/** The claims of a new token that concern its login. */
type Made = Pick<Claims, 'methods' | 'issuedAt' | 'expiresAt' | 'sessionId'>;

export interface IssuedToken {
  token: string;
  session: Session;
}

/** Tokens over HTTP (docs/contracts/apig.md §6.1). */
@Injectable()
export class AuthTokensService {
  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly directory: Directory,
    private readonly passwords: PasswordCheck,
    private readonly totp: TotpService,
    private readonly tokens: Tokens,
    private readonly identity: JwtIdentity,
    private readonly logins: LoginSessions,
    private readonly cache: TokenCache,
    private readonly permissions: Permissions,
    private readonly macs: RowMacs,
  ) {}

  /**
   * Issues a token to a user who authenticates in the request.
   * @param from the request, for counting failed logins and for the list of logins
   * @throws ApiFault 400 for a missing part; 401 `credentials_wrong`, the same for an unknown user, a wrong password and a disabled user;
   * 429 after too many of these; 401 `token_invalid`, the same for an unknown scope and for one in which the user has no role
   * @throws PasswordExpired for the correct password, if it must be changed first; PasscodeRequired if the user has one-time passwords
   */
  async issue({ auth }: TokenInput, from: LoginOrigin): Promise<IssuedToken> {
    const scope = readScope(auth.scope);
    // Taken before any read, so that a later change (a new password, a disabled user) invalidates the token.
    const issuedAt = this.clock.now();
    const proof =
      auth.identity.methods[0] === 'token' ? await this.byToken(auth.identity) : await this.byPassword(auth.identity, issuedAt, from);
    const { user, ...made } = proof;
    return this.issueFor(user, scope, { ...made, issuedAt }, from);
  }

  /**
   * Issues a token to an authenticated user, in a new login session or in that of the token that is exchanged.
   * @throws ApiFault `token_invalid` when the user has no role in the scope
   */
  async issueFor(user: UserRow, scope: Scope, made: Made, from: LoginOrigin): Promise<IssuedToken> {
    const { domainId, project, roles } = await this.enter(user, scope);
    if (made.sessionId !== undefined) await this.logins.addToken(made.sessionId);
    const sessionId = made.sessionId ?? (await this.logins.begin(user.id, made, from));
    const { token, claims } = this.tokens.sign({ userId: user.id, ...made, sessionId, projectId: project?.id, domainId });
    return { token, session: { claims, user, project, roles } };
  }

  /** Describes another token to `caller`. @throws ApiFault `not_found` for a token that is invalid or that the caller may not see */
  async validate(subjectToken: string | undefined, caller: Principal): Promise<Session> {
    if (subjectToken === undefined || subjectToken === '') throw new ApiFault('missing', { parameter: 'X-Subject-Token' });
    const session = await this.identity.session(subjectToken).catch((error: unknown) => {
      throw error instanceof ApiFault && (error.kind === 'token_invalid' || error.kind === 'token_expired')
        ? new ApiFault('not_found')
        : error;
    });
    const { user } = session;
    const own = user.id === caller.userId;
    const administered = user.domainId === caller.domainId && (await this.permissions.of(caller)).allows(VALIDATE);
    if (!own && !administered) throw new ApiFault('not_found');
    return session;
  }

  /**
   * Revokes a token: at once in this process, and in others when their cached entry is not fresh any more (platform/auth/freshness.ts).
   * @throws the errors of {@link validate}
   */
  async revoke(subjectToken: string | undefined, caller: Principal): Promise<void> {
    const { claims } = await this.validate(subjectToken, caller);
    const { tokenId, sessionId, expiresAt } = claims;
    await this.database.transaction(async (tx) => {
      const first = await revokeIn(tx, tokenId, expiresAt, this.clock.now());
      if (first && sessionId !== undefined) await this.logins.removeToken(tx, sessionId);
    });
    this.cache.forget(subjectToken ?? '');
  }

  /** Returns the body of the response. */
  async view(session: Session, withCatalog: boolean): Promise<TokenAnswerView> {
    const known = await rolesNamed(this.macs, this.database, session.user.domainId, session.roles);
    return toTokenView(session, known, withCatalog ? catalogFor(this.config, session.project?.id) : undefined);
  }

  private async byPassword({ methods, password, totp }: Identity, issuedAt: number, from: LoginOrigin): Promise<Proof> {
    if (!password) throw missing('auth.identity.password');
    const { id, name, domain, password: given } = password.user;
    if (id === undefined && name === undefined) throw missing('auth.identity.password.user.name');
    if (id === undefined && domain?.id === undefined && domain?.name === undefined) throw missing('auth.identity.password.user.domain');
    const withPasscode = methods.includes('totp');
    if (withPasscode && !totp) throw missing('auth.identity.totp');
    const proof = await this.passwords.check({ id, name, domain }, given, from.sourceAddress);
    const { user } = proof;
    if (user.passwordExpiresAt !== null && issuedAt >= user.passwordExpiresAt) throw new PasswordExpired(user.id);
    if (!withPasscode && user.totpId !== null) throw new PasscodeRequired();
    if (withPasscode && !(totp && isOf(totp.user, user) && (await this.totp.accepts(user, totp.user.passcode, from)))) {
      await proof.failed();
      throw new ApiFault('credentials_wrong');
    }
    await proof.succeeded();
    const expiresAt = issuedAt + this.config.tokenTtlSeconds * 1000;
    return { user, methods: withPasscode ? ['password', 'totp'] : ['password'], expiresAt };
  }

  /** Reads the database instead of the cache, because a revoked token must not be exchanged for a new one. */
  private async byToken({ token }: Identity): Promise<Proof> {
    if (!token) throw missing('auth.identity.token');
    const { user, claims } = await this.identity.session(token.id);
    const { methods, expiresAt, sessionId } = claims;
    return { user, methods: [...new Set(['token', ...methods])], expiresAt, sessionId };
  }

  private async enter(user: UserRow, scope: Scope): Promise<Pick<Session, 'project' | 'roles'> & { domainId?: string }> {
    if (scope.project) {
      const { id, name, domain } = scope.project;
      const owner = id !== undefined ? {} : domain?.id !== undefined || domain?.name !== undefined ? domain : { id: user.domainId };
      const membership = await this.directory.membership(user.id, id !== undefined ? { id } : { name }, owner);
      if (!membership) throw new ApiFault('token_invalid');
      return membership;
    }
    if (!scope.domain) return { roles: [] };
    const { id, name } = scope.domain;
    if (id !== undefined ? id !== user.domainId : name !== user.domainName) throw new ApiFault('token_invalid');
    return { domainId: user.domainId, roles: await this.directory.rolesInDomain(user.id, user.domainId) };
  }
}

/** Whether a reference, by id or by name and domain, means this user. */
const isOf = ({ id, name, domain }: UserReference, user: UserRow): boolean =>
  id !== undefined ? id === user.id : name === user.name && (domain?.id === user.domainId || domain?.name === user.domainName);

/** The scope of a token: a project, the user's own domain, or none. */
export interface Scope {
  project?: Reference & { domain?: Reference };
  domain?: Reference;
}

/** @throws ApiFault 400 unless the scope names exactly one project or domain, by id or by name */
function readScope(scope: ScopeInput | undefined): Scope {
  if (!scope) return {};
  const { project, domain } = scope;
  if (project && domain) throw invalid('auth.scope');
  const wanted = project ?? domain;
  if (!wanted) throw invalid('auth.scope');
  if (wanted.id === undefined && wanted.name === undefined) throw missing(project ? 'auth.scope.project' : 'auth.scope.domain');
  return scope;
}

const missing = (parameter: string) => new ApiFault('missing', { parameter, where: 'body' });
