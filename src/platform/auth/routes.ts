import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { ACCESS, type Access } from '../common/access.js';
import { dependenciesOf } from '../common/action-names.js';

/** A route as declared by a controller. */
export interface Route {
  /** Names of the class and the method. */
  name: string;
  method: string;
  /** Path with its parameters as `:name`. */
  path: string;
  access: Access | undefined;
  handler: object;
  /** Types of the method's parameters. */
  parameters: unknown[];
}

/** Returns all routes of the application. */
export const routesOf = (modules: ModulesContainer): Route[] =>
  new DiscoveryService(modules).getControllers().flatMap(({ metatype }) => {
    if (typeof metatype !== 'function') return [];
    const prototype = metatype.prototype as Record<string, object>;
    return new MetadataScanner().getAllMethodNames(prototype).flatMap((name): Route[] => {
      const handler = prototype[name];
      const method = handler && (Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined);
      if (!handler || method === undefined) return [];
      const own = Reflect.getMetadata(PATH_METADATA, handler) as string;
      // A controller may serve several prefixes.
      return [Reflect.getMetadata(PATH_METADATA, metatype) as string | string[]].flat().map((prefix) => ({
        name: `${metatype.name}.${name}`,
        method: RequestMethod[method],
        path: `/${prefix}/${own}`.replace(/\/+/g, '/').replace(/(?<=.)\/$/, ''),
        access: Reflect.getMetadata(ACCESS, handler) as Access | undefined,
        handler,
        parameters: (Reflect.getMetadata('design:paramtypes', prototype, name) as unknown[] | undefined) ?? [],
      }));
    });
  });

/** Returns all actions that routes require, with their dependencies, sorted. */
export function actionsOf(routes: readonly Route[]): string[] {
  const needed = routes.flatMap(({ access }) => (access && 'actions' in access ? access.actions : []));
  return [...new Set([...needed, ...needed.flatMap(dependenciesOf)])].sort();
}
