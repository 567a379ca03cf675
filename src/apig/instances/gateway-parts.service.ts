import { Injectable } from '@nestjs/common';
import { invalid } from '../../platform/common/api-error.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import type { ProjectScope } from '../../platform/common/scope.js';
import { elasticAddressOf } from './addresses.js';
import { editionOf } from './editions.js';
import {
  type BandwidthInput,
  type EipInput,
  type EipView,
  type ElbIdsInput,
  type ElbsInput,
  type ElbsView,
  type IngressPortInput,
  type IngressPortQuery,
  type IngressPortsView,
  type IngressPortView,
  type ResizeInput,
  toPortView,
} from './gateway-parts.dto.js';
import { BANDWIDTH_DEFAULT, ELBS_MAX, type InstanceDetails, PORTS_MAX } from './instances.details.js';
import {
  InboundDisabled,
  InboundEnabled,
  OutboundDisabled,
  OutboundEnabled,
  PortNotFound,
  PortQuotaExceeded,
  PortTaken,
  SameSpec,
  SpecNotFound,
} from './instances.errors.js';
import { InstancesService } from './instances.service.js';
import type { InstanceCreatedView, InstanceRow } from './instances.views.js';

/**
 * Parts of a gateway that have no effect in Signet: its edition, addresses, inbound ports and load balancers
 * (docs/contracts/apig-clients.md §2). All of them are stored in the row of the gateway.
 */
@Injectable()
export class GatewayPartsService {
  constructor(private readonly instances: InstancesService) {}

  /** Changes the edition to a smaller or a larger one. @throws GatewayNotFound, SpecNotFound, SameSpec */
  async resize(scope: ProjectScope, instanceId: string, { spec_id: spec }: ResizeInput, caller: Caller): Promise<InstanceCreatedView> {
    if (!editionOf(spec)) throw new SpecNotFound();
    await this.instances.change(scope, instanceId, caller, { action: 'ResizeInstance', detail: { spec } }, (before) => {
      if (before.spec === spec) throw new SameSpec();
      return { ...before, spec };
    });
    return done(instanceId, 'The edition of the gateway has been changed.');
  }

  /** Binds an elastic IP, in place of the one bound before. @throws GatewayNotFound */
  async bindEip(scope: ProjectScope, instanceId: string, { eip_id: id }: EipInput, caller: Caller): Promise<EipView> {
    const eip = { id, address: elasticAddressOf(id) };
    const entry = { action: 'AddEip' as const, detail: { eip_id: id } };
    await this.instances.change(scope, instanceId, caller, entry, (before) =>
      before.details.eip?.id === id ? before : withDetails(before, { eip }),
    );
    return { eip_id: id, eip_address: eip.address, eip_status: 'ACTIVE' };
  }

  /** Does nothing if no elastic IP is bound. @throws GatewayNotFound */
  async unbindEip(scope: ProjectScope, instanceId: string, caller: Caller): Promise<void> {
    await this.instances.change(scope, instanceId, caller, { action: 'RemoveEip' }, (before) =>
      before.details.eip === null ? before : withDetails(before, { eip: null }),
    );
  }

  /** @throws GatewayNotFound, OutboundEnabled */
  async enableOutbound(scope: ProjectScope, instanceId: string, input: BandwidthInput, caller: Caller): Promise<void> {
    const bandwidthSize = input.bandwidth_size ?? BANDWIDTH_DEFAULT;
    const entry = { action: 'AddEgressEip' as const, detail: { bandwidth_size: bandwidthSize } };
    await this.instances.change(scope, instanceId, caller, entry, (before) => {
      if (before.details.bandwidthSize > 0) throw new OutboundEnabled();
      return withDetails(before, { bandwidthSize, bandwidthChargingMode: input.bandwidth_charging_mode ?? 'bandwidth' });
    });
  }

  /** Changes the fields in the body. @throws GatewayNotFound, OutboundDisabled */
  async updateOutbound(scope: ProjectScope, instanceId: string, input: BandwidthInput, caller: Caller): Promise<void> {
    const entry = { action: 'UpdateEgressEip' as const, detail: { bandwidth_size: input.bandwidth_size } };
    await this.instances.change(scope, instanceId, caller, entry, (before) => {
      const { bandwidthSize, bandwidthChargingMode } = before.details;
      if (bandwidthSize === 0) throw new OutboundDisabled();
      return withDetails(before, {
        bandwidthSize: input.bandwidth_size ?? bandwidthSize,
        bandwidthChargingMode: input.bandwidth_charging_mode ?? bandwidthChargingMode,
      });
    });
  }

  /** Does nothing if outbound access is disabled. @throws GatewayNotFound */
  async disableOutbound(scope: ProjectScope, instanceId: string, caller: Caller): Promise<void> {
    await this.instances.change(scope, instanceId, caller, { action: 'RemoveEgressEip' }, (before) =>
      before.details.bandwidthSize === 0 ? before : withDetails(before, { bandwidthSize: 0, bandwidthChargingMode: null }),
    );
  }

  /** @throws GatewayNotFound, InboundEnabled */
  async enableInbound(scope: ProjectScope, instanceId: string, input: BandwidthInput, caller: Caller): Promise<InstanceCreatedView> {
    const ingressBandwidthSize = input.bandwidth_size ?? BANDWIDTH_DEFAULT;
    const entry = { action: 'AddIngressEip' as const, detail: { bandwidth_size: ingressBandwidthSize } };
    await this.instances.change(scope, instanceId, caller, entry, (before) => {
      if (before.details.ingressBandwidthSize > 0) throw new InboundEnabled();
      return withDetails(before, { ingressBandwidthSize, ingressBandwidthChargingMode: input.bandwidth_charging_mode ?? null });
    });
    return done(instanceId, 'Inbound access has been enabled.');
  }

  /** Changes the fields in the body. @throws GatewayNotFound, InboundDisabled */
  async updateInbound(scope: ProjectScope, instanceId: string, input: BandwidthInput, caller: Caller): Promise<InstanceCreatedView> {
    const entry = { action: 'UpdateIngressEip' as const, detail: { bandwidth_size: input.bandwidth_size } };
    await this.instances.change(scope, instanceId, caller, entry, (before) => {
      const { ingressBandwidthSize, ingressBandwidthChargingMode } = before.details;
      if (ingressBandwidthSize === 0) throw new InboundDisabled();
      return withDetails(before, {
        ingressBandwidthSize: input.bandwidth_size ?? ingressBandwidthSize,
        ingressBandwidthChargingMode: input.bandwidth_charging_mode ?? ingressBandwidthChargingMode,
      });
    });
    return done(instanceId, 'The bandwidth of inbound access has been changed.');
  }

  /** Does nothing if inbound access is disabled. @throws GatewayNotFound */
  async disableInbound(scope: ProjectScope, instanceId: string, caller: Caller): Promise<void> {
    await this.instances.change(scope, instanceId, caller, { action: 'RemoveIngressEip' }, (before) =>
      before.details.ingressBandwidthSize === 0
        ? before
        : withDetails(before, { ingressBandwidthSize: 0, ingressBandwidthChargingMode: null }),
    );
  }

  /** Adds a port. A port can have only one protocol. @throws GatewayNotFound, PortTaken, PortQuotaExceeded */
  async addPort(scope: ProjectScope, instanceId: string, input: IngressPortInput, caller: Caller): Promise<IngressPortView> {
    const port = { id: newId(), protocol: input.protocol, port: input.ingress_port };
    const entry = { action: 'AddCustomIngressPort' as const, detail: { ...toPortView(port) } };
    await this.instances.change(scope, instanceId, caller, entry, (before) => {
      const { ports } = before.details;
      if (ports.some((other) => other.port === port.port)) throw new PortTaken();
      if (ports.length >= PORTS_MAX) throw new PortQuotaExceeded();
      return withDetails(before, { ports: [...ports, port] });
    });
    return toPortView(port);
  }

  /** @throws GatewayNotFound */
  async ports(scope: ProjectScope, instanceId: string, query: IngressPortQuery): Promise<IngressPortsView> {
    const { details } = await this.instances.row(scope, instanceId);
    const matches = details.ports.filter(
      ({ protocol, port }) =>
        (query.protocol === undefined || protocol === query.protocol) && (query.ingress_port === undefined || port === query.ingress_port),
    );
    const page = matches.slice(query.offset, query.offset + query.limit);
    return { total: matches.length, size: page.length, ingress_port_infos: page.map(toPortView) };
  }

  /** @throws GatewayNotFound, PortNotFound */
  async deletePort(scope: ProjectScope, instanceId: string, portId: string, caller: Caller): Promise<void> {
    const entry = { action: 'DeleteCustomIngressPort' as const, detail: { ingress_port_id: portId } };
    await this.instances.change(scope, instanceId, caller, entry, (before) => {
      const ports = before.details.ports.filter(({ id }) => id !== portId);
      if (ports.length === before.details.ports.length) throw new PortNotFound();
      return withDetails(before, { ports });
    });
  }

  /** @throws GatewayNotFound */
  async elbs(scope: ProjectScope, instanceId: string): Promise<ElbsView> {
    return elbsView(await this.instances.row(scope, instanceId));
  }

  /** Adds load balancers. Those that the gateway already has stay. @throws GatewayNotFound; ApiFault 400 when there would be too many */
  async addElbs(scope: ProjectScope, instanceId: string, { elb_details: added }: ElbsInput, caller: Caller): Promise<ElbsView> {
    const ids = added.map(({ id }) => id);
    const entry = { action: 'AddExtraElbs' as const, detail: { elb_ids: ids } };
    const after = await this.instances.change(scope, instanceId, caller, entry, (before) => {
      const elbs = [...new Set([...before.details.elbs, ...ids])];
      if (elbs.length > ELBS_MAX) throw invalid('elb_details');
      return elbs.length === before.details.elbs.length ? before : withDetails(before, { elbs });
    });
    return elbsView(after);
  }

  /** Removes load balancers. Unknown ids are ignored. @throws GatewayNotFound */
  async removeElbs(scope: ProjectScope, instanceId: string, { elb_ids: ids }: ElbIdsInput, caller: Caller): Promise<void> {
    const entry = { action: 'RemoveExtraElbs' as const, detail: { elb_ids: ids } };
    await this.instances.change(scope, instanceId, caller, entry, (before) => {
      const elbs = before.details.elbs.filter((id) => !ids.includes(id));
      return elbs.length === before.details.elbs.length ? before : withDetails(before, { elbs });
    });
  }
}

const withDetails = (row: InstanceRow, details: Partial<InstanceDetails>): InstanceRow => ({
  ...row,
  details: { ...row.details, ...details },
});

const elbsView = ({ details }: InstanceRow): ElbsView => ({ elbs: details.elbs.map((id) => ({ elb_id: id })) });

/** The contract's response for an operation that takes time. Here, the operation is already complete. */
const done = (instanceId: string, message: string): InstanceCreatedView => ({ instance_id: instanceId, message, job_id: `JOB-${newId()}` });
