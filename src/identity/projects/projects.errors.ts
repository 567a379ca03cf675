import { ApiFault } from '../../platform/common/api-error.js';

/** The domain already has a project with this name. */
export class ProjectNameTaken extends ApiFault {
  constructor() {
    super('conflict');
  }
}
