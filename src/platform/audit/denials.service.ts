import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { RetentionService } from './retention.service.js';
import { append, DENIED, type ServiceEvent } from './service-chains.js';

/** Maximum number of kinds with a row of their own that a process writes per window. One more row per status counts the rest. */
const KINDS_MAX = 32;
/** Maximum number of these kinds for one address, so that a single client cannot displace others. */
const KINDS_PER_ADDRESS_MAX = 8;
/** Pruning runs once per this many rows. */
const PRUNE_EVERY = 1000;
const PATH_MAX_CHARS = 200;
const ACCESS_KEY = /^SDK-HMAC-SHA256 +(?:Access|Credential)=([A-Za-z0-9]{1,64})/;

/** The `detail` of a row about denied requests. */
export interface DeniedDetail {
  status: number;
  /** The number of requests that the row counts. */
  count: number;
  first_at: number;
  last_at: number;
  /** Path of the first request, without its query. */
  path?: string;
  /** Access key id in the first request, unverified. */
  claimed_access_key_id?: string;
}

interface Denial {
  event: Omit<ServiceEvent, 'detail' | 'createdAt'>;
  detail: DeniedDetail;
}

/**
 * Records requests that were answered with 401, 403 or 429 in a separate chain. Requests that differ only in time share a row with a count,
 * each process writes a bounded number of rows per window, and old rows are pruned. So a flood of denied requests neither fills the disk
 * nor delays writes.
 *
 * Guarantees: Every denied request is counted in the audit trail, within one window.
 * Condition: The process shuts down in order, and the database accepts writes until then.
 * Degrades: A killed process loses the counts of its last window. While the database fails, the counts stay in memory, up to the maximum
 * number of kinds.
 */
@Injectable()
export class Denials implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger(Denials.name);
  #waiting = new Map<string, Denial>();
  #perAddress = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #underway: Promise<void> = Promise.resolve();
  #failing = false;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly config: Config,
    private readonly retention: RetentionService,
  ) {}

  onModuleInit(): void {
    // If the process is killed, the counts that are still in memory are lost.
    this.#timer = setInterval(() => void this.flush(), this.config.auditDeniedWindowSeconds * 1000).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  /** Counts a denied request in memory. */
  record(request: FastifyRequest, status: number): void {
    const now = this.clock.now();
    const denial = describe(request, status, now);
    const { event } = denial;
    const key = JSON.stringify([status, event.resourceId, event.resourceName, event.userId, event.credentialHash, event.sourceAddress]);
    const known = this.#waiting.get(key);
    if (known) return count(known, now);
    const ofAddress = this.#perAddress.get(event.sourceAddress) ?? 0;
    if (this.#waiting.size >= KINDS_MAX || ofAddress >= KINDS_PER_ADDRESS_MAX) return this.recordRest(status, event.sourceAddress, now);
    this.#perAddress.set(event.sourceAddress, ofAddress + 1);
    this.#waiting.set(key, denial);
  }

  /** Counts requests beyond the row limits: by address while there is room, then by status alone. */
  private recordRest(status: number, sourceAddress: string, now: number): void {
    const ofAddress = this.#waiting.size < KINDS_MAX ? sourceAddress : '';
    const key = `rest ${status} ${ofAddress}`;
    const known = this.#waiting.get(key);
    if (known) return count(known, now);
    const event = { ...NOBODY, resourceName: null, sourceAddress: ofAddress, resourceId: 'others' };
    this.#waiting.set(key, { event, detail: { status, count: 1, first_at: now, last_at: now } });
  }

  /** Writes the pending rows. Rows that the database refuses stay pending, and their counts keep growing. */
  flush(): Promise<void> {
    this.#underway = this.#underway.then(() => this.write());
    return this.#underway;
  }

  private async write(): Promise<void> {
    if (this.#waiting.size === 0) return;
    const denials = this.#waiting;
    this.#waiting = new Map();
    this.#perAddress = new Map();
    try {
      const createdAt = this.clock.now();
      const events = [...denials.values()].map(({ event, detail }) => ({ ...event, detail: JSON.stringify(detail), createdAt }));
      const last = await this.database.transaction((tx) => append(tx, DENIED, events));
      this.#failing = false;
      // Prunes in exactly one process: the one whose rows cross a multiple of `PRUNE_EVERY`.
      if (Math.floor(last / PRUNE_EVERY) !== Math.floor((last - events.length) / PRUNE_EVERY))
        await this.retention.pruneTo(DENIED, this.config.auditDeniedRows);
    } catch (error) {
      if (!this.#failing)
        this.#logger.error(error, 'denied requests cannot be recorded; they are counted in memory until the database accepts writes again');
      this.#failing = true;
      this.requeue(denials);
    }
  }

  /** Merges the rows that could not be written with those counted since. */
  private requeue(denials: Map<string, Denial>): void {
    const meanwhile = this.#waiting;
    this.#waiting = denials;
    for (const [key, denial] of meanwhile) {
      const known = denials.get(key);
      const { status, count: more, last_at } = denial.detail;
      const into = known ?? (denials.size < 2 * KINDS_MAX ? undefined : denials.get(`rest ${status} `));
      if (into) Object.assign(into.detail, { count: into.detail.count + more, last_at });
      else denials.set(denials.size < 2 * KINDS_MAX ? key : `rest ${status} `, denial);
    }
  }
}

const NOBODY: Omit<ServiceEvent, 'detail' | 'createdAt' | 'resourceId' | 'resourceName' | 'sourceAddress'> = {
  projectId: '',
  action: 'DenyRequest',
  resourceType: 'Request',
  userId: '',
  userName: '',
  accessKeyId: null,
  credentialHash: '',
  requestId: '',
};

/** Describes a denied request. Names authenticated callers only, never an unverified name. */
function describe(request: FastifyRequest, status: number, now: number): Denial {
  const { principal, machine } = request;
  const claimed = principal ? undefined : ACCESS_KEY.exec(request.headers.authorization ?? '')?.[1];
  const detail = { status, count: 1, first_at: now, last_at: now, path: request.url.split('?', 1)[0]?.slice(0, PATH_MAX_CHARS) ?? '' };
  return {
    event: {
      ...NOBODY,
      projectId: principal?.projectId ?? machine?.projectId ?? '',
      resourceId: request.refusal ?? 'unknown',
      resourceName: `${request.method} ${request.routeOptions.url ?? 'unknown'}`.slice(0, 255),
      userId: principal?.userId ?? machine?.tokenId ?? '',
      userName: principal?.userName ?? machine?.role ?? '',
      accessKeyId: principal?.accessKeyId ?? null,
      credentialHash: principal?.credentialHash ?? '',
      sourceAddress: request.ip,
      requestId: request.id,
    },
    detail: { ...detail, ...(claimed !== undefined && { claimed_access_key_id: claimed }) },
  };
}

function count({ detail }: Denial, now: number): void {
  detail.count++;
  detail.last_at = now;
}
