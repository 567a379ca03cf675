import { Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Fault } from '../common/api-error.js';
import type { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import type { KeystoneConfig } from '../config/identity-config.js';
import type { ProjectsService } from '../projects/projects.service.js';
import { ExternalIdentity } from './external-identity.js';
import { KeystoneClient } from './keystone-client.js';
import { KeystoneFailure } from './keystone-failure.js';

/** Anything else cannot stand in a header, so Keystone has never issued it. */
const VISIBLE = /^[\x21-\x7e]+$/;

/** Tokens of an OpenStack Keystone, of any kind: it is asked about each (docs/identity.md). */
export class KeystoneIdentity extends ExternalIdentity implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #keystone: KeystoneClient;

  constructor(
    private readonly config: KeystoneConfig,
    clock: Clock,
    projects: ProjectsService,
  ) {
    super(config, clock, projects);
    this.#keystone = new KeystoneClient(config, clock);
  }

  async authenticate(token: string): Promise<Principal> {
    if (!VISIBLE.test(token)) throw new Fault('token_invalid');
    const known = await this.#keystone.validate(token).catch((error: unknown) => {
      throw error instanceof KeystoneFailure ? new Fault('unavailable', {}, { cause: error }) : error;
    });
    return this.admit({ ...known, roles: this.mapped(known.roles) }, token);
  }

  /** A Keystone that is down does not stop the start, nor hold it up: it may come back, and machines need none. */
  onApplicationBootstrap(): void {
    this.#keystone.ready().catch((error: unknown) => {
      new Logger(KeystoneIdentity.name).warn(`${(error as Error).message}; until it works, tokens are answered 503 (${this.config.url})`);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#keystone.close();
  }
}
