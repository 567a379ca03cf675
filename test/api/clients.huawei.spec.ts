import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';
import { GOLANGSDK } from '../support/terraform.js';
import { TerraformRun, without } from '../support/terraform-run.js';
import { HUAWEICLOUD as T } from '../support/terraform-types.js';
import { until } from '../support/until.js';

/**
 * The resources around a signature key as the provider `huaweicloud` applies, plans, updates, imports and destroys them, call by call
 * (docs/contracts/apig-clients.md). The tests are the steps of one run: each depends on those before it.
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
    run = new TerraformRun(GOLANGSDK, client);
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  const detail = () => run.call('GET', 'B', 200, T.gateway);
  const running = () => until(async () => (await detail()).status === 'Running');
  /** The reads of the provider's gateway resource. */
  const readGateway = async () => {
    const gateway = await run.read('B', T.gateway);
    await run.read('B/extra-elbs', T.elbs);
    const { tags } = await run.read('B/instance-tags', T.tags);
    const { ingress_port_infos: ports } = await run.read('B/custom-ingress-ports?limit=500', T.ports);
    return { gateway, tags, ports };
  };
  const readGroup = async () => {
    const group = await run.read(`B/api-groups/${ids['grp']}`, T.group);
    const { variables } = await run.read(`B/env-variables?group_id=${ids['grp']}`, T.variables);
    return { group, variables };
  };
  const readApi = () => run.read(`B/apis/${ids['api']}`, T.api);
  const readPublication = async () => {
    const { api_versions: versions } = await run.read(`B/apis/publish/${ids['api']}?env_id=${ids['env']}`, T.history);
    const api = await readApi();
    const [environments, publications] = [api.run_env_id.split('|'), api.publish_id.split('|')];
    expect(environments).toHaveLength(publications.length);
    return { versions, publishId: publications[environments.indexOf(ids['env'])] };
  };
  const readKey = async () => (await run.pages(`B/signs?id=${ids['key']}`, 'signs', T.keys, 100))[0];
  const bound = () => run.pages(`B/sign-bindings/binded-apis?sign_id=${ids['key']}`, 'bindings', T.bound, 500);
  const unbound = () => run.pages(`B/sign-bindings/unbinded-apis?sign_id=${ids['key']}`, 'apis', T.unbound, 100);

  const channelBody = (member: object = {}) => ({
    name: 'orders_pool',
    port: 80,
    balance_strategy: 1,
    member_type: 'ecs',
    type: 2,
    member_groups: null,
    members: [{ ecs_id: 'e-1', ecs_name: 'node-1', weight: 0, is_backup: false, port: 0, ...member }],
    vpc_health_config: { protocol: 'TCP', threshold_normal: 1, threshold_abnormal: 1, time_interval: 1, timeout: 1 },
  });
  const cce_info = { cluster_id: 'c-1', namespace: 'default', workload_type: 'deployment', label_key: 'app', label_value: 'orders' };
  const reference = () => ({ member_group_name: 'of_pool', member_group_weight: 1, reference_vpc_channel_id: ids['chan'] });
  const byChannel = () => ({ vpc_channel_status: 1, vpc_channel_info: { vpc_channel_id: ids['chan'], vpc_channel_proxy_host: '' } });
  const backendParam = { origin: 'REQUEST', name: 'id', location: 'PATH', value: 'number' };
  const number = {
    ...{ type: 'NUMBER', name: 'number', required: 1, location: 'PATH', pass_through: 2, sample_value: '' },
    ...{ valid_enable: 0, max_num: 200 },
  };
  const frontend = {
    ...{
      type: 1,
      name: 'order_by_id',
      req_protocol: 'HTTP',
      req_method: 'GET',
      req_uri: '/orders/{number}',
      cors: false,
      auth_type: 'APP',
    },
    ...{ auth_opt: { app_code_auth_type: 'DISABLE' }, match_mode: 'NORMAL', remark: 'one order' },
    ...{ result_normal_sample: 'ok', result_failure_sample: 'no', is_send_fg_body_base64: true },
  };
  const backendApi = {
    ...{ req_uri: '/o/{id}', req_method: 'GET', req_protocol: 'HTTP', timeout: 30_000, enable_client_ssl: false, retry_count: '-1' },
  };
  const conditions = [{ condition_origin: 'param', req_param_name: 'number', condition_type: 'exact', condition_value: '28' }];
  const policy = () => ({
    ...{
      name: 'special',
      req_protocol: 'HTTP',
      req_method: 'GET',
      req_uri: '/o/{id}',
      effect_mode: 'ANY',
      retry_count: '-1',
      timeout: 30_000,
    },
    ...{ url_domain: '', ...byChannel(), conditions, backend_params: [backendParam] },
  });
  const apiBody = (fields: object = {}) => ({
    ...{ ...frontend, group_id: ids['grp'], req_params: [number], backend_type: 'HTTP', backend_params: [backendParam] },
    ...{ backend_api: { ...backendApi, ...byChannel() }, policy_https: [policy()] },
    ...fields,
  });

  it('1 creates a gateway and waits until it runs', async () => {
    const { body } = await run.send('POST', '/v2/{p}/apigw/instances', 202, {
      instance_name: 'edge-a',
      spec_id: 'BASIC',
      vpc_id: 'v-1',
      subnet_id: 's-1',
      security_group_id: 'g-1',
      available_zone_ids: ['az-1'],
      description: 'first',
      enterprise_project_id: '',
      ipv6_enable: false,
      bandwidth_size: 0,
      maintain_begin: '02:00:00',
      maintain_end: '06:00:00',
      tags: [{ key: 'team', value: 'blue' }],
    });
    run.gateway = body.instance_id;
    await running();
  });

  it('2 and 3 adds a custom port to the gateway, and reads it', async () => {
    const sent = { protocol: 'HTTP', ingress_port: 3662 };
    await run.send('POST', 'B/custom-ingress-ports', 201, sent);
    const { gateway, tags, ports } = await readGateway();
    expect(gateway).toMatchObject({
      ...{ instance_name: 'edge-a', spec: 'BASIC', vpc_id: 'v-1', subnet_id: 's-1', security_group_id: 'g-1', description: 'first' },
      ...{ bandwidth_size: 0, loadbalancer_provider: 'elb', nat_eip_address: '', available_zone_ids: '[az-1]', eip_ipv6_address: '' },
      ...{
        maintain_begin: '02:00:00',
        maintain_end: '06:00:00',
        ingress_ip: expect.stringMatching(/./),
        ingress_bandwidth_charging_mode: '',
      },
      ...{ eip_address: '', publicips: [] },
    });
    expect(gateway.endpoint_services[0].service_name).toMatch(/^[^.]+\.apig\.[^.]+$/);
    expect(tags).toEqual([{ key: 'team', value: 'blue' }]);
    expect(ports).toMatchObject([sent]);
  });

  it('4 creates an environment and finds it in the list', async () => {
    const { body } = await run.send('POST', 'B/envs', 201, { name: 'stage_a', remark: '' });
    ids['env'] = body.id;
    const { envs } = await run.read('B/envs', T.environments);
    expect(envs.find(({ id }: { id: string }) => id === ids['env'])).toMatchObject({ name: 'stage_a', remark: '' });
  });

  it('5 creates a group with a variable', async () => {
    const { body } = await run.send('POST', 'B/api-groups', 201, { name: 'orders', remark: 'all orders' });
    ids['grp'] = body.id;
    const variable = { variable_name: 'base-path', variable_value: '/stage/a', env_id: ids['env'], group_id: ids['grp'] };
    const made = await run.call('POST', 'B/env-variables', 201, T.variable, variable);
    ids['var'] = made.id;
    await run.silent('PUT', `B/api-groups/${ids['grp']}/sl-domain-access-settings`, 204, { sl_domain_access_enabled: false });
    const { group, variables } = await readGroup();
    expect(group).toMatchObject({ name: 'orders', remark: 'all orders', sl_domain_access_enabled: false, url_domains: [] });
    expect(variables).toEqual([made]);
    expect(await run.read(`B/env-variables/${ids['var']}`, T.variable)).toEqual({ ...variable, id: ids['var'] });
  });

  it('6 creates a load balance channel', async () => {
    const { body } = await run.send('POST', 'B/vpc-channels', 201, channelBody());
    ids['chan'] = body.id;
    const channel = await run.read(`B/vpc-channels/${ids['chan']}`, T.channel);
    expect(channel).toMatchObject({ name: 'orders_pool', port: 80, balance_strategy: 1, member_type: 'ecs', type: 2, status: 1 });
    expect([channel.vpc_channel_type, channel.member_groups, channel.microservice_info]).toEqual(['builtin', [], null]);
    expect(channel.members).toMatchObject([{ ecs_id: 'e-1', ecs_name: 'node-1', weight: 0, is_backup: false, port: 80, status: 1 }]);
    expect(channel.vpc_health_config).toMatchObject({ protocol: 'TCP', path: '', method: '', http_code: '', port: 0, timeout: 1 });
  });

  it.each<[string, () => object, () => object]>([
    [
      'servers by address',
      () => ({ member_type: 'ip', members: [{ host: '192.0.2.5', weight: 0, is_backup: false, port: 0 }] }),
      () => ({ members: [{ host: '192.0.2.5', ecs_id: '192.0.2.5', ecs_name: '192.0.2.5', weight: 0, port: 80 }] }),
    ],
    [
      'a microservice',
      () => ({
        ...{ type: undefined, vpc_channel_type: 'microservice', members: null },
        member_groups: [{ member_group_name: 'of_app', member_group_weight: 20, microservice_port: 8080 }],
        microservice_info: { service_type: 'CCE', cce_info },
      }),
      () => ({
        ...{ vpc_channel_type: 'microservice', type: 3, members: [], microservice_info: { service_type: 'CCE', cce_info } },
        member_groups: [{ member_group_name: 'of_app', member_group_weight: 20, microservice_port: 8080 }],
      }),
    ],
    [
      'a reference to another channel',
      () => ({ type: undefined, vpc_channel_type: 'reference', members: null, member_groups: [reference()] }),
      () => ({ vpc_channel_type: 'reference', member_groups: [reference()], members: [] }),
    ],
  ])('6 creates, plans twice and destroys a channel with %s', async (_, fields, answered) => {
    const { id } = await run.call('POST', 'B/vpc-channels', 201, T.channel, { ...channelBody(), name: 'variant_pool', ...fields() });
    const path = `B/vpc-channels/${id}`;
    expect(await run.read(path, T.channel)).toMatchObject(answered());
    await run.secondPlan();
    run.forget(path);
    await run.silent('DELETE', path, 204);
  });

  it('7 creates an API through the channel, with parameters and a policy', async () => {
    const sent = apiBody();
    const { body } = await run.send('POST', 'B/apis', 201, sent);
    ids['api'] = body.id;
    const api = await readApi();
    expect(api).toMatchObject({ ...frontend, group_id: ids['grp'], backend_type: 'HTTP', mock_info: null, policy_mocks: [], tags: [] });
    expect(api.req_params).toMatchObject([without(number, 'valid_enable')]);
    expect(api.backend_params).toMatchObject([backendParam]);
    expect(api.backend_api).toMatchObject(without(sent.backend_api, 'vpc_channel_status'));
    expect(api.policy_https).toMatchObject([without(policy(), 'vpc_channel_status')]);
  });

  it.each<[string, () => object, object]>([
    [
      'an address and no channel',
      () => ({ backend_api: { ...backendApi, url_domain: '192.0.2.9:80', vpc_channel_status: 2 }, policy_https: [] }),
      { backend_api: { ...backendApi, url_domain: '192.0.2.9:80' }, mock_info: null },
    ],
    [
      'a mock, and one in a policy',
      () => ({
        backend_type: 'MOCK',
        backend_params: [],
        backend_api: undefined,
        policy_https: undefined,
        mock_info: { status_code: 0, result_content: 'hi' },
        policy_mocks: [{ name: 'other', status_code: 0, result_content: 'ho', effect_mode: 'ANY', conditions, backend_params: [] }],
      }),
      {
        backend_api: null,
        mock_info: { status_code: 200, result_content: 'hi' },
        policy_mocks: [{ name: 'other', status_code: 200, result_content: 'ho' }],
        policy_https: [],
      },
    ],
    [
      'system parameters',
      () => ({
        policy_https: [],
        backend_params: [
          backendParam,
          { origin: 'SYSTEM', name: 'ip', location: 'HEADER', value: '$context.sourceIp', remark: 'of a test' },
          { origin: 'SYSTEM', name: 'user', location: 'HEADER', value: '$context.authorizer.frontend.user' },
        ],
      }),
      {
        backend_params: [
          { value: 'number' },
          { value: '$context.sourceIp', remark: 'of a test' },
          { value: '$context.authorizer.frontend.user' },
        ],
      },
    ],
  ])('7 creates, plans twice and destroys an API with %s', async (_, fields, answered) => {
    const name = `variant_${Object.keys(ids).length}`;
    const { body } = await run.send('POST', 'B/apis', 201, { ...apiBody(fields()), name, req_uri: `/${name}/{number}` });
    ids[name] = body.id;
    const path = `B/apis/${body.id}`;
    expect(await run.read(path, T.api)).toMatchObject(answered);
    await run.secondPlan();
    run.forget(path);
    await run.silent('DELETE', path, 204);
  });

  it('8 publishes the API', async () => {
    const sent = { action: 'online', env_id: ids['env'], api_id: ids['api'] };
    await run.call('POST', 'B/apis/action', 201, T.published, sent);
    const { versions, publishId } = await readPublication();
    ids['pub'] = publishId;
    expect(versions).toMatchObject([{ env_id: ids['env'], env_name: 'stage_a', status: 1, remark: '' }]);
    expect(versions[0].publish_time).toMatch(/:\d\dZ$/);
  });

  it('9 and 10 creates a key and binds it', async () => {
    const { id } = await run.call('POST', 'B/signs', 201, T.key, { name: 'orders_key', sign_type: 'hmac' });
    ids['key'] = id;
    expect(await readKey()).toMatchObject({ name: 'orders_key', sign_type: 'hmac' });
    const sent = { sign_id: id, publish_ids: [ids['pub']] };
    const { bindings } = await run.call('POST', 'B/sign-bindings', 201, T.bound, sent);
    ids['bind'] = bindings[0].id;
    expect((await unbound()).map(({ publish_id }) => publish_id)).not.toContain(ids['pub']);
    expect(await bound()).toMatchObject([{ id: ids['bind'], publish_id: ids['pub'], sign_id: id }]);
  });

  it('11 plans a second time: no field and no byte changes', () => run.secondPlan());

  it('12 updates the gateway: window, description, edition, egress, ingress, tags, ports', async () => {
    await run.send('PUT', '/v2/{p}/apigw/instances/' + run.gateway, 200, {
      ...{ instance_name: 'edge-a', description: '', security_group_id: 'g-2', vpcep_service_name: '' },
      ...{ maintain_begin: '06:00:00', maintain_end: '10:00:00' },
    });
    await running();
    expect(await detail()).toMatchObject({
      description: '',
      security_group_id: 'g-2',
      maintain_begin: '06:00:00',
      maintain_end: '10:00:00',
    });
    expect((await detail()).endpoint_services[0].service_name).toMatch(/^[^.]+\.apig\.[^.]+$/);

    await run.send('POST', 'B/postpaid-resize', 202, { spec_id: 'PROFESSIONAL' });
    await running();
    expect((await detail()).spec).toBe('PROFESSIONAL');

    await run.silent('POST', 'B/nat-eip', 200, { bandwidth_size: 5 });
    const egress = await detail();
    expect(egress).toMatchObject({ bandwidth_size: 5, nat_eip_address: expect.stringMatching(/./) });
    await run.silent('PUT', 'B/nat-eip', 200, { bandwidth_size: 8 });
    expect(await detail()).toMatchObject({ bandwidth_size: 8, nat_eip_address: egress.nat_eip_address });
    await run.silent('DELETE', 'B/nat-eip', 204);
    expect(await detail()).toMatchObject({ bandwidth_size: 0, nat_eip_address: '' });

    await run.send('POST', 'B/ingress-eip', 202, { bandwidth_size: 5, bandwidth_charging_mode: 'bandwidth' });
    await until(async () => (await detail()).publicips.length > 0);
    expect((await detail()).publicips).toMatchObject([{ bandwidth_size: 5, ip_address: expect.stringMatching(/./) }]);
    await run.silent('DELETE', 'B/ingress-eip', 204);
    await until(async () => (await detail()).publicips.length === 0);
    expect(await detail()).toMatchObject({ eip_address: '', ingress_bandwidth_charging_mode: '' });

    await run.silent('POST', 'B/instance-tags/action', 204, { action: 'delete', tags: [{ key: 'team', value: 'blue' }] });
    await run.silent('POST', 'B/instance-tags/action', 204, { action: 'create', tags: [{ key: 'team', value: 'green' }] });
    await run.send('POST', 'B/custom-ingress-ports', 201, { protocol: 'HTTPS', ingress_port: 3665 });
    const { tags, ports } = await readGateway();
    expect(tags).toEqual([{ key: 'team', value: 'green' }]);
    expect(ports.map(({ ingress_port }: { ingress_port: number }) => ingress_port).sort()).toEqual([3662, 3665]);
    for (const port of ports) await run.silent('DELETE', `B/custom-ingress-ports/${port.ingress_port_id}`, 204);
    expect((await readGateway()).ports).toEqual([]);
  });

  it('13 updates group, variables, environment and channel', async () => {
    await run.send('PUT', `B/api-groups/${ids['grp']}`, 200, { name: 'orders2', remark: '' });
    run.forget(`env-variables/${ids['var']}`);
    await run.silent('DELETE', `B/env-variables/${ids['var']}`, 204);
    const variable = { variable_name: 'base-path', variable_value: '/stage/c', env_id: ids['env'], group_id: ids['grp'] };
    ids['var'] = (await run.call('POST', 'B/env-variables', 201, T.variable, variable)).id;
    await run.call('PUT', `B/env-variables/${ids['var']}`, 200, T.variable, { variable_value: '/stage/b' });
    const { group, variables } = await readGroup();
    expect(group).toMatchObject({ name: 'orders2', remark: '' });
    expect(variables).toMatchObject([{ id: ids['var'], variable_value: '/stage/b' }]);

    await run.send('PUT', `B/envs/${ids['env']}`, 200, { name: 'stage_a', remark: 'changed' });
    const { envs } = await run.read('B/envs', T.environments);
    expect(envs.find(({ id }: { id: string }) => id === ids['env'])).toMatchObject({ remark: 'changed' });

    const channelPath = `B/vpc-channels/${ids['chan']}`;
    await run.send('PUT', channelPath, 200, channelBody({ status: 2 }));
    const disabled = await run.read(channelPath, T.channel);
    expect(disabled.members).toMatchObject([{ ecs_id: 'e-1', status: 2, port: 80 }]);
    await run.send('PUT', channelPath, 200, { ...channelBody(), members: null });
    expect(await run.read(channelPath, T.channel)).toEqual(disabled);
  });

  it('13 updates the API, which resets omitted fields, publishes it again, and switches back to the older version', async () => {
    const before = await readApi();
    const req_params = [{ ...number, valid_enable: before.req_params[0].valid_enable }];
    await run.send('PUT', `B/apis/${ids['api']}`, 200, without(apiBody({ req_params }), 'remark', 'policy_https'));
    expect(await readApi()).toMatchObject({ remark: '', policy_https: [], publish_id: ids['pub'] });

    const first = (await readPublication()).versions[0].version_id;
    await run.call('POST', 'B/apis/action', 201, T.published, { action: 'online', env_id: ids['env'], api_id: ids['api'] });
    const again = await readPublication();
    expect(again.publishId).toBe(ids['pub']);
    expect(again.versions.map(({ status }: { status: number }) => status === 1)).toEqual([true, false]);
    expect(again.versions[1].version_id).toBe(first);
    await run.send('PUT', `B/apis/publish/${ids['api']}`, 200, { version_id: first });
    const { versions, publishId } = await readPublication();
    expect(publishId).toBe(ids['pub']);
    expect(versions.filter(({ status }: { status: number }) => status === 1)).toMatchObject([{ version_id: first }]);
  });

  it('13 changes the key’s secret and binds the key again', async () => {
    const { name, sign_type, sign_key } = await readKey();
    const sent = { name, sign_type, sign_key, sign_secret: 'another-secret-0123456789' };
    await run.send('PUT', `B/signs/${ids['key']}`, 200, sent);
    expect(await readKey()).toMatchObject(sent);
    for (const { id } of await bound()) await run.silent('DELETE', `B/sign-bindings/${id}`, 204);
    expect(await bound()).toEqual([]);
    expect((await unbound()).map(({ publish_id }) => publish_id)).toContain(ids['pub']);
    await run.call('POST', 'B/sign-bindings', 201, T.bound, { sign_id: ids['key'], publish_ids: [ids['pub']] });
    await unbound();
    ids['bind'] = (await bound())[0].id;
  });

  it('13 plans a second time after the updates', async () => {
    await readGateway();
    await run.secondPlan();
  });

  it('14 imports by id and by name, where the exact name comes first', async () => {
    for (const name of ['stage_a2', 'a_stage_a']) ids[name] = (await run.send('POST', 'B/envs', 201, { name, remark: '' })).body.id;
    const { envs } = await run.call('GET', 'B/envs?name=stage_a', 200, T.environments);
    expect(envs[0]).toMatchObject({ id: ids['env'], name: 'stage_a' });
    for (const name of ['stage_a2', 'a_stage_a']) await run.silent('DELETE', `B/envs/${ids[name]}`, 204);
    const { apis } = await run.call('GET', 'B/apis?limit=500&name=order_by_id&offset=0', 200, T.apis);
    expect(apis.filter(({ name }: { name: string }) => name === 'order_by_id')).toMatchObject([{ id: ids['api'] }]);
    const { variables } = await run.call('GET', `B/env-variables?group_id=${ids['grp']}`, 200, T.variables);
    expect(variables.find((variable: any) => variable.variable_name === 'base-path').id).toBe(ids['var']);
    await run.secondPlan();
  });

  it('15 manages a response of the group', async () => {
    const at = `B/api-groups/${ids['grp']}/gateway-responses`;
    const responses = { THROTTLED: { body: '{}', status: 430 } };
    const { id } = await run.call('POST', at, 201, T.response, { name: 'mine', responses });
    const changed = async () => {
      const { body } = await run.send('GET', `${at}/${id}`, 200);
      const types = Object.entries<any>(body.responses);
      expect(types).toHaveLength(19);
      return Object.fromEntries(types.filter(([, { default: untouched }]) => untouched === false));
    };
    expect(await changed()).toMatchObject(responses);
    const replaced = { AUTH_FAILURE: { body: '{"no":1}', status: 401, headers: [{ key: 'x-a', value: 'b' }] } };
    await run.call('PUT', `${at}/${id}`, 200, T.response, { name: 'mine', responses: replaced });
    expect(await changed()).toMatchObject(replaced);
    expect(Object.keys(await changed())).toEqual(['AUTH_FAILURE']);
    const list = await run.call('GET', at, 200, T.responses);
    expect(list.responses.find(({ name }: { name: string }) => name === 'mine').id).toBe(id);
    await run.silent('DELETE', `${at}/${id}`, 204);
    await run.gone(`${at}/${id}`);
  });

  it('15 manages a domain of the group', async () => {
    const at = `B/api-groups/${ids['grp']}/domains`;
    const { id } = await run.call('POST', at, 201, T.domain, { url_domain: 'a.example', min_ssl_version: 'TLSv1.2' });
    const domains = async () => (await readGroup()).group.url_domains;
    expect(await domains()).toMatchObject([{ id, domain: 'a.example', min_ssl_version: 'TLSv1.2' }]);
    await run.call('PUT', `${at}/${id}`, 201, T.domain, { min_ssl_version: 'TLSv1.1', is_http_redirect_to_https: false });
    expect(await domains()).toMatchObject([{ id, min_ssl_version: 'TLSv1.1' }]);
    await run.silent('DELETE', `${at}/${id}`, 204);
    expect(await domains()).toEqual([]);
  });

  it('15 manages a group of members and a member, and an update adds no second row', async () => {
    const channel = (
      await run.call('POST', 'B/vpc-channels', 201, T.channel, { ...channelBody(), name: 'members_pool', member_type: 'ip', members: null })
    ).id;
    const at = `B/vpc-channels/${channel}`;
    const group = { member_group_name: 'blue', member_group_weight: 3 };
    const { member_groups } = await run.call('POST', `${at}/member-groups`, 201, T.memberGroups, { member_groups: [group] });
    const groupPath = `${at}/member-groups/${member_groups[0].member_group_id}`;
    expect(await run.read(groupPath, T.memberGroup)).toMatchObject(group);

    const sent = { member_group_name: 'blue', port: 8080, host: '192.0.2.5', is_backup: false };
    const added = await run.call('POST', `${at}/members`, 201, T.members, { members: [sent] });
    const { id } = added.members.find(({ host }: { host: string }) => host === sent.host);
    const list = () => run.pages(`${at}/members?member_group_name=blue&precise_search=member_group_name`, 'members', T.members, 100);
    const [member] = await list();
    expect(member).toMatchObject({ ...sent, id, ecs_id: sent.host, ecs_name: sent.host, status: 1 });
    const { ecs_id, ecs_name } = member;
    await run.call('POST', `${at}/members`, 201, T.members, { members: [{ ...sent, ecs_id, ecs_name, status: 2 }] });
    expect(await list()).toEqual([{ ...member, status: 2 }]);
    await run.silent('POST', `${at}/members/batch-enable`, 204, { member_ids: [id] });
    expect(await list()).toEqual([member]);
    await run.silent('POST', `${at}/members/batch-disable`, 204, { member_ids: [id] });
    expect(await list()).toEqual([{ ...member, status: 2 }]);
    await run.secondPlan();

    // The provider's channel resource changes neither, although it reads a group that it did not set.
    await run.send('PUT', at, 200, { ...channelBody(), name: 'members_pool', member_type: 'ip', members: null });
    expect(await list()).toEqual([{ ...member, status: 2 }]);
    await run.call('PUT', groupPath, 200, T.memberGroup, { member_group_name: 'blue' });
    expect(await run.read(groupPath, T.memberGroup)).toMatchObject({ member_group_weight: 0 });
    await run.silent('DELETE', `${at}/members/${id}`, 204);
    expect(await list()).toEqual([]);
    run.forget(at);
    await run.silent('DELETE', groupPath, 204);
    expect(await run.gone(groupPath)).toBe('APIG.3024');
    await run.silent('DELETE', at, 204);
  });

  it('16 destroys everything, and every read then answers 404', async () => {
    for (const { id } of await bound()) await run.silent('DELETE', `B/sign-bindings/${id}`, 204);
    expect(await bound()).toEqual([]);
    await run.silent('DELETE', `B/signs/${ids['key']}`, 204);
    expect((await run.call('GET', `B/signs?id=${ids['key']}`, 200, T.keys)).signs).toEqual([]);
    await run.call('POST', 'B/apis/action', 201, T.published, { action: 'offline', env_id: ids['env'], api_id: ids['api'] });
    const { api_versions } = await run.call('GET', `B/apis/publish/${ids['api']}?env_id=${ids['env']}`, 200, T.history);
    expect(api_versions.filter(({ status }: { status: number }) => status === 1)).toEqual([]);
    await run.silent('DELETE', `B/apis/${ids['api']}`, 204);
    expect(await run.gone(`B/apis/${ids['api']}`)).toBe('APIG.3002');
    expect(await run.gone(`B/apis/publish/${ids['api']}?env_id=${ids['env']}`)).toBe('APIG.3002');
    await run.silent('DELETE', `B/vpc-channels/${ids['chan']}`, 204);
    expect(await run.gone(`B/vpc-channels/${ids['chan']}`)).toBe('APIG.3023');
    await run.silent('DELETE', `B/env-variables/${ids['var']}`, 204);
    expect(await run.gone(`B/env-variables/${ids['var']}`)).toBe('APIG.3011');
    await run.silent('DELETE', `B/api-groups/${ids['grp']}`, 204);
    expect(await run.gone(`B/api-groups/${ids['grp']}`)).toBe('APIG.3001');
    await run.silent('DELETE', `B/envs/${ids['env']}`, 204);
    const { envs } = await run.call('GET', 'B/envs', 200, T.environments);
    expect(envs.map(({ id }: { id: string }) => id)).not.toContain(ids['env']);
    await run.send('DELETE', `/v2/{p}/apigw/instances/${run.gateway}`, 204);
    expect(await run.gone('B')).toBe('APIC.7302');
  });
});
