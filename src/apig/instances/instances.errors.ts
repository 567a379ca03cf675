import { ContractError } from '../../platform/common/api-error.js';

/**
 * The gateway does not exist or belongs to another project; both cases have the same message. This is the counterpart of `InstanceNotFound`
 * with a code of `APIC.`.
 */
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

/** The id is in use in this or another project, or belonged to a gateway that was deleted. The message is the same in all three cases. */
export class InstanceIdTaken extends ContractError {
  constructor() {
    super(400, 'APIC.7505', 'The gateway ID already exists.');
  }
}

export class TagQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIC.7402', 'The number of tags exceeds the maximum allowed limit.');
  }
}

export class PortTaken extends ContractError {
  constructor() {
    super(400, 'APIC.7258', 'Port already defined.');
  }
}

export class PortQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIC.7403', 'The number of custom inbound ports has reached the maximum.');
  }
}

/** The gateway has no such port. The contract specifies no text. */
export class PortNotFound extends ContractError {
  constructor() {
    super(404, 'APIC.7200', 'The custom inbound port does not exist.');
  }
}

export class OutboundEnabled extends ContractError {
  constructor() {
    super(409, 'APIC.7709', 'Public network access is enabled for the gateway.');
  }
}

export class OutboundDisabled extends ContractError {
  constructor() {
    super(404, 'APIC.7311', 'The NAT EIP does not exist in the VPC.');
  }
}

export class InboundEnabled extends ContractError {
  constructor() {
    super(409, 'APIC.7711', 'Public inbound access is enabled for the instance');
  }
}

export class InboundDisabled extends ContractError {
  constructor() {
    super(400, 'APIC.7244', 'The bandwidth cannot be updated.');
  }
}

export class SameSpec extends ContractError {
  constructor() {
    super(409, 'APIC.7707', 'Scaling up to the same specifications is not allowed.');
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

/** Errors that only some operations return (docs/contracts/apig.md §3.1, §3.2). */
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
  tags: [new GatewayNotFound(), new TagQuotaExceeded()],
  addPort: [new GatewayNotFound(), new PortTaken(), new PortQuotaExceeded()],
  deletePort: [new GatewayNotFound(), new PortNotFound()],
  enableOutbound: [new GatewayNotFound(), new OutboundEnabled()],
  updateOutbound: [new GatewayNotFound(), new OutboundDisabled()],
  enableInbound: [new GatewayNotFound(), new InboundEnabled()],
  updateInbound: [new GatewayNotFound(), new InboundDisabled()],
  resize: [new GatewayNotFound(), new SpecNotFound(), new SameSpec()],
  setFeature: [new FeatureUnrecognized('{name}'), new FeatureChangedTooSoon()],
};
