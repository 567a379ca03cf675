import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import os, { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVerifier, type KeyMaterial, sign } from './index.js';
import { ServiceKeys, type ServiceKeysOptions } from './service.js';

const HMAC: KeyMaterial = { signType: 'hmac', signKey: 'access-key', signSecret: 'Secret-0123456789' };
const NEXT: KeyMaterial = { ...HMAC, signSecret: 'Another-0123456789' };
const signed = (key = HMAC) => ({
  method: 'GET',
  url: '/',
  headers: { host: 'h', ...sign({ method: 'GET', url: '/', host: 'h' }, key) },
  body: null,
});

interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}
const answer = (revision: number, ...keys: KeyMaterial[]): Reply => {
  const versions = keys.map(({ signKey, signSecret }, i) => ({ version: i, state: 'signing', sign_key: signKey, sign_secret: signSecret }));
  const entries = versions.length === 0 ? [] : [{ sign_id: 'id-1', sign_type: 'hmac', sign_algorithm: null, versions }];
  return {
    status: 200,
    headers: { etag: `"${revision}-AAAAAAAAAAAAAAAA"` },
    body: JSON.stringify({ instance_id: 'gw', revision, keys: entries }),
  };
};

/** Answers each request for keys with what the test gives, in turn, and shows the requests. */
class Service {
  readonly #server: Server = createServer((request, response) => {
    if (request.method === 'DELETE') {
      this.left.push(request.headers['signet-verifier']);
      response.writeHead(204).end();
      return;
    }
    this.paths.push(request.url ?? '');
    this.#give(this.#requests, this.#asking, request.headers);
    this.#give(this.#replies, this.#waiting, response);
  });
  readonly left: unknown[] = [];
  readonly paths: string[] = [];
  readonly #requests: IncomingHttpHeaders[] = [];
  readonly #asking: ((headers: IncomingHttpHeaders) => void)[] = [];
  readonly #replies: ServerResponse[] = [];
  readonly #waiting: ((response: ServerResponse) => void)[] = [];

  #give<T>(list: T[], waiting: ((each: T) => void)[], each: T) {
    const take = waiting.shift();
    if (take) take(each);
    else list.push(each);
  }
  #take<T>(list: T[], waiting: ((each: T) => void)[]): Promise<T> {
    const first = list.shift();
    return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first);
  }

  async start(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
  /** The headers of the next request. */
  request = () => this.#take(this.#requests, this.#asking);
  async reply({ status, headers = {}, body = '' }: Reply) {
    const response = await this.#take(this.#replies, this.#waiting);
    response.writeHead(status, headers).end(body);
  }
}

describe('ServiceKeys', () => {
  let service: Service;
  let url: string;
  let made: ServiceKeys[];
  let lines: string[];
  beforeEach(async () => {
    service = new Service();
    url = await service.start();
    [made, lines] = [[], []];
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all(made.map((keys) => keys.stop()));
    service.stop();
  });
  const keysOf = (more: Partial<ServiceKeysOptions> = {}) => {
    const log = (line: string) => void lines.push(line);
    const keys = new ServiceKeys({ url, instanceId: 'gw', token: 'sgw_token', name: 'orders', log, ...more });
    made.push(keys);
    return keys;
  };
  /** Keys that hold the first answer; the next request waits. */
  const holding = async (keys = keysOf(), first = answer(1, HMAC)) => {
    keys.start();
    await service.request();
    await service.reply(first);
    expect(await keys.waitUntilReady()).toBe(true);
    await service.request();
    return keys;
  };

  it('fetches keys, shows each ETag that it holds, and follows every change', async () => {
    const keys = keysOf();
    const verifier = createVerifier({ keys });
    expect(await verifier.verify(signed())).toMatchObject({ code: 'keys_unavailable', hint: 'the keys have not arrived yet' });
    expect([keys.ready, keys.revision]).toEqual([false, undefined]);
    expect(await service.request()).toMatchObject({
      authorization: 'Bearer sgw_token',
      'signet-verifier': `orders/${keys.processId}`,
      'signet-max-key-age': '300',
    });
    await service.reply(answer(1, HMAC));
    expect(await keys.waitUntilReady()).toBe(true);
    expect(await verifier.verify(signed())).toMatchObject({ ok: true, keyId: 'id-1' });
    expect(keys.revision).toBe(1);
    expect(await service.request()).toMatchObject({ 'if-none-match': '"1-AAAAAAAAAAAAAAAA"', prefer: 'wait=20' });
    await service.reply(answer(2, HMAC, NEXT));
    // The next request shows that the keys of the answer are in effect.
    expect(await service.request()).toMatchObject({ 'if-none-match': '"2-AAAAAAAAAAAAAAAA"' });
    for (const key of [HMAC, NEXT]) expect(await verifier.verify(signed(key))).toMatchObject({ ok: true });
    await service.reply(answer(3));
    await service.request();
    expect(await verifier.verify(signed())).toMatchObject({ code: 'unknown_key' });
    expect(new Set(service.paths)).toEqual(new Set(['/signet/v1/instances/gw/verification-keys']));
  });

  it('does not use keys above their maximum age, by whichever clock', async () => {
    const keys = await holding(keysOf({ maxAgeSeconds: 30 }));
    const verifier = createVerifier({ keys, now: Date.now.bind(Date) });
    const [wall, monotonic, boot] = [Date.now(), performance.now(), os.uptime()];
    for (const spy of [
      () => jest.spyOn(Date, 'now').mockReturnValue(wall + 31_000),
      () => jest.spyOn(performance, 'now').mockReturnValue(monotonic + 31_000),
      () => jest.spyOn(os, 'uptime').mockReturnValue(boot + 31),
    ]) {
      const clock = spy();
      expect(keys.ready).toBe(false);
      expect(await verifier.verify(signed())).toMatchObject({ code: 'keys_unavailable', hint: expect.stringContaining('too old') });
      clock.mockRestore();
    }
    expect(keys.ready).toBe(true);
  });

  it('an unchanged answer makes the keys fresh as of its request, and names the newest revision', async () => {
    const keys = keysOf().start();
    await service.request();
    const given = performance.now();
    await service.reply(answer(1, HMAC));
    await service.request();
    const again = performance.now();
    await service.reply({ status: 304, headers: { etag: '"7-AAAAAAAAAAAAAAAA"' } });
    expect(await service.request()).toMatchObject({ 'if-none-match': '"7-AAAAAAAAAAAAAAAA"' });
    const least = performance.now() - again;
    const age = keys.ageSeconds! * 1000;
    // Of the wall clock in whole milliseconds, and of an uptime in hundredths of a second.
    expect([age >= least, age <= performance.now() - given + 20]).toEqual([true, true]);
    expect(keys.revision).toBe(7);
  });

  it('pauses when an answer without a change comes at once', async () => {
    const keys = await holding();
    const began = performance.now();
    await service.reply(answer(1, HMAC));
    await service.request();
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(keys.ready).toBe(true);
  });

  it.each([
    [500, true],
    [503, true],
    [301, true],
    [401, false],
    [403, false],
    [404, false],
  ])('after an answer %i its keys are usable: %s', async (status, ready) => {
    const keys = await holding();
    await service.reply({ status, headers: { location: 'http://127.0.0.1:9/' } });
    expect('if-none-match' in (await service.request())).toBe(ready);
    expect(keys.ready).toBe(ready);
    await service.reply(answer(2, HMAC));
    await service.request();
    expect(keys.revision).toBe(2);
    expect(lines).toEqual([`the keys could not be fetched: the service answered ${status}`]);
  });

  it('an answer that has no keys of this gateway changes nothing', async () => {
    const keys = await holding();
    const other = JSON.stringify({ ...(JSON.parse(answer(2, NEXT).body!) as object), instance_id: 'another' });
    const untyped = answer(2, { ...HMAC, signSecret: 1 as never }).body!;
    const replies = ['[]', '{', other, '{"revision":2,"keys":[]}', untyped].map((body) => ({
      status: 200,
      headers: { etag: '"2-A"' },
      body,
    }));
    for (const reply of [...replies, { status: 200, body: answer(2).body! }]) {
      await service.reply(reply);
      expect(await service.request()).toMatchObject({ 'if-none-match': '"1-AAAAAAAAAAAAAAAA"' });
    }
    expect(keys.revision).toBe(1);
  });

  it('leaves out a key that cannot be used, alone', async () => {
    const first = answer(1, HMAC);
    const content = JSON.parse(first.body!) as { keys: object[] };
    content.keys.push({ ...content.keys[0], sign_id: 'id-2', sign_type: 'new_type' });
    const keys = await holding(keysOf(), { ...first, body: JSON.stringify(content) });
    expect(lines).toEqual([expect.stringContaining('id-2')]);
    expect(lines.join()).not.toContain(HMAC.signSecret);
    expect(keys.keysFor('access-key', 'SDK-HMAC-SHA256')).toHaveLength(1);
  });

  it('stopping drops the keys, cancels the request that waits, and says that this process accepts nothing', async () => {
    const keys = await holding();
    await keys.stop();
    expect(service.left).toEqual([`orders/${keys.processId}`]);
    expect(await createVerifier({ keys }).verify(signed())).toMatchObject({ code: 'keys_unavailable', hint: 'the verifier has stopped' });
    expect(await keys.waitUntilReady()).toBe(false);
  });

  it('waits for keys no longer than it is told to', async () => {
    expect(await keysOf().waitUntilReady(1)).toBe(false);
  });

  it('reads its token before each request, so that a renewed one needs no restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'token-'));
    const tokenFile = join(folder, 'token');
    try {
      writeFileSync(tokenFile, 'first\n');
      keysOf({ token: undefined, tokenFile }).start();
      expect(await service.request()).toMatchObject({ authorization: 'Bearer first' });
      writeFileSync(tokenFile, 'second\n');
      await service.reply(answer(1, HMAC));
      expect(await service.request()).toMatchObject({ authorization: 'Bearer second' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  describe('in report-only mode', () => {
    const claims = ['if-none-match', 'signet-max-key-age', 'prefer'];

    it('claims nothing in receipts', async () => {
      const keys = keysOf();
      createVerifier({ keys, reportOnly: true });
      keys.start();
      const request = await service.request();
      expect(request['signet-verifier']).toBe('orders');
      expect(claims.filter((name) => name in request)).toEqual([]);
      await service.reply(answer(1, HMAC));
      expect(await keys.waitUntilReady()).toBe(true);
      await keys.stop();
      expect(service.left).toEqual([]);
    });

    it('claims nothing either through a look-up of its own', async () => {
      const keys = keysOf();
      const verifier = createVerifier({ keys: async (...asked) => keys.keysFor(...asked), reportOnly: true });
      expect(await verifier.verify(signed())).toMatchObject({ code: 'keys_unavailable' });
      expect((await service.request())['signet-verifier']).toBe('orders');
    });

    it('is an error with keys that were started before, and through a look-up they claim nothing any more', async () => {
      const keys = await holding();
      expect(() => createVerifier({ keys, reportOnly: true })).toThrow('before the keys are started');
      const verifier = createVerifier({ keys: (...asked) => keys.keysFor(...asked), reportOnly: true });
      for (let i = 0; i < 2; i++) expect(await verifier.verify(signed())).toMatchObject({ ok: true });
      expect(lines).toEqual([expect.stringContaining('started before it')]);
      await keys.stop();
      expect(service.left).toEqual([]);
    });
  });

  it.each<[string, Partial<ServiceKeysOptions>]>([
    ['plain HTTP to another host', { url: 'http://signet.internal' }],
    ['another protocol', { url: 'ftp://127.0.0.1' }],
    ['a user in the URL', { url: 'https://user@host' }],
    ['no token', { token: '' }],
    ['two tokens', { tokenFile: '/dev/null' }],
    ['no gateway', { instanceId: '' }],
    ['a name with a slash', { name: 'a/b' }],
    ['no name', { name: '' }],
    ['a short age', { maxAgeSeconds: 9 }],
    ['a long age', { maxAgeSeconds: 2_592_001 }],
    ['an age that is no number', { maxAgeSeconds: Number.NaN }],
  ])('is not created with %s', (_, more) => {
    expect(() => new ServiceKeys({ url, instanceId: 'gw', token: 't', name: 'n', ...more })).toThrow(TypeError);
  });
});
