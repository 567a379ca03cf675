import { Fault } from '../common/api-error.js';

/** The domain has a project of this name. */
export class ProjectNameTaken extends Fault {
  constructor() {
    super('conflict');
  }
}
