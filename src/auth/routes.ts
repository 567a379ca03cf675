import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { ACCESS, type Access } from '../common/access.js';
import { dependenciesOf } from '../common/actions.js';

/** A route as a controller declares it. */
export interface Route {
  /** Class and method. */
  name: string;
  method: string;
  /** With `:name` for a parameter. */
  path: string;
  access: Access | undefined;
  handler: object;
  /** Types of the method's parameters. */
  parameters: unknown[];
}

/** Every route of the application that these modules make up. */
export const routesOf = (modules: ModulesContainer): Route[] =>
  new DiscoveryService(modules).getControllers().flatMap(({ metatype }) => {
    if (typeof metatype !== 'function') return [];
    const prototype = metatype.prototype as Record<string, object>;
    return new MetadataScanner().getAllMethodNames(prototype).flatMap((name): Route[] => {
      const handler = prototype[name];
      const method = handler && (Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined);
      if (!handler || method === undefined) return [];
      const parts = [Reflect.getMetadata(PATH_METADATA, metatype) as string, Reflect.getMetadata(PATH_METADATA, handler) as string];
      const path = `/${parts.join('/')}`.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '');
      return [
        {
          name: `${metatype.name}.${name}`,
          method: RequestMethod[method],
          path,
          access: Reflect.getMetadata(ACCESS, handler) as Access | undefined,
          handler,
          parameters: (Reflect.getMetadata('design:paramtypes', prototype, name) as unknown[] | undefined) ?? [],
        },
      ];
    });
  });

/** Every action that a route needs, and every one that such an action depends on, in order. */
export function actionsOf(routes: readonly Route[]): string[] {
  const needed = routes.flatMap(({ access }) => (access && 'actions' in access ? access.actions : []));
  return [...new Set([...needed, ...needed.flatMap(dependenciesOf)])].sort();
}
