import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { VpcChannel } from './vpc-channel.entity.js';

/**
 * A server of a load balance channel (docs/contracts/apig.md §3.8). The unique index allows one member per group, address and port, so
 * adding the same member again updates it.
 */
@Entity({ name: 'vpc_channel_members' })
@Index('uq_vpc_channel_members_place', ['channelId', 'groupId', 'host', 'port'], { unique: true })
export class ChannelMember {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @ForeignKey(() => VpcChannel, { name: 'fk_vpc_channel_members_channel', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'channel_id', type: 'varchar', length: 32 })
  channelId: string;

  /** Empty for a member without a group, because a unique index does not compare nulls. */
  @Column({ name: 'group_id', type: 'varchar', length: 32 })
  groupId: string;

  /** The address, or the id of a cloud server. */
  @Column({ type: 'varchar', length: 255 })
  host: string;

  /** The port in the request; if the request has none, the port of the channel. */
  @Column({ type: 'int' })
  port: number;

  @Column({ name: 'ecs_id', type: 'varchar', length: 255 })
  ecsId: string;

  @Column({ name: 'ecs_name', type: 'varchar', length: 255 })
  ecsName: string;

  @Column({ type: 'int' })
  weight: number;

  @Column({ name: 'is_backup', type: 'boolean' })
  isBackup: boolean;

  /** 1: enabled, 2: disabled. */
  @Column({ type: 'int' })
  status: number;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}
