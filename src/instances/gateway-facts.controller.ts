import { Controller, Get, Param, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { Page } from '../common/pagination.js';
import { InInstance, InProject, type InstanceScope, type ProjectScope } from '../common/scope.js';
import type { BuiltInFeaturesView } from './features.dto.js';
import { GatewayFactsService } from './gateway-facts.service.js';
import type {
  AvailableZonesView,
  IngressPortsView,
  InstanceProgressView,
  InstanceRestrictionView,
  InstanceTagsView,
} from './instances.views.js';

/** Reads around a gateway that clients make on their way. */
@Controller('/v2/:project_id/apigw')
export class GatewayFactsController {
  constructor(private readonly facts: GatewayFactsService) {}

  @Get('available-zones')
  @Allow('apig:instances:list')
  availableZones(): AvailableZonesView {
    return this.facts.availableZones();
  }

  @Get('instances/:instance_id/progress')
  @Allow('apig:instances:get')
  progress(@InProject() scope: ProjectScope, @Param('instance_id') instanceId: string): Promise<InstanceProgressView> {
    return this.facts.progress(scope, instanceId);
  }

  @Get('instances/:instance_id/restriction')
  @Allow('apig:instances:get')
  restriction(@InProject() scope: ProjectScope, @Param('instance_id') instanceId: string): Promise<InstanceRestrictionView> {
    return this.facts.restriction(scope, instanceId);
  }

  @Get('instances/:instance_id/instance-features')
  @Allow('apig:instances:get')
  builtInFeatures(
    @InProject() scope: ProjectScope,
    @Param('instance_id') instanceId: string,
    @Query() page: Page,
  ): Promise<BuiltInFeaturesView> {
    return this.facts.builtInFeatures(scope, instanceId, page);
  }

  @Get('instances/:instance_id/instance-tags')
  @Allow('apig:instanceTags:list')
  tags(@InInstance() scope: InstanceScope): Promise<InstanceTagsView> {
    return this.facts.tags(scope);
  }

  @Get('instances/:instance_id/custom-ingress-ports')
  @Allow('apig:instances:get')
  ingressPorts(@InInstance() scope: InstanceScope): Promise<IngressPortsView> {
    return this.facts.ingressPorts(scope);
  }
}
