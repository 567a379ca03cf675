import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import type { FastifyContextConfig } from 'fastify';

/**
 * Method decorator: adds to the route's Fastify configuration (`request.routeOptions.config`). Nest's own `RouteConfig` replaces what other
 * decorators have set; this decorator merges with it.
 */
export const routeConfig =
  (part: FastifyContextConfig): MethodDecorator =>
  (_target, _name, { value }) => {
    const before = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, value as object) as FastifyContextConfig | undefined;
    Reflect.defineMetadata(FASTIFY_ROUTE_CONFIG_METADATA, { ...before, ...part }, value as object);
  };
