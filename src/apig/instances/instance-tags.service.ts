import { Injectable } from '@nestjs/common';
import { invalid } from '../../platform/common/api-error.js';
import type { Page } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { ProjectScope } from '../../platform/common/scope.js';
import type {
  ProjectTagsView,
  TagActionInput,
  TaggedInstancesInput,
  TaggedInstancesView,
  TaggedInstanceView,
  TagFilterInput,
} from './instance-tags.dto.js';
import { type Tag, withoutTags, withTags } from './instances.details.js';
import { InstancesService } from './instances.service.js';
import type { InstanceRow } from './instances.views.js';

/** The only tag that the service itself adds to a gateway. */
const ENTERPRISE_PROJECT = '_sys_enterprise_project_id';

/** Tags of gateways (docs/contracts/apig-clients.md §2). */
@Injectable()
export class InstanceTagsService {
  constructor(private readonly instances: InstancesService) {}

  /** @throws GatewayNotFound */
  async ofGateway(scope: ProjectScope, instanceId: string): Promise<TaggedInstanceView> {
    return view(await this.instances.row(scope, instanceId));
  }

  /**
   * Adds or removes either all given tags or none of them.
   * @throws GatewayNotFound, TagQuotaExceeded; ApiFault 400 for a tag to add that has no value
   */
  async change(scope: ProjectScope, instanceId: string, { action, tags }: TagActionInput, caller: Caller): Promise<void> {
    const added = action === 'create' ? tags.map(({ key, value }, i) => ({ key, value: value ?? missing(`tags[${i}].value`) })) : [];
    const entry = { action: 'UpdateInstanceTags' as const, detail: { action, keys: tags.map(({ key }) => key) } };
    await this.instances.change(scope, instanceId, caller, entry, (before) => {
      const { details } = before;
      const changed = action === 'create' ? withTags(details.tags, added) : withoutTags(details.tags, tags);
      return JSON.stringify(changed) === JSON.stringify(details.tags) ? before : { ...before, details: { ...details, tags: changed } };
    });
  }

  /** Returns the tags in use in a project. */
  async ofProject(scope: ProjectScope): Promise<ProjectTagsView> {
    const values = new Map<string, Set<string>>();
    for (const { details } of await this.instances.all(scope))
      for (const { key, value } of details.tags) values.set(key, (values.get(key) ?? new Set()).add(value));
    return { tags: [...values].map(([key, used]) => ({ key, values: [...used].sort() })).sort((a, b) => (a.key < b.key ? -1 : 1)) };
  }

  /** Returns the gateways of a project that meet every condition, newest first. */
  async find(scope: ProjectScope, input: TaggedInstancesInput, { limit, offset }: Page): Promise<TaggedInstancesView> {
    const found = await this.matching(scope, input);
    return { resources: found.slice(offset, offset + limit).map(view), total_count: found.length };
  }

  /** Returns the number of gateways that {@link find} finds. */
  async count(scope: ProjectScope, input: TaggedInstancesInput): Promise<{ total_count: number }> {
    return { total_count: (await this.matching(scope, input)).length };
  }

  private async matching(scope: ProjectScope, input: TaggedInstancesInput): Promise<InstanceRow[]> {
    return (await this.instances.all(scope)).filter(({ instanceName, details }) => {
      const own = [{ key: ENTERPRISE_PROJECT, value: details.enterpriseProjectId }];
      return (
        (input.without_any_tag === true ? details.tags.length === 0 : has(details.tags, input.tags)) &&
        has(own, input.sys_tags) &&
        (input.matches ?? []).every(({ value }) => instanceName.includes(value))
      );
    });
  }
}

/** Whether at least one tag meets each of the filters. */
const has = (tags: readonly Tag[], filters: readonly TagFilterInput[] = []): boolean =>
  filters.every(({ key, values = [] }) => tags.some((tag) => tag.key === key && (values.length === 0 || values.includes(tag.value))));

function missing(parameter: string): never {
  throw invalid(parameter);
}

const view = ({ id, instanceName, details }: InstanceRow): TaggedInstanceView => ({
  resource_id: id,
  resouce_detail: {},
  resource_name: instanceName,
  tags: details.tags,
});
