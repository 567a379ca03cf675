import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { Page } from '../../platform/common/pagination.js';
import { InInstance, InProject, type InstanceScope, type ProjectScope } from '../../platform/common/scope.js';
import { GatewayConfigListView, ProjectConfigListView } from './configs.dto.js';
import { ConfigsService } from './configs.service.js';

@ApiTags('Gateway limits and features')
@Controller('/v2/:project_id/apigw')
export class ConfigsController {
  constructor(private readonly configs: ConfigsService) {}

  @Get('instance/configs')
  @Allow('apig:instances:list')
  @Answers(200, ProjectConfigListView, 'ListProjectInstanceConfigsV2', 'List the limits of a project')
  ofProject(@InProject() scope: ProjectScope): Promise<ProjectConfigListView> {
    return this.configs.ofProject(scope);
  }

  @Get('instances/:instance_id/project/configs')
  @Allow('apig:instances:get')
  @Answers(200, GatewayConfigListView, 'ListInstanceConfigsV2', 'List the limits of a gateway, with the current usage of each')
  ofGateway(@InInstance() scope: InstanceScope, @Query() page: Page): Promise<GatewayConfigListView> {
    return this.configs.ofGateway(scope, page);
  }
}
