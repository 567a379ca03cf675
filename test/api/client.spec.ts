import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  apiKey,
  createSignetClient,
  items,
  pages,
  receiptOf,
  type SignetClient,
  type SignetError,
  token,
  waitForReceipt,
} from 'signet-client';
import { accessKey } from 'signet-client/aksk';
import { signer } from '../support/access-keys.js';
import { onBothDatabases, createTestDatabase, type TestDatabase } from '../support/databases.js';
import { codeBlocksOf } from '../support/markdown.js';
import { type Client, TestService } from '../support/service.js';

const SIGNS = '/v2/{project_id}/apigw/instances/{instance_id}/signs';
const SIGN = '/v2/{project_id}/apigw/instances/{instance_id}/signs/{sign_id}';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: SignetClient;
  let signed: SignetClient;
  let user: Client;
  let path: { project_id: string; instance_id: string };

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
    const { client: owner, key } = await signer(service);
    user = owner;
    client = createSignetClient({ baseUrl: service.baseUrl, credentials: token(user.token) });
    signed = createSignetClient({ baseUrl: `${service.baseUrl}/`, credentials: accessKey({ ...key, projectId: user.projectId }) });
    path = { project_id: user.projectId, instance_id: await user.gateway() };
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('creates, lists and deletes a key, and waits until no process signs with it', async () => {
    const { data: key } = await client.POST(SIGNS, { params: { path }, body: { name: 'a_key', sign_type: 'hmac' } });
    expect((await client.GET(SIGNS, { params: { path, query: { id: key.id } } })).data.signs).toHaveLength(1);
    const { response } = await client.DELETE(SIGN, { params: { path: { ...path, sign_id: key.id } } });
    const seen: boolean[] = [];
    const receipt = await waitForReceipt(client, receiptOf(response)!, { onProgress: ({ complete }) => seen.push(complete) });
    expect([receipt.complete, seen.at(-1)]).toEqual([true, true]);
  });

  it('signs with an access key: paths with and without a project, a body, and a query that has to be encoded', async () => {
    const { data: key } = await signed.POST(SIGNS, { params: { path }, body: { name: '名称_1' } });
    const { data } = await signed.GET(SIGNS, { params: { path, query: { name: '名称', limit: 5 } } });
    expect(data.signs.map(({ id }) => id)).toEqual([key.id]);
    expect((await signed.GET('/signet/v1/audit', { params: { query: { resource_id: key.id } } })).data.events).toHaveLength(1);
  });

  it('calls the webhook API with an API key', async () => {
    const { data: made } = await client.POST('/v1/api-keys', { body: {} });
    const webhooks = createSignetClient({ baseUrl: service.baseUrl, credentials: apiKey(made.data.key) });
    expect((await webhooks.GET('/v1/endpoints')).data.data).toEqual([]);
  });

  it('reads a list to its end, page by page', async () => {
    for (let i = 0; i < 5; i++) await client.POST(SIGNS, { params: { path }, body: { name: `page_${i}` } });
    const query = { name: 'page', limit: 2 };
    const sizes: number[] = [];
    for await (const page of pages(client, SIGNS, { params: { path, query } })) sizes.push(page.items.length);
    expect(sizes).toEqual([2, 2, 1]);
    const names = new Set<string | undefined>();
    for await (const key of items(client, SIGNS, { params: { path, query } })) names.add(key.name);
    expect(names.size).toBe(5);
    const actions: string[] = [];
    for await (const event of items(client, '/signet/v1/audit', { params: { query: { limit: 3 } } })) actions.push(event.action);
    expect(actions.length).toBeGreaterThan(3);
  });

  it('fails with one class of error in every format: status, code, message, request id, field', async () => {
    const failure = (call: Promise<unknown>) =>
      call.then(
        () => undefined,
        (error: unknown) => error,
      );
    const request = /^(req_)?[0-9a-f-]{32,36}$/;
    expect(await failure(client.POST(SIGNS, { params: { path }, body: { name: '?' } }))).toMatchObject({
      name: 'SignetError',
      status: 400,
      code: 'APIG.2011',
      field: 'name',
      operation: `POST ${SIGNS}`,
      requestId: expect.stringMatching(request),
    });
    const instance_id = 'no-such-gateway';
    expect(await failure(client.GET(SIGNS, { params: { path: { ...path, instance_id } } }))).toMatchObject({
      status: 404,
      code: 'APIG.3030',
    });
    expect(await failure(client.POST('/v1/endpoints', { body: {} as never }))).toMatchObject({
      status: 400,
      code: 'INVALID_REQUEST',
      field: 'url',
      requestId: expect.stringMatching(request),
    });
    expect(await failure(client.GET('/signet/v1/audit', { params: { query: { limit: -1 } } }))).toMatchObject({
      status: 400,
      code: 'invalid',
      field: 'limit',
      requestId: expect.stringMatching(request),
    });
    expect(await failure(client.POST('/v3/auth/tokens', { body: { auth: {} } as never }))).toMatchObject({
      status: 400,
      code: 'Bad Request',
      field: 'auth.identity',
      requestId: expect.stringMatching(request),
    });
  });

  it('tells who is interested that the service no longer knows the caller', async () => {
    const told: SignetError[] = [];
    const stranger = createSignetClient({
      baseUrl: service.baseUrl,
      credentials: token(() => 'another'),
      onUnauthorized: (error) => told.push(error),
    });
    await expect(stranger.GET(SIGNS, { params: { path } })).rejects.toMatchObject({ status: 401, code: 'APIG.1002' });
    expect(told).toMatchObject([{ status: 401 }]);
  });

  it('does what its README shows, as printed', async () => {
    const [example] = codeBlocksOf(readFileSync('packages/client/README.md', 'utf8'));
    const env = { API: service.baseUrl, TOKEN: user.token, PROJECT: path.project_id, GATEWAY: path.instance_id };
    const program = ['--input-type=module-typescript', '--disable-warning=ExperimentalWarning', '-e', example!.text];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, program, { env });
    expect([stdout, stderr]).toEqual([expect.stringMatching(/^[0-9a-f]{32} \d+\ntrue\n$/), '']);
  });
});
