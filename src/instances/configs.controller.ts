import { Controller, Get, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { Page } from '../common/pagination.js';
import { InInstance, InProject, type InstanceScope, type ProjectScope } from '../common/scope.js';
import type { GatewayConfigListView, ProjectConfigListView } from './configs.dto.js';
import { ConfigsService } from './configs.service.js';

@Controller('/v2/:project_id/apigw')
export class ConfigsController {
  constructor(private readonly configs: ConfigsService) {}

  @Get('instance/configs')
  @Allow('apig:instances:list')
  ofProject(@InProject() scope: ProjectScope): Promise<ProjectConfigListView> {
    return this.configs.ofProject(scope);
  }

  @Get('instances/:instance_id/project/configs')
  @Allow('apig:instances:get')
  ofGateway(@InInstance() scope: InstanceScope, @Query() page: Page): Promise<GatewayConfigListView> {
    return this.configs.ofGateway(scope, page);
  }
}
