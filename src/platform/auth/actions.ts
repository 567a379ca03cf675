import { Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { actionsOf, routesOf } from './routes.js';

/** All actions that this service's routes require. */
@Injectable()
export class Actions {
  #all: readonly string[] | undefined;

  constructor(private readonly modules: ModulesContainer) {}

  /** In alphabetical order. */
  get all(): readonly string[] {
    return (this.#all ??= actionsOf(routesOf(this.modules)));
  }
}
