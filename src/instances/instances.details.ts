import { Fault } from '../common/api-error.js';
import type { ChargingMode, InstanceInput, LoadBalancer, TagInput } from './instances.dto.js';
import { MaintenanceWindowHour, MaintenanceWindowLength, ZoneMissing } from './instances.errors.js';

/** What a caller set on a gateway and reads back; nothing here depends on it. Column `instances.details`. */
export interface InstanceDetails {
  vpcId: string;
  subnetId: string;
  securityGroupId: string;
  zones: string[];
  maintainBegin: string;
  maintainEnd: string;
  enterpriseProjectId: string;
  eipId: string | null;
  loadBalancer: LoadBalancer;
  /** 0: no outbound access was asked for. */
  bandwidthSize: number;
  bandwidthChargingMode: ChargingMode | null;
  ingressBandwidthSize: number;
  ingressBandwidthChargingMode: ChargingMode | null;
  tags: TagInput[];
  endpointName: string | null;
}

/**
 * The text of the column. Half a surrogate pair, which JSON can name and no encoding can hold, becomes U+FFFD: MariaDB and
 * MySQL refuse it in a JSON column.
 */
export const toColumn = (details: InstanceDetails): string =>
  JSON.stringify(details, (_, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value));

const DEFAULT_WINDOW = { begin: '22:00:00', end: '02:00:00' };
const WINDOW_HOURS = 4;
const FIRST_HOUR = 2;
const BANDWIDTH_DEFAULT = 5;

/** @throws ZoneMissing, and as {@link windowOf} */
export function detailsOf(input: InstanceInput): InstanceDetails {
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
    eipId: input.eip_id ?? null,
    loadBalancer: input.loadbalancer_provider ?? 'elb',
    bandwidthSize: input.bandwidth_size ?? (input.bandwidth_charging_mode ? BANDWIDTH_DEFAULT : 0),
    bandwidthChargingMode: input.bandwidth_charging_mode ?? (input.bandwidth_size ? 'bandwidth' : null),
    ingressBandwidthSize: input.ingress_bandwidth_size ?? (input.ingress_bandwidth_charging_mode ? BANDWIDTH_DEFAULT : 0),
    ingressBandwidthChargingMode: input.ingress_bandwidth_charging_mode ?? (input.ingress_bandwidth_size ? 'bandwidth' : null),
    tags: (input.tags ?? []).map(({ key, value }) => ({ key, value })),
    endpointName: input.vpcep_service_name ?? null,
  };
}

/**
 * The maintenance window, `undefined` when none is given.
 * @throws Fault 400 for half a window, MaintenanceWindowHour off the grid, MaintenanceWindowLength unless it is 4 hours long
 */
export function windowOf(input: { maintain_begin?: string; maintain_end?: string }): { begin: string; end: string } | undefined {
  const { maintain_begin: begin, maintain_end: end } = input;
  if (begin === undefined && end === undefined) return undefined;
  if (begin === undefined) throw new Fault('missing', { parameter: 'maintain_begin', where: 'body' });
  if (end === undefined) throw new Fault('missing', { parameter: 'maintain_end', where: 'body' });
  const [from, to] = [begin, end].map((time) => Number(time.slice(0, 2))) as [number, number];
  if ([from, to].some((hour) => (hour - FIRST_HOUR) % WINDOW_HOURS !== 0)) throw new MaintenanceWindowHour();
  if ((to - from + 24) % 24 !== WINDOW_HOURS) throw new MaintenanceWindowLength();
  return { begin, end };
}
