import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InProject, type ProjectScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { InstanceInput, InstanceQuery, InstanceUpdateInput } from './instances.dto.js';
import { INSTANCE_ERRORS } from './instances.errors.js';
import { InstancesService } from './instances.service.js';
import { InstanceCreatedView, InstanceDetailView, InstanceListView } from './instances.views.js';

@ApiTags('Gateways')
@Controller('/v2/:project_id/apigw/instances')
export class InstancesController {
  constructor(private readonly instances: InstancesService) {}

  @Post()
  @Allow('apig:instances:create')
  @Answers(202, InstanceCreatedView, 'CreateInstanceV2', 'Create a gateway', INSTANCE_ERRORS.create)
  create(@InProject() scope: ProjectScope, @Body() input: InstanceInput, @CallerOf() caller: Caller): Promise<InstanceCreatedView> {
    return this.instances.create(scope, input, caller);
  }

  @Get()
  @Allow('apig:instances:list')
  @Answers(200, InstanceListView, 'ListInstancesV2', 'List gateways, newest first')
  list(@InProject() scope: ProjectScope, @Query() query: InstanceQuery): Promise<InstanceListView> {
    return this.instances.list(scope, query);
  }

  @Get(':instance_id')
  @Allow('apig:instances:get')
  @Answers(200, InstanceDetailView, 'ShowDetailsOfInstanceV2', 'Show a gateway', INSTANCE_ERRORS.detail)
  detail(@InProject() scope: ProjectScope, @Param('instance_id') instanceId: string): Promise<InstanceDetailView> {
    return this.instances.detail(scope, instanceId);
  }

  @Put(':instance_id')
  @Allow('apig:instances:update')
  @Answers(200, InstanceDetailView, 'UpdateInstanceV2', 'Modify a gateway', INSTANCE_ERRORS.update)
  update(
    @InProject() scope: ProjectScope,
    @Param('instance_id') instanceId: string,
    @Body() input: InstanceUpdateInput,
    @CallerOf() caller: Caller,
  ): Promise<InstanceDetailView> {
    return this.instances.update(scope, instanceId, input, caller);
  }

  @Delete(':instance_id')
  @Allow('apig:instances:delete')
  @Answers(204, undefined, 'DeleteInstancesV2', 'Delete a gateway and everything in it', INSTANCE_ERRORS.detail, RECEIPT_HEADERS)
  @WithReceipt()
  delete(@InProject() scope: ProjectScope, @Param('instance_id') instanceId: string, @CallerOf() caller: Caller): Promise<Committed<void>> {
    return this.instances.delete(scope, instanceId, caller);
  }
}
