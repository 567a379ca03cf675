import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../../platform/common/access.decorators.js';
import { AnswersEnvelope } from '../../platform/common/envelope.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InCallersProject, type ProjectScope } from '../../platform/common/scope.js';
import { ApiKeyInput, DeleteApiKeyQuery, DeletedApiKeyView, ListedApiKeyView, NewApiKeyView } from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';
import { ApiKeyNotFound } from './api-keys.errors.js';

@ApiTags('API keys')
@Controller('/v1/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Post()
  @ForProject('webhooks:apiKeys:create')
  @AnswersEnvelope(201, NewApiKeyView, 'CreateAPIKey', 'Create an API key of the project; only this response shows the key')
  create(@InCallersProject() scope: ProjectScope, @Body() input: ApiKeyInput, @CallerOf() caller: Caller): Promise<NewApiKeyView> {
    return this.keys.create(scope, input, caller);
  }

  @Get()
  @ForProject('webhooks:apiKeys:list')
  @AnswersEnvelope(200, ListedApiKeyView, 'ListAPIKeys', 'List the API keys of the project, newest first', [], { of: 'list' })
  list(@InCallersProject() scope: ProjectScope): Promise<ListedApiKeyView[]> {
    return this.keys.list(scope);
  }

  @Delete(':id')
  @ForProject('webhooks:apiKeys:delete')
  @AnswersEnvelope(200, DeletedApiKeyView, 'DeleteAPIKey', 'Revoke an API key and the keys created with it, at once in every process', [
    new ApiKeyNotFound(),
  ])
  async delete(
    @InCallersProject() scope: ProjectScope,
    @Param('id') keyId: string,
    @Query() query: DeleteApiKeyQuery,
    @CallerOf() caller: Caller,
  ): Promise<DeletedApiKeyView> {
    const others = await this.keys.delete(scope, keyId, caller, query.keep_children === 'true');
    return { deleted: true, ...(others.length > 0 && { also_deleted: others }) };
  }
}
