import type { FastifyInstance } from 'fastify';
import { ApiFault } from '../common/api-error.js';
import type { Pulse } from '../recovery/pulse.js';

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses writes while a restore of the database waits for an operator's decision, except the writes of recovery itself. Reads and logins
 * are answered. The receipts protocol decides about reports of machines.
 */
export function refuseWhileHeld(server: FastifyInstance, pulse: Pulse): void {
  server.addHook('preParsing', async (request) => {
    if (!pulse.held || READS.has(request.method)) return;
    const { access } = request.routeOptions.config;
    if (!access || access.kind === 'public' || access.kind === 'machine') return;
    // An operator may have decided in the meantime.
    await pulse.beatNow();
    if (pulse.held) throw new ApiFault('held');
  });
}
