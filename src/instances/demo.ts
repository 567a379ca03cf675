import type { InstanceInput } from './instances.dto.js';

/** The gateway that a newcomer finds. */
export const DEMO: InstanceInput = {
  instance_name: 'demo',
  description: 'A gateway to begin with',
  spec_id: 'PLATINUM',
  vpc_id: 'local',
  subnet_id: 'local',
  security_group_id: 'local',
  available_zone_ids: ['local-a'],
};
