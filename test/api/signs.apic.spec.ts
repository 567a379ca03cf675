import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Route, routesOf } from '../support/routes.js';
import { type Answer, type Client, READ_ONLY, TestService } from '../support/service.js';

let database: TestDatabase;
let service: TestService;
let client: Client;

beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database);
  client = await service.client();
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

/** An answer without ids, generated secrets and times, so that the answers of two gateways can be compared. */
const shape = ({ status, headers, text }: Answer) => ({
  status,
  text: text.replace(/\b[0-9a-f]{32,64}\b/g, 'ID').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'),
  receipt: headers.get('signet-receipt')?.replace(/[0-9a-f]{32}/g, 'ID'),
  revision: headers.get('signet-revision'),
});

/** Calls the nine operations and causes their refusals, in a separate gateway. */
async function lifeAt(service: 'apigw' | 'apic') {
  const gateway = await client.gateway();
  const [at, older] = [`/v2/{project}/apigw/instances/${gateway}`, `/v2/{project}/${service}/instances/${gateway}`];
  const group = (await client.post(`${at}/api-groups`, { name: 'group' })).body.id as string;
  const definition = { name: 'api', type: 1, req_protocol: 'HTTPS', req_method: 'GET', req_uri: '/a', auth_type: 'NONE' };
  const api = (await client.post(`${at}/apis`, { ...definition, backend_type: 'MOCK', group_id: group })).body.id as string;
  const online = { action: 'online', env_id: 'DEFAULT_ENVIRONMENT_RELEASE_ID', api_id: api };
  const publication = (await client.post(`${at}/apis/action`, online)).body.publish_id as string;
  const made = await client.post(`${older}/signs`, { name: 'key_a' });
  const key = made.body.id as string;
  const answers = [made];
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await client.call(method, older + path, body);
    answers.push(answer);
    return answer.body;
  };
  await ask('POST', '/signs', { name: 'key_a' });
  await ask('POST', '/signs', { name: '1' });
  await ask('POST', '/signs', { name: 'key_b', sign_type: 'public_key' });
  await ask('PUT', `/signs/${key}`, { name: 'key_c' });
  await ask('GET', `/signs?id=${key}`);
  const { bindings } = await ask('POST', '/sign-bindings', { sign_id: key, publish_ids: [publication] });
  await ask('POST', '/sign-bindings', { publish_ids: [publication] });
  for (const list of ['binded-apis', 'unbinded-apis', `binded-signs?api_id=${api}`])
    await ask('GET', `/sign-bindings/${list}${list.includes('?') ? '' : `?sign_id=${key}`}`);
  await ask('DELETE', `/sign-bindings/${bindings[0].id}`);
  await ask('DELETE', `/sign-bindings/${bindings[0].id}`);
  await ask('DELETE', `/signs/${key}?dry_run=true`);
  await ask('DELETE', `/signs/${key}`);
  await ask('DELETE', `/signs/${key}`);
  await ask('GET', '/signs');
  const { events } = (await client.get(`/signet/v1/audit?instance_id=${gateway}`)).body;
  return { answers: answers.map(shape), actions: events.map(({ action }: { action: string }) => action) };
}

describe('the older prefix /v2/{project_id}/apic/instances/{instance_id}', () => {
  it('has the nine operations, with the answers, receipts and audit rows of the newer prefix', async () => {
    const [newer, older] = [await lifeAt('apigw'), await lifeAt('apic')];
    expect(older).toEqual(newer);
    expect(newer.answers.map(({ status }) => status)).toEqual([
      201, 400, 400, 412, 200, 200, 201, 400, 200, 200, 200, 204, 404, 200, 204, 404, 200,
    ]);
    expect(newer.actions).toContain('DisassociateSignatureKey');
  });

  it('has exactly the routes of the newer prefix, with the same access rules', () => {
    const rules = (of: (route: Route) => boolean) =>
      routesOf(service.app)
        .filter(of)
        .map(({ method, path, name, access }) => ({ name, method, path: path.replace('/apic/', '/apigw/'), access }));
    const older = rules(({ path }) => path.includes('/apic/'));
    expect(older).toHaveLength(9);
    expect(older).toEqual(rules(({ path }) => /\/apigw\/instances\/:instance_id\/(signs|sign-bindings)(\/|$)/.test(path)));
  });

  it('shows keys that were created at the newer prefix', async () => {
    const gateway = await client.gateway();
    const { id } = (await client.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'seen_at_both' })).body;
    expect((await client.get(`/v2/{project}/apic/instances/${gateway}/signs`)).body.signs.map((sign: { id: string }) => sign.id)).toEqual([
      id,
    ]);
  });

  it('refuses another project, its gateways and a reader as the newer prefix does', async () => {
    const [other, reader] = [await service.client(), await service.client({ role: READ_ONLY })];
    const theirs = await other.gateway();
    const refusals = async (prefix: string) => [
      shape(await client.get(`/v2/${other.projectId}/${prefix}/instances/${theirs}/signs`)),
      shape(await client.get(`/v2/{project}/${prefix}/instances/${theirs}/signs`)),
      shape(await reader.post(`/v2/{project}/${prefix}/instances/${theirs}/signs`, { name: 'key_a' })),
      shape(await client.call('GET', `/v2/{project}/${prefix}/instances/${theirs}/signs`, undefined, { 'x-auth-token': '' })),
    ];
    const older = await refusals('apic');
    expect(older).toEqual(await refusals('apigw'));
    expect(older.map(({ status }) => status)).toEqual([403, 404, 403, 401]);
  });
});
