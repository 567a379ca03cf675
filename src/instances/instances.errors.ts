import { ContractError } from '../common/api-error.js';

/** No such gateway in this project, or another project's: the same words for both. The `APIC.` family's `InstanceNotFound`. */
export class GatewayNotFound extends ContractError {
  constructor() {
    super(404, 'APIC.7302', 'Instance not found');
  }
}

export class SpecNotFound extends ContractError {
  constructor() {
    super(404, 'APIC.7301', 'Instance spec not found');
  }
}

export class MaintenanceWindowLength extends ContractError {
  constructor() {
    super(400, 'APIC.7230', 'The maintenance time window must be 4 hours.');
  }
}

export class MaintenanceWindowHour extends ContractError {
  constructor() {
    super(400, 'APIC.7235', 'The maintenance time window must start or end with 2, 6, 10, 14, 18, or 22.');
  }
}

export class ZoneMissing extends ContractError {
  constructor() {
    super(400, 'APIC.7238', 'An AZ must be specified.');
  }
}

export class InstanceQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIC.7400', 'Maximum number of gateways reached.');
  }
}

export class InstanceNameTaken extends ContractError {
  constructor() {
    super(400, 'APIC.7500', 'The gateway name already exists.');
  }
}

/** Taken here, taken in another project, or once the id of a gateway that is gone: the same words for all. */
export class InstanceIdTaken extends ContractError {
  constructor() {
    super(400, 'APIC.7505', 'The gateway ID already exists.');
  }
}

export class FeatureUnrecognized extends ContractError {
  constructor(name: string) {
    super(400, 'APIG.2000', `unrecognized feature ${name}`);
  }
}

export class FeatureChangedTooSoon extends ContractError {
  constructor() {
    super(409, 'APIG.3711', 'A configuration parameter can be modified only once per minute.');
  }
}

/** What an operation answers of its own (apig §3.1, §3.2). */
export const INSTANCE_ERRORS = {
  create: [
    new SpecNotFound(),
    new ZoneMissing(),
    new MaintenanceWindowLength(),
    new MaintenanceWindowHour(),
    new InstanceNameTaken(),
    new InstanceIdTaken(),
    new InstanceQuotaExceeded(),
  ],
  detail: [new GatewayNotFound()],
  update: [new GatewayNotFound(), new MaintenanceWindowLength(), new MaintenanceWindowHour(), new InstanceNameTaken()],
  setFeature: [new FeatureUnrecognized('{name}'), new FeatureChangedTooSoon()],
};
