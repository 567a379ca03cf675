import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { VpcChannel } from './vpc-channel.entity.js';

/** A group of servers of a load balance channel. Its name is unique in the channel (docs/contracts/apig.md §3.8). */
@Entity({ name: 'vpc_channel_groups' })
@Index('uq_vpc_channel_groups_name', ['channelId', 'name'], { unique: true })
@Index('ix_vpc_channel_groups_reference', ['referenceId'])
export class ChannelGroup {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @ForeignKey(() => VpcChannel, { name: 'fk_vpc_channel_groups_channel', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'channel_id', type: 'varchar', length: 32 })
  channelId: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  /**
   * The channel to which the group refers; empty: none. While a group of another channel refers to a channel, that channel cannot be
   * deleted.
   */
  @Column({ name: 'reference_id', type: 'varchar', length: 32 })
  referenceId: string;

  /** All other fields, in the contract's JSON. */
  @Column({ type: 'json' })
  // oxlint-disable-next-line typescript/no-explicit-any -- TypeORM's insert() refuses Record<string, unknown>
  definition: Record<string, any>;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}
