import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Scope } from '../common/scope.js';

/**
 * Completed receipts. A completed receipt also completes all earlier ones. So a row covers the revisions after the previous row up to its
 * own revision, and revisions above the last row are open.
 */
@Entity({ name: 'receipts' })
export class Receipt {
  @PrimaryColumn({ name: 'scope_kind', type: 'varchar', length: 16 })
  scopeKind: Scope['kind'];

  @PrimaryColumn({ name: 'scope_id', type: 'varchar', length: 64 })
  scopeId: string;

  @PrimaryColumn({ type: 'bigint' })
  revision: number;

  /** The epoch in which the receipt was completed. */
  @Column({ type: 'varchar', length: 32 })
  epoch: string;

  /** Unix time in milliseconds, by the clock of the control plane that stored the row. */
  @Column({ name: 'completed_at', type: 'bigint' })
  completedAt: number;
}
