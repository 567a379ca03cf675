import { Injectable } from '@nestjs/common';
import { Fault, InstanceNotFound } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import type { InstanceScope } from '../common/scope.js';
import { CommitOutcomeUnknown, Database, type Tx } from '../database/database.js';
import { type NodeReport, NODE_UNREACHABLE_SECONDS, type NodeTerms } from '../lib/protocol/protocol.js';
import { forgetNode, insertNode, type NodeRow, nodeRow, updateNode } from './node-rows.js';
import { addUsage } from './usage.js';

/** Reports in one transaction. */
const TOGETHER_MAX = 200;

interface Waiting {
  scope: InstanceScope;
  nodeId: string;
  report: NodeReport;
  resolve: (terms: NodeTerms) => void;
  reject: (error: unknown) => void;
}

type Listener = (instanceId: string) => void;

/**
 * What nodes report. Not a write of the gateway: no counter, no audit row, no change. Reports that arrive while others are being
 * stored are stored together, so that thousands of nodes that apply one change cost some tens of transactions.
 */
@Injectable()
export class NodeReports {
  readonly #waiting: Waiting[] = [];
  readonly #listeners = new Set<Listener>();
  #storing = false;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** @param listener is told, after the commit, whose nodes have reported; must not throw */
  onReported(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /**
   * Takes a node's report.
   * @throws InstanceNotFound; Fault `conflict` for a revision that there is not yet, and for the older of two processes that
   * report as one node
   */
  take({ projectId, instanceId }: InstanceScope, nodeId: string, report: NodeReport): Promise<NodeTerms> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ scope: { projectId, instanceId }, nodeId, report, resolve, reject });
      if (!this.#storing) void this.store();
    });
  }

  private async store(): Promise<void> {
    this.#storing = true;
    while (this.#waiting.length > 0) await this.together(this.#waiting.splice(0, TOGETHER_MAX));
    this.#storing = false;
  }

  /** One that cannot be stored must not take the others with it: then each is stored alone. */
  private async together(batch: readonly Waiting[]): Promise<void> {
    try {
      const terms = await this.database.transaction((tx) => this.storeAll(tx, batch));
      for (const instanceId of new Set(batch.map(({ scope }) => scope.instanceId))) {
        for (const listener of this.#listeners) listener(instanceId);
      }
      batch.forEach(({ resolve, reject }, i) => {
        const answer = terms[i];
        if (answer instanceof Error || answer === undefined) reject(answer);
        else resolve(answer);
      });
    } catch (error) {
      const [only, ...more] = batch;
      if (more.length > 0) for (const one of batch) await this.together([one]);
      // The node reports again; nothing is lost by storing a report twice.
      else only?.reject(error instanceof CommitOutcomeUnknown ? new Fault('unavailable', {}, { cause: error }) : error);
    }
  }

  private async storeAll(tx: Tx, batch: readonly Waiting[]): Promise<(NodeTerms | Error)[]> {
    const now = this.clock.now();
    const known = new Map<string, NodeTerms | undefined>();
    const answers: (NodeTerms | Error)[] = [];
    for (const { scope, nodeId, report } of batch) {
      if (!known.has(scope.instanceId)) known.set(scope.instanceId, await termsOf(tx, scope));
      const terms = known.get(scope.instanceId);
      answers.push(terms ? ((await storeOne(tx, scope, nodeId, report, terms, now)) ?? terms) : new InstanceNotFound(scope.instanceId));
    }
    return answers;
  }
}

async function termsOf(tx: Tx, { projectId, instanceId }: InstanceScope): Promise<NodeTerms | undefined> {
  const [terms] = await tx.rows<NodeTerms>(
    `SELECT c.revision, s.lease_seconds FROM instances i JOIN change_counters c ON c.scope_id = i.id
     LEFT JOIN gateway_settings s ON s.instance_id = i.id WHERE i.id = ? AND i.project_id = ?`,
    [instanceId, projectId],
  );
  return terms;
}

/** @returns the refusal, if it is one */
async function storeOne(
  tx: Tx,
  scope: InstanceScope,
  nodeId: string,
  report: NodeReport,
  terms: NodeTerms,
  now: number,
): Promise<Fault | undefined> {
  if (report.applied_revision > terms.revision) return new Fault('conflict', { detail: 'the gateway has no such revision yet' });
  const before = await nodeRow(tx, scope.instanceId, nodeId);
  if (before && isOlderProcess(before, report, now)) return new Fault('conflict', { detail: 'a later process reports as this node' });
  if (report.leaving) {
    if (before) await forgetNode(tx, scope.instanceId, nodeId);
  } else {
    const leaseUntil = leaseEnd(report, terms, now);
    if (before) await updateNode(tx, before, report, leaseUntil, now);
    else if (!(await insertNode(tx, scope, nodeId, report, leaseUntil, now)))
      return new Fault('conflict', { detail: 'the gateway has too many nodes' });
  }
  await addUsage(tx, scope, report.usage ?? [], now);
  return undefined;
}

/** Another process has begun since and is still there: the one that reports must not take its place. */
const isOlderProcess = (before: NodeRow, { started_at = 0 }: NodeReport, now: number): boolean =>
  started_at > 0 && started_at < before.startedAt && now - before.lastSeen <= NODE_UNREACHABLE_SECONDS * 1000;

/**
 * When a node surely has stopped, if nothing more is heard of it. The answer that tells it its lease may be lost, so a lease
 * counts from the report on that shows that the node goes by one, and at the longer of the two that it may go by.
 */
function leaseEnd({ lease_seconds: own }: NodeReport, { lease_seconds: wanted }: NodeTerms, now: number): number | null {
  if (own === undefined || own === null || wanted === null) return null;
  return now + Math.max(own, wanted) * 1000;
}
