import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const meta = { request_id: expect.stringMatching(/^req_/) };
const error = (code: string, message: string) => ({ error: { code, message }, meta });
const newName = () => `made_${randomBytes(6).toString('hex')}`;

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let admin: Client;
  let user: Client;
  let client: WebhookClient;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, WEBHOOK_ENV);
    admin = await service.client({ role: 'APIG Administrator' });
    user = await service.client();
    client = await WebhookClient.of(user);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const create = async (input: object = {}) => {
    const answer = await admin.post('/v1/projects', { name: newName(), ...input });
    expect(answer.status).toBe(201);
    return answer.body.data;
  };

  it('only a caller with the action in a project can change it; an administrator of another project can only see it', async () => {
    const { id } = await create();
    const other = await service.client({ role: 'APIG Administrator' });
    expect((await other.get(`/v1/projects/${id}`)).status).toBe(200);
    const refused = [await other.call('PUT', `/v1/projects/${id}`, { name: newName() }), await other.delete(`/v1/projects/${id}`)];
    expect(refused.map(({ status, body }) => [status, body.error.code])).toEqual([
      [403, 'FORBIDDEN'],
      [403, 'FORBIDDEN'],
    ]);
    // The creator has the same roles in the new project as in this one.
    expect((await admin.call('PUT', `/v1/projects/${id}`, { name: newName() })).status).toBe(200);
    expect((await admin.delete(`/v1/projects/${id}`)).status).toBe(200);
  });

  describe('GET /v1/projects and GET /v1/projects/{id}', () => {
    it('answer 200 with an API key’s own project and no other', async () => {
      const { status, body } = await client.get('/v1/projects');
      expect([status, body]).toEqual([
        200,
        {
          data: [
            {
              id: user.projectId,
              tenant_id: expect.any(String),
              name: expect.stringMatching(/^p/),
              status: 'active',
              rate_limit_default: 1000,
              created_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
            },
          ],
          meta,
        },
      ]);
      expect((await client.get(`/v1/projects/${user.projectId}`)).body.data).toEqual(body.data[0]);
    });

    it('answer 200 with every project of the domain for an administrator', async () => {
      const { id } = await create();
      const ids = (await admin.get('/v1/projects')).body.data.map((project: { id: string }) => project.id);
      expect(ids).toEqual(expect.arrayContaining([id, user.projectId, admin.projectId]));
      expect((await admin.get(`/v1/projects/${id}`)).status).toBe(200);
    });

    it('answer 404 with the same message for a foreign and an unknown project', async () => {
      for (const caller of [client, user]) {
        for (const id of [admin.projectId, '0'.repeat(32), 'x', '%27']) {
          const answer = await caller.get(`/v1/projects/${id}`);
          expect([id, answer.status, answer.body]).toEqual([id, 404, error('NOT_FOUND', 'Project not found')]);
        }
      }
    });
  });

  describe('POST /v1/projects', () => {
    it('answers 201, and the creator can get tokens for the project', async () => {
      const made = await create({ rate_limit_default: 50 });
      expect(made).toMatchObject({ status: 'active', rate_limit_default: 50 });
      const answer = await admin.post('/v3/auth/tokens', {
        auth: { identity: { methods: ['token'], token: { id: admin.token } }, scope: { project: { id: made.id } } },
      });
      expect([answer.status, answer.body.token.project.name]).toEqual([201, made.name]);
    });

    it.each(['Orders (EU)', 'Bestellungen für Zürich', 'x'.repeat(255), ' '])(
      'answers 201 for the name %j, which is returned unchanged',
      async (given) => {
        expect((await create({ name: given })).name).toBe(given);
      },
    );

    it.each([
      ['name', undefined],
      ['name', ''],
      ['name', 'x'.repeat(256)],
      ['name', 1],
      ['rate_limit_default', -1],
      ['rate_limit_default', '10'],
      ['rate_limit_default', 1.5],
    ])('answers 400 for %s as %j', async (field, value) => {
      const { status, body } = await admin.post('/v1/projects', { name: newName(), [field]: value });
      expect([status, body.error.code, body.error.details]).toEqual([400, 'INVALID_REQUEST', { field }]);
    });

    it('answers 409 for an existing name in the domain', async () => {
      const { name: taken } = await create();
      const answer = await admin.post('/v1/projects', { name: taken });
      expect([answer.status, answer.body.error.code]).toEqual([409, 'CONFLICT']);
    });

    it('answers 403 for an API key and for whoever may not create projects', async () => {
      for (const caller of [client, user, await WebhookClient.of(admin)]) {
        for (const [method, path] of [
          ['POST', '/v1/projects'],
          ['PUT', `/v1/projects/${user.projectId}`],
          ['DELETE', `/v1/projects/${user.projectId}`],
        ] as const) {
          const answer = await caller.call(method, path, method === 'DELETE' ? undefined : { name: newName() });
          expect([method, answer.status, answer.body]).toEqual([method, 403, error('FORBIDDEN', 'Access denied')]);
        }
      }
    });
  });

  describe('PUT /v1/projects/{id}', () => {
    it('answers 200, changes the given fields and keeps all others', async () => {
      const made = await create();
      const renamed = await admin.put(`/v1/projects/${made.id}`, { name: 'Renamed' });
      expect([renamed.status, renamed.body.data]).toEqual([200, { ...made, name: 'Renamed' }]);
      const limited = await admin.put(`/v1/projects/${made.id}`, { rate_limit_default: 7 });
      expect(limited.body.data).toEqual({ ...made, name: 'Renamed', rate_limit_default: 7 });
      expect((await admin.put(`/v1/projects/${made.id}`, [])).body.data).toEqual(limited.body.data);
      expect((await admin.get(`/v1/projects/${made.id}`)).body.data).toEqual(limited.body.data);
    });
  });

  describe('DELETE /v1/projects/{id}', () => {
    it('answers 200, after which the project does not exist and its name is free', async () => {
      const made = await create();
      const answer = await admin.delete(`/v1/projects/${made.id}`);
      expect([answer.status, answer.body]).toEqual([200, { data: { deleted: true }, meta }]);
      for (const again of [await admin.get(`/v1/projects/${made.id}`), await admin.delete(`/v1/projects/${made.id}`)])
        expect([again.status, again.body]).toEqual([404, error('NOT_FOUND', 'Project not found')]);
      expect((await admin.get('/v1/projects')).text).not.toContain(made.id);
      await create({ name: made.name });
    });

    it('answers 409 while the project has endpoints or gateways, and also deletes its API keys', async () => {
      const made = await create();
      const token = await admin.post('/v3/auth/tokens', {
        auth: { identity: { methods: ['token'], token: { id: admin.token } }, scope: { project: { id: made.id } } },
      });
      const key = await admin.call('POST', '/v1/api-keys', {}, { 'x-auth-token': token.headers.get('x-subject-token')! });
      const own = new WebhookClient(service.baseUrl, key.body.data.key);
      const { id } = await own.endpoint();
      const refused = await admin.delete(`/v1/projects/${made.id}`);
      expect([refused.status, refused.body]).toEqual([409, error('CONFLICT', 'Project still has endpoints or gateways')]);
      await own.delete(`/v1/endpoints/${id}`);
      expect((await admin.delete(`/v1/projects/${made.id}`)).status).toBe(200);
      expect((await own.get('/v1/endpoints')).status).toBe(401);
    });
  });
});
