import { hash } from 'node:crypto';
import { Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { policiesOf } from '../auth/custom-policies.js';
import { Identity } from '../auth/identity.js';
import { Fault } from '../common/api-error.js';
import type { Clock } from '../common/clock.js';
import { ID_PATTERN, RESERVED_IDS } from '../common/ids.js';
import type { Principal } from '../common/principal.js';
import type { IdentityConfig } from '../config/identity-config.js';
import type { Database } from '../database/database.js';
import type { ProjectsService } from '../projects/projects.service.js';

const PROJECTS_MAX = 10_000;
const REFUSED_MS = 5000;
const USER_ID_MAX_CHARS = 64;
const NAME_MAX_CHARS = 255;

/** What an external service says of a token. */
export interface Proof {
  userId: string;
  userName: string;
  domainId: string;
  domainName: string;
  project?: { id: string; name: string };
  /** Names of our policies. */
  roles: readonly string[];
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

/** The identity service of somebody else: what it says of a token, in our terms. */
export abstract class ExternalIdentity extends Identity implements OnApplicationBootstrap {
  override readonly freshMs: number;
  override readonly refusedMs = REFUSED_MS;
  override readonly revalidatesWrites: boolean;
  readonly #ensured = new LRUCache<string, true>({ max: PROJECTS_MAX });

  constructor(
    private readonly service: IdentityConfig,
    protected readonly clock: Clock,
    private readonly projects: ProjectsService,
    private readonly database: Database,
  ) {
    super();
    this.freshMs = service.freshMs;
    this.revalidatesWrites = service.revalidateWrites;
  }

  /** A mistyped policy grants nothing, and nothing else would say so. It does not stop the start: it can be made later. */
  async onApplicationBootstrap(): Promise<void> {
    const named = [...new Set(this.namedPolicies())];
    const known = new Set((await policiesOf(this.database, '', named)).map(({ name }) => name));
    const logger = new Logger(ExternalIdentity.name);
    for (const name of named)
      if (!known.has(name)) logger.warn(`${name} is the name of no policy (SIGNET_IDENTITY_FILE): it grants nothing until it is`);
  }

  /** Names of policies in the configuration. */
  protected namedPolicies(): string[] {
    return [...this.service.roles.values()].flat();
  }

  /** Our policies for the roles of the external service. */
  protected mapped(roles: readonly string[]): string[] {
    return [...new Set(roles.flatMap((role) => this.service.roles.get(role) ?? []))];
  }

  /**
   * The principal, and the row of its project if it may do anything there.
   * @throws Fault `token_expired`, or `token_invalid` when the project cannot be one of ours
   */
  protected async admit(proof: Proof, token: string): Promise<Principal> {
    const { project, roles, expiresAt } = proof;
    if (this.clock.now() >= expiresAt) throw new Fault('token_expired');
    if (project) {
      if (!ID_PATTERN.test(project.id) || RESERVED_IDS.has(project.id)) throw new Fault('token_invalid');
      if (roles.length > 0) await this.ensureProject(project, proof.domainName);
    }
    return {
      userId: proof.userId.length <= USER_ID_MAX_CHARS ? proof.userId : hash('sha256', proof.userId, 'hex'),
      userName: shown(proof.userName),
      domainId: proof.domainId,
      domainName: shown(proof.domainName),
      ...(project && { projectId: project.id, projectName: shown(project.name) }),
      roles,
      credentialHash: hash('sha256', token, 'hex').slice(0, 16),
      expiresAt,
    };
  }

  private async ensureProject({ id, name }: { id: string; name: string }, domainName: string): Promise<void> {
    if (this.#ensured.has(id)) return;
    await this.projects.ensureExternal(id, this.service.kind, shown(`${domainName}/${name}`)).catch((error: unknown) => {
      // The id of a gateway: nobody's project.
      throw error instanceof Fault && error.kind === 'forbidden' ? new Fault('token_invalid') : error;
    });
    this.#ensured.set(id, true);
  }
}

/** A name as it may stand in a log line and in the audit trail. */
const shown = (name: string): string => name.replaceAll(/\p{C}/gu, '\ufffd').slice(0, NAME_MAX_CHARS);
