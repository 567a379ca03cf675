import type { INestApplication } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { type Route, routesOf as routesOfModules } from '../../src/platform/auth/routes.js';

export type { Route };

/** Every route that Nest registered. */
export const routesOf = (app: INestApplication): Route[] => routesOfModules(app.get(ModulesContainer));

/** Every operation once, although controllers also serve the older prefix (docs/contracts/apig.md §0). */
export const operationsOf = (app: INestApplication): Route[] => routesOf(app).filter(({ path }) => path === newerPrefix(path));

/** The path of the same operation under the newer prefix. */
export const newerPrefix = (path: string): string => path.replace('/:project_id/apic/', '/:project_id/apigw/');
