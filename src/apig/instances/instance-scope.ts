import type { WriteScope } from '../../platform/changes/changes.service.js';
import { InstanceNotFound } from '../../platform/common/api-error.js';
import type { InstanceScope, ProjectScope } from '../../platform/common/scope.js';
import { GatewayNotFound } from './instances.errors.js';

/** The scope of a write in a gateway. The write locks the gateway's counter first. The error for a missing gateway is `APIG.3030`. */
export const inInstance = ({ projectId, instanceId }: InstanceScope): WriteScope => ({
  scope: { kind: 'instance', id: instanceId },
  projectId,
  notFound: () => new InstanceNotFound(instanceId),
});

/** The same scope for an operation on the gateway itself. The error for a missing gateway is `APIC.7302`. */
export const onGateway = ({ projectId }: ProjectScope, instanceId: string): WriteScope => ({
  scope: { kind: 'instance', id: instanceId },
  projectId,
  notFound: () => new GatewayNotFound(),
});
