import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Domain, Project } from '../projects/project.entity.js';
import { Policy } from './policy.entity.js';
import { User } from './user.entity.js';

/** A group of users, which share the roles of the group. */
@Entity({ name: 'user_groups' })
@Index('uq_user_groups_domain_name', ['domainId', 'name'], { unique: true })
export class UserGroup {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;

  @ForeignKey(() => Domain, { name: 'fk_user_groups_domain', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'domain_id', type: 'varchar', length: 64 })
  domainId: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  @Column({ type: 'varchar', length: 255 })
  description: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** MAC of the columns on which authorization relies (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}

@Entity({ name: 'user_group_members' })
@Index('ix_user_group_members_user', ['userId'])
export class UserGroupMember {
  @ForeignKey(() => UserGroup, { name: 'fk_user_group_members_group', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'group_id', type: 'varchar', length: 64 })
  groupId: string;

  @ForeignKey(() => User, { name: 'fk_user_group_members_user', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'user_id', type: 'varchar', length: 64 })
  userId: string;

  /** MAC of the columns on which authorization relies (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}

/** A role that all users of a group have in a project. */
@Entity({ name: 'group_role_assignments' })
export class GroupRoleAssignment {
  @ForeignKey(() => UserGroup, { name: 'fk_group_role_assignments_group', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'group_id', type: 'varchar', length: 64 })
  groupId: string;

  @ForeignKey(() => Project, { name: 'fk_group_role_assignments_project', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** As in `RoleAssignment`. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  role: string;

  @ForeignKey(() => Policy, { name: 'fk_group_role_assignments_policy', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'policy_id', type: 'varchar', length: 64, nullable: true })
  policyId: string | null;

  /** MAC of the columns on which authorization relies (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}
