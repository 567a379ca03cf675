import { Global, Module } from '@nestjs/common';
import { LoginThrottle } from './login-throttle.js';
import { RateLimits } from './rate-limits.service.js';

/** Rate limits. Fastify hooks apply those that concern every request (limit-addresses.ts, limit-principals.ts). */
@Global()
@Module({ providers: [RateLimits, LoginThrottle], exports: [RateLimits, LoginThrottle] })
export class EdgeModule {}
