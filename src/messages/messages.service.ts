import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import canonicalize from 'canonicalize';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { ProjectScope } from '../common/scope.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { SharedReads } from '../database/shared-reads.js';
import { ENDPOINT_ID } from '../endpoints/endpoint-scope.js';
import { toColumn } from '../vault/sealed.js';
import { VaultService } from '../vault/vault.service.js';
import { type AttemptRow, SELECT_ATTEMPTS } from './attempt-row.js';
import { DeliveryService } from './delivery.service.js';
import { Intake } from './intake.js';
import { messageHeadersPlace } from './message-headers.js';
import { MESSAGE_ID, type MessageRow, SELECT_MESSAGES, toUuid } from './message-row.js';
import { type AttemptView, type MessageView, toAttemptView, toView } from './messages.dto.js';
import { IdempotencyMismatch, MessageNotFound, PayloadTooLarge, SendEndpointNotFound } from './messages.errors.js';
import type { SendInput, SentView } from './send.dto.js';

const PAYLOAD_MAX_BYTES = 1024 * 1024;
const HOUR_MS = 3_600_000;
/** endpoints §1.7. */
const ATTEMPTS_SHOWN_MAX = 200;

/** What send needs to know of an endpoint. */
interface Destination {
  projectId: string;
  paused: number;
}

/** Messages: accepted and looked at (endpoints §1.6, §1.7). */
@Injectable()
export class MessagesService {
  readonly #destinations = new SharedReads<Destination | undefined>();

  constructor(
    private readonly database: Database,
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly vault: VaultService,
    private readonly intake: Intake,
    private readonly delivery: DeliveryService,
  ) {}

  /**
   * Accepts a message: it is stored when this resolves. A second send with the same idempotency key and the same payload answers the first
   * one's message, also when both arrive at once; which of them is first is decided by the unique index.
   * @throws PayloadTooLarge, SendEndpointNotFound, IdempotencyMismatch
   */
  async send({ projectId }: ProjectScope, input: SendInput): Promise<SentView> {
    // What is stored, hashed, sent and signed is this text, and not the request's: escapes and blanks of the client go no further.
    const payload = JSON.stringify(input.payload);
    const sizeBytes = Buffer.byteLength(payload);
    if (sizeBytes > PAYLOAD_MAX_BYTES) throw new PayloadTooLarge();
    const endpointId = input.endpoint_id;
    const destination = await this.destination(endpointId);
    if (destination?.projectId !== projectId) throw new SendEndpointNotFound();

    const idempotencyKey = input.idempotency_key ?? null;
    const canonicalSha256 = idempotencyKey === null ? null : hash('sha256', canonicalize(input.payload) ?? '', 'hex');
    if (idempotencyKey !== null) {
      const first = await this.first(endpointId, idempotencyKey, canonicalSha256);
      if (first) return first;
    }
    const id = toUuid(newId());
    const headers = input.headers && Object.keys(input.headers).length > 0 ? JSON.stringify(input.headers) : null;
    const sealed = headers === null ? null : toColumn((await this.vault.box(projectId)).seal(messageHeadersPlace(projectId, id), headers));
    const now = this.clock.now();
    const retentionHours = Math.min(input.retention_hours ?? Number.POSITIVE_INFINITY, this.config.webhooks.retentionHours);
    const stored = await this.intake.store({
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
    });
    if (!stored && idempotencyKey !== null) {
      const first = await this.first(endpointId, idempotencyKey, canonicalSha256);
      if (first) return first;
    }
    this.delivery.wake();
    return { message_id: id, status: 'queued' };
  }

  /** @throws MessageNotFound */
  async show(scope: ProjectScope, messageId: string): Promise<MessageView> {
    return toView(await this.find(scope, messageId));
  }

  /** The first 200 attempts, oldest first; of a message that is not there, none (endpoints §1.7). */
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

  /** As it is now: whoever asks while somebody reads waits for the next read. */
  private async destination(endpointId: string): Promise<Destination | undefined> {
    if (!ENDPOINT_ID.test(endpointId)) return undefined;
    const sql = 'SELECT project_id AS projectId, paused FROM webhook_endpoints WHERE id = ? AND deleted_at IS NULL';
    return this.#destinations.read(endpointId, async () => (await this.database.rows<Destination>(sql, [endpointId]))[0]);
  }

  /** The message that used an idempotency key first. @throws IdempotencyMismatch when its payload was another */
  private async first(endpointId: string, key: string, canonicalSha256: string | null): Promise<SentView | undefined> {
    const sql = 'SELECT id, canonical_sha256 AS canonicalSha256 FROM messages WHERE endpoint_id = ? AND idempotency_key = ?';
    const [row] = await this.database.rows<{ id: string; canonicalSha256: string }>(sql, [endpointId, key]);
    if (!row) return undefined;
    if (row.canonicalSha256 !== canonicalSha256) throw new IdempotencyMismatch();
    return { message_id: row.id, status: 'queued' };
  }
}
