import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { Project } from '../../identity/projects/project.entity.js';

/**
 * Fields of a project that only the webhook contract has (docs/contracts/endpoints.md §1.10). If a project has no row, the defaults apply.
 */
@Entity({ name: 'webhook_projects' })
export class WebhookProject {
  @ForeignKey(() => Project, { name: 'fk_webhook_projects_project', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** Display name, which may be any text. The project's own name may not, because it appears in URLs and token requests. */
  @Column({ type: 'varchar', length: 255 })
  name: string;

  /** Requests per minute; 0 means the default. */
  @Column({ name: 'rate_limit_default', type: 'int' })
  rateLimitDefault: number;
}
