import { Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Fault } from '../common/api-error.js';
import type { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import type { KeystoneConfig } from '../config/identity-config.js';
import type { Database } from '../database/database.js';
import type { ProjectsService } from '../projects/projects.service.js';
import { ExternalIdentity, type Proof } from './external-identity.js';
import { KeystoneClient } from './keystone-client.js';
import { KeystoneFailure } from './keystone-failure.js';
import { isJws, KeystoneJws } from './keystone-jws.js';

/** Anything else cannot stand in a header, so Keystone has never issued it. */
const VISIBLE = /^[\x21-\x7e]+$/;
/** Stands in a grant for whoever has a token of the project. */
const ANYBODY = '*';

/** Tokens of an OpenStack Keystone, of any kind: it is asked about each, unless the policy says otherwise for JWS (docs/identity.md). */
export class KeystoneIdentity extends ExternalIdentity implements OnModuleInit, OnApplicationShutdown {
  readonly #keystone: KeystoneClient;
  readonly #jws: KeystoneJws | undefined;

  constructor(
    private readonly config: KeystoneConfig,
    clock: Clock,
    projects: ProjectsService,
    database: Database,
  ) {
    super(config, clock, projects, database);
    this.#keystone = new KeystoneClient(config, clock);
    this.#jws = config.jws && new KeystoneJws(config.jws, clock);
  }

  async authenticate(token: string): Promise<Principal> {
    if (!VISIBLE.test(token)) throw new Fault('token_invalid');
    try {
      return await this.admit(await this.proof(token), token);
    } catch (error) {
      throw error instanceof KeystoneFailure ? new Fault('unavailable', {}, { cause: error }) : error;
    }
  }

  /** @throws Error in the operator's words when a key of the folder cannot be used */
  onModuleInit(): void {
    this.#jws?.load();
  }

  /** A Keystone that is down does not stop the start, nor hold it up: it may come back, and machines need none. */
  override async onApplicationBootstrap(): Promise<void> {
    await super.onApplicationBootstrap();
    this.#keystone.ready().catch((error: unknown) => {
      new Logger(KeystoneIdentity.name).warn(`${(error as Error).message}; until it works, tokens are answered 503 (${this.config.url})`);
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
      // A forged one costs Keystone nothing.
      this.#jws.verify(token);
    }
    const known = await this.#keystone.validate(token);
    return { ...known, roles: this.mapped(known.roles) };
  }

  /** A token by its signature alone: it names no roles, so those of the grants count. */
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
