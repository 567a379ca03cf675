import { ApiFault } from '../../platform/common/api-error.js';
import { type Addresses, addressesOf, elasticAddressOf } from './addresses.js';
import type { ChargingMode, InstanceInput, LoadBalancer } from './instances.dto.js';
import { MaintenanceWindowHour, MaintenanceWindowLength, TagQuotaExceeded, ZoneMissing } from './instances.errors.js';

/** Maximum number of tags of a gateway. */
export const TAGS_MAX = 20;
/** Maximum number of custom inbound ports of a gateway. */
export const PORTS_MAX = 40;
/** Maximum number of load balancers of a gateway. */
export const ELBS_MAX = 10;

export interface Tag {
  key: string;
  value: string;
}

export interface IngressPort {
  id: string;
  protocol: 'HTTP' | 'HTTPS';
  port: number;
}

/**
 * The fields of a gateway that callers set and read and that have no effect. The column `instances.details` contains all of them, and
 * `InstancesService.change` changes them.
 */
export interface InstanceDetails {
  vpcId: string;
  subnetId: string;
  securityGroupId: string;
  zones: string[];
  maintainBegin: string;
  maintainEnd: string;
  enterpriseProjectId: string;
  /** The elastic IP of inbound traffic. */
  eip: { id: string; address: string } | null;
  /** The addresses, which are fixed when the gateway is created. */
  addresses: Addresses;
  ipv6: boolean;
  loadBalancer: LoadBalancer;
  /** Bandwidth of outbound access; 0 means that it is disabled. */
  bandwidthSize: number;
  bandwidthChargingMode: ChargingMode | null;
  /** Bandwidth of inbound access from outside; 0 means that it is disabled. */
  ingressBandwidthSize: number;
  /** The value exactly as the caller set it, because a client compares the two. */
  ingressBandwidthChargingMode: ChargingMode | null;
  /** Tags, sorted by key. Each key occurs only once. */
  tags: Tag[];
  /** The ports in the order in which they were added, without duplicates. */
  ports: IngressPort[];
  /** Ids of load balancers. */
  elbs: string[];
  endpointName: string | null;
}

/** Serialises the column. All texts are well-formed, because the body was parsed by `body-text.ts`. */
export const toColumn = (details: InstanceDetails): string => JSON.stringify(details);

const DEFAULT_WINDOW = { begin: '22:00:00', end: '02:00:00' };
const WINDOW_HOURS = 4;
const FIRST_HOUR = 2;
/** Bandwidth in Mbit/s if access is enabled without a size. */
export const BANDWIDTH_DEFAULT = 5;

/** @param id the id of the gateway @throws ZoneMissing, and the errors of {@link windowOf} */
export function detailsOf(input: InstanceInput, id: string): InstanceDetails {
  const window = windowOf(input) ?? DEFAULT_WINDOW;
  const zones = input.available_zone_ids ?? [];
  if (zones.length === 0) throw new ZoneMissing();
  return {
    vpcId: input.vpc_id,
    subnetId: input.subnet_id,
    securityGroupId: input.security_group_id,
    zones,
    maintainBegin: window.begin,
    maintainEnd: window.end,
    enterpriseProjectId: input.enterprise_project_id ?? '0',
    eip: input.eip_id === undefined ? null : { id: input.eip_id, address: elasticAddressOf(input.eip_id) },
    addresses: addressesOf(id),
    ipv6: input.ipv6_enable ?? false,
    loadBalancer: input.loadbalancer_provider ?? 'elb',
    bandwidthSize: input.bandwidth_size ?? (input.bandwidth_charging_mode ? BANDWIDTH_DEFAULT : 0),
    bandwidthChargingMode: input.bandwidth_charging_mode ?? (input.bandwidth_size ? 'bandwidth' : null),
    ingressBandwidthSize: input.ingress_bandwidth_size ?? (input.ingress_bandwidth_charging_mode ? BANDWIDTH_DEFAULT : 0),
    ingressBandwidthChargingMode: input.ingress_bandwidth_charging_mode ?? null,
    tags: withTags([], input.tags ?? []),
    ports: [],
    elbs: input.elb_id === undefined ? [] : [input.elb_id],
    endpointName: input.vpcep_service_name ?? null,
  };
}

/** Adds tags. A key that exists gets the new value. @throws TagQuotaExceeded */
export function withTags(tags: readonly Tag[], added: readonly Tag[]): Tag[] {
  const values = new Map([...tags, ...added].map(({ key, value }) => [key, value]));
  if (values.size > TAGS_MAX) throw new TagQuotaExceeded();
  return [...values].map(([key, value]) => ({ key, value }));
}

/** Removes tags. Each is named by its key, and by its value unless the value is empty. */
export function withoutTags(tags: readonly Tag[], removed: readonly { key: string; value?: string }[]): Tag[] {
  return tags.filter((tag) => !removed.some(({ key, value }) => key === tag.key && (!value || value === tag.value)));
}

/**
 * Returns the maintenance window; `undefined` when none is given.
 * @throws ApiFault 400 when only its begin or its end is given, MaintenanceWindowHour for an hour that is not allowed,
 * MaintenanceWindowLength when it is not 4 hours long
 */
export function windowOf(input: { maintain_begin?: string; maintain_end?: string }): { begin: string; end: string } | undefined {
  const { maintain_begin: begin, maintain_end: end } = input;
  if (begin === undefined && end === undefined) return undefined;
  if (begin === undefined) throw new ApiFault('missing', { parameter: 'maintain_begin', where: 'body' });
  if (end === undefined) throw new ApiFault('missing', { parameter: 'maintain_end', where: 'body' });
  const [from, to] = [begin, end].map((time) => Number(time.slice(0, 2))) as [number, number];
  if ([from, to].some((hour) => (hour - FIRST_HOUR) % WINDOW_HOURS !== 0)) throw new MaintenanceWindowHour();
  if ((to - from + 24) % 24 !== WINDOW_HOURS) throw new MaintenanceWindowLength();
  return { begin, end };
}
