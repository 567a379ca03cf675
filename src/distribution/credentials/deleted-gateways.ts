import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { PeriodicTask } from '../../platform/common/periodic-task.js';
import { GatewayTokens } from './gateway-tokens.service.js';

const TICK_MS = 60_000;

/**
 * Deletes the credentials of deleted gateways. A credential stays while a session or verifier may still report with it that it has stopped.
 * Safe to run in several processes at once.
 *
 * Guarantees: The credentials of a deleted gateway are deleted after the last session and verifier that may report with them.
 * Condition: The deletion is idempotent, so that every process may run it.
 * Degrades: During an outage deletion is late; the credentials allow nothing but reports meanwhile.
 */
@Injectable()
export class DeletedGateways implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(DeletedGateways.name);
  readonly #ticks = new PeriodicTask(
    { maintains: 'the credentials of deleted gateways, when no session or verifier can report with them any more' },
    TICK_MS,
    () => this.tokens.removeOrphaned(),
    (error) =>
      this.#logger.warn(`credentials of deleted gateways could not be removed: ${error instanceof Error ? error.name : 'unknown'}`),
  );

  constructor(private readonly tokens: GatewayTokens) {}

  onApplicationBootstrap(): void {
    this.#ticks.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#ticks.stop();
  }
}
