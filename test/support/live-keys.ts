import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Database } from '../../src/platform/database/database.js';
import { VaultService } from '../../src/platform/vault/vault.service.js';
import { isLive, type LiveSigningKey, openSigningKey, type SealedSigningKey } from '../../src/webhooks/signing-keys/live-keys.js';

const OF_ENDPOINT = `SELECT id, project_id AS projectId, endpoint_id AS endpointId, type, secret AS sealedSecret, expires_at AS expiresAt
  FROM signing_keys WHERE endpoint_id = ? ORDER BY id DESC`;

/**
 * The keys that sign a delivery at this time, newest first.
 * @param now milliseconds since the epoch
 */
export async function liveKeys(app: NestFastifyApplication, projectId: string, endpointId: string, now: number): Promise<LiveSigningKey[]> {
  const rows = await app.get(Database).rows<SealedSigningKey>(OF_ENDPOINT, [endpointId]);
  const live = rows.filter((row) => isLive(row, now));
  return app.get(VaultService).withCipher(projectId, (cipher) => live.map((row) => openSigningKey(cipher, row)));
}
