import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { ApiGroup } from './group.entity.js';

/** A domain of an API group. Signet stores it but does not use it (docs/contracts/apig.md §3.10). */
@Entity({ name: 'group_domains' })
@Index('uq_group_domains_instance_host', ['instanceId', 'host'], { unique: true })
@Index('ix_group_domains_group', ['groupId', 'id'])
export class GroupDomain {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @ForeignKey(() => ApiGroup, { name: 'fk_group_domains_group', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'group_id', type: 'varchar', length: 32 })
  groupId: string;

  /** The domain as the client sent it. */
  @Column({ name: 'url_domain', type: 'varchar', length: 255 })
  urlDomain: string;

  /** The domain in lower case and without a trailing dot, so that each domain is bound only once. */
  @Column({ type: 'varchar', length: 255 })
  host: string;

  /** TLS version, redirect, ports and certificate, in the contract's JSON. Of a certificate, only the id is stored. */
  @Column({ type: 'json' })
  // oxlint-disable-next-line typescript/no-explicit-any -- TypeORM's insert() refuses Record<string, unknown>
  settings: Record<string, any>;
}
