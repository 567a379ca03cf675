import type { WriteScope } from '../changes/changes.service.js';
import { InstanceNotFound } from '../common/api-error.js';
import type { InstanceScope } from '../common/scope.js';

/** A gateway as the scope of a write: its counter is locked first, and not there means `APIG.3030`. */
export const inInstance = ({ projectId, instanceId }: InstanceScope): WriteScope => ({
  scopeId: instanceId,
  projectId,
  missing: () => new InstanceNotFound(instanceId),
});
