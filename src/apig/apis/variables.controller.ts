import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import { VARIABLE_ERRORS } from './apis.answers.js';
import { VariableInput, VariableListView, VariableQuery, VariableValueInput, VariableView } from './variables.dto.js';
import { VariablesService } from './variables.service.js';

@ApiTags('Environment variables')
@Controller('/v2/:project_id/apigw/instances/:instance_id/env-variables')
export class VariablesController {
  constructor(private readonly variables: VariablesService) {}

  @Post()
  @Allow('apig:variables:create')
  @Answers(201, VariableView, 'CreateEnvironmentVariableV2', 'Create an environment variable', VARIABLE_ERRORS.create)
  create(@InInstance() scope: InstanceScope, @Body() input: VariableInput, @CallerOf() caller: Caller): Promise<VariableView> {
    return this.variables.create(scope, input, caller);
  }

  @Get()
  @Allow('apig:variables:list')
  @Answers(200, VariableListView, 'ListEnvironmentVariablesV2', 'List the variables of an API group, newest first', VARIABLE_ERRORS.list)
  list(@InInstance() scope: InstanceScope, @Query() query: VariableQuery): Promise<VariableListView> {
    return this.variables.list(scope, query);
  }

  @Get(':env_variable_id')
  @Allow('apig:variables:get')
  @Answers(200, VariableView, 'ShowDetailsOfEnvironmentVariableV2', 'Show an environment variable', VARIABLE_ERRORS.get)
  get(@InInstance() scope: InstanceScope, @Param('env_variable_id') variableId: string): Promise<VariableView> {
    return this.variables.get(scope, variableId);
  }

  @Put(':env_variable_id')
  @Allow('apig:variables:update')
  @Answers(200, VariableView, 'UpdateEnvironmentVariableV2', 'Modify the value of an environment variable', VARIABLE_ERRORS.get)
  update(
    @InInstance() scope: InstanceScope,
    @Param('env_variable_id') variableId: string,
    @Body() input: VariableValueInput,
    @CallerOf() caller: Caller,
  ): Promise<VariableView> {
    return this.variables.update(scope, variableId, input.variable_value, caller);
  }

  @Delete(':env_variable_id')
  @Allow('apig:variables:delete')
  @Answers(204, undefined, 'DeleteEnvironmentVariableV2', 'Delete an environment variable', VARIABLE_ERRORS.get)
  delete(@InInstance() scope: InstanceScope, @Param('env_variable_id') variableId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.variables.delete(scope, variableId, caller);
  }
}
