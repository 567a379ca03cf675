import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { LoginThrottle } from './login-throttle.js';
import { Quotas } from './quotas.service.js';
import { RateLimitGuard } from './rate-limit.guard.js';

/** Limits. It stands behind the module of the guard that finds out who calls, so that its own guard runs after that one. */
@Global()
@Module({ providers: [Quotas, LoginThrottle, { provide: APP_GUARD, useClass: RateLimitGuard }], exports: [Quotas, LoginThrottle] })
export class EdgeModule {}
