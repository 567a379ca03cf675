import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { accessKey } from './aksk.js';
import { type ClientOptions, createSignetClient } from './client.js';
import { apiKey, token } from './credentials.js';
import { type SignetError } from './errors.js';
import { items } from './pages.js';
import { ReceiptIncompleteError, waitForReceipt } from './receipts.js';

const SECRET = 'very-secret-0123456789';
const SIGNS = '/v2/{project_id}/apigw/instances/{instance_id}/signs';
const path = { project_id: 'p', instance_id: 'i' };
const RECEIPT = '/signet/v1/instances/i/receipts/7?epoch=e';
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

let server: Server;
let origin: string;
/** Method and target of every request, as they arrived. */
let seen: string[];
let headers: IncomingMessage['headers'][];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

const json =
  (status: number, body: unknown, more: Record<string, string> = {}) =>
  (_: IncomingMessage, response: ServerResponse) =>
    response.writeHead(status, { ...JSON_TYPE, ...more }).end(JSON.stringify(body));
/** Each answer once, the last one again and again. */
const inTurn = (...answers: (typeof answer)[]) => {
  answer = (...both) => (answers.length > 1 ? answers.shift()! : answers[0]!)(...both);
};

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
    request.resume().on('end', () => answer(request, response));
  });
  // No connection is used twice: one that a test has cut off would fail the next.
  server.maxRequestsPerSocket = 1;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  [seen, headers] = [[], []];
  answer = json(200, { total: 0, size: 0, signs: [] });
});

const client = (options: Partial<ClientOptions> = {}) => createSignetClient({ baseUrl: origin, credentials: token(SECRET), ...options });
const failure = (call: Promise<unknown>): Promise<any> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );
/** Everything that a log or a terminal could show of a value. */
const shown = (value: unknown) =>
  `${inspect(value, { depth: 10, showHidden: true })} ${String(value)} ${JSON.stringify(value)} ${value instanceof Error ? value.stack : ''}`;

describe('the URL of a request', () => {
  it('is below the path of the base URL', async () => {
    for (const baseUrl of [`${origin}/signet`, `${origin}/signet/`]) await client({ baseUrl }).GET(SIGNS, { params: { path } });
    expect(seen).toEqual(Array(2).fill('GET /signet/v2/p/apigw/instances/i/signs'));
  });

  it('keeps a parameter in its segment, whatever is in it', async () => {
    await client().GET(SIGNS, { params: { path: { project_id: 'a/b', instance_id: '100%2F?#ü' } } });
    expect(seen).toEqual(['GET /v2/a%2Fb/apigw/instances/100%252F%3F%23%C3%BC/signs']);
  });

  it.each(['', '.', '..', undefined])('has no parameter %j: it would be another path', async (instance_id) => {
    expect(await failure(client().GET(SIGNS, { params: { path: { project_id: 'p', instance_id: instance_id! } } }))).toBeInstanceOf(
      TypeError,
    );
    expect(await failure(client().GET(SIGNS, {} as never))).toBeInstanceOf(TypeError);
    expect(seen).toEqual([]);
  });

  it('leads to no other host and above no base path, also for a caller without types', async () => {
    const { port } = new URL(origin);
    for (const other of [`@127.0.0.1:${port}/`, '/../other', '0/', '.example/'])
      expect([other, await failure(client({ baseUrl: `${origin}/signet` }).GET(other as never))]).toEqual([other, expect.any(Error)]);
    const elsewhere = { baseUrl: 'http://127.0.0.1:9', fetch: () => Promise.reject(new Error('called')), redirect: 'follow' };
    await client().GET('/livez', elsewhere as never);
    expect(seen).toEqual(['GET /livez']);
  });

  it.each(['', 'signet', 'ftp://h', `http://admin:${SECRET}@h`, 'http://h?a=1', 'http://h#a'])('does not begin with %j', (baseUrl) => {
    const thrown = (() => {
      try {
        return client({ baseUrl });
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(TypeError);
    expect(shown(thrown)).not.toContain(SECRET);
  });
});

describe('credentials', () => {
  it('are in their header', async () => {
    await client().GET('/livez');
    await client({ credentials: apiKey(() => Promise.resolve(SECRET)) }).GET('/livez');
    expect(headers).toMatchObject([{ 'x-auth-token': SECRET }, { authorization: `Bearer ${SECRET}` }]);
  });

  it('are not sent to where an answer redirects', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      answer = (_, response) => response.writeHead(status, { location: `${origin}/elsewhere` }).end();
      expect(await failure(client().POST('/v1/api-keys', { body: {} }))).toMatchObject({ status, code: 'client.redirected' });
    }
    expect(seen).toEqual(Array(5).fill('POST /v1/api-keys'));
  });

  it.each([
    ['a token', () => token(`${SECRET}\n`)],
    ['an API key', () => apiKey(`${SECRET} `)],
    ['an access key', () => accessKey({ access: 'a', secret: `${SECRET}\r\n` })],
    ['a security token', () => accessKey({ access: 'a', secret: 's', securityToken: `${SECRET}\n` })],
    ['a current token', () => client({ credentials: token(() => `${SECRET}\n`) }).GET('/livez')],
    ['a header of other credentials', () => client({ credentials: { headersFor: () => ({ a: `${SECRET}\nb: c` }) } }).GET('/livez')],
    ['a header parameter', () => client().GET('/v3/auth/tokens', { params: { header: { 'X-Subject-Token': `${SECRET}\n` } } })],
  ])('that cannot be sent are refused without their value: %s', async (_, use) => {
    const error = await failure((async () => use())());
    expect(error).toBeInstanceOf(TypeError);
    expect(shown(error)).not.toContain(SECRET);
    expect(seen).toEqual([]);
  });

  it('are shown by nothing that holds them, and by no error', async () => {
    const key = accessKey({ access: 'AK', secret: SECRET, securityToken: `${SECRET}-of-a-temporary-key` });
    const held = [token(SECRET), apiKey(SECRET), key, client(), client({ credentials: key })];
    answer = json(400, { error_code: 'APIG.2011', error_msg: 'no' });
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const nobody = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
    await once(closed.close(), 'close');
    const errors = [await failure(client().GET(SIGNS, { params: { path } })), await failure(client({ baseUrl: nobody }).GET('/livez'))];
    answer = (request) => request.socket.destroy();
    const body = { name: 'a_name', sign_secret: `${SECRET}-of-a-key` };
    errors.push(await failure(client({ credentials: key }).POST(SIGNS, { params: { path }, body })));
    expect(errors).toMatchObject([{ code: 'APIG.2011' }, { code: 'client.unreachable' }, { code: 'client.unreachable' }]);
    for (const each of [...held, ...errors]) expect(shown(each)).not.toContain(SECRET);
    expect(errors[1].message).toContain('ECONNREFUSED');
  });

  it('are asked for again when they have changed, and whoever waits for a 401 is told of it', async () => {
    const told: SignetError[] = [];
    let current = 'old';
    const fresh = client({ credentials: token(() => current), onUnauthorized: (error) => told.push(error) });
    answer = ({ headers: { 'x-auth-token': sent } }, response) => json(sent === 'new' ? 200 : 401, {})(undefined as never, response);
    expect(await failure(fresh.GET('/livez'))).toMatchObject({ status: 401, code: 'client.unknown_error' });
    current = 'new';
    await fresh.GET('/livez');
    expect(told).toMatchObject([{ status: 401, operation: 'GET /livez' }]);
  });
});

describe('an answer', () => {
  it.each([
    ['HTML', 'text/html', '<html>'],
    ['text', 'text/plain', `{"token":"${SECRET}"}`],
    ['broken JSON', 'application/json', `{"token":"${SECRET}`],
    ['JSON for HTML pages', 'application/jsonp', '{}'],
  ])('that is not JSON is an error without its text: %s', async (_, type, text) => {
    answer = (_, response) => response.writeHead(200, { 'content-type': type, 'x-request-id': 'r1' }).end(text);
    const error = await failure(client().GET(SIGNS, { params: { path } }));
    expect(error).toMatchObject({ name: 'SignetError', status: 200, code: 'client.not_json', requestId: 'r1' });
    expect(shown(error)).not.toContain(SECRET);
  });

  it('that is text, or a stream, is what was asked for', async () => {
    answer = (_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('a 1\n');
    expect((await client().GET('/metrics', { parseAs: 'text' })).data).toBe('a 1\n');
    const { data } = await client().GET('/metrics', { parseAs: 'stream' });
    expect(await new Response(data).text()).toBe('a 1\n');
  });

  it('of another error than the service gives is one without its text', async () => {
    answer = (_, response) => response.writeHead(502, { 'content-type': 'text/html' }).end(`<html>${SECRET}`);
    const error = await failure(client().GET('/livez'));
    expect(error).toMatchObject({ status: 502, code: 'client.unknown_error', message: 'the service answered 502' });
    expect(shown(error)).not.toContain(SECRET);
  });

  it.each([
    null,
    [],
    'text',
    7,
    { error: null },
    { error: [] },
    { error_code: 7 },
    { code: {}, title: [] },
    { error: { code: null, details: 7 } },
  ])('of an error with the body %j has a code and a message', async (body) => {
    answer = json(400, body);
    expect(await failure(client().GET('/livez'))).toMatchObject({
      status: 400,
      code: 'client.unknown_error',
      message: 'the service answered 400',
    });
  });

  it('has nothing that a terminal would obey in its error, and no more of it than a screen', async () => {
    answer = json(400, { error_code: 'A\u001b[2J', error_msg: `\u001b]0;title\u0007\r\nfake line\u202e${'x'.repeat(100_000)}` });
    const { code, message } = await failure(client().GET('/livez'));
    expect(code + message).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    expect(message.length).toBeLessThanOrEqual(1000);
  });

  it('has a limit of length, with a declared one and without, and in an error', async () => {
    const endless = (status: number) => (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(status, JSON_TYPE);
      const more = () => {
        while (response.write(' '.repeat(65_536)));
        response.once('drain', more);
      };
      more();
    };
    for (answer of [endless(200), endless(400), json(200, 'x'.repeat(2_000_000))])
      expect(await failure(client({ maxAnswerBytes: 1_000_000 }).GET('/livez'))).toMatchObject({ code: 'client.too_large' });
  });

  it('that does not come, or not to its end, is an error after the time limit', async () => {
    answer = () => undefined;
    expect(await failure(client({ timeoutSeconds: 0.05 }).GET('/livez'))).toMatchObject({ status: 0, code: 'client.timed_out' });
    answer = (_, response) => response.writeHead(200, JSON_TYPE).write('{');
    expect(await failure(client().GET('/livez', { timeoutSeconds: 0.05 }))).toMatchObject({ status: 0, code: 'client.timed_out' });
  });

  it('is no longer waited for when the caller aborts, which is the reason of the failure', async () => {
    const [before, during, body] = [new AbortController(), new AbortController(), new AbortController()];
    before.abort(new Error('before'));
    expect(await failure(client().GET('/livez', { signal: before.signal }))).toEqual(new Error('before'));
    expect(seen).toEqual([]);
    answer = () => during.abort(new Error('during'));
    expect(await failure(client().GET('/livez', { signal: during.signal }))).toEqual(new Error('during'));
    answer = (_, response) => {
      response.writeHead(200, JSON_TYPE).write('{');
      setTimeout(() => body.abort(new Error('body')), 10);
    };
    expect(await failure(client().GET('/livez', { signal: body.signal }))).toEqual(new Error('body'));
  });

  it('of a stream ends when the caller aborts', async () => {
    const ended = new AbortController();
    answer = (_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n');
    const { data } = await client({ timeoutSeconds: 5 }).GET('/signet/v1/instances/{instance_id}/watch', {
      params: { path: { instance_id: 'i' } },
      parseAs: 'stream',
      signal: ended.signal,
    });
    const reader = data.getReader();
    await reader.read();
    ended.abort(new Error('enough'));
    await expect(reader.read()).rejects.toThrow();
  });
});

describe('a service that is busy', () => {
  const busy = (seconds?: string, status = 503) => json(status, {}, seconds === undefined ? {} : { 'retry-after': seconds });
  const fine = json(200, {});

  it('is asked again for what only reads, when it says after how long', async () => {
    inTurn(busy('0'), busy('0', 429), fine);
    await client().GET('/livez');
    expect(seen).toHaveLength(3);
  });

  it.each([
    ['POST', () => client().POST('/v1/api-keys', { body: {} })],
    ['DELETE', () => client().DELETE('/v1/api-keys/{id}', { params: { path: { id: 'k' } } })],
    ['PUT', () => client().PUT('/v1/projects/{id}', { params: { path: { id: 'p' } }, body: { name: 'a' } })],
  ])('is not asked again for %s: the first may have been done', async (_, call) => {
    inTurn(busy('0'), fine);
    expect(await failure(call())).toMatchObject({ status: 503, retryAfterSeconds: 0 });
    expect(seen).toHaveLength(1);
  });

  it('is not asked again without Retry-After, for another status, after a longer time than is left, or when that is over', async () => {
    for (answer of [busy(), busy('Wed, 21 Oct 2026 07:28:00 GMT'), busy('0', 502), busy('3600')]) await failure(client().GET('/livez'));
    expect(seen).toHaveLength(4);
    answer = busy('0');
    expect(await failure(client({ retrySeconds: 0.25 }).GET('/livez'))).toMatchObject({ status: 503 });
    expect(seen).toHaveLength(4 + 3);
  });

  it('is not asked again when the caller aborts', async () => {
    const gone = new AbortController();
    answer = (request, response) => {
      busy('5')(request, response);
      setTimeout(() => gone.abort(new Error('gone')), 10);
    };
    expect(await failure(client().GET('/livez', { signal: gone.signal }))).toEqual(new Error('gone'));
  });
});

describe('a list', () => {
  const all = async (list: AsyncIterable<unknown>) => {
    const found = [];
    for await (const each of list) found.push(each);
    return found;
  };

  it('is read with the offset and the limit that are given, in the largest pages otherwise', async () => {
    inTurn(json(200, { total: 3, size: 2, signs: [{ id: 'b' }] }), json(200, { total: 3, size: 1, signs: [{ id: 'c' }] }));
    expect(await all(items(client(), SIGNS, { params: { path, query: { offset: 1, name: 'x' } } }))).toEqual([{ id: 'b' }, { id: 'c' }]);
    expect(seen.map((each) => each.split('?')[1])).toEqual(['limit=500&offset=1&name=x', 'limit=500&offset=2&name=x']);
  });

  it('ends where a page is empty, although the total says otherwise', async () => {
    answer = json(200, { total: 1_000_000, size: 0, signs: [] });
    expect(await all(items(client(), SIGNS, { params: { path } }))).toEqual([]);
  });

  it('is read by its cursor, wherever an answer has it', async () => {
    for (const page of [
      (data: number[], next_cursor: string | null) => ({ data, meta: { request_id: 'r', next_cursor } }),
      (messages: number[], next_cursor: string | null) => ({ data: { messages, next_cursor }, meta: { request_id: 'r' } }),
    ]) {
      inTurn(json(200, page([1, 2], 'c')), json(200, page([3], null)));
      expect(await all(items(client(), '/v1/endpoints'))).toEqual([1, 2, 3]);
    }
    expect(seen.map((each) => each.split('?')[1])).toEqual([undefined, 'cursor=c', undefined, 'cursor=c']);
  });

  it('that does not advance is an error', async () => {
    answer = json(200, { events: [1], next_cursor: 'same' });
    expect(await failure(all(items(client(), '/signet/v1/audit')))).toMatchObject({ code: 'client.pages_repeat' });
    answer = json(200, { events: 'none' });
    expect(await failure(all(items(client(), '/signet/v1/audit')))).toMatchObject({ code: 'client.not_json' });
  });
});

describe('a receipt', () => {
  const receipt = (complete: boolean) => json(200, { complete, revision: 7, sessions: [] });

  it('is read until it is complete, also past answers of 503 and none', async () => {
    const seenComplete: boolean[] = [];
    inTurn(receipt(false), json(503, {}, { 'retry-after': '1' }), (request) => request.socket.destroy(), receipt(true));
    const done = await waitForReceipt(client(), RECEIPT, { onProgress: ({ complete }) => seenComplete.push(complete) });
    expect([done.complete, seenComplete]).toEqual([true, [false, true]]);
    expect(seen).toEqual(Array(4).fill('GET /signet/v1/instances/i/receipts/7?epoch=e'));
  });

  it('that is not complete in time is an error with the last reading', async () => {
    answer = receipt(false);
    const late = await failure(waitForReceipt(client(), RECEIPT, { timeoutSeconds: 0 }));
    expect(late).toBeInstanceOf(ReceiptIncompleteError);
    expect(late).toMatchObject({ code: 'client.receipt_incomplete', receipt: { complete: false } });
  });

  it('that is superseded, or of a webhook endpoint that is not there, is an error at once', async () => {
    answer = json(410, { type: 'about:blank', title: 'Gone', status: 410, code: 'receipt_superseded', request_id: 'r' });
    expect(await failure(waitForReceipt(client(), RECEIPT))).toMatchObject({ status: 410, code: 'receipt_superseded', requestId: 'r' });
    answer = json(404, { type: 'about:blank', title: 'Not Found', status: 404, code: 'not_found', request_id: 'r' });
    expect(await failure(waitForReceipt(client(), '/signet/v1/endpoints/ep_1/receipts/2'))).toMatchObject({ status: 404 });
    expect(seen).toHaveLength(2);
  });

  it('is no longer waited for when the caller aborts', async () => {
    answer = receipt(false);
    const gone = new AbortController();
    const onProgress = () => gone.abort(new Error('gone'));
    expect(await failure(waitForReceipt(client(), RECEIPT, { signal: gone.signal, onProgress }))).toEqual(new Error('gone'));
  });

  it.each([
    '',
    'http://h/signet/v1/instances/i/receipts/7',
    '/signet/v1/instances/../receipts/7',
    '/signet/v1/instances/i/receipts/7?epoch=e&x=1',
  ])('is not at %j', async (elsewhere) => {
    expect(await failure(waitForReceipt(client(), elsewhere))).toBeInstanceOf(TypeError);
    expect(seen).toEqual([]);
  });
});
