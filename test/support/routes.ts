import type { INestApplication } from '@nestjs/common';
import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { ACCESS, type Access } from '../../src/common/access.js';

/** A route as a controller declares it. */
export interface Route {
  /** Class and method. */
  name: string;
  method: string;
  /** With `:name` for a parameter. */
  path: string;
  access: Access | undefined;
  /** Types of the method's parameters. */
  parameters: unknown[];
}

/** Every route that Nest registered. */
export const routesOf = (app: INestApplication): Route[] =>
  new DiscoveryService(app.get(ModulesContainer)).getControllers().flatMap(({ metatype, instance }) => {
    const prototype = Object.getPrototypeOf(instance) as Record<string, object>;
    return new MetadataScanner().getAllMethodNames(prototype).flatMap((name): Route[] => {
      const handler = prototype[name]!;
      const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
      if (method === undefined) return [];
      const parts = [Reflect.getMetadata(PATH_METADATA, metatype!) as string, Reflect.getMetadata(PATH_METADATA, handler) as string];
      const path = `/${parts.join('/')}`.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '');
      return [
        {
          name: `${metatype!.name}.${name}`,
          method: RequestMethod[method],
          path,
          access: Reflect.getMetadata(ACCESS, handler) as Access | undefined,
          parameters: (Reflect.getMetadata('design:paramtypes', prototype, name) as unknown[] | undefined) ?? [],
        },
      ];
    });
  });
