import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A lease, which elects one process to run a task. */
@Entity({ name: 'leases' })
export class Lease {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  name: string;

  @Column({ type: 'varchar', length: 36 })
  holder: string;

  @Column({ name: 'expires_at', type: 'bigint' })
  expiresAt: number;
}
