import { hash } from 'node:crypto';
import { Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { policiesOf } from '../../platform/auth/custom-policies.js';
import { Identity } from '../../platform/auth/identity.js';
import { ApiFault } from '../../platform/common/api-error.js';
import type { Clock } from '../../platform/common/clock.js';
import { ID_PATTERN, RESERVED_IDS } from '../../platform/common/ids.js';
import type { Principal } from '../../platform/common/principal.js';
import type { IdentityConfig } from '../../platform/config/identity-config.js';
import type { Database } from '../../platform/database/database.js';
import type { ProjectsService } from '../projects/projects.service.js';
import type { RowMacs } from '../../platform/vault/row-macs.js';

const PROJECTS_MAX = 10_000;
const REFUSED_MS = 5000;
const USER_ID_MAX_CHARS = 64;
const NAME_MAX_CHARS = 255;

/** What an external service states about a token. */
export interface Proof {
  userId: string;
  userName: string;
  domainId: string;
  domainName: string;
  project?: { id: string; name: string };
  /** Names of Signet's policies. */
  roles: readonly string[];
  /** Unix time in milliseconds. */
  expiresAt: number;
}

/** An external identity service, whose users and roles are mapped to Signet's principals. */
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
    private readonly macs: RowMacs,
  ) {
    super();
    this.freshMs = service.freshMs;
    this.revalidatesWrites = service.revalidateWrites;
  }

  /**
   * Warns about names of policies that do not exist, because they grant nothing. Does not prevent the start, because the policies may be
   * created later.
   */
  async onApplicationBootstrap(): Promise<void> {
    const named = [...new Set(this.namedPolicies())];
    const known = new Set((await policiesOf(this.macs, this.database, '', named)).map(({ name }) => name));
    const logger = new Logger(ExternalIdentity.name);
    for (const name of named)
      if (!known.has(name)) logger.warn(`the policy ${name} in SIGNET_IDENTITY_FILE does not exist: it grants nothing until it is created`);
  }

  /** The names of policies in the configuration. */
  protected namedPolicies(): string[] {
    return [...this.service.roles.values()].flat();
  }

  /** Returns Signet's policies for the roles of the external service. */
  protected mapped(roles: readonly string[]): string[] {
    return [...new Set(roles.flatMap((role) => this.service.roles.get(role) ?? []))];
  }

  /**
   * Returns the principal. If it has any permission in its project, the project has a row.
   * @throws ApiFault `token_expired`, or `token_invalid` when the project's id cannot be used
   */
  protected async admit(proof: Proof, token: string): Promise<Principal> {
    const { project, roles, expiresAt } = proof;
    if (this.clock.now() >= expiresAt) throw new ApiFault('token_expired');
    if (project) {
      if (!ID_PATTERN.test(project.id) || RESERVED_IDS.has(project.id)) throw new ApiFault('token_invalid');
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
      // The id belongs to a gateway, so no project can have it.
      throw error instanceof ApiFault && error.kind === 'forbidden' ? new ApiFault('token_invalid') : error;
    });
    this.#ensured.set(id, true);
  }
}

/** Removes control characters, because the name appears in log lines and in the audit trail. */
const shown = (name: string): string => name.replaceAll(/\p{C}/gu, '\ufffd').slice(0, NAME_MAX_CHARS);
