import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';
import { GOPHERTELEKOMCLOUD } from '../support/terraform.js';
import { TerraformRun, without } from '../support/terraform-run.js';
import { OPENTELEKOMCLOUD as T } from '../support/terraform-types.js';
import { until } from '../support/until.js';

/**
 * The resources around a signature key as the provider `opentelekomcloud` applies, plans, updates, imports and destroys them, call by call
 * (docs/contracts/apig-clients.md). This provider accepts only 201 for a create and 200 for an update, each with JSON. The tests are the
 * steps of one run: each depends on those before it.
 */
onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let run: TerraformRun;
  /** The ids of the resources that the run has created. */
  const ids: Record<string, string> = {};
  beforeAll(async () => {
    test = await createTestDatabase(engine);
    service = await TestService.start(test);
    client = await service.client();
    run = new TerraformRun(GOPHERTELEKOMCLOUD, client);
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  const detail = () => run.read('B', T.gateway);
  const readGroup = async () => {
    const group = await run.read(`B/api-groups/${ids['grp']}`, T.group);
    const { variables } = await run.read(`B/env-variables?group_id=${ids['grp']}`, T.variables);
    return { group, variables };
  };
  const readEnvironment = async () => {
    const { envs } = await run.read('B/envs', T.environments);
    return envs.find(({ id }: { id: string }) => id === ids['env']);
  };
  const readVariable = () => run.read(`B/env-variables/${ids['var']}`, T.variable);
  const readChannel = () => run.read(`B/vpc-channels/${ids['chan']}`, T.channel);
  const readApi = (id = ids['api']) => run.read(`B/apis/${id}`, T.api);
  const readPublication = async () => {
    const { api_versions: versions } = await run.read(`B/apis/publish/${ids['api']}?env_id=${ids['env']}`, T.history);
    const api = await readApi();
    const [environments, publications] = [api.run_env_id.split('|'), api.publish_id.split('|')];
    expect(environments).toHaveLength(publications.length);
    return { versions, publishId: publications[environments.indexOf(ids['env'])] };
  };
  const readKey = async () => (await run.read(`B/signs?id=${ids['key']}`, T.keys)).signs[0];
  const bound = async () => (await run.read(`B/sign-bindings/binded-apis?sign_id=${ids['key']}`, T.bound)).bindings;
  const unbound = async () => (await run.read(`B/sign-bindings/unbinded-apis?sign_id=${ids['key']}`, T.unbound)).apis;

  const member = { host: '192.0.2.5', weight: 0, is_backup: false, status: 0, port: 0 };
  const health = {
    ...{ protocol: 'TCP', threshold_normal: 1, threshold_abnormal: 1, time_interval: 1, timeout: 1 },
    ...{ port: 0, status: 0, enable_client_ssl: false },
  };
  const channelBody = (fields: object = {}) => ({
    ...{ name: 'pool_o', port: 80, balance_strategy: 1, member_type: 'ip', type: 2, members: [member], vpc_health_config: health },
    ...fields,
  });
  const number = { name: 'n', type: 'NUMBER', location: 'PATH', required: 1, valid_enable: 2, pass_through: 2 };
  const backendParam = { origin: 'REQUEST', name: 'n', location: 'PATH', value: 'n' };
  const route = {
    ...{ req_protocol: 'HTTP', req_method: 'GET', req_uri: '/o/{n}', timeout: 5000, retry_count: '-1' },
  };
  const frontend = {
    ...{ type: 1, name: 'order_o', req_protocol: 'HTTP', req_method: 'GET', req_uri: '/o/{n}', auth_type: 'NONE', match_mode: 'NORMAL' },
  };
  const backendApi = { ...route, url_domain: '192.0.2.9:80', enable_client_ssl: false, vpc_channel_status: 2 };
  const apiBody = (fields: object = {}) => ({
    ...{ ...frontend, group_id: ids['grp'], backend_type: 'HTTP', req_params: [{ ...number, max_num: 0, min_num: 0 }] },
    ...{ backend_params: [backendParam], backend_api: backendApi },
    ...fields,
  });
  const conditions = [{ condition_origin: 'param', req_param_name: 'n', condition_type: 'exact', condition_value: '28' }];
  const policy = { name: 'special', effect_mode: 'ANY', ...route, conditions, backend_params: [backendParam] };
  const noChannel = { vpc_channel_id: '', vpc_channel_proxy_host: '' };

  it('1 creates a gateway, and reads its progress and itself', async () => {
    const { instance_id } = await run.call('POST', '/v2/{p}/apigw/instances', 202, T.created, {
      ...{ instance_name: 'edge-o', spec_id: 'BASIC', vpc_id: 'v-1', subnet_id: 's-1', security_group_id: 'g-1' },
      ...{ available_zone_ids: ['az-1', 'az-2'], bandwidth_size: 0, ingress_bandwidth_size: 0, loadbalancer_provider: 'elb', tags: null },
    });
    run.gateway = instance_id;
    await until(async () => (await run.call('GET', 'B/progress', 200, T.progress)).status === 'success');
    const gateway = await detail();
    expect(gateway).toMatchObject({
      ...{ id: instance_id, instance_name: 'edge-o', status: 'Running', spec: 'BASIC', bandwidth_size: 0, loadbalancer_provider: 'elb' },
      ...{ available_zone_ids: '[az-1, az-2]', nat_eip_address: '', publicips: [] },
    });
    expect(gateway.node_ips.shubao.length).toBeGreaterThan(0);
  });

  it('2 creates a group, an environment and a variable', async () => {
    ids['grp'] = (await run.call('POST', 'B/api-groups', 201, T.group, { name: 'orders' })).id;
    ids['env'] = (await run.call('POST', 'B/envs', 201, T.environment, { name: 'stage_o' })).id;
    const variable = { variable_name: 'base-path', variable_value: '/stage/a', env_id: ids['env'], group_id: ids['grp'] };
    ids['var'] = (await run.call('POST', 'B/env-variables', 201, T.variable, variable)).id;
    expect(await readVariable()).toEqual({ id: ids['var'], ...variable });
    expect(await readEnvironment()).toMatchObject({ name: 'stage_o', remark: '' });
    const { group, variables } = await readGroup();
    expect([group, variables]).toMatchObject([{ name: 'orders', remark: '' }, [variable]]);
  });

  it('3 creates a load balance channel, where an address is also the id and name, and no group is added', async () => {
    ids['chan'] = (await run.call('POST', 'B/vpc-channels', 201, T.channel, channelBody())).id;
    const channel = await readChannel();
    expect(channel).toMatchObject({ name: 'pool_o', port: 80, balance_strategy: 1, member_type: 'ip', type: 2, status: 1 });
    expect(channel.members).toMatchObject([
      { host: member.host, ecs_id: member.host, ecs_name: member.host, weight: 0, is_backup: false, status: 1, port: 80 },
    ]);
    expect(channel.member_groups).toEqual([]);
    expect(channel.vpc_health_config).toMatchObject({ ...health, status: 1, path: '', method: '', http_code: '' });
  });

  it('4 creates an API that needs no channel', async () => {
    ids['api'] = (await run.call('POST', 'B/apis', 201, T.api, apiBody())).id;
    const api = await readApi();
    expect(api).toMatchObject({ ...frontend, group_id: ids['grp'], backend_type: 'HTTP', mock_info: null, policy_https: [], cors: false });
    expect(api.auth_opt).toEqual({ app_code_auth_type: 'DISABLE' });
    expect(api.req_params).toMatchObject([{ ...number, max_num: 0, min_num: 0 }]);
    expect(api.backend_params).toMatchObject([backendParam]);
    expect(api.backend_api).toMatchObject({ ...backendApi, vpc_channel_info: noChannel });
  });

  it.each<[string, () => object, () => object]>([
    [
      'a channel in its backend and in a policy',
      () => {
        const through = { url_domain: '', vpc_channel_status: 1, vpc_channel_info: { vpc_channel_id: ids['chan'] } };
        return { backend_api: { ...backendApi, ...through }, policy_https: [{ ...policy, ...through }] };
      },
      () => {
        const through = {
          url_domain: '',
          vpc_channel_status: 1,
          vpc_channel_info: { vpc_channel_id: ids['chan'], vpc_channel_proxy_host: '' },
        };
        return { backend_api: { ...route, ...through }, policy_https: [{ ...policy, ...through }] };
      },
    ],
    [
      'a policy without a channel',
      () => ({ policy_https: [{ ...policy, url_domain: '192.0.2.8:80', vpc_channel_status: 2 }] }),
      () => ({ policy_https: [{ ...policy, url_domain: '192.0.2.8:80', vpc_channel_status: 2, vpc_channel_info: noChannel }] }),
    ],
    [
      'a mock that names no status',
      () => ({ backend_type: 'MOCK', backend_api: undefined, backend_params: undefined, mock_info: { result_content: 'hi' } }),
      () => ({ backend_api: null, mock_info: { result_content: 'hi' } }),
    ],
  ])('4 creates, plans twice and destroys an API with %s', async (_, fields, answered) => {
    const name = `variant_${Object.keys(ids).length}`;
    const { id } = await run.call('POST', 'B/apis', 201, T.api, { ...apiBody(fields()), name, req_uri: `/${name}/{n}` });
    ids[name] = id;
    expect(await readApi(id)).toMatchObject(answered());
    await run.secondPlan();
    run.forget(`B/apis/${id}`);
    await run.silent('DELETE', `B/apis/${id}`, 204);
  });

  it('5 publishes the API, creates a key and binds it', async () => {
    await run.call('POST', 'B/apis/action', 201, T.published, { action: 'online', env_id: ids['env'], api_id: ids['api'] });
    const { versions, publishId } = await readPublication();
    ids['pub'] = publishId;
    expect(versions).toMatchObject([{ env_id: ids['env'], env_name: 'stage_o', status: 1 }]);
    ids['key'] = (await run.call('POST', 'B/signs', 201, T.key, { name: 'k_o', sign_type: 'basic' })).id;
    expect(await readKey()).toMatchObject({ name: 'k_o', sign_type: 'basic' });
    const sent = { sign_id: ids['key'], publish_ids: [ids['pub']] };
    ids['bind'] = (await run.call('POST', 'B/sign-bindings', 201, T.bound, sent)).bindings[0].id;
    expect((await unbound()).map(({ publish_id }: { publish_id: string }) => publish_id)).not.toContain(ids['pub']);
    expect(await bound()).toMatchObject([{ id: ids['bind'], publish_id: ids['pub'], sign_id: ids['key'] }]);
  });

  it('6 plans a second time: no field and no byte changes', () => run.secondPlan());

  it('7 updates the gateway’s name, and switches public egress on and off', async () => {
    await run.call('PUT', 'B', 200, T.gateway, { instance_name: 'edge-o2' });
    expect(await detail()).toMatchObject({ instance_name: 'edge-o2', status: 'Running', security_group_id: 'g-1' });
    const size = { bandwidth_size: '5' };
    await run.silent('POST', 'B/nat-eip', 200, size);
    await run.silent('PUT', 'B/nat-eip', 200, size);
    expect(await detail()).toMatchObject({ bandwidth_size: 5, nat_eip_address: expect.stringMatching(/./), status: 'Running' });
    await run.silent('DELETE', 'B/nat-eip', 204);
    expect(await detail()).toMatchObject({ bandwidth_size: 0, nat_eip_address: '', status: 'Running' });
  });

  it('7 updates group, environment, channel, API and key, and clears an omitted description', async () => {
    await run.call('PUT', `B/api-groups/${ids['grp']}`, 200, T.group, { name: 'orders2', remark: 'described' });
    expect((await readGroup()).group).toMatchObject({ name: 'orders2', remark: 'described' });
    await run.call('PUT', `B/api-groups/${ids['grp']}`, 200, T.group, { name: 'orders2' });
    expect((await readGroup()).group).toMatchObject({ name: 'orders2', remark: '' });
    await run.call('PUT', `B/envs/${ids['env']}`, 200, T.environment, { name: 'stage_o', remark: 'described' });
    await run.call('PUT', `B/envs/${ids['env']}`, 200, T.environment, { name: 'stage_o' });
    expect(await readEnvironment()).toMatchObject({ name: 'stage_o', remark: '' });

    const changed = channelBody({ name: 'pool_o2', members: [{ ...member, weight: 7 }] });
    await run.call('PUT', `B/vpc-channels/${ids['chan']}`, 200, T.channel, changed);
    const channel = await readChannel();
    expect(channel).toMatchObject({ name: 'pool_o2', members: [{ host: member.host, weight: 7, status: 1, port: 80 }] });
    await run.call('PUT', `B/vpc-channels/${ids['chan']}`, 200, T.channel, without(changed, 'members'));
    expect(await readChannel()).toEqual(channel);

    await run.call('PUT', `B/apis/${ids['api']}`, 200, T.api, apiBody({ remark: 'changed', cors: true, tags: ['a'] }));
    expect(await readApi()).toMatchObject({ remark: 'changed', cors: true, tags: ['a'], publish_id: ids['pub'] });
    await run.call('PUT', `B/apis/${ids['api']}`, 200, T.api, apiBody());
    expect(await readApi()).toMatchObject({ remark: '', cors: false, tags: [], publish_id: ids['pub'] });

    const { name, sign_type, sign_key, sign_secret } = await readKey();
    const sent = { name: `${name}2`, sign_type, sign_key, sign_secret };
    await run.call('PUT', `B/signs/${ids['key']}`, 200, T.key, sent);
    expect(await readKey()).toMatchObject(sent);
    await bound();
    await unbound();
    await readPublication();
    await run.secondPlan();
  });

  it('8 imports by id and by name, where the exact name comes first', async () => {
    const more = ['stage_o2', 'a_stage_o'];
    for (const name of more) ids[name] = (await run.call('POST', 'B/envs', 201, T.environment, { name })).id;
    expect((await run.call('GET', 'B/envs?name=stage_o', 200, T.environments)).envs[0]).toMatchObject({ id: ids['env'], name: 'stage_o' });
    for (const name of more) await run.silent('DELETE', `B/envs/${ids[name]}`, 204);
    const apis = ['order_o2', 'an_order_o'];
    for (const name of apis) ids[name] = (await run.call('POST', 'B/apis', 201, T.api, { ...apiBody(), name, req_uri: `/${name}/{n}` })).id;
    expect((await run.call('GET', 'B/apis?name=order_o', 200, T.apis)).apis[0]).toEqual({ id: ids['api'], name: 'order_o' });
    for (const name of apis) await run.silent('DELETE', `B/apis/${ids[name]}`, 204);
    const { variables } = await run.call('GET', `B/env-variables?group_id=${ids['grp']}`, 200, T.variables);
    expect(variables.find((variable: any) => variable.variable_name === 'base-path').id).toBe(ids['var']);
    await run.secondPlan();
  });

  it('9 destroys everything without a 404, and the deleted gateway is never shown as running', async () => {
    for (const { id } of await bound()) await run.silent('DELETE', `B/sign-bindings/${id}`, 204);
    expect(await bound()).toEqual([]);
    await run.silent('DELETE', `B/signs/${ids['key']}`, 204);
    expect((await run.call('GET', `B/signs?id=${ids['key']}`, 200, T.keys)).signs).toEqual([]);
    await run.call('POST', 'B/apis/action', 201, T.published, { action: 'offline', env_id: ids['env'], api_id: ids['api'] });
    await run.silent('DELETE', `B/apis/${ids['api']}`, 204);
    expect(await run.gone(`B/apis/publish/${ids['api']}?env_id=${ids['env']}`)).toBe('APIG.3002');
    await run.silent('DELETE', `B/vpc-channels/${ids['chan']}`, 204);
    await run.silent('DELETE', `B/env-variables/${ids['var']}`, 204);
    await run.silent('DELETE', `B/api-groups/${ids['grp']}`, 204);
    await run.silent('DELETE', `B/envs/${ids['env']}`, 204);
    for (const path of [
      `B/apis/${ids['api']}`,
      `B/vpc-channels/${ids['chan']}`,
      `B/env-variables/${ids['var']}`,
      `B/api-groups/${ids['grp']}`,
    ])
      await run.gone(path);
    await run.send('DELETE', 'B', 204);
    expect(await run.gone('B')).toBe('APIC.7302');
  });
});
