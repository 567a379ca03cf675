import { Injectable } from '@nestjs/common';
import { InstanceNotFound } from '../common/api-error.js';
import type { Page } from '../common/pagination.js';
import type { InstanceScope, ProjectScope } from '../common/scope.js';
import { Config } from '../config/config.js';
import { EDITIONS } from './editions.js';
import type { BuiltInFeaturesView } from './features.dto.js';
import { BUILT_IN_FEATURES } from './features.js';
import { GatewayNotFound } from './instances.errors.js';
import { InstancesService } from './instances.service.js';
import type {
  AvailableZonesView,
  IngressPortsView,
  InstanceProgressView,
  InstanceRestrictionView,
  InstanceRow,
  InstanceTagsView,
} from './instances.views.js';

const ZONES = ['a', 'b', 'c'];
const FIRST_PORT = 8401;

/** What clients ask about a gateway and about the place it runs in: apig §3.1. */
@Injectable()
export class GatewayFactsService {
  constructor(
    private readonly instances: InstancesService,
    private readonly config: Config,
  ) {}

  /** A gateway is there or it is not: whoever asks finds it made. @throws GatewayNotFound */
  async progress(scope: ProjectScope, instanceId: string): Promise<InstanceProgressView> {
    const { createdAt } = await this.instances.row(scope, instanceId);
    return { progress: 100, status: 'success', error_code: null, error_msg: null, start_time: createdAt, end_time: createdAt };
  }

  /** No network range is taken. @throws GatewayNotFound */
  async restriction(scope: ProjectScope, instanceId: string): Promise<InstanceRestrictionView> {
    await this.instances.row(scope, instanceId);
    return { restrict_cidrs: [], resource_subnet_cidr: '' };
  }

  /** @throws GatewayNotFound */
  async builtInFeatures(scope: ProjectScope, instanceId: string, { limit, offset }: Page): Promise<BuiltInFeaturesView> {
    await this.instances.row(scope, instanceId);
    const features = BUILT_IN_FEATURES.slice(offset, offset + limit);
    return { total: BUILT_IN_FEATURES.length, size: features.length, features };
  }

  /** @throws InstanceNotFound */
  async tags(scope: InstanceScope): Promise<InstanceTagsView> {
    return { tags: (await this.row(scope)).details.tags };
  }

  /** No gateway has ports of its own. @throws InstanceNotFound */
  async ingressPorts(scope: InstanceScope): Promise<IngressPortsView> {
    await this.row(scope);
    return { total: 0, size: 0, ingress_port_infos: [] };
  }

  /** Three zones of the configured region, each of which has every edition. */
  availableZones(): AvailableZonesView {
    return {
      available_zones: ZONES.map((letter, i) => ({
        name: `AZ${i + 1}`,
        id: `${this.config.region}-${letter}`,
        code: `${this.config.region}-${letter}`,
        port: String(FIRST_PORT + i),
        local_name: { en_us: `AZ${i + 1}`, zh_cn: `可用区${i + 1}` },
        specs: Object.fromEntries(EDITIONS.map((edition) => [edition, true])),
      })),
    };
  }

  /** These two belong to the `APIG.` family, which has its own words for a gateway that is not there. */
  private async row({ projectId, instanceId }: InstanceScope): Promise<InstanceRow> {
    return this.instances.row({ projectId }, instanceId).catch((error: unknown) => {
      throw error instanceof GatewayNotFound ? new InstanceNotFound(instanceId) : error;
    });
  }
}
