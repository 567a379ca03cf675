import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { Page } from '../../platform/common/pagination.js';
import { InInstance, InProject, type InstanceScope, type ProjectScope } from '../../platform/common/scope.js';
import { BuiltInFeaturesView } from './features.dto.js';
import { GatewayFactsService } from './gateway-facts.service.js';
import { INSTANCE_ERRORS } from './instances.errors.js';
import {
  ApiOutlineView,
  ApiTagsView,
  AppOutlineView,
  AvailableZonesView,
  GroupOutlineView,
  InstanceProgressView,
  InstanceRestrictionView,
} from './instances.views.js';

/** Facts about a gateway that clients read before other operations. */
@ApiTags('Gateways')
@Controller('/v2/:project_id/apigw')
export class GatewayFactsController {
  constructor(private readonly facts: GatewayFactsService) {}

  @Get('available-zones')
  @Allow('apig:instances:list')
  @Answers(200, AvailableZonesView, 'ListAvailableZonesV2', 'List availability zones')
  availableZones(): AvailableZonesView {
    return this.facts.availableZones();
  }

  @Get('instances/:instance_id/progress')
  @Allow('apig:instances:get')
  @Answers(200, InstanceProgressView, 'ShowDetailsOfInstanceProgressV2', 'Show the progress of creating a gateway', INSTANCE_ERRORS.detail)
  progress(@InProject() scope: ProjectScope, @Param('instance_id') instanceId: string): Promise<InstanceProgressView> {
    return this.facts.progress(scope, instanceId);
  }

  @Get('instances/:instance_id/restriction')
  @Allow('apig:instances:get')
  @Answers(
    200,
    InstanceRestrictionView,
    'ShowRestrictionOfInstanceV2',
    'Show the network ranges that a gateway cannot use',
    INSTANCE_ERRORS.detail,
  )
  restriction(@InProject() scope: ProjectScope, @Param('instance_id') instanceId: string): Promise<InstanceRestrictionView> {
    return this.facts.restriction(scope, instanceId);
  }

  @Get('instances/:instance_id/instance-features')
  @Allow('apig:instances:get')
  @Answers(200, BuiltInFeaturesView, 'ListInstanceFeatures', 'List the built-in features of a gateway', INSTANCE_ERRORS.detail)
  builtInFeatures(
    @InProject() scope: ProjectScope,
    @Param('instance_id') instanceId: string,
    @Query() page: Page,
  ): Promise<BuiltInFeaturesView> {
    return this.facts.builtInFeatures(scope, instanceId, page);
  }

  @Get('instances/:instance_id/tags')
  @Allow('apig:tags:list')
  @Answers(200, ApiTagsView, 'ListTagsV2', 'List the tags of the APIs of a gateway')
  apiTags(@InInstance() scope: InstanceScope, @Query() page: Page): Promise<ApiTagsView> {
    return this.facts.apiTags(scope, page);
  }

  @Get('instances/:instance_id/resources/outline/groups')
  @Allow('apig:groups:list')
  @Answers(200, GroupOutlineView, 'ListApiGroupsQuantitiesV2', 'Count the API groups of a gateway')
  groupOutline(@InInstance() scope: InstanceScope): Promise<GroupOutlineView> {
    return this.facts.groupOutline(scope);
  }

  @Get('instances/:instance_id/resources/outline/apis')
  @Allow('apig:apis:list')
  @Answers(200, ApiOutlineView, 'ListApiQuantitiesV2', 'Count the APIs of a gateway')
  apiOutline(@InInstance() scope: InstanceScope): Promise<ApiOutlineView> {
    return this.facts.apiOutline(scope);
  }

  @Get('instances/:instance_id/resources/outline/apps')
  @Allow('apig:instances:get')
  @Answers(200, AppOutlineView, 'ListAppQuantitiesV2', 'Count the credentials of a gateway; always 0')
  appOutline(@InInstance() scope: InstanceScope): Promise<AppOutlineView> {
    return this.facts.appOutline(scope);
  }
}
