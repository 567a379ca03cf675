import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock, HOUR_MS } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import type { ProjectScope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { ReadBatcher } from '../../platform/database/read-batcher.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { ENDPOINT_ID } from '../delivery-log/endpoint-scope.js';
import { toColumn } from '../../platform/vault/sealed.js';
import { VaultService } from '../../platform/vault/vault.service.js';
import { type AttemptRow, SELECT_ATTEMPTS } from '../delivery/attempt-row.js';
import { DeliveryService } from '../delivery/delivery.service.js';
import { MessageStore, type NewMessage } from '../delivery/message-store.js';
import { messageHeadersContext } from '../delivery/message-headers.js';
import { MESSAGE_ID, type MessageRow, SELECT_MESSAGES, toUuid } from '../delivery/message-row.js';
import { Message } from '../delivery/message.entity.js';
import { type AttemptView, type MessageView, toAttemptView, toView } from './messages.dto.js';
import { IdempotencyMismatch, MessageNotFound, PayloadTooLarge, SendEndpointNotFound } from './messages.errors.js';
import { canonicalJson } from './payload-text.js';
import type { AcceptedInput, SentView } from './send.dto.js';
import { WebhookEndpoint } from '../endpoints/endpoint.entity.js';

const DESTINATION = columnsOf(WebhookEndpoint).pick('projectId', 'paused');
const FIRST = columnsOf(Message).pick('id', 'canonicalSha256');

const PAYLOAD_MAX_BYTES = 1024 * 1024;
/**
 * Maximum number of tries to store a message. A try fails only if another message had the idempotency key and was deleted at the same
 * moment.
 */
const STORE_TRIES = 5;
/** Maximum number of attempts in a response (docs/contracts/endpoints.md §1.7). */
const ATTEMPTS_SHOWN_MAX = 200;

/** The fields of an endpoint that a send reads. */
interface Destination {
  projectId: string;
  paused: number;
}

/** Accepts messages and reads them (docs/contracts/endpoints.md §1.6, §1.7). */
@Injectable()
export class MessagesService {
  readonly #destinations = new ReadBatcher<Destination | undefined>();

  constructor(
    private readonly database: Database,
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly vault: VaultService,
    private readonly store: MessageStore,
    private readonly delivery: DeliveryService,
  ) {}

  /**
   * Accepts a message. It is committed when this method resolves. A second send with the same idempotency key and payload returns the first
   * message, even if both are sent at the same time: the unique index decides which one is first.
   * @throws PayloadTooLarge, SendEndpointNotFound, IdempotencyMismatch
   */
  async send({ projectId }: ProjectScope, input: AcceptedInput): Promise<SentView> {
    const { payload } = input;
    const sizeBytes = Buffer.byteLength(payload);
    if (sizeBytes > PAYLOAD_MAX_BYTES) throw new PayloadTooLarge();
    const endpointId = input.endpoint_id;
    const destination = await this.destination(endpointId);
    if (destination?.projectId !== projectId) throw new SendEndpointNotFound();

    const idempotencyKey = input.idempotency_key ?? null;
    const canonicalSha256 = idempotencyKey === null ? null : hash('sha256', canonicalJson(payload), 'hex');
    if (idempotencyKey !== null) {
      const first = await this.first(endpointId, idempotencyKey, canonicalSha256);
      if (first) return first;
    }
    const id = toUuid(newId());
    const headers = input.headers && Object.keys(input.headers).length > 0 ? JSON.stringify(input.headers) : null;
    const sealed =
      headers === null
        ? null
        : toColumn((await this.vault.cipher(projectId)).seal(messageHeadersContext(projectId, endpointId, id), headers));
    const now = this.clock.now();
    const retentionHours = Math.min(input.retention_hours ?? Number.POSITIVE_INFINITY, this.config.webhooks.retentionHours);
    const message: NewMessage = {
      id,
      projectId,
      endpointId,
      status: destination.paused ? 'paused' : 'queued',
      payload,
      headers: sealed,
      sizeBytes,
      payloadSha256: hash('sha256', payload, 'hex'),
      idempotencyKey,
      canonicalSha256,
      retentionHours,
      dueAt: destination.paused ? null : now,
      expiresAt: now + retentionHours * HOUR_MS,
      now,
    };
    for (let tries = 0; tries < STORE_TRIES; tries++) {
      if (await this.store.store(message)) break;
      // Either an earlier COMMIT with an unknown outcome has stored this message, or another message has the idempotency key.
      const first = idempotencyKey === null ? undefined : await this.first(endpointId, idempotencyKey, canonicalSha256);
      if (first) return first;
      if (await this.isStored(id)) break;
      // The other message was deleted between the two reads, so the key can be used: try again.
      if (tries === STORE_TRIES - 1) throw new ApiFault('unavailable');
    }
    this.delivery.wake();
    return { message_id: id, status: 'queued' };
  }

  private async isStored(messageId: string): Promise<boolean> {
    return (await this.database.rows('SELECT 1 AS one FROM messages WHERE id = ?', [messageId])).length > 0;
  }

  /** @throws MessageNotFound */
  async show(scope: ProjectScope, messageId: string): Promise<MessageView> {
    return toView(await this.find(scope, messageId));
  }

  /** Returns the first 200 attempts, oldest first; an empty list for a missing message (docs/contracts/endpoints.md §1.7). */
  async attempts({ projectId }: ProjectScope, messageId: string): Promise<{ attempts: AttemptView[]; more: boolean }> {
    if (!MESSAGE_ID.test(messageId)) return { attempts: [], more: false };
    const rows = await this.database.rows<AttemptRow>(
      `${SELECT_ATTEMPTS} WHERE message_id = (SELECT id FROM messages WHERE id = ? AND project_id = ? AND deleted_at IS NULL)
       ORDER BY attempt_no LIMIT ${ATTEMPTS_SHOWN_MAX + 1}`,
      [messageId, projectId],
    );
    return { attempts: rows.slice(0, ATTEMPTS_SHOWN_MAX).map(toAttemptView), more: rows.length > ATTEMPTS_SHOWN_MAX };
  }

  /** @throws MessageNotFound */
  async find({ projectId }: ProjectScope, messageId: string): Promise<MessageRow> {
    if (!MESSAGE_ID.test(messageId)) throw new MessageNotFound();
    const sql = `${SELECT_MESSAGES} AND m.id = ? AND m.project_id = ?`;
    const [row] = await this.database.rows<MessageRow>(sql, [this.clock.now(), messageId, projectId]);
    if (!row) throw new MessageNotFound();
    return row;
  }

  /** Reads the endpoint. Never returns stale data: a call during a read joins the next read. */
  private async destination(endpointId: string): Promise<Destination | undefined> {
    if (!ENDPOINT_ID.test(endpointId)) return undefined;
    const sql = `SELECT ${DESTINATION.select} FROM webhook_endpoints WHERE id = ? AND deleted_at IS NULL`;
    return this.#destinations.read(endpointId, async () => (await this.database.rows<Destination>(sql, [endpointId]))[0]);
  }

  /** Returns the message that has an idempotency key. @throws IdempotencyMismatch if its payload differs */
  private async first(endpointId: string, key: string, canonicalSha256: string | null): Promise<SentView | undefined> {
    const sql = `SELECT ${FIRST.select} FROM messages WHERE endpoint_id = ? AND idempotency_key = ?`;
    const [row] = await this.database.rows<RowOf<typeof FIRST>>(sql, [endpointId, key]);
    if (!row) return undefined;
    if (row.canonicalSha256 !== canonicalSha256) throw new IdempotencyMismatch();
    return { message_id: row.id, status: 'queued' };
  }
}
