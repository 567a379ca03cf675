import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsObject, IsOptional, IsString, Matches, MaxLength, ValidateNested } from 'class-validator';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';
import { ListLinksView, listLinks, SelfLinkView } from './directory.views.js';
import type { UserGroup } from './user-group.entity.js';

/** Format of names of groups and policies: like names of users, but spaces are allowed. */
export const ACCESS_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_ .@+-]{0,63}$/u;

class NewUserGroup {
  @ApiProperty({ pattern: ACCESS_NAME.source, maxLength: 64, description: 'Unique within the domain' })
  @IsDefined()
  @Matches(ACCESS_NAME)
  name: string;

  @ApiPropertyOptional({ maxLength: 255, description: 'For people' })
  @IsString()
  @MaxLength(255)
  @IsOptional()
  description?: string;

  @ApiPropertyOptional({ description: 'Id of the domain, which must be that of the caller. Default: the domain of the caller' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  domain_id?: string;
}

/** Body of `POST /v3/groups`. */
export class UserGroupInput {
  @ApiProperty({ type: NewUserGroup })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => NewUserGroup)
  group: NewUserGroup;
}

class ChangedUserGroup {
  @ApiPropertyOptional({ pattern: ACCESS_NAME.source, maxLength: 64, description: 'Unchanged if omitted' })
  @Matches(ACCESS_NAME)
  @IsOptional()
  name?: string;

  @ApiPropertyOptional({ maxLength: 255, description: 'Unchanged if omitted' })
  @IsString()
  @MaxLength(255)
  @IsOptional()
  description?: string;
}

/** Body of `PATCH /v3/groups/{group_id}`. */
export class UserGroupChangeInput {
  @ApiProperty({ type: ChangedUserGroup })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ChangedUserGroup)
  group: ChangedUserGroup;
}

export class UserGroupView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() domain_id: string;
  @ApiProperty() description: string;
  @ApiProperty({ type: 'integer', description: 'Unix time in milliseconds' }) create_time: number;
  @ApiProperty({ type: SelfLinkView }) links: SelfLinkView;
}

export class UserGroupAnswerView {
  @ApiProperty({ type: UserGroupView }) group: UserGroupView;
}

export class UserGroupListView {
  @ApiProperty({ type: [UserGroupView] }) groups: UserGroupView[];
  @ApiProperty({ type: ListLinksView }) links: ListLinksView;
}

/** @param base the URL of `/v3` */
export const toUserGroupView = (base: string, group: UserGroup): UserGroupView => ({
  id: group.id,
  name: group.name,
  domain_id: group.domainId,
  description: group.description,
  create_time: group.createdAt,
  links: { self: `${base}/groups/${group.id}` },
});

export const toUserGroupListView = (base: string, path: string, groups: readonly UserGroup[]): UserGroupListView => ({
  groups: groups.map((group) => toUserGroupView(base, group)),
  links: listLinks(base + path),
});
