import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsIn, IsObject, IsOptional, IsString, Matches, MaxLength, ValidateNested } from 'class-validator';
import { ACTIONS_MAX, EFFECTS, type Effect, type PolicyDocument, STATEMENTS_MAX } from '../../platform/auth/policy.js';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';
import { ListLinksView, listLinks, SelfLinkView } from './directory.views.js';
import { ACCESS_NAME } from './user-groups.dto.js';
import { POLICY_TYPES, type Policy, type PolicyType } from './policy.entity.js';
import type { Role } from './roles.js';

class StatementView {
  @ApiProperty({ enum: EFFECTS, description: 'A Deny in any policy takes precedence' }) Effect: Effect;
  @ApiProperty({
    type: [String],
    minItems: 1,
    maxItems: ACTIONS_MAX,
    description: '`service:resource:operation`; `*` in the last two parts matches any text',
  })
  Action: string[];
}

class PolicyDocumentView {
  @ApiProperty({ enum: ['1.1'] }) Version: '1.1';
  @ApiProperty({ type: [StatementView], minItems: 1, maxItems: STATEMENTS_MAX }) Statement: StatementView[];
}

const POLICY = {
  type: PolicyDocumentView,
  description: 'The policy. Fields other than these are refused, because they would not be evaluated',
};

class NewPolicy {
  @ApiProperty({ pattern: ACCESS_NAME.source, maxLength: 64, description: 'Name, unique within the domain; cannot be changed' })
  @IsDefined()
  @Matches(ACCESS_NAME)
  display_name: string;

  @ApiPropertyOptional({
    enum: POLICY_TYPES,
    default: 'XA',
    description: 'Stored and returned, without an effect: policies of both types are attached in projects',
  })
  @EmptyIsAbsent()
  @IsIn(POLICY_TYPES)
  @IsOptional()
  type?: PolicyType;

  @ApiPropertyOptional({ maxLength: 255, description: 'For people' })
  @IsString()
  @MaxLength(255)
  @IsOptional()
  description?: string;

  @ApiProperty(POLICY)
  @IsDefined()
  @IsObject()
  policy: unknown;
}

/** Body of `POST /v3.0/OS-ROLE/roles`. */
export class PolicyInput {
  @ApiProperty({ type: NewPolicy })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => NewPolicy)
  role: NewPolicy;
}

class ChangedPolicy {
  @ApiPropertyOptional({ description: 'The current name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  display_name?: string;

  @ApiPropertyOptional({ enum: POLICY_TYPES, description: 'Unchanged if omitted' })
  @EmptyIsAbsent()
  @IsIn(POLICY_TYPES)
  @IsOptional()
  type?: PolicyType;

  @ApiPropertyOptional({ maxLength: 255, description: 'Unchanged if omitted' })
  @IsString()
  @MaxLength(255)
  @IsOptional()
  description?: string;

  @ApiPropertyOptional({ ...POLICY, description: 'Unchanged if omitted' })
  @IsObject()
  @IsOptional()
  policy?: unknown;
}

/** Body of `PATCH /v3.0/OS-ROLE/roles/{role_id}`. */
export class PolicyChangeInput {
  @ApiProperty({ type: ChangedPolicy })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ChangedPolicy)
  role: ChangedPolicy;
}

/** A policy in the format of Huawei's identity service. */
export class RoleView {
  @ApiProperty() id: string;
  @ApiProperty({ description: 'The same text as display_name' }) name: string;
  @ApiProperty() display_name: string;
  @ApiProperty({ type: String, nullable: true, description: 'Null for a system policy' }) domain_id: string | null;
  @ApiProperty({ enum: POLICY_TYPES }) type: PolicyType;
  @ApiProperty({ enum: ['CUSTOMED', 'APIG'], description: 'CUSTOMED if the domain created it' }) catalog: 'CUSTOMED' | 'APIG';
  @ApiProperty() description: string;
  @ApiProperty({ type: PolicyDocumentView }) policy: PolicyDocument;
  @ApiPropertyOptional({ description: 'Unix time in milliseconds, as text; absent for system policies' }) created_time?: string;
  @ApiPropertyOptional({ description: 'Unix time in milliseconds, as text; absent for system policies' }) updated_time?: string;
  @ApiProperty({ type: SelfLinkView }) links: SelfLinkView;
}

export class RoleAnswerView {
  @ApiProperty({ type: RoleView }) role: RoleView;
}

export class RoleListView {
  @ApiProperty({ type: [RoleView] }) roles: RoleView[];
  @ApiProperty({ type: ListLinksView }) links: ListLinksView;
  @ApiProperty({ type: 'integer', description: 'Number of rows in this list' }) total_number: number;
}

const view = (base: string, role: Pick<Role, 'id' | 'name'>, policy: PolicyDocument) => ({
  id: role.id,
  name: role.name,
  display_name: role.name,
  policy,
  links: { self: `${base}/roles/${role.id}` },
});

/** @param base the URL of `/v3` */
export const toPolicyView = (base: string, row: Policy): RoleView => ({
  ...view(base, row, JSON.parse(row.document) as PolicyDocument),
  domain_id: row.domainId,
  type: row.type,
  catalog: 'CUSTOMED',
  description: row.description,
  created_time: String(row.createdAt),
  updated_time: String(row.updatedAt),
});

export const toSystemRoleView = (base: string, role: Role): RoleView => ({
  ...view(base, role, role.document),
  domain_id: null,
  type: 'XA',
  catalog: 'APIG',
  description: '',
});

export const toRoleListView = (self: string, roles: RoleView[]): RoleListView => ({
  roles,
  links: listLinks(self),
  total_number: roles.length,
});

/** A role that a user or a group has. */
export class HeldRoleView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() display_name: string;
  @ApiProperty({ type: PolicyDocumentView }) policy: PolicyDocument;
  @ApiProperty({ type: SelfLinkView }) links: SelfLinkView;
}

export class HeldRoleListView {
  @ApiProperty({ type: [HeldRoleView] }) roles: HeldRoleView[];
  @ApiProperty({ type: ListLinksView }) links: ListLinksView;
}

export const toHeldRolesView = (base: string, path: string, roles: readonly Role[]): HeldRoleListView => ({
  roles: roles.map((role) => view(base, role, role.document)),
  links: listLinks(base + path),
});
