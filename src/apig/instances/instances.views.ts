import { ApiProperty } from '@nestjs/swagger';
import { toSeconds } from '../../platform/common/clock.js';
import { BUILT_IN_FEATURES, CONFIGURABLE_FEATURES } from './features.js';
import { statusWord } from './instance-status.js';
import type { InstanceDetails } from './instances.details.js';
import { Instance } from './instance.entity.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';

export const INSTANCE = columnsOf(Instance, 'i').all();

/** A row of `instances`. */
export interface InstanceRow extends RowOf<typeof INSTANCE> {
  details: InstanceDetails;
}

/** Response of create (docs/contracts/apig.md §3.1). */
export class InstanceCreatedView {
  @ApiProperty() instance_id: string;
  @ApiProperty() message: string;
  @ApiProperty({ pattern: '^JOB-[0-9a-f]{32}$' }) job_id: string;
}

/** A row of the list (docs/contracts/apig.md §3.1). */
export class InstanceView {
  @ApiProperty() id: string;
  @ApiProperty() project_id: string;
  @ApiProperty() instance_name: string;
  @ApiProperty({ example: 'Running' }) status: string;
  @ApiProperty({ type: 'integer', example: 6 }) instance_status: number;
  @ApiProperty({ example: 'apig' }) type: string;
  @ApiProperty() spec: string;
  @ApiProperty({ type: 'integer', description: 'Unix time in milliseconds' }) create_time: number;
  @ApiProperty() enterprise_project_id: string;
  @ApiProperty({ type: String, nullable: true, description: 'Address of the bound elastic IP' }) eip_address: string | null;
  @ApiProperty({ type: 'integer', description: '0 means pay per use' }) charging_mode: number;
  @ApiProperty() cbc_metadata: string;
  @ApiProperty() loadbalancer_provider: string;
  @ApiProperty({ type: [Object], description: 'Always empty' }) cbc_operation_locks: object[];
}

export class InstanceListView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [InstanceView] }) instances: InstanceView[];
}

export class EndpointServiceView {
  @ApiProperty() service_name: string;
  @ApiProperty({ format: 'date-time' }) created_at: string;
}

export class NodeIpsView {
  @ApiProperty({ type: [String] }) livedata: string[];
  @ApiProperty({ type: [String] }) shubao: string[];
}

export class IpView {
  @ApiProperty() ip_address: string;
  @ApiProperty({ type: 'integer' }) bandwidth_size: number;
}

/**
 * Response of detail and of update (docs/contracts/apig.md §3.1). The addresses are in networks that are reserved for documentation
 * (docs/contract.md).
 */
export class InstanceDetailView extends InstanceView {
  @ApiProperty() description: string;
  @ApiProperty() vpc_id: string;
  @ApiProperty() subnet_id: string;
  @ApiProperty() security_group_id: string;
  @ApiProperty() maintain_begin: string;
  @ApiProperty() maintain_end: string;
  @ApiProperty({ example: '192.0.2.10' }) ingress_ip: string;
  @ApiProperty({ type: String, nullable: true, description: 'Null without IPv6' }) ingress_ip_v6: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'Null unless the gateway was created with `ipv6_enable`' })
  eip_ipv6_address: string | null;
  @ApiProperty() user_id: string;
  @ApiProperty({ type: String, nullable: true, description: 'Null without outbound access' }) nat_eip_address: string | null;
  @ApiProperty({ type: 'integer', description: 'Outbound; 0: off' }) bandwidth_size: number;
  @ApiProperty({ type: String, nullable: true }) bandwidth_charging_mode: string | null;
  @ApiProperty({ example: '[local-a, local-b]' }) available_zone_ids: string;
  @ApiProperty() instance_version: string;
  @ApiProperty() virsubnet_id: string;
  @ApiProperty({ type: String, nullable: true }) roma_eip_address: null;
  @ApiProperty({ type: Object, nullable: true }) listeners: null;
  @ApiProperty({ type: [String] }) supported_features: string[];
  @ApiProperty({ type: EndpointServiceView }) endpoint_service: EndpointServiceView;
  @ApiProperty({ type: [EndpointServiceView] }) endpoint_services: EndpointServiceView[];
  @ApiProperty({ type: NodeIpsView }) node_ips: NodeIpsView;
  @ApiProperty({ type: [IpView], description: 'Contains one address while inbound access from outside is enabled; empty otherwise' })
  publicips: IpView[];
  @ApiProperty({ type: [IpView] }) privateips: IpView[];
  @ApiProperty({ type: [String] }) unreliable_ips: string[];
  @ApiProperty() is_releasable: boolean;
  @ApiProperty({ type: String, nullable: true }) ingress_bandwidth_charging_mode: string | null;
}

/** Response of progress (docs/contracts/apig.md §3.1). */
export class InstanceProgressView {
  @ApiProperty({ type: 'integer' }) progress: number;
  @ApiProperty() status: string;
  @ApiProperty({ type: String, nullable: true }) error_code: null;
  @ApiProperty({ type: String, nullable: true }) error_msg: null;
  @ApiProperty({ type: 'integer', description: 'Unix time in milliseconds' }) start_time: number;
  @ApiProperty({ type: 'integer', description: 'Unix time in milliseconds' }) end_time: number;
}

export class InstanceRestrictionView {
  @ApiProperty({ type: [String], description: 'Always empty, because every range can be used' }) restrict_cidrs: string[];
  @ApiProperty({ description: 'Always empty' }) resource_subnet_cidr: string;
}

export class LocalNameView {
  @ApiProperty() en_us: string;
  @ApiProperty() zh_cn: string;
}

export class AvailableZoneView {
  @ApiProperty() name: string;
  @ApiProperty() id: string;
  @ApiProperty() code: string;
  @ApiProperty() port: string;
  @ApiProperty({ type: LocalNameView }) local_name: LocalNameView;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'boolean' } }) specs: Record<string, boolean>;
}

export class AvailableZonesView {
  @ApiProperty({ type: [AvailableZoneView] }) available_zones: AvailableZoneView[];
}

/** Tags of the APIs of a gateway. */
export class ApiTagsView {
  @ApiProperty({ type: 'integer', description: 'Number of tags on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of tags on this page' }) size: number;
  @ApiProperty({ type: [String], description: 'In alphabetical order' }) tags: string[];
}

export class GroupOutlineView {
  @ApiProperty({ type: 'integer', description: 'Always 0' }) onsell_nums: number;
  @ApiProperty({ type: 'integer', description: 'API groups' }) offsell_nums: number;
}

export class ApiOutlineView {
  @ApiProperty({ type: 'integer', description: 'APIs' }) instance_num: number;
  @ApiProperty({ type: 'integer', description: 'Number of APIs that are published in RELEASE' }) nums_on_release: number;
  @ApiProperty({ type: 'integer', description: 'Number of APIs that are not published in RELEASE' }) nums_off_release: number;
}

export class AppOutlineView {
  @ApiProperty({ type: 'integer', description: 'Always 0' }) authed_nums: number;
  @ApiProperty({ type: 'integer', description: 'Always 0' }) unauthed_nums: number;
}

export const toView = (row: InstanceRow): InstanceView => ({
  id: row.id,
  project_id: row.projectId,
  instance_name: row.instanceName,
  status: statusWord(row.status),
  instance_status: row.status,
  type: 'apig',
  spec: row.spec,
  create_time: row.createdAt,
  enterprise_project_id: row.details.enterpriseProjectId,
  eip_address: row.details.eip?.address ?? null,
  charging_mode: 0,
  cbc_metadata: '',
  loadbalancer_provider: row.details.loadBalancer,
  cbc_operation_locks: [],
});

/**
 * Returns all fields of the detail object. `endpoint_service` and `node_ips` are never null, because a Terraform provider dereferences
 * them. If `shubao` contained no address, the provider would show a change at every plan.
 * @param about the region in the names of endpoint services, and the version of the product
 */
export function toDetailView(row: InstanceRow, about: { region: string; version: string }): InstanceDetailView {
  const { details } = row;
  const { addresses } = details;
  const endpoint = { service_name: `${about.region}.${details.endpointName ?? 'apig'}.${row.id}`, created_at: toSeconds(row.createdAt) };
  return {
    ...toView(row),
    description: row.description,
    vpc_id: details.vpcId,
    subnet_id: details.subnetId,
    security_group_id: details.securityGroupId,
    maintain_begin: details.maintainBegin,
    maintain_end: details.maintainEnd,
    ingress_ip: addresses.private,
    ingress_ip_v6: details.ipv6 ? addresses.v6 : null,
    eip_ipv6_address: details.ipv6 ? addresses.v6 : null,
    user_id: row.userId,
    nat_eip_address: details.bandwidthSize > 0 ? addresses.outbound : null,
    bandwidth_size: details.bandwidthSize,
    bandwidth_charging_mode: details.bandwidthChargingMode,
    available_zone_ids: `[${details.zones.join(', ')}]`,
    instance_version: about.version,
    virsubnet_id: details.subnetId,
    roma_eip_address: null,
    listeners: null,
    supported_features: [...BUILT_IN_FEATURES, ...CONFIGURABLE_FEATURES],
    endpoint_service: endpoint,
    endpoint_services: [endpoint],
    node_ips: { livedata: [addresses.private], shubao: [addresses.private] },
    publicips: details.ingressBandwidthSize > 0 ? [{ ip_address: addresses.inbound, bandwidth_size: details.ingressBandwidthSize }] : [],
    privateips: [],
    unreliable_ips: [],
    is_releasable: true,
    ingress_bandwidth_charging_mode: details.ingressBandwidthChargingMode,
  };
}
