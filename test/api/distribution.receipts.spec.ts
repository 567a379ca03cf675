import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { RetentionService } from '../../src/platform/audit/retention.service.js';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { digestRow } from '../../src/lib/protocol/digest-row.js';
import type { SessionReport, Snapshot } from '../../src/lib/protocol/protocol.js';
import { digestOf, digestText } from '../../src/lib/receipts/digest.js';
import { operator } from '../../src/identity/projects/operator.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';
import { overdue, stretched } from '../support/slowness.js';

const SESSIONS_MAX = 50;

/**
 * The factor by which test clocks run faster. The pulse must be less than a second old on these clocks, so a larger factor would fail on a
 * slow machine.
 */
const FASTER = 5;

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let machine: Machine;
  let count = 0;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const own = (path: string) => `/signet/v1/instances/${gateway}${path}`;
  const receipt = async (revision: number) => (await client.get(own(`/receipts/${revision}`))).body;
  const create = async () => (await client.post(at('/signs'), { name: `key_${(count += 1)}` })).body.id as string;
  /** The factor by which this control plane's monotonic clock runs faster; only this clock ends leases. */
  const faster = (times: number) => {
    const clock = service.app.get(Clock);
    const [now, began] = [clock.monotonic(), performance.now()];
    clock.monotonic = () => now + (performance.now() - began) * times;
  };
  /** Polls the receipt, as a control plane does once a second. */
  const until = async (revision: number, condition: (found: any) => boolean) => {
    let found: unknown;
    for (const began = performance.now(); !overdue(began, 60_000); ) if (condition((found = await receipt(revision)))) return found;
    throw new Error(`the receipt did not get there: ${JSON.stringify(found)}`);
  };
  const states = async (revision: number) =>
    ((await receipt(revision)).sessions as { node_id: string; state: string }[]).map(({ node_id, state }) => `${node_id} ${state}`);
  /** A new gateway whose nodes have applied everything. @returns its revision */
  const fleet = async (...nodes: string[]): Promise<number> => {
    gateway = await client.gateway();
    machine = await Machine.of(client, gateway);
    for (const node of nodes) expect((await machine.report(node, 1)).status).toBe(200);
    return 1;
  };

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, {
      SIGNET_LIMITS: `instances=1000,sessions=${SESSIONS_MAX}`,
    });
    client = await service.client({ project: 'own' });
  });
  afterEach(() => faster(1));
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('PUT …/sessions/{session_id}', () => {
    it('registers a process, and changes nothing when it is repeated', async () => {
      await fleet();
      const session = new TestSession(gateway, 'node-1');
      const first = await machine.register(session);
      expect([first.status, first.body]).toEqual([
        200,
        { epoch: expect.stringMatching(/^[0-9a-f]{32}$/), accepted: [], receipt_retention_days: 400 },
      ]);
      expect((await machine.register(session)).body).toEqual(first.body);
      const { body } = await client.get(own('/sessions'));
      expect(body).toMatchObject({ total: 1, sessions: [{ node_id: 'node-1', applied_revision: 0, version: '1.0.0', applied_at: null }] });
    });

    it('makes two sessions of two processes with one name, and neither acknowledges for the other', async () => {
      await fleet('twin');
      await create();
      const twin = new TestSession(gateway, 'twin');
      twin.epoch = (await machine.register(twin)).body.epoch;
      await machine.ask(twin);
      expect((await machine.say(twin, twin.report(2))).status).toBe(200);
      expect((await states(2)).sort()).toEqual(['twin acknowledged', 'twin pending']);
      expect(await receipt(2)).toMatchObject({ complete: false });
      await machine.report('twin', 2);
      expect(await receipt(2)).toMatchObject({ complete: true });
    });

    it('answers 403 for a registration that is not signed with the key that it registers', async () => {
      await fleet();
      const [honest, other] = [new TestSession(gateway, 'n'), new TestSession(gateway, 'n')];
      const { status, body } = await machine.register(honest, { signature: other.registration().signature });
      expect([status, body.code]).toEqual([403, 'session_forged']);
    });

    it('answers 409 for a session that another process has registered', async () => {
      await fleet();
      const [honest, other] = [new TestSession(gateway, 'n'), new TestSession(gateway, 'n')];
      await machine.register(honest);
      const taken = Object.assign(other, { sessionId: honest.sessionId });
      expect((await machine.register(taken)).body.code).toBe('session_taken');
    });

    it('ends its predecessor only with a proof of the predecessor’s private key', async () => {
      await fleet();
      const [before, after, thief] = ['n', 'n', 'n'].map((name) => new TestSession(gateway, name)) as [
        TestSession,
        TestSession,
        TestSession,
      ];
      await machine.register(before);
      await machine.ask(before);
      await machine.register(thief, { succeeds: { ...before.succeededBy(after) } });
      expect(await states(1)).toEqual(['n pending']);
      await machine.register(after, { succeeds: before.succeededBy(after) });
      expect(await states(1)).toEqual(['n succeeded']);
      expect(await receipt(1)).toMatchObject({ complete: true, sessions: [{ ended_by: after.sessionId }] });
    });

    it('answers 429 beyond the sessions that a credential may have, also for concurrent requests, until one has ended', async () => {
      await fleet();
      const sessions = Array.from({ length: 60 }, (_, i) => new TestSession(gateway, `n${i}`));
      const answers = await Promise.all(sessions.map((session) => machine.register(session)));
      expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(SESSIONS_MAX);
      expect(answers.find(({ status }) => status !== 200)?.body.code).toBe('session_too_many');
      expect(service.logs.join('')).toContain('nearly reached its maximum number of sessions');
      const one = sessions[answers.findIndex(({ status }) => status === 200)]!;
      one.epoch = answers.find(({ status }) => status === 200)!.body.epoch;
      await machine.say(one, one.report(0, { leaving: true }));
      expect((await machine.register(new TestSession(gateway, 'more'))).status).toBe(200);
    });
  });

  describe('PUT …/sessions/{session_id}/report', () => {
    it('answers 200 with the current revision, which a report does not change', async () => {
      await fleet();
      const { status, body } = await machine.report('node-1', 0);
      const epoch = body.epoch as string;
      expect([status, body]).toEqual([
        200,
        { epoch, counter: 1, previous_counter: 0, revision: 1, lease_seconds: 60, time_ms: expect.any(Number) },
      ]);
      await create();
      expect((await machine.report('node-1', 1)).body).toEqual({
        epoch,
        counter: 2,
        previous_counter: 1,
        revision: 2,
        lease_seconds: 3600,
        time_ms: expect.any(Number),
      });
      const { body: list } = await client.get(own('/sessions'));
      expect(list).toMatchObject({ total: 1, sessions: [{ node_id: 'node-1', applied_revision: 1, lease_seconds: 3600 }] });
    });

    it('answers 409 for a future revision', async () => {
      await fleet();
      expect((await machine.report('node-1', 2)).body.code).toBe('session_ahead');
    });

    it('accepts many concurrent reports, each with its own answer', async () => {
      await fleet();
      const names = Array.from({ length: 40 }, (_, i) => `node-${i}`);
      await Promise.all(names.map((node) => machine.session(node)));
      const answers = await Promise.all(names.map((node, i) => machine.report(node, i % 2 === 0 ? 1 : 7)));
      expect(answers.map(({ status }) => status)).toEqual(names.map((_, i) => (i % 2 === 0 ? 200 : 409)));
    });

    it('refuses a forged, repeated or altered report, and one of another session', async () => {
      await fleet('honest', 'other');
      await create();
      const honest = (await machine.session('honest')) as TestSession;
      const other = (await machine.session('other')) as TestSession;
      const lost = honest.report(1);
      const true2 = honest.report(2);
      const attempts: [SessionReport, string][] = [
        [{ ...true2, signature: other.report(2).signature }, 'session_forged'],
        [{ ...lost, applied_revision: 2 }, 'session_forged'],
        [{ ...lost, leaving: true }, 'session_forged'],
        [{ ...true2, counter: 900 }, 'session_forged'],
        [honest.report(1, { epoch: 'f'.repeat(32) }), 'session_epoch'],
      ];
      for (const [report, code] of attempts) expect((await machine.say(honest, report)).body.code).toBe(code);
      expect((await states(2)).sort()).toEqual(['honest pending', 'other pending']);
      expect((await machine.say(honest, true2)).status).toBe(200);
      expect((await machine.say(honest, true2)).body.code).toBe('session_repeated');
      expect((await machine.say(honest, lost)).body.code).toBe('session_repeated');
      expect((await states(2)).sort()).toEqual(['honest acknowledged', 'other pending']);
      expect((await machine.say(new TestSession(gateway, 'nobody'), lost)).body.code).toBe('session_unknown');
    });

    it('refuses a registration with an altered table, lease or list of ended keys', async () => {
      await fleet('honest');
      const session = new TestSession(gateway, 'comes-back');
      const tombstone = { sign_id: 'a'.repeat(32), version: 1, publish_id: null, revision: 2, epoch: 'e' };
      const true1 = session.registration({ with_table: true, lease_seconds: 600, tombstones: [tombstone] });
      const silent = { ...true1, tombstones: [] };
      for (const altered of [
        silent,
        { ...true1, tombstones: [{ ...tombstone, version: 2 }] },
        { ...true1, tombstones: [tombstone, { ...tombstone, sign_id: 'b'.repeat(32) }] },
        { ...true1, lease_seconds: 1 },
        { ...true1, with_table: false },
      ])
        expect((await machine.call('PUT', `/sessions/${session.sessionId}`, altered)).body.code).toBe('session_forged');
      expect((await machine.call('PUT', `/sessions/${session.sessionId}`, true1)).status).toBe(200);
    });

    it('refuses a report of another gateway’s session', async () => {
      await fleet('n');
      const session = (await machine.session('n')) as TestSession;
      await fleet();
      expect((await machine.say(session, session.report(1))).body.code).toBe('session_unknown');
    });

    it('invented processes that never ask for keys hold no receipt open', async () => {
      await fleet('honest');
      await create();
      for (let i = 0; i < 20; i++) await machine.register(new TestSession(gateway, `invented-${i}`));
      await machine.report('honest', 2);
      expect(await receipt(2)).toMatchObject({ complete: true, sessions: [{ node_id: 'honest' }] });
    });

    it('never lowers the acknowledged revision of a session', async () => {
      await fleet();
      await create();
      await machine.report('n', 2);
      await machine.report('n', 1);
      expect(await receipt(2)).toMatchObject({ complete: true, sessions: [{ state: 'acknowledged' }] });
    });

    it('answers 409 for a table that differs from that of its revision, and 200 for an equal one', async () => {
      await fleet();
      const { publishIds } = await client.publishedApi(gateway);
      const session = new TestSession(gateway, 'n');
      session.epoch = (await machine.register(session)).body.epoch;
      const { body: snapshot } = await machine.ask(session, '');
      const { revision, publications } = snapshot as Snapshot;
      expect(publications.map(({ publish_id }) => publish_id)).toEqual(publishIds);
      const digest = digestText(digestOf(publications.map(digestRow)));
      const say = (more: Partial<SessionReport>) => machine.say(session, session.report(revision, { newest_revision: revision, ...more }));
      // The first report lets the control plane begin to compare tables.
      await say({ digest });
      let answer = await say({ digest: 'f'.repeat(64) });
      while (answer.status === 200) answer = await say({ digest: 'f'.repeat(64) });
      expect(answer.body.code).toBe('session_mismatch');
      expect((await say({ digest })).status).toBe(200);
      // If rows are newer than the acknowledged revision, the table belongs to no single revision and is not compared.
      expect((await say({ digest: 'f'.repeat(64), newest_revision: revision + 1 })).status).toBe(200);
    });

    it('ends a session that leaves, whose later reports are refused', async () => {
      await fleet('a', 'b');
      await create();
      await machine.report('a', 1, { leaving: true });
      expect((await client.get(own('/sessions'))).body.sessions).toMatchObject([{ node_id: 'b' }]);
      expect(await states(2)).toEqual(['a left', 'b pending']);
      expect((await machine.report('a', 2)).body.code).toBe('session_ended');
    });

    it('assigns a session to the credential of its last report, and is refused with a revoked credential', async () => {
      await fleet('n');
      await create();
      const renewed = await client.post(own('/gateway-tokens'), { role: 'gateway' });
      const later = machine.with(renewed.body.token, renewed.body.id);
      expect((await later.report('n', 1)).status).toBe(200);
      await client.delete(own(`/gateway-tokens/${machine.tokenId}`));
      expect((await machine.report('n', 3)).status).toBe(401);
      expect((await client.get(own('/sessions'))).body.sessions).toMatchObject([{ node_id: 'n', credential_id: renewed.body.id }]);
      await client.delete(own(`/gateway-tokens/${renewed.body.id}`));
      expect((await later.report('n', 2)).status).toBe(401);
      // The session stays in the receipt until its lease ends.
      expect(await receipt(2)).toMatchObject({ complete: false, sessions: [{ node_id: 'n', state: 'pending' }] });
    });
  });

  describe('GET …/snapshot', () => {
    it('requires a registered session, for which receipts wait from then on', async () => {
      await fleet();
      const session = new TestSession(gateway, 'n');
      expect((await machine.ask(session)).body.code).toBe('session_unknown');
      await machine.register(session);
      expect(await receipt(1)).toMatchObject({ complete: true, sessions: [] });
      await create();
      await machine.ask(session);
      expect(await receipt(2)).toMatchObject({ complete: false, sessions: [{ state: 'pending' }] });
    });

    it('exempts a session from the revisions in its first whole snapshot, and from none in a later or partial snapshot', async () => {
      await fleet();
      await create();
      const session = new TestSession(gateway, 'n');
      session.epoch = (await machine.register(session)).body.epoch;
      expect((await machine.ask(session)).body.revision).toBe(2);
      expect(await states(2)).toEqual(['n pending']);
      expect((await machine.ask(session, '')).body).toMatchObject({ revision: 2, partial: false });
      expect(await states(2)).toEqual([]);
      await create();
      expect((await machine.ask(session, '')).body.revision).toBe(3);
      expect(await receipt(3)).toMatchObject({ complete: false, sessions: [{ node_id: 'n', state: 'pending' }] });
    });

    it('answers 409 for a session that has ended', async () => {
      await fleet('n');
      const session = (await machine.session('n')) as TestSession;
      await machine.report('n', 1, { leaving: true });
      expect((await machine.ask(session)).body.code).toBe('session_ended');
      await expect(machine.watch(1, true, session.sessionId)).rejects.toThrow(/^watch: 409/);
    });
  });

  describe('GET …/receipts/{revision}', () => {
    it('is complete without sessions', async () => {
      await fleet();
      expect(await receipt(1)).toEqual({
        instance_id: gateway,
        revision: 1,
        complete: true,
        created_at: expect.stringMatching(/^\d{4}-.*Z$/),
        completed_at: expect.stringMatching(/^\d{4}-.*Z$/),
        sessions: [],
        verifiers: { state: 'none_known', verifiers: [] },
        refused_everywhere: false,
      });
    });

    it('shows which sessions have applied the revision and when, and which have not', async () => {
      await fleet('a', 'b');
      await create();
      await create();
      await machine.report('a', 2);
      expect(await receipt(2)).toMatchObject({
        complete: false,
        completed_at: null,
        sessions: [
          { node_id: 'a', state: 'acknowledged', acknowledged_at: expect.any(String) },
          { node_id: 'b', state: 'pending' },
        ],
      });
      await machine.report('a', 3);
      await machine.report('b', 3);
      expect((await receipt(2)).complete).toBe(true);
      expect(await receipt(3)).toMatchObject({ complete: true });
    });

    it('stays complete, also when a process returns that was served before, and is stored although nobody asks for it', async () => {
      await fleet();
      await create();
      const db = service.app.get(Database);
      const stored = () => db.rows<{ revision: number }>('SELECT MAX(revision) AS revision FROM receipts WHERE scope_id = ?', [gateway]);
      while ((await stored())[0]!.revision !== 2) await new Promise((resolve) => setTimeout(resolve, 20));
      const first = await receipt(2);
      await machine.report('late', 0);
      expect(await receipt(2)).toMatchObject({ complete: true, completed_at: first.completed_at });
      await create();
      expect(await receipt(3)).toMatchObject({ complete: false });
    });

    it.each(['3', '0', '-1', '01', 'abc', '9'.repeat(15)])('answers 404 for %s, which is no revision yet', async (revision) => {
      await fleet();
      expect((await client.get(own(`/receipts/${revision}`))).status).toBe(404);
    });

    it('answers 404 for a gateway of another project, and 200 for a reader of this project', async () => {
      await fleet();
      expect((await (await service.client()).get(own('/receipts/1'))).status).toBe(404);
      const reader = await service.client({ role: READ_ONLY, project: 'own' });
      expect((await reader.get(own('/receipts/1'))).status).toBe(200);
    });

    it('outlives the audit trail, and answers 410 after its own retention time', async () => {
      await fleet();
      await create();
      await receipt(2);
      await service.app.get(RetentionService).prune(Date.now() + 1000, operator('signet-cli'));
      expect(await receipt(1)).toMatchObject({ revision: 1, complete: true });
      const old = Date.now() - 401 * 86_400_000;
      const sql = 'UPDATE changes SET created_at = ? WHERE scope_id = ? AND revision = 1';
      await service.app.get(Database).transaction((tx) => tx.run(sql, [old, gateway]));
      const { status, body } = await client.get(own('/receipts/1'));
      expect([status, body.code]).toEqual([410, 'receipt_expired']);
    });
  });

  describe('DELETE …/sessions/{session_id}', () => {
    it('ends a session on an operator’s word, and shows since when that word is known to be wrong', async () => {
      await fleet('gone');
      await create();
      const { sessionId } = (await machine.session('gone')) as TestSession;
      expect((await client.delete(own(`/sessions/${sessionId}`))).status).toBe(204);
      expect((await client.delete(own(`/sessions/${sessionId}`))).status).toBe(404);
      const vouched = { state: 'vouched', ended_by: expect.stringMatching(/^u/), ended_at: expect.any(String) };
      expect(await receipt(2)).toMatchObject({ complete: true, sessions: [{ ...vouched, contradicted_at: null }] });
      const events = async (action: string) => (await client.get(`/signet/v1/audit?resource_id=${sessionId}&action=${action}`)).body.events;
      expect(await events('VouchForSession')).toMatchObject([
        { resource_type: 'SigningSession', detail: { node_id: 'gone', applied_revision: 1 } },
      ]);
      expect((await machine.report('gone', 1)).body.code).toBe('session_ended');
      expect(await receipt(2)).toMatchObject({ complete: true, sessions: [{ ...vouched, contradicted_at: expect.any(String) }] });
      while ((await events('ContradictVouch')).length === 0) await new Promise(setImmediate);
    });

    it.each(['x', '0'.repeat(32)])('answers 404 for %s', async (sessionId) => {
      await fleet();
      expect((await client.delete(own(`/sessions/${sessionId}`))).status).toBe(404);
    });
  });

  describe('PUT …/settings', () => {
    it('answers 200, writes an audit row and reaches the processes', async () => {
      await fleet('n');
      expect((await client.get(own('/settings'))).body).toEqual({
        lease_seconds: 3600,
        mask_secrets: false,
        encoded_slashes: 'refuse',
        open_connections: 'keep',
      });
      expect((await client.put(own('/settings'), { lease_seconds: 20 })).body).toEqual({
        lease_seconds: 20,
        mask_secrets: false,
        encoded_slashes: 'refuse',
        open_connections: 'keep',
      });
      expect((await machine.report('n', 2)).body).toMatchObject({ lease_seconds: 20 });
      const { events } = (await client.get(`/signet/v1/audit?instance_id=${gateway}&action=UpdateInstanceSettings`)).body;
      expect(events[0]).toMatchObject({ detail: { lease_seconds: 20 } });
      expect((await client.put(own('/settings'), { lease_seconds: null })).body).toMatchObject({
        lease_seconds: null,
        mask_secrets: false,
      });
      expect((await machine.report('n', 3)).body).toMatchObject({ lease_seconds: null });
    });

    it.each([9, 86_401, 1.5, '20', undefined, true])('answers 400 for %s', async (lease_seconds) => {
      expect((await client.put(own('/settings'), { lease_seconds })).status).toBe(400);
    });

    it('sets a lease, after which, and a margin, the receipt of a disconnected process is complete', async () => {
      await fleet();
      await client.put(own('/settings'), { lease_seconds: 20 });
      await machine.report('n', 2);
      await machine.report('n', 2, { lease_seconds: 20 });
      const since = service.app.get(Clock).monotonic();
      await create();
      expect(await receipt(3)).toMatchObject({ complete: false, sessions: [{ state: 'pending', lease_seconds: 20 }] });
      faster(FASTER);
      await until(3, ({ complete }) => complete);
      expect(service.app.get(Clock).monotonic() - since).toBeGreaterThanOrEqual(22_200);
      expect(await states(3)).toEqual(['n lease_over']);
      expect((await machine.report('n', 3)).body.code).toBe('session_ended');
    });

    it('applies a shortened lease only after the process has confirmed it', async () => {
      await fleet();
      await client.put(own('/settings'), { lease_seconds: 60 });
      await machine.report('n', 2);
      await machine.report('n', 2, { lease_seconds: 60 });
      await client.put(own('/settings'), { lease_seconds: 10 });
      expect((await machine.report('n', 2, { lease_seconds: 60 })).body.lease_seconds).toBe(10);
      expect((await receipt(3)).sessions).toMatchObject([{ lease_seconds: 60 }]);
      await machine.report('n', 2, { lease_seconds: 10 });
      expect((await receipt(3)).sessions).toMatchObject([{ lease_seconds: 10 }]);
    });

    it('does not depend on wall clocks, which may jump by an hour in control plane and database', async () => {
      await fleet();
      await client.put(own('/settings'), { lease_seconds: 20 });
      await machine.report('n', 2);
      await create();
      const clock = service.app.get(Clock);
      // By its monotonic clock no time passes, whatever the wall clocks do.
      faster(0);
      try {
        for (const hours of [1, -1, 0]) {
          clock.now = () => Date.now() + hours * 3_600_000;
          await machine.report('n', 2, { lease_seconds: 20 });
          clock.now = () => Date.now() + (hours + 1) * 3_600_000;
          await until(3, ({ sessions }) => sessions[0]?.silent_seconds === 0);
          expect(await receipt(3)).toMatchObject({ complete: false, sessions: [{ state: 'pending' }] });
        }
      } finally {
        clock.now = () => Date.now();
      }
    });
  });

  describe('Signet-Receipt', () => {
    const headersOf = ({ headers }: { headers: Headers }) => [headers.get('signet-revision'), headers.get('signet-receipt')];
    const expected = (revision: number) => [
      String(revision),
      expect.stringMatching(new RegExp(`^${own(`/receipts/${revision}`)}[?]epoch=[0-9a-f]{32}$`)),
    ];

    it('is in the answers to modify, delete, bind and unbind, which are otherwise unchanged', async () => {
      await fleet();
      const id = await create();
      const updated = await client.put(at(`/signs/${id}`), { name: 'renamed' });
      expect([updated.status, updated.body.name, ...headersOf(updated)]).toEqual([200, 'renamed', ...expected(3)]);
      const { publishIds } = await client.publishedApi(gateway);
      const bound = await client.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
      expect([bound.status, bound.body.bindings.length, ...headersOf(bound)]).toEqual([201, 1, ...expected(7)]);
      const again = await client.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
      expect(headersOf(again)).toEqual(expected(7));
      const unbound = await client.delete(at(`/sign-bindings/${bound.body.bindings[0].id}`));
      expect([unbound.status, unbound.text, ...headersOf(unbound)]).toEqual([204, '', ...expected(8)]);
      const deleted = await client.delete(at(`/signs/${id}`));
      expect([deleted.status, deleted.text, ...headersOf(deleted)]).toEqual([204, '', ...expected(9)]);
      expect((await client.get(deleted.headers.get('signet-receipt')!)).body).toMatchObject({ revision: 9, complete: true });
      expect(deleted.headers.get('preference-applied')).toBeNull();
    });

    it('is in no refusal', async () => {
      await fleet();
      expect(headersOf(await client.delete(at('/signs/0123456789abcdef0123456789abcdef')))).toEqual([null, null]);
    });
  });

  describe('Prefer: wait=N', () => {
    const remove = (id: string, prefer: string) => client.call('DELETE', at(`/signs/${id}`), undefined, { prefer });

    it('answers when the last node has applied the deletion', async () => {
      await fleet('a', 'b');
      const id = await create();
      const watch = await machine.watch();
      const before = performance.now();
      const answer = remove(id, 'respond-async, wait=20');
      await watch.until(({ revisions }) => revisions.at(-1) === 3);
      await machine.report('a', 3);
      expect(await receipt(3)).toMatchObject({ complete: false });
      await machine.report('b', 3);
      const { status, headers } = await answer;
      expect([status, headers.get('preference-applied')]).toEqual([204, 'wait=20']);
      expect(performance.now() - before).toBeLessThan(stretched(5000));
      expect(await receipt(3)).toMatchObject({ complete: true });
      watch.close();
    });

    it('answers after N seconds when a node does not', async () => {
      await fleet('a');
      const before = performance.now();
      const { status, headers } = await remove(await create(), 'wait=1');
      expect([status, headers.get('preference-applied')]).toEqual([204, 'wait=1']);
      expect(performance.now() - before).toBeGreaterThanOrEqual(1000);
      expect(await receipt(3)).toMatchObject({ complete: false });
    });

    it('answers at once without nodes, and does not delay other requests', async () => {
      await fleet();
      expect((await remove(await create(), 'wait="30"; foo')).headers.get('preference-applied')).toBe('wait=30');
      await fleet('a');
      const ids = await Promise.all(Array.from({ length: 40 }, () => create()));
      const waiting = ids.map((id) => remove(id, 'wait=25'));
      const id = await create();
      await client.put(at(`/signs/${id}`), { name: 'meanwhile' });
      let done = false;
      void Promise.all(waiting).then(() => (done = true));
      while (!done) await machine.report('a', (await machine.report('a', 1)).body.revision as number);
    });

    it.each(['wait=abc', 'wait', 'return=minimal', 'wait=-1'])('ignores %s', async (prefer) => {
      await fleet('a');
      expect((await remove(await create(), prefer)).headers.get('preference-applied')).toBeNull();
    });

    it('waits for at most 30 s', async () => {
      await fleet();
      expect((await remove(await create(), 'wait=3600')).headers.get('preference-applied')).toBe('wait=30');
    });
  });
});
