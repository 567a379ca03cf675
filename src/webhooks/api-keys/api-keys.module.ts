import { Module } from '@nestjs/common';
import { ApiKeyIdentity } from '../../platform/auth/api-key-identity.js';
import { ApiKeysService } from './api-keys.service.js';
import { Pepper } from './pepper.js';

/** Authentication by API key. It is a separate module, because the authentication guard depends on it. */
@Module({
  providers: [ApiKeysService, Pepper, { provide: ApiKeyIdentity, useExisting: ApiKeysService }],
  exports: [ApiKeysService, ApiKeyIdentity, Pepper],
})
export class ApiKeysModule {}
