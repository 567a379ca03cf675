import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { Page } from '../common/pagination.js';
import { InInstance, InProject, type InstanceScope, type ProjectScope } from '../common/scope.js';
import { BuiltInFeaturesView } from './features.dto.js';
import { GatewayFactsService } from './gateway-facts.service.js';
import { INSTANCE_ERRORS } from './instances.errors.js';
import {
  AvailableZonesView,
  IngressPortsView,
  InstanceProgressView,
  InstanceRestrictionView,
  InstanceTagsView,
} from './instances.views.js';

/** Reads around a gateway that clients make on their way. */
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
    'Show the network ranges a gateway cannot use',
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

  @Get('instances/:instance_id/instance-tags')
  @Allow('apig:instanceTags:list')
  @Answers(200, InstanceTagsView, 'ListInstanceTags', 'List the tags of a gateway')
  tags(@InInstance() scope: InstanceScope): Promise<InstanceTagsView> {
    return this.facts.tags(scope);
  }

  @Get('instances/:instance_id/custom-ingress-ports')
  @Allow('apig:instances:get')
  @Answers(200, IngressPortsView, 'ListInstanceIngressPortsV2', 'List the custom inbound ports of a gateway')
  ingressPorts(@InInstance() scope: InstanceScope): Promise<IngressPortsView> {
    return this.facts.ingressPorts(scope);
  }
}
