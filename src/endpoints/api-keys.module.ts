import { Module } from '@nestjs/common';
import { ApiKeyIdentity } from '../auth/api-key-identity.js';
import { ApiKeysService } from './api-keys.service.js';

/** Whose an API key is, for the guard: apart from the rest, which the guard stands before. */
@Module({
  providers: [ApiKeysService, { provide: ApiKeyIdentity, useExisting: ApiKeysService }],
  exports: [ApiKeysService, ApiKeyIdentity],
})
export class ApiKeysModule {}
