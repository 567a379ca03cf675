import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { type SignedRequest, send, type Signer, signer } from '../support/access-keys.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { raw } from '../support/raw-http.js';
import { type Pair, signRaw } from '../support/raw-signer.js';
import { READ_ONLY, TestService } from '../support/service.js';

const MINUTE = 60_000;
const SECURITY_TOKENS = '/v3.0/OS-CREDENTIAL/securitytokens';
const JSON_TYPE = { 'Content-Type': 'application/json' };
const REFUSED = { error_code: 'APIG.1002', error_msg: 'Incorrect token or token resolution failed' };

/** Sends the headers of a POST and no byte of its body. @returns the answer of the server */
async function headOnly(port: number, target: string, headers: Record<string, string>): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const lines = Object.entries({ Host: 'x', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST ${target} HTTP/1.1\r\n${lines.join('')}\r\n`);
  const [data] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return data.toString();
}

const NOBODY: Pair = { access: 'AAAAAAAAAAAAAAAAAAAA', secret: 'x'.repeat(40) };

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let alice: Signer;
  let bob: Signer;
  let gateway: string;
  let signs: string;
  const now = () => service.app.get(Clock).now();
  const call = (request: SignedRequest, key = alice.key) => send(service.baseUrl, key, { at: now(), ...request });

  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test);
    alice = await signer(service);
    bob = await signer(service);
    gateway = await alice.client.gateway();
    signs = `/v2/${alice.client.projectId}/apigw/instances/${gateway}/signs`;
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe.each(['Access', 'Credential'] as const)('a request signed in the form %s=', (form) => {
    it('is accepted for every method, with a body that ends in a newline', async () => {
      const written = { form, headers: { ...JSON_TYPE, Accept: 'application/json', 'User-Agent': 'client/1.0' } };
      const body = `${JSON.stringify({ name: `key_${form}`, sign_type: 'basic' })}\n`;
      const created = await call({ ...written, method: 'POST', target: signs, body });
      expect([created.status, created.body.name]).toEqual([201, `key_${form}`]);
      const target = `${signs}/${created.body.id}`;
      expect((await call({ ...written, method: 'PUT', target, body: `{"name":"renamed_${form}"}\n` })).status).toBe(200);
      expect((await call({ form, target: `${signs}?id=${created.body.id}` })).body.signs).toHaveLength(1);
      // Terraform's DELETE of a key has a content type but no body.
      expect((await call({ ...written, method: 'DELETE', target })).status).toBe(204);
    });

    it.each([
      ['the date alone', {}],
      [
        'the headers that golangsdk signs, without the host',
        { Accept: 'application/json', 'User-Agent': 'golangsdk/2.0.0', 'X-Language': 'en-us' },
      ],
      ['a header with blanks in it', { 'User-Agent': 'a  b', host: '' }],
    ])('is accepted with any set of signed headers: %s', async (_, headers) => {
      const own = 'host' in headers ? { ...headers, host: new URL(service.baseUrl).host } : headers;
      expect((await call({ form, target: signs, headers: own })).status).toBe(200);
    });

    it('is accepted with a port in its Host header', async () => {
      const host = 'signet.example:8443';
      expect((await call({ form, target: signs, headers: { host }, unsigned: { host } })).status).toBe(200);
    });

    it.each([
      '?limit=20&offset=0&name=a%20b%2F%C3%BC%26%2B',
      '?name=a+b&limit=5',
      "?name=!'()*~&id=",
      '?offset=1&limit=2&name=%e4%b8%ad',
      '?name',
    ])('is accepted with the query %s', async (query) => {
      expect((await call({ form, target: signs + query })).status).toBe(200);
    });

    it('is accepted with a path that is encoded in another way', async () => {
      expect((await call({ form, target: signs.replace('apigw', '%61pigw') })).status).toBe(200);
      expect((await call({ form, target: `${signs}/` })).status).toBe(200);
    });

    it('is accepted as a GET with a body', async () => {
      const answer = await call({ form, target: '/v3/projects?name=x', headers: JSON_TYPE, body: '{}' });
      expect([answer.status, answer.body.projects]).toEqual([200, []]);
    });

    it('is accepted as a POST with a query and no body', async () => {
      const answer = await call({ form, method: 'POST', target: `${SECURITY_TOKENS}?b=a+b&a=%2F~`, headers: JSON_TYPE });
      expect([answer.status, answer.body.error.message]).toEqual([400, 'A required field is missing: auth']);
    });

    it('is accepted if it is dated 14 minutes before or after now', async () => {
      for (const minutes of [-14, 14]) expect((await call({ form, target: signs, at: now() + minutes * MINUTE })).status).toBe(200);
    });

    it('is accepted with an unsigned body, if the request declares it', async () => {
      const headers = { ...JSON_TYPE, 'X-Sdk-Content-Sha256': 'UNSIGNED-PAYLOAD' };
      const body = `{"name":"unsigned_${form}"}`;
      expect((await call({ form, method: 'POST', target: signs, headers, body })).status).toBe(201);
    });

    describe('is refused with 401 APIG.1002', () => {
      const post = (change: Partial<SignedRequest>) =>
        call({ form, method: 'POST', target: signs, headers: JSON_TYPE, body: '{"name":"refused"}', ...change });

      it.each<[string, Partial<SignedRequest>]>([
        ['another body', { sent: { body: '{"name":"another"}' } }],
        ['a body without the newline that was signed', { body: '{"name":"refused"}\n', sent: { body: '{"name":"refused"}' } }],
        ['another method', { sent: { method: 'GET' } }],
        ['another query', { sent: { target: '' } }],
        ['a signed header that was changed', { unsigned: { 'Content-Type': 'application/json;charset=UTF-8' } }],
        ['another date', { unsigned: { 'X-Sdk-Date': '20260101T000000Z' } }],
        ['an announced hash that is not the body’s', { headers: { ...JSON_TYPE, 'X-Sdk-Content-Sha256': 'a'.repeat(64) } }],
      ])('with %s', async (_, change) => {
        const sent = change.sent?.target === '' ? { sent: { target: `${signs}?name=x` } } : {};
        const answer = await post({ ...change, ...sent });
        expect(answer.status).toBe(401);
        expect(answer.body.error_code).toBe('APIG.1002');
        expect((await call({ form, target: `${signs}?name=refused` })).body.total).toBe(0);
      });

      it('with the reason if it is dated 16 minutes before or after now', async () => {
        for (const minutes of [-16, 16]) {
          const answer = await call({ form, target: signs, at: now() + minutes * MINUTE });
          expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1002']);
          expect(answer.body.error_msg).toContain('X-Sdk-Date');
        }
      });

      it('with the same message for an unknown key, another key’s secret and a made-up signature', async () => {
        const stranger = await signer(service);
        const answers = [
          await call({ form, target: signs }, NOBODY),
          await call({ form, target: signs }, { access: stranger.key.access, secret: alice.key.secret }),
          await call({ form, target: signs, unsigned: { 'X-Sdk-Date': '20990101T000000Z' }, at: now() }, stranger.key),
        ];
        expect(answers.slice(0, 2).map(({ status, body }) => [status, body])).toEqual([
          [401, REFUSED],
          [401, REFUSED],
        ]);
        expect(answers[2]!.status).toBe(401);
      });
    });
  });

  describe('a signed request is refused', () => {
    const signed = () => signRaw('Access', alice.key, { method: 'GET', target: signs, headers: {} }, now());
    const port = () => Number(new URL(service.baseUrl).port);

    it('with 401 when the date is not signed', async () => {
      const { Authorization, ...headers } = signed();
      for (const set of ['host', 'x-sdk-datE2', '']) {
        const { status } = await raw(port(), 'GET', signs, {
          headers: { ...headers, Authorization: Authorization.replace('=x-sdk-date', `=${set}`) },
        });
        expect([set, status]).toEqual([set, 401]);
      }
    });

    it('with 401 when it also has a token, even a valid one', async () => {
      expect((await call({ target: signs, unsigned: { 'X-Auth-Token': alice.client.token } })).status).toBe(401);
      expect((await call({ target: signs, unsigned: { 'X-Auth-Token': '' } })).status).toBe(200);
    });

    it('with 401 for a malformed or too long security token', async () => {
      for (const token of ['x', 'K1.AAAA', `K1.${'A'.repeat(5000)}`])
        expect((await call({ target: signs, unsigned: { 'X-Security-Token': token } })).status).toBe(401);
    });

    it('with 401 for a derived key of another day', async () => {
      const headers = signRaw('Credential', alice.key, { method: 'GET', target: signs, headers: {} }, now());
      const Authorization = headers.Authorization.replace(/\/\d{8}\//, '/20200101/');
      expect((await raw(port(), 'GET', signs, { headers: { ...headers, Authorization } })).status).toBe(401);
    });

    it('with 401 when a repeated query parameter was added', async () => {
      const answer = await call({ form: 'Credential', target: `${signs}?name=a`, sent: { target: `${signs}?name=a&name=b` } });
      expect(answer.status).toBe(401);
    });

    it('with 413 for a body over the limit of its route, with a length or in chunks, also in a GET', async () => {
      const body = 'x'.repeat(200_000);
      for (const [method, chunked] of [
        ['GET', false],
        ['POST', false],
        ['POST', true],
      ] as const) {
        const headers = signRaw('Access', alice.key, { method, target: signs, headers: JSON_TYPE, body }, now());
        const answer = await raw(port(), method, signs, { headers, body, chunked });
        expect([method, chunked, answer.status, answer.body?.error_code]).toEqual([method, chunked, 413, 'APIG.0201']);
      }
      expect((await call({ target: signs })).status).toBe(200);
    });

    it('with 401 for an unknown key or an old date, before its body has arrived', async () => {
      const body = '{"name":"never_sent"}';
      for (const [key, at] of [
        [NOBODY, now()],
        [alice.key, now() - 16 * MINUTE],
      ] as const) {
        const headers = signRaw('Access', key, { method: 'POST', target: signs, headers: JSON_TYPE, body }, at);
        const answer = await headOnly(port(), signs, { ...headers, 'Content-Length': '60000' });
        expect(answer).toMatch(/^HTTP\/1\.1 401 /);
      }
    });
  });

  describe('the answer to a malformed header is 401 and never 500', () => {
    const port = () => Number(new URL(service.baseUrl).port);
    const fragments = fc.constantFrom(
      'Access=',
      'Credential=',
      'SignedHeaders=',
      'Signature=',
      ', ',
      ',',
      ';',
      '/',
      '=',
      ' ',
      'x-sdk-date',
      'host',
      '__proto__',
      'constructor',
      'AAAAAAAAAAAAAAAAAAAA',
      '20260101',
      'sdk_request',
      '%',
      '\u00ff',
      'ab',
      '\t',
    );
    it('for anything after the name of the scheme', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof(fragments, fc.string({ maxLength: 12 })), { maxLength: 12 }),
          fc.constantFrom('20260101T000000Z', '', 'x', '99999999T999999Z', '\u00ff'),
          fc.boolean(),
          async (parts, date, own) => {
            const text = parts.join('').replace(/[^\t\x20-\x7e\u0080-\u00ff]/g, '');
            const Authorization = `SDK-HMAC-SHA256 ${own ? `Access=${bob.key.access}, SignedHeaders=x-sdk-date, Signature=` : ''}${text}`;
            const { status } = await raw(port(), 'GET', signs, { headers: { Authorization, 'X-Sdk-Date': date } });
            return status === 401;
          },
        ),
        { numRuns: 150 },
      );
    });

    it('for a header of 24 KiB in every field', async () => {
      const long = 'a'.repeat(24_000);
      for (const Authorization of [
        `SDK-HMAC-SHA256 Access=${long}, SignedHeaders=x-sdk-date, Signature=00`,
        `SDK-HMAC-SHA256 Access=a, SignedHeaders=${'x;'.repeat(12_000)}x-sdk-date, Signature=00`,
        `SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=${long}`,
        `SDK-HMAC-SHA256 Credential=a/20260101/${long}//sdk_request, SignedHeaders=x-sdk-date, Signature=00`,
      ])
        expect((await raw(port(), 'GET', signs, { headers: { Authorization, 'X-Sdk-Date': '20260101T000000Z' } })).status).toBe(401);
    });
  });

  describe('the project', () => {
    it('is the project in the URL, and a foreign project gets the same 403 as an unknown one', async () => {
      const at = (project: string) => call({ target: `/v2/${project}/apigw/instances/${gateway}/signs` }, bob.key);
      const [foreign, unknown] = [await at(alice.client.projectId), await at('0'.repeat(32))];
      expect([foreign.status, foreign.body.error_code, foreign.text]).toEqual([403, 'APIG.1005', unknown.text]);
      const own = (await call({ target: '/v3/users' }, bob.key)).body.users[0].id;
      const line = service.logs.find((each) => each.includes(String(foreign.headers['x-request-id'])));
      expect(JSON.parse(line!)).toMatchObject({ status: 403, user: own });
    });

    it('must match X-Project-Id and X-Domain-Id, signed or not, or the answer is 403', async () => {
      const domain = (await call({ target: '/v3/auth/domains' })).body.domains[0].id;
      const good = { 'X-Project-Id': alice.client.projectId, 'X-Domain-Id': domain };
      expect((await call({ target: signs, unsigned: good })).status).toBe(200);
      expect((await call({ target: signs, headers: good })).status).toBe(200);
      for (const name of ['X-Project-Id', 'X-Domain-Id'])
        expect((await call({ target: signs, unsigned: { ...good, [name]: bob.client.projectId } })).status).toBe(403);
    });

    it('is taken only from a signed X-Project-Id if the path has none', async () => {
      const target = '/signet/v1/audit';
      const own = { 'X-Project-Id': alice.client.projectId };
      expect((await call({ target, headers: own })).body.events.length).toBeGreaterThan(0);
      const unsigned = await call({ target, unsigned: own });
      expect([unsigned.status, unsigned.body.code]).toEqual([401, 'token_unscoped']);
      expect((await call({ target, headers: { 'X-Project-Id': bob.client.projectId } })).status).toBe(403);
    });

    it('may be unsigned for the catalogue, where it only selects the entries', async () => {
      const unsigned = { 'X-Project-Id': alice.client.projectId };
      const { catalog } = (await call({ target: '/v3/auth/catalog', unsigned })).body;
      const { endpoints } = catalog.find(({ type }: { type: string }) => type === 'volumev2');
      expect(endpoints[0].url).toMatch(new RegExp(`/v2/${alice.client.projectId}$`));
      expect((await call({ target: '/v3/auth/catalog', unsigned: { 'X-Project-Id': bob.client.projectId } })).status).toBe(403);
    });

    it('allows only what the role of the key’s user allows, so a reader cannot write', async () => {
      const reader = await signer(service, { role: READ_ONLY });
      const target = `/v2/${reader.client.projectId}/apigw/instances/${'0'.repeat(32)}/signs`;
      expect((await call({ target }, reader.key)).status).toBe(404);
      const written = await call({ target, method: 'POST', headers: JSON_TYPE, body: '{"name":"abc"}' }, reader.key);
      expect([written.status, written.body.error_code]).toEqual([403, 'APIG.1005']);
    });
  });

  it('the audit trail names the user, and the key by the hash of its id', async () => {
    const body = '{"name":"audited"}';
    const { id } = (await call({ method: 'POST', target: signs, headers: JSON_TYPE, body })).body;
    const { events } = (await alice.client.get(`/signet/v1/audit?resource_id=${id}`)).body;
    expect(events[0]).toMatchObject({ action: 'CreateSignatureKey', credential_hash: expect.stringMatching(/^[0-9a-f]{16}$/) });
    const rows = await service.app
      .get(Database)
      .rows<{ userId: string }>('SELECT user_id AS userId FROM access_keys WHERE access_key = ?', [alice.key.access]);
    expect(events[0].user_id).toBe(rows[0]!.userId);
  });
});
