import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Answer, TestService } from '../support/service.js';
import { newUrl, WebhookClient } from '../support/webhooks.js';

/**
 * What the official PHP (1.5.0) and Go (1.5.0) clients send, and what their strictly typed answers need: a field that is absent or of
 * another type causes an exception in PHP and an error in Go (docs/contracts/endpoints.md §2).
 */
type Type = (value: unknown) => boolean;
const string: Type = (value) => typeof value === 'string' && value !== '';
const text: Type = (value) => typeof value === 'string';
const bool: Type = (value) => typeof value === 'boolean';
const int: Type = (value) => Number.isSafeInteger(value);
const float: Type = (value) => typeof value === 'number';
const time: Type = (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value);
/** A map, never a list, because PHP and Go distinguish `{}` from `[]`. */
const map: Type = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const nullable =
  (type: Type): Type =>
  (value) =>
    value === null || value === undefined || type(value);
type Shape = Record<string, Type>;

const misfits = (shape: Shape, value: Record<string, unknown>): string[] =>
  Object.entries(shape).flatMap(([field, type]) => (type(value[field]) ? [] : [`${field}: ${JSON.stringify(value[field])}`]));

const ENDPOINT_SUMMARY: Shape = { id: string, url: string, description: nullable(text), paused: bool, created_at: time };
const ENDPOINT: Shape = {
  ...ENDPOINT_SUMMARY,
  hmac_enabled: bool,
  rate_limit_rps: nullable(int),
  burst: nullable(int),
  headers: nullable(map),
  updated_at: time,
};
const SIGNING_KEY: Shape = { id: string, key_hint: string, created_at: time };
const PROJECT: Shape = { id: string, tenant_id: string, name: string, status: string, rate_limit_default: int, created_at: time };
const API_KEY: Shape = { key_id: string, prefix: string, created_at: time, label: nullable(text), last_used_at: nullable(time) };
const LOG: Shape = { message_id: string, endpoint: string, status: string, attempt_count: int, created_at: time };
const MESSAGE: Shape = {
  id: string,
  project_id: string,
  endpoint_id: string,
  status: string,
  attempt_count: int,
  replay_count: int,
  content_type: string,
  size_bytes: int,
  payload_sha256: string,
  created_at: time,
  updated_at: time,
  response_status: nullable(int),
  response_latency_ms: nullable(int),
};
const METRICS: Shape = {
  window: string,
  total_messages: int,
  succeeded: int,
  failed: int,
  retries: int,
  success_rate: float,
  avg_latency_ms: int,
};
const BUCKET: Shape = { timestamp: time, succeeded: int, failed: int, retrying: int, total: int, avg_latency_ms: int };

let database: TestDatabase;
let service: TestService;
let key: string;

beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database, { SIGNET_WEBHOOKS: 'check-dns=off,delivery=off' });
  ({ key } = await WebhookClient.of(await service.client()));
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

describe.each(['PHP', 'Go'] as const)('the official %s client', (client) => {
  /**
   * PHP sends both headers with every request, escapes slashes, and sends empty maps as lists. Go sends a content type only with a body.
   */
  const send = async (method: string, path: string, body?: object): Promise<Answer> => {
    const headers = client === 'PHP' ? { 'user-agent': 'hookbridge-php/1.4.1' } : { 'user-agent': 'hookbridge-go/1.5.0' };
    const json = body && JSON.stringify(body);
    if (client === 'PHP') return new WebhookClient(service.baseUrl, key).call(method, path, json?.replaceAll('/', '\\/'), headers);
    const authorization = `Bearer ${key}`;
    const response = await fetch(service.baseUrl + path, {
      method,
      headers: { ...headers, authorization, ...(json !== undefined && { 'content-type': 'application/json' }) },
      ...(json !== undefined && { body: json }),
    });
    const answered = await response.text();
    return { status: response.status, headers: response.headers, text: answered, body: answered === '' ? undefined : JSON.parse(answered) };
  };
  /** Expects a success with these fields. */
  const sent = async (method: string, path: string, shape: Shape, body?: object): Promise<any> => {
    const answer = await send(method, path, body);
    expect([method, path, answer.status < 300, answer.text]).toEqual([method, path, true, answer.text]);
    expect([method, path, misfits(shape, answer.body.data)]).toEqual([method, path, []]);
    expect(answer.body.meta.request_id).toMatch(/^req_/);
    return answer.body.data;
  };
  /** Expects a success with a list of such objects, and the paging fields that the client reads. */
  const listed = async (path: string, shape: Shape, { paged = false } = {}): Promise<any[]> => {
    const { status, body, text: answered } = await send('GET', path);
    expect([path, status, Array.isArray(body?.data), answered]).toEqual([path, 200, true, answered]);
    expect([path, body.data.flatMap((row: Record<string, unknown>) => misfits(shape, row))]).toEqual([path, []]);
    if (paged) expect([path, typeof body.meta.has_more, 'next_cursor' in body.meta]).toEqual([path, 'boolean', true]);
    return body.data;
  };
  /** Expects an error from which the client makes the exception of this status with this code. */
  const refused = async (method: string, path: string, status: number, code: string, body?: object) => {
    const answer = await send(method, path, body);
    expect([method, path, answer.status, answer.body.error.code]).toEqual([method, path, status, code]);
    expect(misfits({ code: string, message: string }, answer.body.error)).toEqual([]);
  };
  const emptyMap = client === 'PHP' ? [] : {};

  it('creates, reads, changes, pauses, resumes, lists and deletes endpoints', async () => {
    const url = newUrl();
    const created = { id: string, url: string, signing_secret: string, signing_key_id: string, key_hint: string, created_at: time };
    const extra = client === 'PHP' ? { hmac_enabled: true, headers: emptyMap } : {};
    const { id, url: given } = await sent('POST', '/v1/endpoints', created, { url, description: 'orders', ...extra });
    expect(given).toBe(url);
    await sent('GET', `/v1/endpoints/${id}`, ENDPOINT);
    const updated = await sent('PATCH', `/v1/endpoints/${id}`, { ...ENDPOINT, updated: bool }, { description: 'Updated description' });
    expect([updated.updated, updated.description]).toEqual([true, 'Updated description']);
    await sent('PATCH', `/v1/endpoints/${id}`, { ...ENDPOINT, updated: bool }, emptyMap);
    expect(await sent('POST', `/v1/endpoints/${id}/pause`, { id: string, paused: bool })).toMatchObject({ paused: true });
    await sent('POST', `/v1/endpoints/${id}/resume`, { id: string, paused: bool, messages_requeued: int });
    expect((await listed('/v1/endpoints', ENDPOINT_SUMMARY, { paged: true })).map((row) => row.id)).toContain(id);
    await sent('DELETE', `/v1/endpoints/${id}`, { deleted: bool });
    await refused('GET', `/v1/endpoints/${id}`, 404, 'NOT_FOUND');
  });

  it('lists, creates and deletes signing keys, and rotates by its alias', async () => {
    const { id, signing_key_id } = await sent('POST', '/v1/endpoints', {}, { url: newUrl() });
    const added = await sent('POST', `/v1/endpoints/${id}/signing-keys`, { ...SIGNING_KEY, signing_secret: string });
    expect(await listed(`/v1/endpoints/${id}/signing-keys`, SIGNING_KEY)).toHaveLength(2);
    await refused('POST', `/v1/endpoints/${id}/signing-keys`, 409, 'MAX_SIGNING_KEYS_REACHED');
    const answer = await send('DELETE', `/v1/endpoints/${id}/signing-keys/${signing_key_id}`);
    expect([answer.status, answer.text]).toEqual([204, '']);
    await refused('DELETE', `/v1/endpoints/${id}/signing-keys/${added.id}`, 409, 'CANNOT_DELETE_LAST_SIGNING_KEY');
    // The alias returns the answer for the new key, whose id is the key's and not the endpoint's, as documented.
    const rotated = await sent('POST', `/v1/endpoints/${id}/signing-keys`, { ...SIGNING_KEY, signing_secret: string });
    expect([rotated.id === id, rotated.signing_secret === added.signing_secret]).toEqual([false, false]);
  });

  it('sends messages and reads their status', async () => {
    const { id } = await sent('POST', '/v1/endpoints', {}, { url: newUrl() });
    const message = { endpoint_id: id, payload: { event: 'a/b', data: { test: true } }, headers: { 'X-Request-Id': 'test-1' } };
    const { message_id, status } = await sent('POST', '/v1/webhooks/send', { message_id: string }, message);
    expect([status, /^[0-9a-f-]{36}$/.test(message_id)]).toEqual(['queued', true]);
    const idempotent = { endpoint_id: id, payload: emptyMap, headers: emptyMap, idempotency_key: `key-${client}` };
    const [first, again] = [await send('POST', '/v1/webhooks/send', idempotent), await send('POST', '/v1/webhooks/send', idempotent)];
    expect([first.status, again.body.data.message_id]).toEqual([202, first.body.data.message_id]);
    await refused('POST', '/v1/webhooks/send', 409, 'IDEMPOTENCY_MISMATCH', { ...idempotent, payload: { other: 1 } });
    await refused('POST', '/v1/webhooks/send', 404, 'ENDPOINT_NOT_FOUND', { ...message, endpoint_id: 'ep_nonexistent_12345' });
    await sent('GET', `/v1/messages/${message_id}`, MESSAGE);
    await refused('GET', '/v1/messages/01935abc-def0-7123-4567-890abcdef012', 404, 'NOT_FOUND');
    await listed(`/v1/messages/${message_id}/attempts`, { id: string, attempt_no: int }, { paged: true });
    await refused('POST', `/v1/messages/${message_id}/retry-now`, 400, 'INVALID_STATUS');
    await refused('POST', `/v1/messages/${message_id}/cancel`, 400, 'INVALID_STATUS');
  });

  it('reads logs, metrics and dead letters', async () => {
    await listed('/v1/logs', LOG, { paged: true });
    const times = 'start_time=2026-01-02T03%3A04%3A05%2B00%3A00&end_time=2099-01-02T03%3A04%3A05%2B00%3A00';
    expect(await listed(`/v1/logs?status=queued&${times}&limit=5`, LOG, { paged: true })).not.toEqual([]);
    for (const window of ['1h', '24h', '7d', '30d'])
      expect((await sent('GET', `/v1/metrics?window=${window}`, METRICS)).window).toBe(window);
    const { buckets } = await sent('GET', '/v1/metrics/timeseries?window=24h', { window: string });
    expect(buckets.flatMap((bucket: Record<string, unknown>) => misfits(BUCKET, bucket))).toEqual([]);
    const dead = await sent('GET', '/v1/dlq/messages?limit=10', { has_more: bool });
    expect([Array.isArray(dead.messages), 'next_cursor' in dead]).toEqual([true, true]);
  });

  it('manages API keys and reads projects', async () => {
    const made = await sent('POST', '/v1/api-keys', { ...API_KEY, key: string }, { mode: 'test', label: `Test Key (${client})` });
    expect([made.key.includes('_test_'), made.label]).toEqual([true, `Test Key (${client})`]);
    expect((await listed('/v1/api-keys', API_KEY)).map((row) => row.key_id)).toContain(made.key_id);
    await sent('DELETE', `/v1/api-keys/${made.key_id}`, { deleted: bool });
    await refused('DELETE', '/v1/api-keys/key_nonexistent_12345', 404, 'NOT_FOUND');
    const [project] = await listed('/v1/projects', PROJECT);
    await sent('GET', `/v1/projects/${project.id}`, PROJECT);
  });
});

it('an empty body counts as no body, whatever its content type', async () => {
  const client = new WebhookClient(service.baseUrl, key);
  const { id } = await client.endpoint();
  for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/plain', 'application/octet-stream']) {
    for (const [method, path, status] of [
      ['POST', `/v1/endpoints/${id}/pause`, 200],
      ['POST', `/v1/endpoints/${id}/resume`, 200],
      ['PATCH', `/v1/endpoints/${id}`, 200],
      ['DELETE', `/v1/endpoints/${id}/signing-keys/x`, 404],
      ['POST', '/v1/endpoints', 400],
    ] as const) {
      const answer = await client.call(method, path, '', { 'content-type': type });
      expect([type, path, answer.status]).toEqual([type, path, status]);
    }
    if (type === 'application/json') continue;
    const answer = await client.call('POST', `/v1/endpoints/${id}/pause`, 'x', { 'content-type': type });
    expect([type, answer.status, answer.body.error.message]).toEqual([type, 400, 'Content-Type must be application/json']);
  }
});
