import { beforeEach, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { All, Body, Controller, Module, UseGuards } from '@nestjs/common';
import express from 'express';
import fastify from 'fastify';
import type { AddressInfo } from 'node:net';
import { createVerifier, type KeyMaterial, KeysUnavailableError, sign, signatureOf, type Verified, type Verifier } from 'signet-signing';
import { expressVerifier, keepRawBody } from 'signet-signing/express';
import { fastifyVerifier } from 'signet-signing/fastify';
import { fetchVerifier } from 'signet-signing/fetch';
import { Signature, SignatureGuard, SignatureModule } from 'signet-signing/nest';
import { type Backend, listen, send, served } from './backends.js';

const KEY: KeyMaterial = { signType: 'hmac', signKey: 'orders-gateway', signSecret: 'Secret-0123456789' };
const LIMIT = 64;
const ORDER = '{"n":1}';
const LONG = JSON.stringify({ n: 1, note: 'x'.repeat(LIMIT) });
const host = 'backend.internal';
const told = (signature: Verified | null | undefined, order: unknown) => ({ signature: signature?.keyId ?? null, order });

/** Backends that answer who signed and what they have read, with one verifier. */
const BACKENDS: Record<string, (verifier: Verifier) => Promise<Backend>> = {
  'Express, the body of the verifier': (verifier) => {
    const app = express().use(expressVerifier({ verifier, limitBytes: LIMIT }), express.json());
    app.post('/v1/orders', (req, res) => {
      // A body that is too long to be verified is left to the parsers behind.
      const order: unknown = Buffer.isBuffer(req.body) ? JSON.parse(String(req.body)) : req.body;
      res.json(told(signatureOf(req), order));
    });
    return listen(app);
  },
  'Express, a parser before': (verifier) => {
    const app = express().use(express.json({ verify: keepRawBody }), expressVerifier({ verifier, limitBytes: LIMIT }));
    app.post('/v1/orders', (req, res) => void res.json(told(signatureOf(req), req.body)));
    return listen(app);
  },
  async Fastify(verifier) {
    const app = fastify();
    app.register(fastifyVerifier, { verifier, limitBytes: LIMIT });
    app.post('/v1/orders', (request) => told(signatureOf(request), request.body));
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { port: (app.server.address() as AddressInfo).port, stop: () => app.close() };
  },
  async Nest(verifier) {
    @Controller()
    @UseGuards(SignatureGuard)
    class Orders {
      @All('*')
      order(@Signature() signature: Verified | undefined, @Body() order: unknown) {
        return told(signature, order);
      }
    }
    @Module({ imports: [SignatureModule.forRoot({ verifier, limitBytes: LIMIT })], controllers: [Orders] })
    class Backend {}
    const app = await NestFactory.create(Backend, new FastifyAdapter(), { rawBody: true, logger: false });
    await app.listen(0, '127.0.0.1');
    return { port: (app.getHttpServer().address() as AddressInfo).port, stop: () => app.close() };
  },
  fetch: (verifier) =>
    listen(
      served(
        fetchVerifier(async (request, signature) => Response.json(told(signature, await request.json())), { verifier, limitBytes: LIMIT }),
      ),
    ),
};

describe.each(Object.entries(BACKENDS))('%s', (name, start) => {
  const lines: string[] = [];
  beforeEach(() => void lines.splice(0));
  const posting = async (verifier: Verifier, requests: [headers: object, body: string][]) => {
    const backend = await start(verifier);
    try {
      const answers = [];
      for (const [headers, body] of requests) answers.push(await send(backend.port, 'POST', '/v1/orders?canary=yes', headers, body));
      return answers.map(({ status, body }) => [status, body]);
    } finally {
      await backend.stop();
    }
  };
  const withQuery = (body: string, key = KEY) => ({ host, ...sign({ method: 'POST', url: '/v1/orders?canary=yes', host, body }, key) });
  const longFor = { ...withQuery(LONG), 'transfer-encoding': 'chunked' };
  const other = { ...KEY, signKey: 'another-gateway' };

  it('in report-only mode accepts every request with its body, counts it, and logs it without its query', async () => {
    const verifier = createVerifier({ keys: [KEY], reportOnly: true, log: (line) => lines.push(line) });
    const answers = await posting(verifier, [
      [withQuery(ORDER), ORDER],
      [{ host }, ORDER],
      [withQuery('{}'), ORDER],
      [withQuery(ORDER, other), ORDER],
      [withQuery(LONG), LONG],
      [longFor, LONG],
      [{ host }, ORDER],
    ]);
    const order = { n: 1 };
    const long = JSON.parse(LONG) as unknown;
    // What a parser has read already has its length: Nest's, and Express's own.
    const stored = name === 'Nest' || name.endsWith('a parser before');
    const byLength = stored ? [told({ keyId: KEY.signKey } as Verified, long), 2] : [told(undefined, long), 0];
    expect(answers).toEqual([
      [expect.any(Number), told({ keyId: KEY.signKey } as Verified, order)],
      [expect.any(Number), told(undefined, order)],
      [expect.any(Number), told(undefined, order)],
      [expect.any(Number), told(undefined, order)],
      [expect.any(Number), byLength[0]],
      [expect.any(Number), byLength[0]],
      [expect.any(Number), told(undefined, order)],
    ]);
    expect(answers.every(([status]) => status === 200 || status === 201)).toBe(true);
    const tooLong = stored ? {} : { too_large: 2 };
    expect(verifier.counts).toEqual({
      accepted: stored ? 3 : 1,
      no_authorization: 2,
      signature_mismatch: 1,
      unknown_key: 1,
      ...tooLong,
    });
    const [first] = lines;
    expect(first).toMatch(/^would refuse "POST" "\/v1\/orders": no_authorization \(/);
    expect(lines.join()).not.toMatch(/canary|Signature=/);
  });

  it('answers 503 while there are no keys, 413 to a body beyond the limit, and counts both', async () => {
    const held: { keys?: KeyMaterial[] } = {};
    const verifier = createVerifier({
      keys: () => {
        if (held.keys === undefined) throw new KeysUnavailableError('not yet');
        return held.keys;
      },
    });
    const [unready] = await posting(verifier, [[withQuery(ORDER), ORDER]]);
    expect(unready).toEqual([503, { code: 'keys_unavailable', hint: 'not yet' }]);
    held.keys = [KEY];
    const answers = await posting(verifier, [
      [withQuery(LONG), LONG],
      [longFor, LONG],
    ]);
    if (name === 'Nest' || name.endsWith('a parser before')) return expect(verifier.counts).toEqual({ keys_unavailable: 1, accepted: 2 });
    for (const answer of answers) expect(answer).toEqual([413, { code: 'too_large', hint: `the body is longer than ${LIMIT} bytes` }]);
    expect(verifier.counts).toEqual({ keys_unavailable: 1, too_large: 2 });
  });
});

it('a verifier in report-only mode logs a line a second for each code, with the start of a path, quoted', async () => {
  const lines: string[] = [];
  const verifier = createVerifier({ keys: [KEY], reportOnly: true, log: (line) => lines.push(line) });
  const refused = await verifier.verify({ method: 'GET', url: '/', headers: {}, body: null });
  expect(refused).toMatchObject({ ok: false, code: 'no_authorization' });
  for (let i = 0; i < 100; i++) expect(verifier.passes(refused, { method: 'GET', url: `/a\n${'b'.repeat(300)}?canary` })).toBe(true);
  expect(lines).toEqual([expect.stringMatching(/^would refuse "GET" "\/a\\nb{197}": no_authorization/)]);
  expect(verifier.counts).toEqual({ no_authorization: 100 });
});
