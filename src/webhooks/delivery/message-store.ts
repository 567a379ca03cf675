import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '../../platform/database/database.js';
import { padded, placeholders, rowsPerInsert } from '../../platform/database/tx.js';
import { columnsOf } from '../../platform/database/columns.js';
import { makeDue } from './due-endpoints.js';
import { Message, MessagePayload } from './message.entity.js';

/** A message to store. */
export interface NewMessage {
  id: string;
  projectId: string;
  endpointId: string;
  status: 'queued' | 'paused';
  payload: string;
  headers: string | null;
  sizeBytes: number;
  payloadSha256: string;
  idempotencyKey: string | null;
  canonicalSha256: string | null;
  retentionHours: number;
  dueAt: number | null;
  expiresAt: number;
  now: number;
  /** Kind of an event of the service; absent for a message that a caller sent. */
  eventKind?: string;
}

const BOUND = columnsOf(Message).pick(
  'id',
  'projectId',
  'endpointId',
  'status',
  'headers',
  'sizeBytes',
  'payloadSha256',
  'idempotencyKey',
  'canonicalSha256',
  'retentionHours',
  'dueAt',
  'expiresAt',
  'createdAt',
  'updatedAt',
  'eventKind',
);
/** The counters begin with a literal zero, which binds no parameter. */
const INSERT = BOUND.insertWith(columnsOf(Message).pick('attemptCount', 'attemptsBefore', 'replayCount'), '0');
const PAYLOAD = columnsOf(MessagePayload).all();

const PRIMARY = { name: 'PRIMARY', columns: 'messages.id' };
const IDEMPOTENCY = { name: 'uq_messages_idempotency', columns: 'messages.endpoint_id, messages.idempotency_key' };

const ROWS_MAX = 64;
const BYTES_MAX = 4 * 1024 * 1024;
/** Maximum number of concurrent transactions: one commits while the next is being filled. */
const IN_FLIGHT_MAX = 2;

interface PendingInsert {
  message: NewMessage;
  stored: PromiseWithResolvers<boolean>;
}

/** Stores messages by group commit: messages that arrive together share one transaction and one sync to disk (docs/adr/0017). */
@Injectable()
export class MessageStore {
  readonly #queue: PendingInsert[] = [];
  #inFlight = 0;
  #scheduled = false;

  constructor(private readonly database: Database) {}

  /**
   * Resolves when the message is committed.
   * @returns false when a row with its id or its idempotency key already exists
   */
  store(message: NewMessage): Promise<boolean> {
    const stored = Promise.withResolvers<boolean>();
    this.#queue.push({ message, stored });
    this.schedule();
    return stored.promise;
  }

  /** Deferred one tick, so that buffered requests join the batch. */
  private schedule(): void {
    if (this.#scheduled || this.#inFlight >= IN_FLIGHT_MAX || this.#queue.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#inFlight++;
      void this.flush(this.nextBatch()).finally(() => {
        this.#inFlight--;
        this.schedule();
      });
      this.schedule();
    });
  }

  private nextBatch(): PendingInsert[] {
    let bytes = 0;
    let count = 0;
    while (count < ROWS_MAX && count < this.#queue.length && (count === 0 || bytes < BYTES_MAX))
      bytes += this.#queue[count++]?.message.sizeBytes ?? 0;
    return this.#queue.splice(0, rowsPerInsert(count));
  }

  private async flush(batch: readonly PendingInsert[]): Promise<void> {
    if (batch.length > 1) {
      const messages = batch.map(({ message }) => message);
      try {
        await this.database.transaction((tx) => insertMessages(tx, messages));
        for (const { stored } of batch) stored.resolve(true);
        return;
      } catch {
        // The idempotency key is a duplicate, or the outcome of the COMMIT is unknown. Each message is retried alone to find out which.
      }
    }
    await Promise.all(batch.map((waiter) => this.storeAlone(waiter)));
  }

  private async storeAlone(waiter: PendingInsert): Promise<void> {
    try {
      waiter.stored.resolve(await this.database.insertOnce((tx) => insertMessages(tx, [waiter.message]), PRIMARY, IDEMPOTENCY));
    } catch (error) {
      waiter.stored.reject(error);
    }
  }
}

/** Inserts messages and makes their endpoints due. @param batch at most as many rows as one statement accepts */
export async function insertMessages(tx: Tx, batch: readonly NewMessage[]): Promise<void> {
  await tx.run(INSERT(batch.length), batch.flatMap(valuesOf));
  await tx.run(
    PAYLOAD.insert(batch.length),
    batch.flatMap(({ id, payload }) => PAYLOAD.values({ messageId: id, payload })),
  );
  const due = batch.filter(({ dueAt }) => dueAt !== null);
  const endpoints = due.map(({ endpointId }) => endpointId);
  await makeDue(tx, endpoints, Math.min(...due.map(({ now }) => now)));
}

/** Deletes the payloads of those messages whose `expires_at` is null. */
export async function deletePayloads(tx: Tx, messageIds: readonly string[]): Promise<void> {
  const ids = padded(messageIds);
  await tx.run(
    `DELETE FROM message_payloads WHERE message_id IN (${placeholders(ids)})
       AND EXISTS (SELECT 1 FROM messages m WHERE m.id = message_payloads.message_id AND m.expires_at IS NULL)`,
    ids,
  );
}

const valuesOf = ({ now, eventKind, ...message }: NewMessage) =>
  BOUND.values({ ...message, createdAt: now, updatedAt: now, eventKind: eventKind ?? null });
