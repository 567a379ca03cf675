import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Database } from '../../platform/database/database.js';
import { digestRow } from '../../lib/protocol/digest-row.js';
import { digestOf, digestText } from '../../lib/receipts/digest.js';
import { SnapshotService } from './snapshot.service.js';

const KEPT_MAX = 10_000;

/**
 * Digests of a gateway's table by revision, to detect a node that acknowledges a revision with a different table. Each is computed once, in
 * the background. Until it is computed, reports are not compared.
 *
 * Guarantees: A node that reports a different table at a computed revision is detected.
 * Condition: The digest of the revision was computed. Each process computes only the digest of the newest revision, in the background.
 * Degrades: Until it is computed, or after its entry was evicted, reports are not compared.
 */
@Injectable()
export class TableDigests {
  /** Digests by gateway and revision; undefined: the computation is in progress or has failed. */
  readonly #digests = new LRUCache<string, { text: string | undefined }>({ max: KEPT_MAX });

  constructor(
    private readonly database: Database,
    private readonly snapshots: SnapshotService,
  ) {}

  /**
   * Returns the digest of a revision if it is computed. Must be called outside any transaction, because it may start the computation. Only
   * the digest of the newest revision can be computed.
   */
  of(scope: InstanceScope, revision: number): string | undefined {
    const known = this.#digests.get(keyOf(scope.instanceId, revision));
    if (!known) void this.count(scope, revision);
    return known?.text;
  }

  private async count(scope: InstanceScope, wanted: number): Promise<void> {
    this.#digests.set(keyOf(scope.instanceId, wanted), { text: undefined });
    try {
      // Decrypts the keys as for a node, because a node never gets a key that cannot be decrypted.
      const sealed = await this.database.snapshot((reads) => this.snapshots.read(reads, scope));
      const { revision, publications } = await this.snapshots.open(scope, '', sealed);
      this.#digests.set(keyOf(scope.instanceId, revision), { text: digestText(digestOf(publications.map(digestRow))) });
    } catch {
      // The next report starts the computation again.
      this.#digests.delete(keyOf(scope.instanceId, wanted));
    }
  }
}

const keyOf = (instanceId: string, revision: number) => `${instanceId} ${revision}`;
