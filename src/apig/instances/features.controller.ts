import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { Page } from '../../platform/common/pagination.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import { FeatureInput, FeatureListView, FeatureView } from './features.dto.js';
import { FeaturesService } from './features.service.js';
import { INSTANCE_ERRORS } from './instances.errors.js';

@ApiTags('Gateway limits and features')
@Controller('/v2/:project_id/apigw/instances/:instance_id/features')
export class FeaturesController {
  constructor(private readonly features: FeaturesService) {}

  @Post()
  @Allow('apig:features:create')
  @Answers(201, FeatureView, 'CreateFeatureV2', 'Set a feature of a gateway, at most once a minute', INSTANCE_ERRORS.setFeature)
  set(@InInstance() scope: InstanceScope, @Body() input: FeatureInput, @CallerOf() caller: Caller): Promise<FeatureView> {
    return this.features.set(scope, input, caller);
  }

  @Get()
  @Allow('apig:features:list')
  @Answers(200, FeatureListView, 'ListFeaturesV2', 'List the features that were set, newest first')
  list(@InInstance() scope: InstanceScope, @Query() page: Page): Promise<FeatureListView> {
    return this.features.list(scope, page);
  }
}
