import type { OnApplicationShutdown } from '@nestjs/common';
import { type JwsForm, readJwsHeader, readLifetime, verifyJws } from '../../platform/auth/compact-jws.js';
import { ApiFault } from '../../platform/common/api-error.js';
import type { Clock } from '../../platform/common/clock.js';
import type { Principal } from '../../platform/common/principal.js';
import type { ClaimPath, OidcConfig } from '../../platform/config/identity-config.js';
import type { Database } from '../../platform/database/database.js';
import type { ProjectsService } from '../projects/projects.service.js';
import type { RowMacs } from '../../platform/vault/row-macs.js';
import { ExternalIdentity } from './external-identity.js';
import { JwkSet, JwkSetFailure, type VerificationKey } from './jwk-set.js';

type Payload = Record<string, unknown>;

/** Accepted header parameters. `x5t` names a certificate and is ignored. `at+jwt` is the type of an access token in RFC 9068. */
const HEADERS = new Set(['alg', 'typ', 'kid', 'x5t', 'x5t#S256']);
const TYPES = new Set(['jwt', 'at+jwt', 'application/at+jwt']);
const SUBJECT = /^[\x20-\x7e]{1,255}$/;
/** Tolerance for an issuer whose clock is slightly ahead. */
const TOLERANCE_SECONDS = 5;

/** Authenticates tokens of one OIDC issuer, with the keys that the issuer publishes (docs/identity.md). */
export class OidcIdentity extends ExternalIdentity implements OnApplicationShutdown {
  readonly #keys: JwkSet;
  readonly #form: JwsForm;

  constructor(
    private readonly config: OidcConfig,
    clock: Clock,
    projects: ProjectsService,
    database: Database,
    macs: RowMacs,
  ) {
    super(config, clock, projects, database, macs);
    this.#keys = new JwkSet(config, clock);
    this.#form = { algorithms: config.algorithms, headers: HEADERS, types: TYPES };
  }

  async authenticate(token: string): Promise<Principal> {
    const header = readJwsHeader(token, this.#form);
    if (header.kid === undefined) throw new ApiFault('token_invalid');
    const known = await this.key(header.kid);
    if (!known || (known.alg !== undefined && known.alg !== header.alg)) throw new ApiFault('token_invalid');
    const { issuer, audience, maxLifeMs } = this.config;
    const now = this.clock.now();
    const payload = verifyJws(token, known.key, header, now, { issuer, audience, clockTolerance: TOLERANCE_SECONDS });
    const { expiresAt } = readLifetime(payload, now, maxLifeMs);
    const { sub } = payload;
    if (typeof sub !== 'string' || !SUBJECT.test(sub)) throw new ApiFault('token_invalid');
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
      throw error instanceof JwkSetFailure ? new ApiFault('unavailable', {}, { cause: error }) : error;
    });
  }

  /** Returns the project. There is none if the claim is absent or its value is not mapped. A list of projects is refused. */
  private project(payload: Payload): { project?: { id: string; name: string } } {
    const { project } = this.config;
    if ('id' in project) return { project: { id: project.id, name: project.id } };
    const name = textAt(payload, project.claim);
    const id = name !== undefined && project.ids ? project.ids.get(name) : name;
    return name === undefined || id === undefined ? {} : { project: { id, name } };
  }
}

/** Returns the value at a path of own properties; undefined when one of them is absent. */
function at(payload: Payload, path: ClaimPath): unknown {
  let value: unknown = path.length > 0 ? payload : undefined;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Payload)[name];
  }
  return value ?? undefined;
}

/** @throws ApiFault `token_invalid` when the value is not a string */
function textAt(payload: Payload, path: ClaimPath): string | undefined {
  const value = at(payload, path);
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') throw new ApiFault('token_invalid');
  return value;
}

/** Returns the roles: a list of strings, or one string with roles separated by spaces, like `scope` (RFC 8693 §4.2). */
function rolesAt(payload: Payload, path: ClaimPath): string[] {
  const value = at(payload, path);
  if (value === undefined) return [];
  if (typeof value === 'string') return value.split(' ').filter((role) => role !== '');
  if (!Array.isArray(value) || !value.every((role) => typeof role === 'string')) throw new ApiFault('token_invalid');
  return value;
}

const hostOf = (issuer: string): string => (URL.canParse(issuer) ? new URL(issuer).host : issuer).slice(0, 64);
