import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AllowInDomain } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { Config } from '../../platform/config/config.js';
import { NameQuery } from './directory.dto.js';
import { ACCESS_ERRORS, POLICY_ERRORS } from './iam.answers.js';
import {
  PolicyChangeInput,
  PolicyInput,
  RoleAnswerView,
  RoleListView,
  toPolicyView,
  toRoleListView,
  toSystemRoleView,
} from './policies.dto.js';
import { PoliciesService } from './policies.service.js';
import { SYSTEM_ROLES } from './roles.js';

/** Policies, at the paths of Huawei's identity service, which calls them roles. */
@ApiTags('Groups, policies and roles')
@Controller()
export class PoliciesController {
  readonly #base: string;

  constructor(
    private readonly config: Config,
    private readonly policies: PoliciesService,
  ) {
    this.#base = `${config.publicUrl}/v3`;
  }

  @Get('/v3/roles')
  @AllowInDomain('iam:roles:listRoles')
  @Answers(200, RoleListView, 'KeystoneListPermissions', 'List every policy that can be attached in the domain')
  async listAll(@Query() { name }: NameQuery, @CallerOf() { principal }: Caller): Promise<RoleListView> {
    const custom = (await this.policies.list(principal.domainId)).map((policy) => toPolicyView(this.#base, policy));
    const all = [...SYSTEM_ROLES.map((role) => toSystemRoleView(this.#base, role)), ...custom];
    return toRoleListView(
      `${this.#base}/roles`,
      all.filter((role) => name === undefined || role.name === name),
    );
  }

  @Get('/v3/roles/:role_id')
  @AllowInDomain('iam:roles:getRole')
  @Answers(200, RoleAnswerView, 'KeystoneShowPermission', 'Show a policy', ACCESS_ERRORS.one)
  async showAny(@Param('role_id') id: string, @CallerOf() { principal }: Caller): Promise<RoleAnswerView> {
    const system = SYSTEM_ROLES.find((role) => role.id === id);
    if (system) return { role: toSystemRoleView(this.#base, system) };
    return { role: toPolicyView(this.#base, await this.policies.get(principal.domainId, id)) };
  }

  @Get('/v3.0/OS-ROLE/roles')
  @AllowInDomain('iam:roles:listRoles')
  @Answers(200, RoleListView, 'ListCustomPolicies', 'List the policies that the domain has created')
  async list(@CallerOf() { principal }: Caller): Promise<RoleListView> {
    const rows = await this.policies.list(principal.domainId);
    return toRoleListView(
      `${this.config.publicUrl}/v3.0/OS-ROLE/roles`,
      rows.map((policy) => toPolicyView(this.#base, policy)),
    );
  }

  @Post('/v3.0/OS-ROLE/roles')
  @AllowInDomain('iam:roles:createRole')
  @Answers(201, RoleAnswerView, 'CreateCloudServiceCustomPolicy', 'Create a policy, which is not assigned to anybody yet', [
    ...POLICY_ERRORS,
    ...ACCESS_ERRORS.create,
  ])
  async create(@Body() { role: { display_name: name, ...role } }: PolicyInput, @CallerOf() caller: Caller): Promise<RoleAnswerView> {
    return { role: toPolicyView(this.#base, await this.policies.create(caller.principal.domainId, { ...role, name }, caller)) };
  }

  @Get('/v3.0/OS-ROLE/roles/:role_id')
  @AllowInDomain('iam:roles:getRole')
  @Answers(200, RoleAnswerView, 'ShowCustomPolicy', 'Show a policy that the domain has created', ACCESS_ERRORS.one)
  async show(@Param('role_id') id: string, @CallerOf() { principal }: Caller): Promise<RoleAnswerView> {
    return { role: toPolicyView(this.#base, await this.policies.get(principal.domainId, id)) };
  }

  @Patch('/v3.0/OS-ROLE/roles/:role_id')
  @AllowInDomain('iam:roles:updateRole')
  @Answers(200, RoleAnswerView, 'UpdateCloudServiceCustomPolicy', 'Modify a policy for all users and groups to whom it is assigned', [
    ...POLICY_ERRORS,
    ...ACCESS_ERRORS.change,
  ])
  async update(
    @Param('role_id') id: string,
    @Body() { role: { display_name: name, ...role } }: PolicyChangeInput,
    @CallerOf() caller: Caller,
  ): Promise<RoleAnswerView> {
    return { role: toPolicyView(this.#base, await this.policies.update(caller.principal.domainId, id, { ...role, name }, caller)) };
  }

  @Delete('/v3.0/OS-ROLE/roles/:role_id')
  @AllowInDomain('iam:roles:deleteRole')
  @Answers(204, undefined, 'DeleteCustomPolicy', 'Delete a policy and its assignments', ACCESS_ERRORS.change)
  delete(@Param('role_id') id: string, @CallerOf() caller: Caller): Promise<void> {
    return this.policies.delete(caller.principal.domainId, id, caller);
  }
}
