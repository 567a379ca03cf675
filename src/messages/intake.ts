import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '../database/database.js';
import { padded, placeholders, rowsInOne } from '../database/tx.js';

/** A message on its way into the database. */
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
}

const COLUMNS = [
  'id, project_id, endpoint_id, status, headers, size_bytes, payload_sha256, idempotency_key, canonical_sha256',
  'retention_hours, due_at, expires_at, created_at, updated_at, attempt_count, attempts_before, replay_count',
].join(', ');
const ROW = `(${'?, '.repeat(14)}0, 0, 0)`;

const PRIMARY = { name: 'PRIMARY', columns: 'messages.id' };
const IDEMPOTENCY = { name: 'uq_messages_idempotency', columns: 'messages.endpoint_id, messages.idempotency_key' };

const ROWS_MAX = 64;
const BYTES_MAX = 4 * 1024 * 1024;
/** Statements under way: one is being committed while the next is sent. */
const UNDERWAY_MAX = 2;

interface Waiter {
  message: NewMessage;
  stored: PromiseWithResolvers<boolean>;
}

/**
 * Stores messages, those that arrive together in one transaction and one sync to disk: a message is what the service writes as fast as
 * callers can send (docs/adr/0017).
 */
@Injectable()
export class Intake {
  readonly #queue: Waiter[] = [];
  #underway = 0;
  #scheduled = false;

  constructor(private readonly database: Database) {}

  /**
   * Resolves when the message is on disk.
   * @returns false when there is a row with its id or its idempotency key already: read it
   */
  store(message: NewMessage): Promise<boolean> {
    const stored = Promise.withResolvers<boolean>();
    this.#queue.push({ message, stored });
    this.schedule();
    return stored.promise;
  }

  /** Requests whose bytes are here already are read before that, and join. */
  private schedule(): void {
    if (this.#scheduled || this.#underway >= UNDERWAY_MAX || this.#queue.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#underway++;
      void this.flush(this.next()).finally(() => {
        this.#underway--;
        this.schedule();
      });
      this.schedule();
    });
  }

  private next(): Waiter[] {
    let bytes = 0;
    let count = 0;
    while (count < ROWS_MAX && count < this.#queue.length && (count === 0 || bytes < BYTES_MAX))
      bytes += this.#queue[count++]?.message.sizeBytes ?? 0;
    return this.#queue.splice(0, rowsInOne(count));
  }

  private async flush(batch: readonly Waiter[]): Promise<void> {
    if (batch.length > 1) {
      try {
        await this.database.transaction((tx) => insert(tx, batch));
        for (const { stored } of batch) stored.resolve(true);
        return;
      } catch {
        // One of them has an idempotency key that is taken, or the COMMIT got no answer: each by itself finds out.
      }
    }
    await Promise.all(batch.map((waiter) => this.alone(waiter)));
  }

  private async alone(waiter: Waiter): Promise<void> {
    try {
      waiter.stored.resolve(await this.database.insertOnce((tx) => insert(tx, [waiter]), PRIMARY, IDEMPOTENCY));
    } catch (error) {
      waiter.stored.reject(error);
    }
  }
}

async function insert(tx: Tx, batch: readonly Waiter[]): Promise<void> {
  await tx.run(`INSERT INTO messages (${COLUMNS}) VALUES ${batch.map(() => ROW).join(', ')}`, batch.flatMap(valuesOf));
  await tx.run(
    `INSERT INTO message_payloads (message_id, payload) VALUES ${batch.map(() => '(?, ?)').join(', ')}`,
    batch.flatMap(({ message }) => [message.id, message.payload]),
  );
}

/** Drops the payloads of those of the messages that keep theirs no longer: which these are, their rows say. */
export async function dropPayloads(tx: Tx, messageIds: readonly string[]): Promise<void> {
  const ids = padded(messageIds);
  await tx.run(
    `DELETE FROM message_payloads WHERE message_id IN (${placeholders(ids)})
       AND EXISTS (SELECT 1 FROM messages m WHERE m.id = message_payloads.message_id AND m.expires_at IS NULL)`,
    ids,
  );
}

const valuesOf = ({ message }: Waiter): (string | number | null)[] => [
  message.id,
  message.projectId,
  message.endpointId,
  message.status,
  message.headers,
  message.sizeBytes,
  message.payloadSha256,
  message.idempotencyKey,
  message.canonicalSha256,
  message.retentionHours,
  message.dueAt,
  message.expiresAt,
  message.now,
  message.now,
];
