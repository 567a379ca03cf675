import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { Project } from '../projects/project.entity.js';

/** What a project is in the webhook contract, beyond what it is anyway (endpoints §1.10). No row: nothing was said. */
@Entity({ name: 'webhook_projects' })
export class WebhookProject {
  @ForeignKey(() => Project, { name: 'fk_webhook_projects_project', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** Any text, unlike the name of the project, which stands in URLs and is what tokens are asked for. */
  @Column({ type: 'varchar', length: 255 })
  name: string;

  /** Requests a minute; 0 is the default. */
  @Column({ name: 'rate_limit_default', type: 'int' })
  rateLimitDefault: number;
}
