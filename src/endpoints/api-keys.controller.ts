import { Body, Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../common/access.js';
import { AnswersEnvelope, DeletedView } from '../common/envelope.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InCallersProject, type ProjectScope } from '../common/scope.js';
import { ApiKeyInput, ListedApiKeyView, NewApiKeyView } from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';
import { ApiKeyNotFound } from './endpoints.errors.js';

@ApiTags('API keys')
@Controller('/v1/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Post()
  @ForProject('webhooks:apiKeys:create')
  @AnswersEnvelope(201, NewApiKeyView, 'CreateAPIKey', 'Make an API key of the project; it is shown once')
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
  @AnswersEnvelope(200, DeletedView, 'DeleteAPIKey', 'Revoke an API key; every process refuses it at once', [new ApiKeyNotFound()])
  async delete(@InCallersProject() scope: ProjectScope, @Param('id') keyId: string, @CallerOf() caller: Caller): Promise<DeletedView> {
    await this.keys.delete(scope, keyId, caller);
    return { deleted: true };
  }
}
