import type { INestApplication } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { type Route, routesOf as routesOfModules } from '../../src/auth/routes.js';

export type { Route };

/** Every route that Nest registered. */
export const routesOf = (app: INestApplication): Route[] => routesOfModules(app.get(ModulesContainer));
