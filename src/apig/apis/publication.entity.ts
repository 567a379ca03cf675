import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Api } from './api.entity.js';
import { Environment } from './environment.entity.js';

/**
 * An API in an environment. Signature keys are bound to publications. There is one permanent row per API and environment. It keeps its id
 * when the API goes offline and online again, because clients store the id (docs/contracts/apig.md §2.4).
 */
@Entity({ name: 'publications' })
@Index('uq_publications_api_env', ['apiId', 'envId'], { unique: true })
@Index('ix_publications_instance', ['instanceId', 'id'])
@ForeignKey(() => Environment, ['instanceId', 'envId'], ['instanceId', 'id'], {
  name: 'fk_publications_environment',
  onDelete: 'CASCADE',
  onUpdate: 'NO ACTION',
})
export class Publication {
  /** The `publish_id` of the contract. */
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @ForeignKey(() => Api, { name: 'fk_publications_api', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'api_id', type: 'varchar', length: 32 })
  apiId: string;

  @Column({ name: 'env_id', type: 'varchar', length: 32 })
  envId: string;

  /** The frozen definition in effect. Kept while the API is offline, so that the history shows the last one. */
  @Column({ name: 'version_id', type: 'varchar', length: 32 })
  versionId: string;

  @Column({ type: 'boolean' })
  online: boolean;

  @Column({ type: 'varchar', length: 255 })
  remark: string;

  @Column({ name: 'published_at', type: 'bigint' })
  publishedAt: number;
}

/** A definition that a publication has frozen (docs/contracts/apig.md §3.6). The ten newest per API and environment are kept. */
@Entity({ name: 'api_versions' })
@Index('ix_api_versions_api_env', ['apiId', 'envId', 'id'])
@Index('ix_api_versions_env', ['instanceId', 'envId'])
@ForeignKey(() => Environment, ['instanceId', 'envId'], ['instanceId', 'id'], {
  name: 'fk_api_versions_environment',
  onDelete: 'CASCADE',
  onUpdate: 'NO ACTION',
})
export class ApiVersion {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @ForeignKey(() => Api, { name: 'fk_api_versions_api', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'api_id', type: 'varchar', length: 32 })
  apiId: string;

  @Column({ name: 'env_id', type: 'varchar', length: 32 })
  envId: string;

  /** Time of the publication as `yyyyMMddHHmmss`, UTC. */
  @Column({ name: 'version_no', type: 'varchar', length: 14 })
  versionNo: string;

  @Column({ type: 'varchar', length: 255 })
  remark: string;

  /** The view of the API at that time, in the contract's JSON. */
  @Column({ type: 'json' })
  // oxlint-disable-next-line typescript/no-explicit-any -- TypeORM's insert() refuses Record<string, unknown>
  definition: Record<string, any>;

  @Column({ name: 'published_at', type: 'bigint' })
  publishedAt: number;
}
