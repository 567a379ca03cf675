import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ChangeFeed } from '../changes/change-feed.js';
import { ChangesService, type WriteScope } from '../changes/changes.service.js';
import { ChangeCounter } from '../changes/change.entity.js';
import { newId } from '../common/ids.js';
import { type Caller, withoutCredential } from '../common/principal.js';
import { Database } from '../database/database.js';
import { columnsOf } from '../database/columns.js';
import { AuditEvent } from './audit-event.entity.js';
import { AuditService } from './audit.service.js';
import type { Place } from './chain-walk.js';

const COUNTER = columnsOf(ChangeCounter, 'c').pick('scopeId', 'projectId');
const HEAD = columnsOf(AuditEvent, 'e').pick('seq', 'hash');

/** Number of writes after which a chain's head is recorded in its project's chain. */
export const HEAD_EVERY = 500;
/** The action of the rows that record a chain's head. */
export const RECORD_HEAD = 'RecordAuditHead' as const;
/** Kinds of scopes whose chains are recorded in their project's chain. */
const RECORDED = ['instance', 'endpoint'];

/** The position in another chain that a row of a project's chain refers to, if any. */
export function headIn({ action, resourceId, detail }: AuditEvent): { scopeId: string; place: Place } | undefined {
  if (detail === null || (action !== RECORD_HEAD && action !== 'DeleteInstance')) return undefined;
  const { chain } = JSON.parse(detail) as { chain?: Place };
  return chain && { scopeId: resourceId, place: chain };
}

interface Head extends Place {
  scopeId: string;
  projectId: string;
}

/**
 * Records the heads of gateways' and endpoints' chains in their project's chain, so that the removal of a chain with its counter is
 * detected. The write itself does not record the head: it would have to wait for the project's lock, which the deletion of a gateway takes
 * first.
 *
 * Guarantees: The head of a gateway's or an endpoint's chain is recorded in the chain of its project every `HEAD_EVERY` revisions.
 * Condition: The process that committed the revision runs until the record is written.
 * Degrades: If a head was not recorded, the next one is recorded `HEAD_EVERY` revisions later. Until then, the removal of the chain's
 * newest rows may go undetected.
 */
@Injectable()
export class ChainHeads implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger(ChainHeads.name);
  #unsubscribe: () => void = () => undefined;
  #underway: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly feed: ChangeFeed,
  ) {}

  onModuleInit(): void {
    this.#unsubscribe = this.feed.subscribe(({ scope, revision, local }) => {
      if (!local || !RECORDED.includes(scope.kind) || revision % HEAD_EVERY !== 0) return;
      // If the process ends here, the next head is recorded after another `HEAD_EVERY` writes.
      this.#underway = this.#underway
        .then(() => this.record('c.scope_id = ?', scope.id))
        .catch((error: unknown) => this.#logger.warn(`the audit head of ${scope.id} was not recorded: ${nameOf(error)}`));
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.#unsubscribe();
    await this.whenRecorded();
  }

  /** Resolves when all pending records are written. */
  async whenRecorded(): Promise<void> {
    await this.#underway;
  }

  /** Records the heads of all chains of a project. Must run before the project's own chain loses the rows that recorded them. */
  recordOf(projectId: string): Promise<void> {
    return this.record('c.project_id = ?', projectId);
  }

  private async record(condition: string, value: string): Promise<void> {
    const heads = await this.database.rows<Head>(
      `SELECT ${COUNTER.select}, ${HEAD.select} FROM change_counters c
       JOIN audit_events e ON e.scope_id = c.scope_id AND e.seq = c.revision
       WHERE ${condition} AND c.scope_kind IN ('instance', 'endpoint') ORDER BY c.scope_id`,
      [value],
    );
    for (const { scopeId, projectId, seq, hash } of heads)
      await this.changes.write(inProject(projectId), async (write) => {
        const entry = {
          action: RECORD_HEAD,
          resourceType: 'AuditChain',
          resourceId: scopeId,
          detail: { chain: { seq: Number(seq), hash } },
        };
        await this.audit.record(write, serviceCaller(), entry);
        write.change('audit_chain', scopeId, 'updated');
      });
  }
}

const inProject = (projectId: string): WriteScope => ({
  scope: { kind: 'project', id: projectId },
  projectId,
  notFound: () => new Error('the project has no chain'),
});

/** The actor in rows about what the service does by itself. */
export const serviceCaller = (): Caller => ({
  principal: withoutCredential({ userId: 'signet', userName: 'signet', domainId: '', domainName: '' }),
  requestId: newId(),
  sourceAddress: '',
});

const nameOf = (error: unknown) => (error instanceof Error ? error.name : 'unknown');
