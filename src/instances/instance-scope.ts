import type { WriteScope } from '../changes/changes.service.js';
import { InstanceNotFound } from '../common/api-error.js';
import type { InstanceScope, ProjectScope } from '../common/scope.js';
import { GatewayNotFound } from './instances.errors.js';

/**
 * A gateway as the scope of a write: its counter is locked first, and not there means `APIG.3030`. A project's own counter
 * answers to the project's id, which is no gateway's.
 * @throws InstanceNotFound for the project's id
 */
export function inInstance({ projectId, instanceId }: InstanceScope): WriteScope {
  if (instanceId === projectId) throw new InstanceNotFound(instanceId);
  return { scopeId: instanceId, projectId, missing: () => new InstanceNotFound(instanceId) };
}

/** The same for the operations on the gateway itself, where not there means `APIC.7302`. @throws GatewayNotFound */
export function onGateway({ projectId }: ProjectScope, instanceId: string): WriteScope {
  if (instanceId === projectId) throw new GatewayNotFound();
  return { scopeId: instanceId, projectId, missing: () => new GatewayNotFound() };
}
