import type { OnApplicationShutdown } from '@nestjs/common';
import { type JwsForm, readJwsHeader, readLifetime, verifyJws } from '../auth/compact-jws.js';
import { Fault } from '../common/api-error.js';
import type { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import type { ClaimPath, OidcConfig } from '../config/identity-config.js';
import type { Database } from '../database/database.js';
import type { ProjectsService } from '../projects/projects.service.js';
import { ExternalIdentity } from './external-identity.js';
import { JwkSet, JwkSetFailure, type VerificationKey } from './jwk-set.js';

type Payload = Record<string, unknown>;

/** `x5t` names a certificate and is not followed. RFC 9068: an access token may say that it is one. */
const HEADERS = new Set(['alg', 'typ', 'kid', 'x5t', 'x5t#S256']);
const TYPES = new Set(['jwt', 'at+jwt', 'application/at+jwt']);
const SUBJECT = /^[\x20-\x7e]{1,255}$/;
/** A token that was made this very moment counts, although the issuer's clock is a little ahead. */
const TOLERANCE_SECONDS = 5;

/** Tokens of one OIDC issuer, verified with the keys it publishes (docs/identity.md). */
export class OidcIdentity extends ExternalIdentity implements OnApplicationShutdown {
  readonly #keys: JwkSet;
  readonly #form: JwsForm;

  constructor(
    private readonly config: OidcConfig,
    clock: Clock,
    projects: ProjectsService,
    database: Database,
  ) {
    super(config, clock, projects, database);
    this.#keys = new JwkSet(config, clock);
    this.#form = { algorithms: config.algorithms, headers: HEADERS, types: TYPES };
  }

  async authenticate(token: string): Promise<Principal> {
    const header = readJwsHeader(token, this.#form);
    if (header.kid === undefined) throw new Fault('token_invalid');
    const known = await this.key(header.kid);
    if (!known || (known.alg !== undefined && known.alg !== header.alg)) throw new Fault('token_invalid');
    const { issuer, audience, maxLifeMs } = this.config;
    const now = this.clock.now();
    const payload = verifyJws(token, known.key, header, now, { issuer, audience, clockTolerance: TOLERANCE_SECONDS });
    const { expiresAt } = readLifetime(payload, now, maxLifeMs);
    const { sub } = payload;
    if (typeof sub !== 'string' || !SUBJECT.test(sub)) throw new Fault('token_invalid');
    const { claims } = this.config;
    const domain = textAt(payload, claims.domain ?? []) ?? hostOf(issuer);
    return this.admit(
      {
        userId: sub,
        userName: textAt(payload, claims.userName) ?? sub,
        domainId: domain,
        domainName: domain,
        ...this.project(payload),
        roles: this.mapped(rolesAt(payload, claims.roles)),
        expiresAt,
      },
      token,
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#keys.close();
  }

  private key(id: string): Promise<VerificationKey | undefined> {
    return this.#keys.find(id).catch((error: unknown) => {
      throw error instanceof JwkSetFailure ? new Fault('unavailable', {}, { cause: error }) : error;
    });
  }

  /** No project when the claim is absent, or stands for none; a list of projects is nobody's. */
  private project(payload: Payload): { project?: { id: string; name: string } } {
    const { project } = this.config;
    if ('id' in project) return { project: { id: project.id, name: project.id } };
    const name = textAt(payload, project.claim);
    const id = name !== undefined && project.ids ? project.ids.get(name) : name;
    return name === undefined || id === undefined ? {} : { project: { id, name } };
  }
}

/** What stands at the end of a path of own properties; undefined when any of it is absent. */
function at(payload: Payload, path: ClaimPath): unknown {
  let value: unknown = path.length > 0 ? payload : undefined;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Payload)[name];
  }
  return value ?? undefined;
}

/** @throws Fault `token_invalid` when something else than a text stands there: it is not guessed what is meant */
function textAt(payload: Payload, path: ClaimPath): string | undefined {
  const value = at(payload, path);
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') throw new Fault('token_invalid');
  return value;
}

/** A list of texts, or one text with spaces between, as `scope` is (RFC 8693 §4.2). */
function rolesAt(payload: Payload, path: ClaimPath): string[] {
  const value = at(payload, path);
  if (value === undefined) return [];
  if (typeof value === 'string') return value.split(' ').filter((role) => role !== '');
  if (!Array.isArray(value) || !value.every((role) => typeof role === 'string')) throw new Fault('token_invalid');
  return value;
}

const hostOf = (issuer: string): string => (URL.canParse(issuer) ? new URL(issuer).host : issuer).slice(0, 64);
