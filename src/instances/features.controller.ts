import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { Page } from '../common/pagination.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
import { FeatureInput, type FeatureListView, type FeatureView } from './features.dto.js';
import { FeaturesService } from './features.service.js';

@Controller('/v2/:project_id/apigw/instances/:instance_id/features')
export class FeaturesController {
  constructor(private readonly features: FeaturesService) {}

  @Post()
  @Allow('apig:features:create')
  set(@InInstance() scope: InstanceScope, @Body() input: FeatureInput, @CallerOf() caller: Caller): Promise<FeatureView> {
    return this.features.set(scope, input, caller);
  }

  @Get()
  @Allow('apig:features:list')
  list(@InInstance() scope: InstanceScope, @Query() page: Page): Promise<FeatureListView> {
    return this.features.list(scope, page);
  }
}
