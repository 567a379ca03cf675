import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { CatalogEntryView } from './auth-tokens.views.js';
import type { ProjectRow, UserRow } from './directory.js';

export class SelfLinkView {
  @ApiProperty({ format: 'uri' }) self: string;
}

/** The links of a list. There is only one page, because a caller sees only its own rows. */
export class ListLinksView extends SelfLinkView {
  @ApiProperty({ type: String, nullable: true, description: 'Always null' }) next: null;
  @ApiProperty({ type: String, nullable: true, description: 'Always null' }) previous: null;
}

export class ProjectView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() domain_id: string;
  @ApiProperty({ description: 'Id of the domain, because projects are not nested' }) parent_id: string;
  @ApiProperty() enabled: boolean;
  @ApiProperty({ description: 'Always false' }) is_domain: boolean;
  @ApiProperty() description: string;
  @ApiProperty({ type: SelfLinkView }) links: SelfLinkView;
}

export class ProjectListView {
  @ApiProperty({ type: [ProjectView] }) projects: ProjectView[];
  @ApiProperty({ type: ListLinksView }) links: ListLinksView;
}

export class ProjectAnswerView {
  @ApiProperty({ type: ProjectView }) project: ProjectView;
}

export class DomainView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() enabled: boolean;
  @ApiProperty() description: string;
  @ApiProperty({ type: SelfLinkView }) links: SelfLinkView;
}

export class DomainListView {
  @ApiProperty({ type: [DomainView] }) domains: DomainView[];
  @ApiProperty({ type: ListLinksView }) links: ListLinksView;
}

export class UserView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() domain_id: string;
  @ApiProperty() enabled: boolean;
  @ApiProperty({ type: SelfLinkView }) links: SelfLinkView;
}

export class UserListView {
  @ApiProperty({ type: [UserView] }) users: UserView[];
  @ApiProperty({ type: ListLinksView }) links: ListLinksView;
}

export class RegionView {
  @ApiProperty() id: string;
  @ApiProperty({ enum: ['public'] }) type: 'public';
  @ApiProperty() description: string;
  @ApiPropertyOptional({ type: String, nullable: true, description: 'Always null' }) parent_region_id: null;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } }) locales: Record<string, string>;
  @ApiProperty({ type: SelfLinkView }) links: SelfLinkView;
}

export class RegionListView {
  @ApiProperty({ type: [RegionView] }) regions: RegionView[];
  @ApiProperty({ type: ListLinksView }) links: ListLinksView;
}

export class CatalogView {
  @ApiProperty({ type: [CatalogEntryView] }) catalog: CatalogEntryView[];
  @ApiProperty({ type: SelfLinkView }) links: SelfLinkView;
}

export const listLinks = (self: string): ListLinksView => ({ self, next: null, previous: null });

export const toProjectView = (base: string, project: ProjectRow): ProjectView => ({
  id: project.id,
  name: project.name,
  domain_id: project.domainId,
  parent_id: project.domainId,
  enabled: project.enabled,
  is_domain: false,
  description: project.description,
  links: { self: `${base}/projects/${project.id}` },
});

export const toUserView = (base: string, user: UserRow): UserView => ({
  id: user.id,
  name: user.name,
  domain_id: user.domainId,
  enabled: user.enabled,
  links: { self: `${base}/users/${user.id}` },
});
