import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { SharedReads } from '../database/shared-reads.js';
import { openHeaders } from '../endpoints/endpoints.service.js';
import { isLive, liveKeys, type SealedSigningKey } from '../endpoints/live-keys.js';
import type { WebhookSigner } from '../lib/signing/webhook.js';
import { VaultService } from '../vault/vault.service.js';
import { signersOf } from './attempt.js';

/** An endpoint as an attempt needs it. */
export interface Receiver {
  projectId: string;
  url: URL;
  headers: Record<string, string>;
  /** One or two. */
  keyIds: string[];
  signers: WebhookSigner[];
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
  /** Asked for in this turn of the event loop, and read at its end: attempts begin by the dozen. */
  readonly #asked = new Map<string, Promise<Receiver | undefined>>();
  /** What the rows of an endpoint that is being delivered to said last, opened: opening them costs more than an attempt otherwise does. */
  readonly #opened = new LRUCache<string, { text: string; keysSealed: SealedSigningKey[]; receiver: Receiver }>({ max: OPENED_MAX });

  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
    private readonly clock: Clock,
  ) {}

  /** As of a moment after the call; undefined when there is no such endpoint any more. */
  read(endpointId: string): Promise<Receiver | undefined> {
    const asked = this.#asked.get(endpointId);
    if (asked) return asked;
    const read = new Promise<Receiver | undefined>((resolve) =>
      setImmediate(() => {
        this.#asked.delete(endpointId);
        resolve(this.#reads.read(endpointId, () => this.load(endpointId)));
      }),
    );
    this.#asked.set(endpointId, read);
    return read;
  }

  private async load(endpointId: string): Promise<Receiver | undefined> {
    const rows = await this.database.rows<Row>(SELECT, [endpointId]);
    const [first] = rows;
    if (!first) return undefined;
    const now = this.clock.now();
    const text = JSON.stringify(rows);
    const known = this.#opened.get(endpointId);
    // The same rows, and no key has come to its end since.
    if (known?.text === text && known.keysSealed.every((key) => isLive(key, now))) return known.receiver;
    const { projectId, url, sealedHeaders, headersVersion, paused, deletedAt } = first;
    const keysSealed = rows.flatMap(({ keyId, keyType, sealedSecret, expiresAt }) =>
      keyId === null ? [] : [{ id: keyId, projectId, type: keyType, sealedSecret, expiresAt }],
    );
    const receiver = await this.vault.withBox(projectId, (box) => {
      const keys = liveKeys(box, keysSealed, now);
      return {
        projectId,
        url: new URL(url),
        headers: openHeaders(box, { id: endpointId, projectId, sealedHeaders, headersVersion }),
        keyIds: keys.map(({ id }) => id),
        signers: signersOf(keys),
        paused: Boolean(paused),
        deleted: deletedAt !== null,
      };
    });
    this.#opened.set(endpointId, { text, keysSealed, receiver });
    return receiver;
  }
}

const OPENED_MAX = 256;
