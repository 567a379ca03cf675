import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** A domain (account), to which projects and users belong. */
@Entity({ name: 'domains' })
@Index('uq_domains_name', ['name'], { unique: true })
export class Domain {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  @Column({ type: 'boolean' })
  enabled: boolean;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** MAC of the columns on which authorization relies (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}

/** A project, which is the tenant. Every row of a gateway contains its id. */
@Entity({ name: 'projects' })
@Index('uq_projects_domain_name', ['domainId', 'name'], { unique: true })
export class Project {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;

  @ForeignKey(() => Domain, { name: 'fk_projects_domain', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'domain_id', type: 'varchar', length: 64 })
  domainId: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  @Column({ type: 'varchar', length: 255 })
  description: string;

  @Column({ type: 'boolean' })
  enabled: boolean;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** MAC of the columns on which authorization relies (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}
