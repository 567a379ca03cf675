import { setTimeout as delay } from 'node:timers/promises';
import { items, type Schema } from 'signet-client';
import type { Io } from '../io.js';
import { connect } from './connection.js';
import type { ConnectionOptions } from './options.js';
import type { Columns } from './output.js';

type Event = Schema<'AuditEventView'>;

const COLUMNS: Columns<Event> = {
  TIME: ({ time }) => time,
  OUTCOME: ({ outcome }) => outcome,
  ACTION: ({ action }) => action,
  RESOURCE: ({ resource_name, resource_id }) => resource_name ?? resource_id,
  USER: ({ user_name, user_id }) => user_name || user_id,
};

export interface TailOptions extends ConnectionOptions {
  readonly limit: number;
  readonly resource?: string;
  readonly action?: string;
  readonly follow?: boolean;
  readonly every: number;
}

/**
 * Prints the newest events of the project, the oldest of them first; with `follow`, also those that are recorded later.
 * @param signal ends the following
 */
export async function tail(io: Io, options: TailOptions, signal?: AbortSignal): Promise<void> {
  const { client, out } = await connect(io, options);
  const query = {
    ...(options.resource !== undefined && { resource_id: options.resource }),
    ...(options.action !== undefined && { action: options.action }),
    limit: Math.min(options.limit, 100),
  };
  const seen = new Set<string>();
  /** New events, the oldest first. Chains are written in parallel, so an event may come to stand below others that were seen before. */
  const fresh = async (newest: number): Promise<Event[]> => {
    const found: Event[] = [];
    let known = 0;
    let read = 0;
    for await (const event of items(client, '/signet/v1/audit', { params: { query } })) {
      if (seen.has(event.hash)) known++;
      else if (read < newest) found.push(event);
      seen.add(event.hash);
      read++;
      if (known >= LOOK_BACK || read >= newest + LOOK_BACK) break;
    }
    return found.reverse();
  };
  const isOver = () => signal?.aborted === true;
  for (const event of await fresh(options.limit)) out.event(event, COLUMNS);
  while (options.follow === true && !isOver()) {
    await delay(options.every * 1000, undefined, signal && { signal }).catch(() => undefined);
    if (isOver()) return;
    for (const event of await fresh(Number.POSITIVE_INFINITY)) out.event(event, COLUMNS);
  }
}

/** How far below the newest event it looks for late ones. */
const LOOK_BACK = 50;
