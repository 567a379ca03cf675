import { Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ApiFault } from '../../platform/common/api-error.js';
import type { Clock } from '../../platform/common/clock.js';
import type { Principal } from '../../platform/common/principal.js';
import type { KeystoneConfig } from '../../platform/config/identity-config.js';
import type { Database } from '../../platform/database/database.js';
import type { ProjectsService } from '../projects/projects.service.js';
import type { RowMacs } from '../../platform/vault/row-macs.js';
import { ExternalIdentity, type Proof } from './external-identity.js';
import { KeystoneClient } from './keystone-client.js';
import { KeystoneFailure } from './keystone-failure.js';
import { isJws, KeystoneJws } from './keystone-jws.js';

/** Other characters cannot be in a header, so Keystone has never issued a token with them. */
const VISIBLE = /^[\x21-\x7e]+$/;
/** The user in a grant for all users who have a token of the project. */
const ANYBODY = '*';

/**
 * Authenticates tokens of any type of an OpenStack Keystone. Keystone validates each token, unless the configuration states otherwise for
 * JWS tokens (docs/identity.md).
 */
export class KeystoneIdentity extends ExternalIdentity implements OnModuleInit, OnApplicationShutdown {
  readonly #keystone: KeystoneClient;
  readonly #jws: KeystoneJws | undefined;

  constructor(
    private readonly config: KeystoneConfig,
    clock: Clock,
    projects: ProjectsService,
    database: Database,
    macs: RowMacs,
  ) {
    super(config, clock, projects, database, macs);
    this.#keystone = new KeystoneClient(config, clock);
    this.#jws = config.jws && new KeystoneJws(config.jws, clock);
  }

  async authenticate(token: string): Promise<Principal> {
    if (!VISIBLE.test(token)) throw new ApiFault('token_invalid');
    try {
      return await this.admit(await this.proof(token), token);
    } catch (error) {
      throw error instanceof KeystoneFailure ? new ApiFault('unavailable', {}, { cause: error }) : error;
    }
  }

  /** @throws Error with advice for the operator when a key in the folder cannot be used */
  onModuleInit(): void {
    this.#jws?.load();
  }

  /**
   * Logs in. If Keystone cannot be reached, the start is neither prevented nor delayed: Keystone may become available later, and machines
   * do not need it.
   */
  override async onApplicationBootstrap(): Promise<void> {
    await super.onApplicationBootstrap();
    this.#keystone.ready().catch((error: unknown) => {
      new Logger(KeystoneIdentity.name).warn(
        `${(error as Error).message}; until Keystone works, requests with tokens are answered with 503 (${this.config.url})`,
      );
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#keystone.close();
  }

  protected override namedPolicies(): string[] {
    return [...super.namedPolicies(), ...(this.config.jws?.grants ?? []).flatMap(({ roles }) => roles)];
  }

  private async proof(token: string): Promise<Proof> {
    const { jws } = this.config;
    if (this.#jws && isJws(token)) {
      if (jws?.policy === 'offline-jws') return this.granted(this.#jws, token);
      // Refuses a forged token without a request to Keystone.
      this.#jws.verify(token);
    }
    const known = await this.#keystone.validate(token);
    return { ...known, roles: this.mapped(known.roles) };
  }

  /** Returns the user of a token that is checked by its signature alone. The token names no roles, so the configured grants apply. */
  private granted(keys: KeystoneJws, token: string): Proof {
    const { userId, projectId, expiresAt } = keys.verifyAlone(token);
    const held = (this.config.jws?.grants ?? []).filter(
      ({ user, project }) => (user === userId || user === ANYBODY) && project === projectId,
    );
    return {
      userId,
      userName: userId,
      domainId: this.config.kind,
      domainName: this.config.kind,
      ...(projectId !== undefined && { project: { id: projectId, name: projectId } }),
      roles: [...new Set(held.flatMap(({ roles }) => roles))],
      expiresAt,
    };
  }
}
