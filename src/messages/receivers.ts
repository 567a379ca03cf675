import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { SharedReads } from '../database/shared-reads.js';
import { openHeaders } from '../endpoints/endpoints.service.js';
import { liveKeys, type LiveSigningKey, type SealedSigningKey } from '../endpoints/live-keys.js';
import { VaultService } from '../vault/vault.service.js';

/** An endpoint as an attempt needs it. */
export interface Receiver {
  projectId: string;
  url: string;
  headers: Record<string, string>;
  /** One or two, newest first. */
  keys: LiveSigningKey[];
  paused: boolean;
  deleted: boolean;
}

interface Row {
  projectId: string;
  url: string;
  sealedHeaders: string | null;
  headersVersion: number;
  paused: number;
  deletedAt: number | null;
  keyId: string | null;
  keyType: SealedSigningKey['type'];
  sealedSecret: string;
  expiresAt: number | null;
}

const SELECT = `SELECT e.project_id AS projectId, e.url, e.headers AS sealedHeaders, e.headers_version AS headersVersion, e.paused,
    e.deleted_at AS deletedAt, k.id AS keyId, k.type AS keyType, k.secret AS sealedSecret, k.expires_at AS expiresAt
  FROM webhook_endpoints e LEFT JOIN signing_keys k ON k.endpoint_id = e.id WHERE e.id = ? ORDER BY k.id DESC`;

/**
 * Endpoints and their keys, read for each attempt: what was paused, or which key was deleted, before an attempt began does not take part
 * in it. Attempts that begin while a read is under way share the next one.
 */
@Injectable()
export class Receivers {
  readonly #reads = new SharedReads<Receiver | undefined>();

  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
    private readonly clock: Clock,
  ) {}

  /** As of a moment after the call; undefined when there is no such endpoint any more. */
  read(endpointId: string): Promise<Receiver | undefined> {
    return this.#reads.read(endpointId, () => this.load(endpointId));
  }

  private async load(endpointId: string): Promise<Receiver | undefined> {
    const rows = await this.database.rows<Row>(SELECT, [endpointId]);
    const [first] = rows;
    if (!first) return undefined;
    const { projectId, url, sealedHeaders, headersVersion, paused, deletedAt } = first;
    const sealed = rows.flatMap(({ keyId, keyType, sealedSecret, expiresAt }) =>
      keyId === null ? [] : [{ id: keyId, projectId, type: keyType, sealedSecret, expiresAt }],
    );
    const now = this.clock.now();
    return this.vault.withBox(projectId, (box) => ({
      projectId,
      url,
      headers: openHeaders(box, { id: endpointId, projectId, sealedHeaders, headersVersion }),
      keys: liveKeys(box, sealed, now),
      paused: Boolean(paused),
      deleted: deletedAt !== null,
    }));
  }
}
