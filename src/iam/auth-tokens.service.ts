import { Injectable } from '@nestjs/common';
import { Permissions } from '../auth/permissions.js';
import { TokenCache } from '../auth/token-cache.js';
import { Fault, invalid } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { LoginThrottle } from '../edge/login-throttle.js';
import type { ScopeInput, TokenInput } from './auth-tokens.dto.js';
import { catalogFor, type TokenAnswerView, toTokenView } from './auth-tokens.views.js';
import { Directory, type Reference, type UserRow } from './directory.js';
import { JwtIdentity, type Session } from './jwt-identity.js';
import { Passwords } from './passwords.js';
import { rolesNamed } from './roles.js';
import { type Claims, Tokens } from './tokens.js';

/** Lets a caller look at, and end, tokens of others in its domain. */
export const VALIDATE = 'iam:tokens:validateToken';

const UNIQUE_REVOKED = { name: 'PRIMARY', columns: 'revoked_tokens.id' };

/** Who proved to be itself, how, and until when that may count. */
interface Proof {
  user: UserRow;
  methods: readonly string[];
  expiresAt: number;
}

export interface IssuedToken {
  token: string;
  session: Session;
}

/** Tokens over HTTP: apig §6.1. */
@Injectable()
export class AuthTokensService {
  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly directory: Directory,
    private readonly passwords: Passwords,
    private readonly tokens: Tokens,
    private readonly identity: JwtIdentity,
    private readonly cache: TokenCache,
    private readonly permissions: Permissions,
    private readonly throttle: LoginThrottle,
  ) {}

  /**
   * A new token for whoever proves to be a user.
   * @param address of the client, by which failed logins are counted
   * @throws Fault 400 for a part that is missing; 401 `credentials_wrong` in one wording for an unknown user, a wrong
   *   password and a disabled user; 429 after too many of those; 401 `token_invalid` in one wording for a scope that is not there
   *   and one without a role
   */
  async issue({ auth }: TokenInput, address: string): Promise<IssuedToken> {
    const scope = readScope(auth.scope);
    // Before anything is read: what changes from here on (a password, a disabled user) ends the token made below.
    const issuedAt = this.clock.now();
    const proof =
      auth.identity.methods[0] === 'token' ? await this.byToken(auth.identity) : await this.byPassword(auth.identity, issuedAt, address);
    return this.issueFor(proof.user, scope, { methods: proof.methods, issuedAt, expiresAt: proof.expiresAt });
  }

  /** A token for a user that needs to prove nothing any more. @throws Fault `token_invalid` when it has no role in the scope */
  async issueFor(user: UserRow, scope: Scope, made: Pick<Claims, 'methods' | 'issuedAt' | 'expiresAt'>): Promise<IssuedToken> {
    const { domainId, project, roles } = await this.enter(user, scope);
    const { token, claims } = this.tokens.sign({ userId: user.id, ...made, projectId: project?.id, domainId });
    return { token, session: { claims, user, project, roles } };
  }

  /** A token's own session as seen by `caller`. @throws Fault `not_found` for a token that is bad, or that is none of the caller's business */
  async validate(subjectToken: string | undefined, caller: Principal): Promise<Session> {
    if (subjectToken === undefined || subjectToken === '') throw new Fault('missing', { parameter: 'X-Subject-Token' });
    const session = await this.identity.session(subjectToken).catch((error: unknown) => {
      throw error instanceof Fault && (error.kind === 'token_invalid' || error.kind === 'token_expired') ? new Fault('not_found') : error;
    });
    const { user } = session;
    const own = user.id === caller.userId;
    const administered = user.domainId === caller.domainId && (await this.permissions.of(caller)).allows(VALIDATE);
    if (!own && !administered) throw new Fault('not_found');
    return session;
  }

  /** Ends a token before its time: at once in this process, within the cache's 30 seconds in others. @throws as validate */
  async revoke(subjectToken: string | undefined, caller: Principal): Promise<void> {
    const { claims } = await this.validate(subjectToken, caller);
    await this.database.transaction(async (tx) => {
      await tx.run('DELETE FROM revoked_tokens WHERE expires_at < ?', [this.clock.now()]);
      const row = [claims.tokenId, claims.expiresAt];
      await tx.run('INSERT INTO revoked_tokens (id, expires_at) VALUES (?, ?)', row).catch((error: unknown) => {
        // Somebody else ended it in the same moment.
        if (!violates(error, UNIQUE_REVOKED)) throw error;
      });
    });
    this.cache.forget(subjectToken ?? '');
  }

  /** The answer's body. */
  async view(session: Session, withCatalog: boolean): Promise<TokenAnswerView> {
    const known = await rolesNamed(this.database, session.user.domainId, session.roles);
    return toTokenView(session, known, withCatalog ? catalogFor(this.config, session.project?.id) : undefined);
  }

  private async byPassword({ password }: TokenInput['auth']['identity'], issuedAt: number, address: string): Promise<Proof> {
    if (!password) throw missing('auth.identity.password');
    const { id, name, domain, password: given } = password.user;
    if (id === undefined && name === undefined) throw missing('auth.identity.password.user.name');
    if (id === undefined && domain?.id === undefined && domain?.name === undefined) throw missing('auth.identity.password.user.domain');
    // Only what finds the user: what else was sent could be another each time.
    const named = JSON.stringify(id !== undefined ? { id } : { name, domain: domain?.id ?? { name: domain?.name } });
    // Once before anything is looked up, and once when it is this login's turn: those that wait together are not counted yet.
    const admit = () => this.throttle.admit(named, address);
    await admit();
    const user = id !== undefined ? await this.directory.userById(id) : await this.directory.userByName(name ?? '', domain ?? {});
    const stored = await this.directory.passwordHash(user?.id ?? '');
    const proved =
      stored !== undefined ? await this.passwords.verify(stored, given, admit) : await this.passwords.verifyNobody(given, admit);
    if (!proved || !user?.enabled) {
      await this.throttle.failed(named, address);
      throw new Fault('credentials_wrong');
    }
    await this.throttle.succeeded(named, address);
    return { user, methods: ['password'], expiresAt: issuedAt + this.config.tokenTtlSeconds * 1000 };
  }

  /** Read from the database and not from the cache: a token must not outlive its revocation in a new one. */
  private async byToken({ token }: TokenInput['auth']['identity']): Promise<Proof> {
    if (!token) throw missing('auth.identity.token');
    const { user, claims } = await this.identity.session(token.id);
    return { user, methods: [...new Set(['token', ...claims.methods])], expiresAt: claims.expiresAt };
  }

  private async enter(user: UserRow, scope: Scope): Promise<Pick<Session, 'project' | 'roles'> & { domainId?: string }> {
    if (scope.project) {
      const { id, name, domain } = scope.project;
      const owner = id !== undefined ? {} : domain?.id !== undefined || domain?.name !== undefined ? domain : { id: user.domainId };
      const membership = await this.directory.membership(user.id, id !== undefined ? { id } : { name }, owner);
      if (!membership) throw new Fault('token_invalid');
      return membership;
    }
    if (!scope.domain) return { roles: [] };
    const { id, name } = scope.domain;
    if (id !== undefined ? id !== user.domainId : name !== user.domainName) throw new Fault('token_invalid');
    return { domainId: user.domainId, roles: await this.directory.rolesInDomain(user.id, user.domainId) };
  }
}

/** What a token is for: a project, the user's own domain, or nothing in particular. */
export interface Scope {
  project?: Reference & { domain?: Reference };
  domain?: Reference;
}

/** @throws Fault 400 unless the scope names exactly one thing, by id or by name */
function readScope(scope: ScopeInput | undefined): Scope {
  if (!scope) return {};
  const { project, domain } = scope;
  if (project && domain) throw invalid('auth.scope');
  const wanted = project ?? domain;
  if (!wanted) throw invalid('auth.scope');
  if (wanted.id === undefined && wanted.name === undefined) throw missing(project ? 'auth.scope.project' : 'auth.scope.domain');
  return scope;
}

const missing = (parameter: string) => new Fault('missing', { parameter, where: 'body' });
