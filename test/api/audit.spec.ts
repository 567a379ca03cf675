import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Denials } from '../../src/platform/audit/denials.service.js';
import { Clock } from '../../src/platform/common/clock.js';
import { send, signer } from '../support/access-keys.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { signet } from '../support/process.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const AUDIT = '/signet/v1/audit';
const EXPORT = `${AUDIT}/export`;

/** Reads CADF events, one per line, with OpenStack's own reader, which refuses values outside its taxonomies. */
const PYCADF = `
import json, sys, warnings
warnings.simplefilter('ignore')
from pycadf import event, resource, reason, host, credential
for line in sys.stdin:
    e = json.loads(line)
    def part(x): return resource.Resource(id=x['id'], typeURI=x['typeURI'], name=x.get('name'), host=host.Host(address=x['host']['address']) if 'host' in x else None, credential=credential.Credential(token=x['credential']['token'], type=x['credential']['type']) if 'credential' in x else None)
    made = event.Event(eventType=e['eventType'], id=e['id'], eventTime=e['eventTime'], action=e['action'], outcome=e['outcome'], name=e['name'],
        initiator=part(e['initiator']), target=part(e['target']), observer=part(e['observer']), reason=reason.Reason(**e['reason']) if 'reason' in e else None)
    for tag in e['tags']: made.add_tag(tag)
    assert made.is_valid(), line
    print(made.action)
`;
const pycadf = spawnSync('/usr/bin/python3', ['-c', 'import pycadf']).status === 0;
if (!pycadf && process.env['CI']) throw new Error('no python3-pycadf: CI reads exported CADF events with it');

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  const flush = () => service.app.get(Denials).flush();
  const list = async (query: string, as = client) => (await as.get(`${AUDIT}?${query}`)).body.events as any[];
  const lines = (text: string) =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));

  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test, { SIGNET_TRUSTED_PROXIES: '127.0.0.0/8' });
    client = await service.client();
    gateway = await client.gateway();
    for (let i = 0; i < 5; i++) await client.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: `key_${i}` });
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe('GET /signet/v1/audit', () => {
    it('names changes of keys and bindings as CTS does', async () => {
      const signs = `/v2/{project}/apigw/instances/${gateway}/signs`;
      const { id } = (await client.post(signs, { name: 'named' })).body;
      await client.put(`${signs}/${id}`, { name: 'renamed' });
      const { publishIds } = await client.publishedApi(gateway);
      const { bindings } = (
        await client.post(`/v2/{project}/apigw/instances/${gateway}/sign-bindings`, { sign_id: id, publish_ids: publishIds })
      ).body;
      await client.delete(`/v2/{project}/apigw/instances/${gateway}/sign-bindings/${bindings[0].id}`);
      await client.delete(`${signs}/${id}`);
      const events = (await list('limit=50')).map(({ action, resource_type }) => `${resource_type} ${action}`);
      expect(events.filter((event) => event.startsWith('Signature')).slice(0, 5)).toEqual([
        'Signature DeleteSignatureKey',
        'SignatureBinding DisassociateSignatureKey',
        'SignatureBinding AssociateSignatureKey',
        'Signature UpdateSignatureKey',
        'Signature CreateSignatureKey',
      ]);
    });

    it('shows the denied requests of the project’s users, with name, address, request and count', async () => {
      const reader = await service.client({ role: READ_ONLY });
      const path = `/v2/{project}/apigw/instances/${gateway}/signs`;
      for (let i = 0; i < 3; i++) expect((await reader.call('POST', path, {}, { 'x-request-id': `denied-${i}` })).status).toBe(403);
      await flush();
      const [event, ...others] = await list('outcome=denied', reader);
      expect(others).toEqual([]);
      expect(event).toMatchObject({
        scope_id: 'signet.denied',
        outcome: 'denied',
        action: 'DenyRequest',
        resource_type: 'Request',
        resource_id: 'forbidden',
        resource_name: 'POST /v2/:project_id/apigw/instances/:instance_id/signs',
        user_name: expect.stringMatching(/^u/),
        credential_hash: expect.stringMatching(/^[0-9a-f]{16}$/),
        source_address: '127.0.0.1',
        request_id: 'denied-0',
        detail: { status: 403, count: 3, path: path.replace('{project}', reader.projectId) },
      });
      expect((await list('outcome=success', reader)).map(({ outcome }) => outcome)).not.toContain('denied');
      expect(await list('outcome=denied', client)).toEqual([]);
    });

    it('shows the denied requests of machines with a wrong role or gateway, in the machine’s project', async () => {
      const verifier = await Machine.of(client, gateway, 'verifier');
      expect((await verifier.call('GET', '/snapshot')).status).toBe(403);
      const elsewhere = { authorization: `Bearer ${verifier.token}` };
      expect((await client.call('GET', `/signet/v1/instances/${'0'.repeat(32)}/verification-keys`, undefined, elsewhere)).status).toBe(404);
      await flush();
      expect(await list('outcome=denied')).toContainEqual(expect.objectContaining({ resource_id: 'APIG.3030', user_name: 'verifier' }));
      expect(await list('outcome=denied')).toContainEqual(
        expect.objectContaining({
          user_name: 'verifier',
          resource_id: 'forbidden',
          resource_name: 'GET /signet/v1/instances/:instance_id/snapshot',
        }),
      );
    });

    it('names the access key of a signed request, and marks one that a refused request only claimed', async () => {
      const { client: owner, key } = await signer(service);
      const target = `/v2/${owner.projectId}/apigw/instances`;
      const body = JSON.stringify({
        instance_name: 'signed',
        spec_id: 'BASIC',
        vpc_id: 'vpc',
        subnet_id: 'subnet',
        security_group_id: 'group',
        available_zone_ids: ['local-a'],
      });
      const at = service.app.get(Clock).now();
      const request = { method: 'POST', target, body, at, unsigned: { 'content-type': 'application/json' } };
      expect((await send(service.baseUrl, key, request)).status).toBe(202);
      const [event] = await list('action=CreateInstance', owner);
      expect(event).toMatchObject({ access_key_id: key.access, user_name: expect.stringMatching(/^u/) });
      expect((await send(service.baseUrl, { ...key, secret: 'x'.repeat(40) }, request)).status).toBe(401);
      await flush();
      const denied = await signet(['admin', 'audit', 'export', '--chain', 'signet.denied'], test.env);
      expect(lines(denied.stdout)).toContainEqual(
        expect.objectContaining({
          access_key_id: null,
          user_id: '',
          resource_name: 'POST /v2/:project_id/apigw/instances',
          detail: expect.objectContaining({ status: 401, claimed_access_key_id: key.access }),
        }),
      );
      expect(denied.stdout + JSON.stringify(event)).not.toContain(key.secret);
    });

    it('takes the caller’s address from a trusted proxy, and from no client before it', async () => {
      const forwarded = (value: string) =>
        client.call(
          'POST',
          `/v2/{project}/apigw/instances/${gateway}/signs`,
          { name: `by_proxy_${value.length}` },
          { 'x-forwarded-for': value },
        );
      const { id } = (await forwarded('203.0.113.9')).body;
      expect((await list(`resource_id=${id}`))[0].source_address).toBe('203.0.113.9');
      const { id: spoofed } = (await forwarded('198.51.100.1, 203.0.113.9')).body;
      expect((await list(`resource_id=${spoofed}`))[0].source_address).toBe('203.0.113.9');
    });

    it.each(['outcome=x', 'limit=0', 'limit=1001', 'limit=1e2', 'limit=0x10', 'limit=1&limit=2', 'cursor=x'])(
      'refuses %s',
      async (query) => {
        const { status, body } = await client.get(`${AUDIT}?${query}`);
        expect([status, body.parameter]).toEqual([400, query.split('=')[0]]);
      },
    );
  });

  describe('GET /signet/v1/audit/export', () => {
    it('streams the project’s events, oldest first, one JSON object per line, whatever names contain', async () => {
      const evil = 'line\r\nfeed \u001b[31m "quote" \u2028';
      expect((await client.put(`/v2/{project}/apigw/instances/${gateway}`, { description: evil })).status).toBe(200);
      const { status, headers, text } = await client.get(EXPORT);
      expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
      const events = lines(text);
      expect(events.map(({ time }) => time)).toEqual(events.map(({ time }) => time).sort());
      expect(events.reverse()).toEqual(await list('limit=1000'));
    });

    it('is divided into parts, each with a Link to the next', async () => {
      const whole = lines((await client.get(EXPORT)).text);
      const parts: unknown[] = [];
      let next: string | undefined = `${EXPORT}?limit=4`;
      let requests = 0;
      while (next !== undefined) {
        const answer = await client.get(next);
        expect(lines(answer.text).length).toBeLessThanOrEqual(4);
        parts.push(...lines(answer.text));
        next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
        requests++;
      }
      expect(parts).toEqual(whole);
      expect(requests).toBe(Math.ceil(whole.length / 4));
    });

    it('can be limited to a time range', async () => {
      const all = lines((await client.get(EXPORT)).text);
      const middle = all[3].time as string;
      const since = lines((await client.get(`${EXPORT}?since=${middle}`)).text);
      const until = lines((await client.get(`${EXPORT}?until=${middle}`)).text);
      expect([...until, ...since]).toEqual(all);
      expect(since[0].time >= middle && until.every(({ time }) => time < middle)).toBe(true);
    });

    it('contains only the caller’s project, and needs more than read access', async () => {
      const other = await service.client();
      expect(lines((await other.get(EXPORT)).text).filter(({ scope_id }) => scope_id === gateway)).toEqual([]);
      expect((await (await service.client({ role: READ_ONLY })).get(EXPORT)).status).toBe(403);
    });

    it.each(['format=xml', 'since=yesterday', 'since=2026-13-01T00:00:00Z', 'until=2026-01-01', 'limit=0', 'cursor=x'])(
      'refuses %s',
      async (query) => {
        const { status, body } = await client.get(`${EXPORT}?${query}`);
        expect([status, body.parameter]).toEqual([400, query.split('=')[0]]);
      },
    );

    const reads = pycadf ? it : it.skip;
    reads('writes CADF events that OpenStack’s own reader accepts', async () => {
      await flush();
      const { text } = await client.get(`${EXPORT}?format=cadf`);
      const events = lines(text);
      expect(events.find(({ name: action }) => action === 'DeleteSignatureKey')).toMatchObject({
        typeURI: 'http://schemas.dmtf.org/cloud/audit/1.0/event',
        eventType: 'activity',
        action: 'delete',
        outcome: 'success',
        initiator: {
          name: expect.any(String),
          host: { address: expect.any(String) },
          credential: { type: 'token' },
          project_id: client.projectId,
        },
        target: { typeURI: 'data/security/key' },
        tags: [expect.stringMatching(/^request\?id=/)],
      });
      expect(events.find(({ name: action }) => action === 'DenyRequest')).toMatchObject({
        outcome: 'failure',
        reason: { reasonType: 'HTTP', reasonCode: '403' },
      });
      const read = spawnSync('/usr/bin/python3', ['-c', PYCADF], { input: text, encoding: 'utf8' });
      expect([read.stderr, read.status]).toEqual(['', 0]);
      expect(read.stdout.trim().split('\n')).toEqual(events.map(({ action }) => action));
    });
  });

  describe('signet audit', () => {
    it('exports the audit trail, verifies it, prunes it, and verifies the rest against the export', async () => {
      await flush();
      const dir = mkdtempSync(join(tmpdir(), 'signet-audit-'));
      try {
        const exported = await signet(['admin', 'audit', 'export', '--chain', gateway], test.env);
        expect(lines(exported.stdout).map(({ scope_id, seq }) => [scope_id, seq])).toEqual(
          lines(exported.stdout).map((_, i) => [gateway, i + 1]),
        );
        const everything = await signet(['admin', 'audit', 'export', '--format', 'cadf'], test.env);
        expect(lines(everything.stdout).length).toBeGreaterThan(lines(exported.stdout).length);
        const heads = await signet(['admin', 'audit', 'heads'], test.env);
        writeFileSync(join(dir, 'noted'), exported.stdout + heads.stdout);
        const verified = await signet(['admin', 'audit', 'verify', '--heads', join(dir, 'noted')], test.env);
        expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('intact')]);
        expect(await signet(['admin', 'audit', 'prune', '--before', 'today'], test.env)).toMatchObject({
          code: 1,
          stderr: expect.stringContaining('--before must be an instant'),
        });
        const pruned = await signet(['admin', 'audit', 'prune', '--before', new Date().toISOString()], test.env);
        expect([pruned.code, pruned.stdout]).toEqual([0, expect.stringMatching(/^\d+ events of \d+ chains deleted/)]);
        expect((await signet(['admin', 'audit', 'verify', '--heads', join(dir, 'noted')], test.env)).code).toBe(0);
        writeFileSync(join(dir, 'noted'), JSON.stringify({ scope_id: gateway, seq: 9999, hash: 'x' }));
        expect(await signet(['admin', 'audit', 'verify', '--heads', join(dir, 'noted')], test.env)).toMatchObject({
          code: 1,
          stderr: `${gateway} #9999: missing\n`,
        });
      } finally {
        rmSync(dir, { recursive: true });
      }
    });
  });
});
