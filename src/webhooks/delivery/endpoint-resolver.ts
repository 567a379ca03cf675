import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock } from '../../platform/common/clock.js';
import type { Reads } from '../../platform/database/database.js';
import { chunks, padded, placeholders } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { DELIVERIES_REVISION } from '../delivery-log/delivery-log.js';
import { openHeaders } from '../endpoints/endpoints.service.js';
import { WebhookEndpoint } from '../endpoints/endpoint.entity.js';
import { isLive, openSigningKey, type SealedSigningKey } from '../signing-keys/live-keys.js';
import { SigningKey } from '../signing-keys/signing-key.entity.js';
import type { WebhookSigner } from '#signing/webhook.js';
import type { RestoreCheck, StandingColumns } from '../../platform/recovery/restore-check.js';
import { Pulse } from '../../platform/recovery/pulse.js';
import { VaultService } from '../../platform/vault/vault.service.js';
import { signersOf } from './attempt.js';

/** An endpoint with its signers, decrypted for one attempt. */
export interface ResolvedEndpoint {
  /** Revision of the delivery log when the endpoint was read. */
  revision: number;
  /** The epoch of the revision. It changes when an operator accepts a restored database. */
  epoch: string;
  projectId: string;
  url: URL;
  headers: Record<string, string>;
  /** Ids of the keys that have not expired: one or two, or none if they are damaged. */
  keyIds: string[];
  signers: WebhookSigner[];
  /** Signers that use one key only, by the id of the key. */
  signersOfKey: ReadonlyMap<string, WebhookSigner[]>;
  /** Why nothing can be sent. The customer sees this text. */
  unusable?: string;
  paused: boolean;
  deleted: boolean;
}

const ENDPOINT = columnsOf(WebhookEndpoint, 'e').pick(
  { endpointId: 'id' },
  'projectId',
  'url',
  { sealedHeaders: 'headers' },
  'headersVersion',
  'paused',
  'deletedAt',
);
const KEY = columnsOf(SigningKey, 'k').pick({ keyId: 'id', keyType: 'type', sealedSecret: 'secret' }, 'expiresAt');

interface Row extends StandingColumns, RowOf<typeof ENDPOINT>, Omit<RowOf<typeof KEY>, 'keyId'> {
  revision: number;
  keyId: string | null;
}

const COLUMNS = `${DELIVERIES_REVISION} AS revision, ${ENDPOINT.select}, ${KEY.select}`;
const FROM = `FROM webhook_endpoints e LEFT JOIN signing_keys k ON k.endpoint_id = e.id`;

/**
 * Reads an endpoint and its keys for each attempt, so that a pause or a deleted key applies to the next attempt. Batches concurrent reads:
 * requests that arrive during a read are all answered by the next read.
 */
@Injectable()
export class EndpointResolver {
  /** Requests for the next batch. */
  #pending = new Map<string, PromiseWithResolvers<ResolvedEndpoint | undefined>>();
  #reading = false;
  /** Decrypted endpoints by the text of their rows, because the decryption costs more than the rest of an attempt. */
  readonly #decrypted = new LRUCache<string, { text: string; keysSealed: SealedSigningKey[]; receiver: ResolvedEndpoint }>({
    max: DECRYPTED_MAX,
  });

  constructor(
    private readonly pulse: Pulse,
    private readonly vault: VaultService,
    private readonly clock: Clock,
  ) {}

  /** Reads the database after the call, never a cached state. @returns undefined when the endpoint does not exist */
  read(endpointId: string): Promise<ResolvedEndpoint | undefined> {
    const asked = this.#pending.get(endpointId) ?? Promise.withResolvers<ResolvedEndpoint | undefined>();
    this.#pending.set(endpointId, asked);
    this.schedule();
    return asked.promise;
  }

  private schedule(): void {
    if (this.#reading || this.#pending.size === 0) return;
    this.#reading = true;
    setImmediate(() => {
      const asked = this.#pending;
      this.#pending = new Map();
      const parts = chunks([...asked], BATCH_MAX).map((part) => this.answer(part));
      void Promise.all(parts).finally(() => {
        this.#reading = false;
        this.schedule();
      });
    });
  }

  /** Answers a batch of requests. Never rejects, because each request gets a result of its own. */
  private async answer(asked: readonly [id: string, answer: PromiseWithResolvers<ResolvedEndpoint | undefined>][]): Promise<void> {
    try {
      const ids = padded(asked.map(([id]) => id));
      const rows = await this.pulse.statement((reads, judge) => read(reads, judge, ids));
      const byEndpoint = Map.groupBy(rows, ({ endpointId }) => endpointId);
      for (const [id, answer] of asked) answer.resolve(this.resolve(id, byEndpoint.get(id) ?? []));
    } catch (error) {
      for (const [, answer] of asked) answer.reject(error);
    }
  }

  private async resolve(endpointId: string, rows: readonly Row[]): Promise<ResolvedEndpoint | undefined> {
    const [first] = rows;
    if (!first) return undefined;
    const now = this.clock.now();
    const { revision, epoch } = first;
    const text = JSON.stringify(rows.map((row) => ({ ...row, revision: 0, number: 0 })));
    const known = this.#decrypted.get(endpointId);
    // The rows are the same, and no key has expired since they were decrypted.
    if (known?.text === text && known.keysSealed.every((key) => isLive(key, now))) return { ...known.receiver, revision, epoch };
    const { projectId, url, sealedHeaders, headersVersion, paused, deletedAt } = first;
    const keysSealed = rows.flatMap(({ keyId, keyType, sealedSecret, expiresAt }) =>
      keyId === null ? [] : [{ id: keyId, projectId, endpointId, type: keyType, sealedSecret, expiresAt }],
    );
    const live = keysSealed.filter((key) => isLive(key, now));
    const opened = await this.vault.openEach(projectId, live, openSigningKey, ({ sealedSecret }) => sealedSecret);
    // A damaged key is skipped; the other key still signs.
    const keys = opened.filter((key) => key !== undefined);
    const endpoint = { id: endpointId, projectId, sealedHeaders, headersVersion };
    const [headers] = await this.vault.openEach(projectId, [endpoint], openHeaders, () => sealedHeaders ?? '');
    const unusable = headers === undefined ? HEADERS_DAMAGED : live.length > 0 && keys.length === 0 ? KEYS_DAMAGED : undefined;
    const receiver: ResolvedEndpoint = {
      revision,
      epoch,
      projectId,
      // The URL of a deleted endpoint has been erased.
      url: new URL(deletedAt === null ? url : 'https://deleted.invalid/'),
      headers: headers ?? {},
      keyIds: keys.map(({ id }) => id),
      signers: signersOf(keys),
      signersOfKey: new Map(keys.map((key) => [key.id, signersOf([key])])),
      ...(unusable !== undefined && { unusable }),
      paused: Boolean(paused),
      deleted: deletedAt !== null,
    };
    if (keys.length === live.length && headers) this.#decrypted.set(endpointId, { text, keysSealed, receiver });
    return receiver;
  }
}

/**
 * Reads rows of endpoints and keys. Refuses a restored database, in which deleted keys may exist again.
 * @throws BeatDue; ApiFault `held` until an operator has decided about the restore
 */
async function read(reads: Pick<Reads, 'rows'>, judge: RestoreCheck, ids: readonly string[]): Promise<Row[]> {
  const { sql, params } = judge.columns;
  const rows = await reads.rows<Row>(`SELECT ${sql}, ${COLUMNS} ${FROM} WHERE e.id IN (${placeholders(ids)}) ORDER BY e.id, k.id DESC`, [
    ...params,
    ...ids,
  ]);
  const { held } = rows[0] ? judge.checkRow(rows[0]) : await judge.read(reads);
  if (held) throw new ApiFault('held');
  return rows;
}

/** Maximum number of entries, each with a few kilobytes. */
const DECRYPTED_MAX = 2048;
const BATCH_MAX = 64;
const KEYS_DAMAGED = 'the stored signing keys of the endpoint are damaged: add a new key and delete the damaged ones';
const HEADERS_DAMAGED = 'the stored headers of the endpoint are damaged: set them again';
