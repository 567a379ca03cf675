import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Answer, type Client, READ_ONLY, TestService } from '../support/service.js';

const PROJECT = '/v2/{project}/apigw';
const rule = (parameter: string) => [
  400,
  { error_code: 'APIC.7211', error_msg: `Parameter value does not match the rules, parameter name[${parameter}]` },
];
const told = ({ status, body }: Answer) => [status, body];
const tag = (key: string, value = '') => ({ key, value });

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let id: string;
  const act = (action: unknown, ...tags: unknown[]) => client.post(`${PROJECT}/instances/${id}/instance-tags/action`, { action, tags });
  const tags = async () => (await client.get(`${PROJECT}/instances/${id}/instance-tags`)).body.tags;
  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, { SIGNET_LIMITS: 'instances=20' });
  });
  beforeEach(async () => {
    client = await service.client();
    id = await client.gateway({ instance_name: 'first', tags: [tag('team', 'blue')] });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('tags of a gateway', () => {
    it('are read with the gateway’s id and name', async () => {
      expect(told(await client.get(`${PROJECT}/instances/${id}/instance-tags`))).toEqual([
        200,
        { resource_id: id, resouce_detail: {}, resource_name: 'first', tags: [tag('team', 'blue')] },
      ]);
    });

    it('are added and removed with 204, and an existing key gets the new value', async () => {
      expect(told(await act('create', tag('team', 'red'), tag('stage')))).toEqual([204, undefined]);
      expect(await tags()).toEqual([tag('team', 'red'), tag('stage')]);
      expect(told(await act('delete', tag('team', 'red'), { key: 'none' }))).toEqual([204, undefined]);
      expect(await tags()).toEqual([tag('stage')]);
      expect((await act('delete')).status).toBe(204);
    });

    it('are removed by key, and also by value if one is given', async () => {
      await act('create', tag('a', '1'), tag('b', '2'), tag('c', '3'));
      await act('delete', tag('a', 'other'), tag('b', ''), { key: 'c' });
      expect(await tags()).toEqual([tag('team', 'blue'), tag('a', '1')]);
    });

    it('are unique by key, and the last of two equal keys counts, also at creation', async () => {
      await act('create', tag('a', '1'), tag('a', '2'));
      expect(await tags()).toEqual([tag('team', 'blue'), tag('a', '2')]);
      id = await client.gateway({ tags: [tag('a', '1'), tag('a', '2')] });
      expect(await tags()).toEqual([tag('a', '2')]);
    });

    it('are limited to twenty, also for concurrent requests, and a request that exceeds the limit adds none', async () => {
      const many = (from: number, count: number) => Array.from({ length: count }, (_, i) => tag(`k${from + i}`));
      expect((await act('create', ...many(0, 15))).status).toBe(204);
      const answers = await Promise.all([100, 200, 300].map((from) => act('create', ...many(from, 3))));
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 403, 403]);
      expect(answers.find(({ status }) => status === 403)!.body).toEqual({
        error_code: 'APIC.7402',
        error_msg: 'The number of tags exceeds the maximum allowed limit.',
      });
      expect(await tags()).toHaveLength(19);
    });

    it.each([
      [{ tags: [] }, 'action'],
      [{ action: 'update', tags: [] }, 'action'],
      [{ action: 'create' }, 'tags'],
      [{ action: 'create', tags: 'a' }, 'tags'],
      [{ action: 'create', tags: ['a'] }, 'tags'],
      [{ action: 'create', tags: [{ value: 'a' }] }, 'tags[0].key'],
      [{ action: 'create', tags: [{ key: '_sys_a', value: 'a' }] }, 'tags[0].key'],
      [{ action: 'create', tags: [{ key: 'x'.repeat(129), value: 'a' }] }, 'tags[0].key'],
      [{ action: 'create', tags: [tag('a'), { key: 'b' }] }, 'tags[1].value'],
      [{ action: 'create', tags: [{ key: 'a', value: 'x'.repeat(256) }] }, 'tags[0].value'],
      [{ action: 'create', tags: Array.from({ length: 21 }, (_, i) => tag(`k${i}`)) }, 'tags'],
    ])('are not changed by the invalid request %j', async (body, parameter) => {
      expect(told(await client.post(`${PROJECT}/instances/${id}/instance-tags/action`, body))).toEqual(rule(parameter));
      expect(await tags()).toEqual([tag('team', 'blue')]);
    });

    it('need a separate action for adding and for removing', async () => {
      const can = async (action: string) => {
        const admin = await service.client({ role: 'APIG Administrator' });
        const policy = { Version: '1.1', Statement: [{ Effect: 'Allow', Action: [action, 'apig:instances:get'] }] };
        const made = await admin.post('/v3.0/OS-ROLE/roles', { role: { display_name: action.replaceAll(':', '_'), policy } });
        expect(made.status).toBe(201);
        const caller = await service.client({ role: action.replaceAll(':', '_') });
        const statuses = [];
        for (const direction of ['create', 'delete']) {
          const path = `${PROJECT}/instances/${id}/instance-tags/action`;
          statuses.push((await caller.post(path, { action: direction, tags: [] })).status);
        }
        return statuses;
      };
      expect(await can('apig:instanceTags:create')).toEqual([404, 403]);
      expect(await can('apig:instanceTags:delete')).toEqual([403, 404]);
    });
  });

  describe('tags of a project', () => {
    let second: string;
    let third: string;
    const find = async (body: unknown, query = '') => {
      const { resources, total_count } = (await client.post(`${PROJECT}/resource-instances/filter${query}`, body)).body;
      return [total_count, resources.map(({ resource_id }: { resource_id: string }) => resource_id)];
    };
    beforeEach(async () => {
      second = await client.gateway({
        instance_name: 'second',
        enterprise_project_id: 'ep',
        tags: [tag('team', 'red'), tag('stage', 'test')],
      });
      third = await client.gateway({ instance_name: 'third' });
      await (await service.client()).gateway({ tags: [tag('theirs', 'secret')] });
    });

    it('are listed by key with each value once, without tags of another project', async () => {
      expect(told(await client.get(`${PROJECT}/instance-tags`))).toEqual([
        200,
        {
          tags: [
            { key: 'stage', values: ['test'] },
            { key: 'team', values: ['blue', 'red'] },
          ],
        },
      ]);
    });

    it('find gateways that have, for every key of the query, one of its values, newest first', async () => {
      expect(await find({})).toEqual([3, [third, second, id]]);
      expect(await find({ tags: [] }, '?limit=1&offset=1')).toEqual([3, [second]]);
      expect(await find({ tags: [{ key: 'team', values: ['blue', 'red'] }] })).toEqual([2, [second, id]]);
      expect(await find({ tags: [{ key: 'team' }, { key: 'stage', values: [] }] })).toEqual([1, [second]]);
      expect(await find({ tags: [{ key: 'team', values: ['green'] }] })).toEqual([0, []]);
      expect(await find({ tags: [{ key: 'theirs' }] })).toEqual([0, []]);
      expect(await find({ without_any_tag: true, tags: [{ key: 'team' }] })).toEqual([1, [third]]);
      expect(await find({ matches: [{ key: 'resource_name', value: 'ir' }] })).toEqual([2, [third, id]]);
      expect(await find({ sys_tags: [{ key: '_sys_enterprise_project_id', values: ['ep'] }] })).toEqual([1, [second]]);
    });

    it('find gateways with their names and tags, and count them', async () => {
      const body = { tags: [{ key: 'team', values: ['blue'] }] };
      expect((await client.post(`${PROJECT}/resource-instances/filter`, body)).body).toEqual({
        resources: [{ resource_id: id, resouce_detail: {}, resource_name: 'first', tags: [tag('team', 'blue')] }],
        total_count: 1,
      });
      expect(told(await client.post(`${PROJECT}/resource-instances/count`, body))).toEqual([200, { total_count: 1 }]);
    });

    it('may be read by readers', async () => {
      const reader = await service.client({ role: READ_ONLY });
      for (const path of ['filter', 'count']) expect((await reader.post(`${PROJECT}/resource-instances/${path}`, {})).status).toBe(200);
      expect((await reader.get(`${PROJECT}/instance-tags`)).status).toBe(200);
    });

    it.each([
      [{ without_any_tag: 'yes' }, 'withoutAnyTag'],
      [{ tags: {} }, 'tags'],
      [{ tags: [{}] }, 'tags[0].key'],
      [{ tags: [{ key: 'a', values: 'b' }] }, 'tags[0].values'],
      [{ matches: [{ key: 'resource_id', value: 'a' }] }, 'matches[0].key'],
      [{ matches: [{ key: 'resource_name' }] }, 'matches[0].value'],
      [{ sys_tags: [{ key: '' }] }, 'sysTags[0].key'],
    ])('are not searched with the invalid query %j', async (body, parameter) => {
      for (const path of ['filter', 'count'])
        expect(told(await client.post(`${PROJECT}/resource-instances/${path}`, body))).toEqual(rule(parameter));
    });
  });
});
