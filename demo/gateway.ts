import { randomBytes } from 'node:crypto';
import { type Client, inParallel } from './client.ts';
import { ID, kindFields, type Kind, WRITTEN } from './contract.ts';
import { check, including } from './expect.ts';
import { type Binding, boundAnswerRow, createdKey, type Key, Model, type Publication } from './model.ts';

const RELEASE = { id: 'DEFAULT_ENVIRONMENT_RELEASE_ID', name: 'RELEASE' };
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'ANY'];
const AUTH_TYPES = ['NONE', 'APP', 'IAM'];
const TAGS = [[], ['orders'], ['orders', 'eu'], ['billing']];

/** A gateway of the demo's own, with what must be in it. */
export class Gateway {
  readonly id: string;
  readonly api: Client;
  readonly model = new Model();
  readonly #base: string;

  private constructor(api: Client, id: string) {
    this.id = id;
    this.api = api;
    this.#base = `/v2/${api.projectId}/apigw/instances/${id}`;
  }

  static async create(api: Client): Promise<Gateway> {
    const { instance_id } = await api.post(
      `/v2/${api.projectId}/apigw/instances`,
      {
        instance_name: `demo_${randomBytes(6).toString('hex')}`,
        spec_id: 'PLATINUM',
        vpc_id: 'demo',
        subnet_id: 'demo',
        security_group_id: 'demo',
        available_zone_ids: ['local-a'],
      },
      { status: 202, body: { instance_id: ID, message: /./, job_id: /^JOB-[0-9a-f]{32}$/ } },
    );
    return new Gateway(api, instance_id as string);
  }

  /** One that is there already. @throws Difference when something was done in it */
  static async existing(api: Client, id: string): Promise<Gateway> {
    const gateway = new Gateway(api, id);
    await api.get(gateway.at('/signs'), { status: 200, body: { total: 0, size: 0, signs: [] } });
    await api.get(gateway.at('/features'), { status: 200, body: { total: 0, size: 0, features: [] } });
    await api.get(gateway.at('/apis'), { status: 200, body: { total: 0, size: 0, apis: [] } });
    return gateway;
  }

  /** The URL of something in this gateway. */
  at = (path: string) => `${this.#base}${path}`;

  /** Deletes the gateway and with it all that is in it. */
  async delete(): Promise<void> {
    await this.api.delete(`/v2/${this.api.projectId}/apigw/instances/${this.id}`, { status: 204 });
  }

  /** Switches on the one feature that a type of key needs (docs/contracts/apig.md §1.10). */
  async enablePublicKeys(): Promise<void> {
    const config = JSON.stringify({ enable: 'on', public_key_uri_prefix: '/apigw/authadv/v2/public-key/' });
    const feature = { name: 'public_key', enable: true, config };
    await this.api.post(this.at('/features'), feature, {
      status: 201,
      body: including({ ...feature, instance_id: this.id }),
    });
  }

  /** Makes a group of `count` APIs and publishes all of them in RELEASE and in `others` (docs/contracts/apig.md §3.3–§3.6). */
  async populate(count: number, others: readonly string[]): Promise<void> {
    const { api } = this;
    const group = { id: '', name: 'demo_group' };
    const made = { status: 201, body: including({ id: ID }) };
    group.id = (await api.post(this.at('/api-groups'), { name: group.name }, made)).id;
    const environments = [RELEASE];
    for (const name of others) environments.push({ id: (await api.post(this.at('/envs'), { name }, made)).id, name });
    const apis = new Map<string, Publication['api']>();
    await inParallel([...Array(count).keys()], async (i) => {
      const input = {
        name: `api_${String(i).padStart(4, '0')}`,
        type: (i % 2) + 1,
        auth_type: AUTH_TYPES[i % AUTH_TYPES.length] ?? '',
        req_uri: `/demo/${i}`,
        req_method: METHODS[i % METHODS.length] ?? '',
        remark: i % 3 === 0 ? `API number ${i}` : '',
        tags: TAGS[i % TAGS.length] ?? [],
      };
      const rest = { req_protocol: 'HTTPS', backend_type: 'MOCK', group_id: group.id };
      const { id } = await api.post(this.at('/apis'), { ...input, ...rest }, { status: 201, body: including({ id: ID, ...input }) });
      apis.set(id, { id, ...input });
    });
    for (const environment of environments) {
      const publishIds = await this.publishAll([...apis.values()], environment.id);
      for (const each of apis.values())
        this.model.publications.push({ publishId: publishIds.get(each.id) ?? '', api: each, group, environment });
    }
  }

  /** @returns publish ids by API */
  private async publishAll(apis: readonly Publication['api'][], envId: string): Promise<Map<string, string>> {
    const answer = await this.api.post(
      this.at('/apis/publish?action=online'),
      { apis: apis.map(({ id }) => id), env_id: envId },
      { status: 200, body: including({ failure: [] }) },
    );
    const published = answer.success as { api_id: string; publish_id: string }[];
    const byApi = (a: { api_id: string }, b: { api_id: string }) => (a.api_id < b.api_id ? -1 : 1);
    const expected = apis.map(({ id, name }) => ({
      publish_id: ID,
      api_id: id,
      api_name: name,
      env_id: envId,
      remark: '',
      publish_time: WRITTEN,
      version_id: ID,
    }));
    check(`success of POST ${this.at('/apis/publish?action=online')}`, expected.sort(byApi), published.sort(byApi));
    return new Map(published.map(({ api_id, publish_id }) => [api_id, publish_id]));
  }

  /** Creates a key and compares the whole answer; what is not given is left to the server. */
  async createKey(kind: Kind, given: { name: string; sign_key?: string; sign_secret?: string }): Promise<Key> {
    const input = { ...given, ...kindFields(kind) };
    const key: Key = await this.api.post(this.at('/signs'), input, { status: 201, body: createdKey(kind, given) });
    this.model.keys.set(key.id, key);
    return key;
  }

  /** Binds a key to publications, none of which carries it, and compares the whole answer. */
  async bind(key: Key, publications: readonly Publication[]): Promise<Binding[]> {
    const answer = await this.api.post(
      this.at('/sign-bindings'),
      { sign_id: key.id, publish_ids: publications.map(({ publishId }) => publishId) },
      { status: 201, body: { bindings: publications.map((publication) => boundAnswerRow(key, publication)) } },
    );
    return this.bound(key, publications, answer);
  }

  /** Takes the answer to a bind into the model. */
  bound(key: Key, publications: readonly Publication[], answer: { bindings: { id: string; binding_time: string }[] }): Binding[] {
    return publications.map((publication, i) => {
      const { id, binding_time } = answer.bindings[i] ?? { id: '', binding_time: '' };
      const binding = { id, key, publication, binding_time };
      this.model.bind(binding);
      return binding;
    });
  }

  /**
   * Reads a list to its end, page by page, and compares every row.
   * @param path with its query, without `offset` and `limit`
   */
  async expectList(path: string, array: string, rows: readonly object[], limit: number): Promise<void> {
    for (let offset = 0; offset <= rows.length; offset += limit) {
      const part = rows.slice(offset, offset + limit);
      const url = this.at(`${path}${path.includes('?') ? '&' : '?'}limit=${limit}&offset=${offset}`);
      await this.api.get(url, { status: 200, body: { total: rows.length, size: part.length, [array]: part as never } });
    }
  }
}
