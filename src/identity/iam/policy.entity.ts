import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Domain } from '../projects/project.entity.js';

/** Huawei's types of policies: for regional services and for global services. Signet attaches both in projects. */
export const POLICY_TYPES = ['XA', 'AX'] as const;
export type PolicyType = (typeof POLICY_TYPES)[number];

/** A custom policy of a domain (docs/adr/0021). Its name never changes, because tokens of external issuers name roles by it. */
@Entity({ name: 'policies' })
@Index('uq_policies_domain_name', ['domainId', 'name'], { unique: true })
export class Policy {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;

  @ForeignKey(() => Domain, { name: 'fk_policies_domain', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'domain_id', type: 'varchar', length: 64 })
  domainId: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  @Column({ type: 'varchar', length: 2 })
  type: PolicyType;

  @Column({ type: 'varchar', length: 255 })
  description: string;

  /** A `PolicyDocument` (platform/auth/policy.ts) as JSON. */
  @Column({ type: 'text' })
  document: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;

  /** MAC of the columns on which authorization relies (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}
