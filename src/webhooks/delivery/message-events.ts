import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type EventSource, OperationalEvents } from '../../platform/audit/operational-events.js';
import { HOUR_MS, toMilliseconds } from '../../platform/common/clock.js';
import type { OperationalEvent } from '../../platform/common/events.js';
import { newId } from '../../platform/common/ids.js';
import { Config } from '../../platform/config/config.js';
import type { Tx } from '../../platform/database/database.js';
import { rowsPerInsert } from '../../platform/database/tx.js';
import { insertMessages, type NewMessage } from './message-store.js';
import { toUuid } from './message-row.js';

/** Events that an endpoint does not receive about itself: because it is failing, each event would fail too and cause another event. */
const NOT_ABOUT_ITSELF: ReadonlySet<OperationalEvent['kind']> = new Set(['endpoint.failing', 'endpoint.disabled', 'message.dead']);

/** Sends operational events as ordinary messages. They are stored in the transaction of the change that they report. */
@Injectable()
export class MessageEvents extends OperationalEvents {
  constructor(private readonly config: Config) {
    super();
  }

  emit(tx: Tx, source: EventSource, event: OperationalEvent): Promise<void> {
    return this.tellEach(tx, [{ source, event }]);
  }

  /** Sends several events. Reads the subscribed endpoints once per project and kind. */
  async tellEach(tx: Tx, told: readonly { source: EventSource; event: OperationalEvent }[]): Promise<void> {
    const subscribers = new Map<string, Subscriber[]>();
    const messages: NewMessage[] = [];
    for (const { source, event } of told) {
      const { projectId } = source;
      const key = `${projectId} ${event.kind}`;
      const endpoints = subscribers.get(key) ?? (await tx.rows<Subscriber>(SUBSCRIBERS, [projectId, event.kind]));
      subscribers.set(key, endpoints);
      const about = 'endpoint_id' in event.data ? event.data.endpoint_id : undefined;
      for (const endpoint of endpoints)
        if (endpoint.id !== about || !NOT_ABOUT_ITSELF.has(event.kind)) messages.push(this.messageOf(source, event, endpoint));
    }
    for (let rest = messages; rest.length > 0; ) {
      const count = rowsPerInsert(rest.length);
      await insertMessages(tx, rest.slice(0, count));
      rest = rest.slice(count);
    }
  }

  private messageOf({ projectId, now }: EventSource, { kind, data }: OperationalEvent, { id, paused }: Subscriber): NewMessage {
    const payload = JSON.stringify({ type: kind, timestamp: toMilliseconds(now), data });
    const { retentionHours } = this.config.webhooks;
    return {
      id: toUuid(newId()),
      projectId,
      endpointId: id,
      status: paused ? 'paused' : 'queued',
      payload,
      headers: null,
      sizeBytes: Buffer.byteLength(payload),
      payloadSha256: hash('sha256', payload, 'hex'),
      idempotencyKey: null,
      canonicalSha256: null,
      retentionHours,
      dueAt: paused ? null : now,
      expiresAt: now + retentionHours * HOUR_MS,
      now,
      eventKind: kind,
    };
  }
}

interface Subscriber {
  id: string;
  paused: number;
}

const SUBSCRIBERS = `SELECT e.id, e.paused FROM endpoint_events s JOIN webhook_endpoints e ON e.id = s.endpoint_id
  WHERE s.project_id = ? AND s.kind = ? AND e.deleted_at IS NULL ORDER BY e.id`;
