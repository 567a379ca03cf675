import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hash } from 'node:crypto';
import { Database } from '../../src/platform/database/database.js';
import { verifyWebhook } from 'signet-signing';
import { onBothDatabases } from '../support/databases.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';

/** JSON objects that would change if they were parsed and printed again. */
const PAYLOADS: readonly string[] = [
  // Numbers.
  '{"n":1234567890.12345678901}',
  '{"n":0.12345678901234567890}',
  '{"n":9007199254740993}',
  '{"n":-9007199254740993}',
  '{"n":123456789012345678901234567890}',
  '{"n":1e21}',
  '{"n":1E+21}',
  '{"n":1e-7}',
  '{"n":1.0}',
  '{"n":1.10}',
  '{"n":100e-2}',
  '{"n":-0}',
  '{"n":-0.0}',
  '{"n":0e0}',
  '{"n":1e999}',
  '{"n":-1e999}',
  '{"n":1e-999}',
  '{"n":5e-324}',
  '{"n":2.2250738585072011e-308}',
  '{"n":1.7976931348623157e308}',
  '{"n":0.1000000000000000055511151231257827}',
  '{"n":[1,1.0,1e0,10e-1]}',
  `{"n":1${'0'.repeat(400)}}`,
  `{"n":0.${'0'.repeat(400)}1}`,
  // The order and the names of members.
  '{"1":1,"b":2,"0":3}',
  '{"10":1,"9":2,"-1":3,"01":4}',
  '{"z":1,"a":{"2":1,"1":2}}',
  '{"":1}',
  '{" ":1," a ":2}',
  '{"__proto__":1}',
  '{"__proto__":{"polluted":true}}',
  '{"a":{"__proto__":null}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":1,"hasOwnProperty":2,"valueOf":3}',
  '{"payload":{"payload":[]}}',
  '{"endpoint_id":"ep_1","payload":null}',
  // Duplicates.
  '{"a":1,"a":2}',
  '{"a":1,"b":2,"a":1}',
  '{"a":1,"\\u0061":2}',
  '{"a":{"x":1},"a":{"x":1}}',
  '{"__proto__":1,"__proto__":2}',
  // Blanks.
  '{ }',
  '{"a" : 1 , "b":\t[ ] }',
  '{\n  "a": 1,\n  "b": [\n    1\n  ]\n}',
  '{\r\n\t"a":\r1}',
  // Escapes.
  '{"url":"https:\\/\\/a.b\\/c"}',
  '{"a":"\\u0041\\u00e9\\u2028"}',
  '{"a":"\\u00E9\\u00e9é"}',
  '{"a":"\\b\\f\\n\\r\\t\\"\\\\"}',
  '{"a":"\\u0000\\u001f\\u007f"}',
  '{"\\u0000":"\\u0000"}',
  '{"a":"{\\"payload\\":1}"}',
  '{"a":"\\u005c\\u0022"}',
  // Characters that UTF-8 can encode, and halves of surrogate pairs, which it cannot.
  '{"a":"é ñ 漢字 ﷽ \u2028\u2029 \u007f"}',
  '{"a":"e\u0301 \u00e9","\u00e9":1,"e\u0301":2}',
  '{"a":"\ufeff\ufffe\uffff"}',
  '{"😀":"😀🏳️‍🌈"}',
  '{"a":"\\ud83d\\ude00"}',
  '{"a":"\\uD83D\\uDE00😀"}',
  '{"a":"\\ud800"}',
  '{"a":"\\udc00\\ud800"}',
  '{"\\ud800":"half of a pair for a name"}',
  '{"a":"\\ud800\\u0041"}',
  '{"a":"\u{10ffff}"}',
  // Values of every type, and nested values.
  '{"a":null,"b":true,"c":false,"d":[],"e":{},"f":""}',
  '{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]}',
  `{"a":"${'漢'.repeat(20_000)}"}`,
];

onBothDatabases((name) => {
  let environment: WebhookEnvironment;
  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name);
  });
  afterAll(() => environment.close());

  /** A request with this payload, whose text is inserted unchanged. */
  const send = (endpointId: string, payload: string, more = '') =>
    environment.send(`{"endpoint_id":"${endpointId}",${more}"payload":${payload}}`);
  const bytes = (text: string) => Buffer.from(text, 'utf8').toString('hex');

  it(`${PAYLOADS.length} payloads are stored, hashed, signed, delivered and replayed byte by byte as they were sent`, async () => {
    expect(PAYLOADS.length).toBeGreaterThanOrEqual(60);
    const endpoint = await environment.endpoint();
    const sent = new Map<string, string>();
    for (const payload of PAYLOADS) {
      const answer = await send(endpoint.id, payload);
      expect([payload.slice(0, 60), answer.status]).toEqual([payload.slice(0, 60), 202]);
      sent.set(answer.body.data.message_id as string, payload);
    }
    const arrived = () => {
      for (const [id, payload] of sent) {
        const delivery = environment.receiver
          .at(endpoint.path)
          .filter(({ headers }) => headers['webhook-id'] === id)
          .at(-1)!;
        expect([payload.slice(0, 60), bytes(delivery.body)]).toEqual([payload.slice(0, 60), bytes(payload)]);
        for (const dialect of ['x-webhook', 'standard'] as const)
          expect(verifyWebhook(delivery, { dialect, secrets: [endpoint.signing_secret], now: environment.clock.now }).ok).toBe(true);
      }
    };
    await environment.clock.settled();
    expect(environment.receiver.at(endpoint.path)).toHaveLength(PAYLOADS.length);
    arrived();
    const database = environment.service.app.get(Database, { strict: false });
    const hex = `SELECT message_id AS id, HEX(payload) AS payload FROM message_payloads`;
    const stored = new Map((await database.rows<{ id: string; payload: string }>(hex)).map((row) => [row.id, row.payload.toLowerCase()]));
    for (const [id, payload] of sent) {
      expect([payload.slice(0, 60), stored.get(id)]).toEqual([payload.slice(0, 60), bytes(payload)]);
      expect(await environment.message(id)).toMatchObject({
        status: 'succeeded',
        size_bytes: Buffer.byteLength(payload),
        payload_sha256: hash('sha256', payload, 'hex'),
      });
    }
    const replay = await environment.client.post('/v1/messages/replay-batch', { message_ids: [...sent.keys()] });
    expect(replay.body.data).toMatchObject({ replayed: PAYLOADS.length, failed: 0 });
    await environment.clock.settled();
    expect(environment.receiver.at(endpoint.path)).toHaveLength(2 * PAYLOADS.length);
    arrived();
  });

  it('the last member named payload counts, whatever the escapes in its name, and no other member is used as the payload', async () => {
    const endpoint = await environment.endpoint();
    const bodies = [
      `{"payload":{"first":1},"endpoint_id":"${endpoint.id}","pa\\u0079load": {"last": 1.0} }`,
      `{"headers":{"payload":"no"},"other":["payload",{"payload":{"no":1}}],"payload":{"last": 1.0},"endpoint_id":"${endpoint.id}"}`,
      `\ufeff { "endpoint_id" : "${endpoint.id}" , "note" : "\\"payload\\":{}" , "payload"\n:\n{"last": 1.0}\n}\n`,
    ];
    for (const body of bodies) expect((await environment.send(body)).status).toBe(202);
    await environment.clock.settled();
    expect(environment.receiver.at(endpoint.path).map(({ body }) => body)).toEqual(bodies.map(() => '{"last": 1.0}'));
  });

  describe('under one idempotency key,', () => {
    it.each([
      ['lost digits', '{"n":1234567890.12345678901}', '{"n":1234567890.12345678902}'],
      ['whole numbers beyond 2^53', '{"n":9007199254740992}', '{"n":9007199254740993}'],
      ['numbers beyond a double', '{"n":1e999}', '{"n":2e999}'],
      ['numbers below a double', '{"n":1e-999}', '{"n":0}'],
      ['the sign of a zero', '{"n":0}', '{"n":-0}'],
      ['a second member of the name', '{"a":1,"a":2}', '{"a":2}'],
      ['the order of members of one name', '{"a":1,"a":2}', '{"a":2,"a":1}'],
      ['a member called __proto__', '{"__proto__":1}', '{}'],
      ['halves of surrogate pairs', '{"a":"\\ud800"}', '{"a":"\\ud801"}'],
      ['a composed character', '{"a":"\u00e9"}', '{"a":"e\u0301"}'],
    ])('payloads that differ in %s are different, so the second gets 409 and the first is delivered', async (_, first, second) => {
      const endpoint = await environment.endpoint();
      const key = '"idempotency_key":"k",';
      expect((await send(endpoint.id, first, key)).status).toBe(202);
      const answer = await send(endpoint.id, second, key);
      expect([answer.status, answer.body.error?.code]).toEqual([409, 'IDEMPOTENCY_MISMATCH']);
      await environment.clock.settled();
      expect(environment.receiver.at(endpoint.path).map(({ body }) => body)).toEqual([first]);
    });

    it.each([
      ['the order of members', '{"a":1,"b":{"d":2,"c":3}}', '{"b":{"c":3,"d":2},"a":1}'],
      ['blanks', '{"a":[1,2]}', ' { "a" :\n[1 , 2 ] }'],
      ['escapes', '{"a/b":"é😀"}', '{"a\\/b":"\\u00e9\\ud83d\\ude00"}'],
      ['the spelling of numbers', '{"n":[1,120,0.5,123456789012345678901,0]}', '{"n":[1.0,1.2e2,5e-1,1234567890123456789010e-1,0e9]}'],
      ['the spelling of numbers beyond a double', '{"n":[1e999,1e-999]}', '{"n":[10e998,0.1e-998]}'],
    ])('payloads that differ in %s are the same, so there is one message, delivered as it was sent first', async (_, first, second) => {
      const endpoint = await environment.endpoint();
      const key = '"idempotency_key":"k",';
      const answers = [await send(endpoint.id, first, key), await send(endpoint.id, second, key)];
      expect(answers.map(({ status }) => status)).toEqual([202, 202]);
      expect(answers[1]!.body.data).toEqual(answers[0]!.body.data);
      await environment.clock.settled();
      expect(environment.receiver.at(endpoint.path).map(({ body }) => body)).toEqual([first]);
    });
  });
});
