import { ApiFault } from '../../platform/common/api-error.js';

/** The domain has a project of this name. */
export class ProjectNameTaken extends ApiFault {
  constructor() {
    super('conflict');
  }
}
