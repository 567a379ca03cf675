import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { errorFormatOf } from '../../src/platform/common/error-formats.js';
import { Clock } from '../../src/platform/common/clock.js';
import { Config } from '../../src/platform/config/config.js';
import { Database } from '../../src/platform/database/database.js';
import type { Reads } from '../../src/platform/database/tx.js';
import { EndpointResolver } from '../../src/webhooks/delivery/endpoint-resolver.js';
import { ReceiptsService } from '../../src/platform/receipts/receipts.service.js';
import { decide, epochRow, recordRestore } from '../../src/platform/recovery/epoch-rows.js';
import { Pulse } from '../../src/platform/recovery/pulse.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Route, routesOf } from '../support/routes.js';
import { type Answer, type Client, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';
import { until } from '../support/until.js';
import { examplesOf, idsOf, createFixtures, unique, type Fixtures, VALUES } from '../support/fixtures.js';

/** A larger factor would fail on a slow machine, because a beat must be at most a second old. */
const FASTER = 5;
const HELD = 'was restored to an earlier state';

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let database: Database;
  let pulse: Pulse;
  let admin: Client;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test, { SIGNET_WEBHOOKS: 'check-dns=off,delivery=off' });
    database = service.app.get(Database);
    pulse = service.app.get(Pulse);
    admin = await service.client({ role: 'APIG Administrator' });
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  /** Acts like a beat that finds an older number in the row than in the file. */
  const noticed = (longestLeaseSeconds: number) =>
    database.transaction(async (tx) => {
      await recordRestore(tx, await epochRow(tx, 'another', pulse.epoch), longestLeaseSeconds, Date.now());
    });
  const decided = async () => {
    await pulse.beatNow();
    await pulse.decide('alice');
    await pulse.vouch('alice');
  };

  it('no result is returned without a check for a restore', async () => {
    await expect(pulse.transaction(async () => 'told')).rejects.toThrow('without checking for a restore');
    await expect(pulse.snapshot(async () => 'told')).rejects.toThrow('without checking for a restore');
    await expect(pulse.statement(async () => 'told')).rejects.toThrow('without checking for a restore');
    expect(await pulse.transaction(async (tx, judge) => (await judge.read(tx)).epoch)).toBe(pulse.epoch);
  });

  it('no receipt is complete before the longest lease and its margin have passed since a restore was detected', async () => {
    const lease = 10;
    const clock = service.app.get(Clock);
    const [from, began] = [clock.monotonic(), performance.now()];
    await noticed(lease);
    await pulse.beatNow();
    await pulse.decide('alice');
    const gateway = await admin.gateway();
    const made = await admin.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'nobody_has_it', sign_type: 'hmac' });
    const receipt = made.headers.get('signet-receipt') ?? `/signet/v1/instances/${gateway}/receipts/1`;
    expect((await admin.get(receipt)).body).toMatchObject({ complete: false, sessions: [] });
    clock.monotonic = () => from + (performance.now() - began) * FASTER;
    let found = await admin.get(receipt);
    while (found.body.complete !== true) found = await admin.get(receipt);
    expect(clock.monotonic() - from).toBeGreaterThan(lease * 1000 + 2000);
    const ended = clock.monotonic();
    const then = performance.now();
    clock.monotonic = () => ended + performance.now() - then;
  });

  it('a beat that waits for the operator’s decision reads it, and reports no second restore', async () => {
    await noticed(0);
    await pulse.beatNow();
    const outside = AsyncLocalStorage.snapshot();
    // INNODB_TRX would be too slow, because it is refreshed at most ten times a second.
    const waits = `SELECT 1 FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID() AND TIME_MS > 50
      AND INFO LIKE 'SELECT%database_epoch%FOR UPDATE%'`;
    let beat: Promise<void> | undefined;
    const epoch = await database.transaction(async (tx) => {
      const { epoch } = await decide(tx, await epochRow(tx, 'another', pulse.epoch), 'alice', Date.now());
      beat = outside(() => pulse.beatNow());
      if (name === 'mariadb') await outside(() => until(async () => (await database.rows(waits)).length > 0, 'the beat to wait'));
      return epoch;
    });
    await beat;
    expect(await pulse.status()).toMatchObject({ epoch, held: 0 });
    expect(pulse).toMatchObject({ epoch, held: false });
  });

  it('no receipt of an epoch is completed after another control plane has detected the end of that epoch', async () => {
    const gateway = await admin.gateway();
    const stored = () => database.rows('SELECT revision FROM receipts WHERE scope_id = ?', [gateway]);
    const waits = await Machine.of(admin, gateway).then((machine) => machine.session('waits'));
    const { sessionId } = waits as TestSession;
    await admin.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'ended' });
    const receipts = new ReceiptsService(database, service.app.get(Clock), service.app.get(Config), pulse);
    await database.transaction((tx) => tx.run('UPDATE signing_sessions SET acknowledged = 99 WHERE session_id = ?', [sessionId]));
    const before = await stored();
    const outside = AsyncLocalStorage.snapshot();
    let between = false;
    const [snapshot, transaction] = [database.snapshot.bind(database), database.transaction.bind(database)];
    /** This runs after every session was found to have acknowledged, and before the completion is stored. */
    const interleaved =
      <T extends Reads, R>(body: (reads: T) => Promise<R>) =>
      async (reads: T): Promise<R> => {
        const rows: Reads['rows'] = async (sql, params) => {
          const found = await reads.rows<never>(sql, params);
          if (!between && sql.includes('FROM signing_sessions') && sql.includes('asked = 1') && params?.includes(gateway)) {
            between = true;
            await outside(() =>
              transaction((tx) => epochRow(tx, 'another', pulse.epoch).then((row) => recordRestore(tx, row, 60, Date.now()))),
            );
          }
          return found;
        };
        return body(Object.assign(Object.create(reads) as T, { rows }));
      };
    database.snapshot = (body) => snapshot(interleaved(body));
    if (name === 'mariadb') database.transaction = (body) => transaction(interleaved(body));
    try {
      await receipts.check({ kind: 'instance', id: gateway });
    } finally {
      Object.assign(database, { snapshot, transaction });
    }
    expect([between, await stored()]).toEqual([true, before]);
    await decided();
  });

  describe('while an operator has not decided about a restore,', () => {
    let fixtures: Fixtures;
    let routes: Route[];
    let machine: Machine;
    let verifier: Machine;
    let session: TestSession;
    let old: string;
    let epoch: string;
    beforeAll(async () => {
      fixtures = await createFixtures(admin, await admin.gateway());
      machine = await Machine.of(admin, fixtures.instance);
      verifier = await Machine.of(admin, fixtures.instance, 'verifier');
      session = (await machine.session('signs')) as TestSession;
      const gone = await admin.delete(`/v1/endpoints/${fixtures.endpoint}/signing-keys/${fixtures.signingKey}`);
      old = gone.headers.get('signet-receipt')!;
      epoch = pulse.epoch;
      routes = routesOf(service.app);
      await noticed(60);
      await pulse.beatNow();
    });
    afterAll(decided);

    const call = (route: Route, { body, query }: ReturnType<typeof examplesOf>[number]): Promise<Answer> => {
      const ids = Object.fromEntries(idsOf(route).map(({ parameter, kind }) => [parameter, kind && fixtures[kind]]));
      const path = route.path
        .replace('/v2/:project_id', '/v2/{project}')
        .replace(/:([A-Za-z_]+)/g, (_, parameter: string) => ids[parameter] ?? VALUES[parameter] ?? '1');
      const search = query ? `?${new URLSearchParams(query(fixtures)).toString()}` : '';
      const sent = body?.(fixtures) ?? (['POST', 'PUT', 'PATCH'].includes(route.method) ? {} : undefined);
      return admin.call(route.method, path + search, sent);
    };
    const isHeld = ({ status, headers, text }: Answer) =>
      status === 503 && /^\d+$/.test(headers.get('retry-after') ?? '') && text.includes(HELD);
    const isWorded = (path: string, { body }: Answer) => {
      const request = expect.stringMatching(/./);
      const shapes = {
        Apig: { error_code: 'APIG.9999', error_msg: request },
        Apic: { error_code: 'APIC.9000', error_msg: request },
        Keystone: { error: { code: 503, title: 'Service Unavailable', message: request } },
        Webhook: { error: { code: 'SERVICE_UNAVAILABLE', message: request }, meta: { request_id: request } },
        Problem: { type: 'about:blank', title: request, status: 503, detail: request, code: 'held', request_id: request },
      };
      expect({ path, body }).toEqual({ path, body: shapes[errorFormatOf(path.replace(/:([A-Za-z_]+)/g, '{$1}'))] });
    };

    it('every route that writes is refused with its contract’s message, and every other route answers', async () => {
      const faults: string[] = [];
      let refused = 0;
      for (const route of routes) {
        const { method, path, access } = route;
        if (!access || access.kind === 'machine' || path === '/') continue;
        const reads = ['GET', 'HEAD', 'OPTIONS'].includes(method) || access.kind === 'public';
        for (const example of examplesOf(route)) {
          const answer = await call(route, example);
          if (reads ? answer.status >= 500 : !isHeld(answer))
            faults.push(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
          else if (!reads) {
            isWorded(path, answer);
            refused++;
          }
        }
      }
      expect(faults).toEqual([]);
      expect(refused).toBeGreaterThan(60);
    });

    it('users can log in, and a wrong password gets its usual answer', async () => {
      const login = (password: string) =>
        admin.call('POST', '/v3/auth/tokens', {
          auth: { identity: { methods: ['password'], password: { user: { name: 'admin', password, domain: { name: 'default' } } } } },
        });
      expect((await login('wrong-password')).status).toBe(401);
    });

    it('machines get no keys, and no new process is registered', async () => {
      const answers = {
        register: await machine.register(new TestSession(fixtures.instance, 'new')),
        report: await machine.say(session, session.report(1)),
        snapshot: await machine.call('GET', '/snapshot', undefined, { 'signet-session': session.sessionId }),
        watch: await machine.call('GET', '/watch', undefined, { 'signet-session': session.sessionId }),
        verify: await verifier.call('GET', '/verification-keys'),
      };
      for (const [what, { status, headers, body }] of Object.entries(answers))
        expect([what, status < 500 || headers.has('retry-after'), body.sign_secret ?? body.keys ?? body.publications]).toEqual([
          what,
          true,
          undefined,
        ]);
      expect(Object.values(answers).filter(({ status }) => status === 200 || status >= 500 !== (status === 503))).toEqual([]);
    });

    it('no delivery attempt can read its signing keys', async () => {
      await expect(service.app.get(EndpointResolver, { strict: false }).read(fixtures.endpoint)).rejects.toMatchObject({ kind: 'held' });
    });

    it('earlier receipts of gateways and endpoints are superseded, also if the database has neither', async () => {
      const answers = [old, old.replace(/receipts\/\d+/, 'receipts/999'), old.replace(fixtures.endpoint, `ep_${'0'.repeat(32)}`)];
      const gateway = `/signet/v1/instances/${fixtures.instance}/receipts`;
      answers.push(
        `${gateway}/999?epoch=${epoch}`,
        `${gateway}/999`,
        `${gateway.replace(fixtures.instance, '0'.repeat(32))}/1?epoch=${epoch}`,
      );
      for (const path of answers) expect([path, (await admin.get(path)).body.code]).toEqual([path, 'receipt_superseded']);
      const unknown = `/signet/v1/endpoints/${fixtures.endpoint}/receipts/0?epoch=${pulse.epoch}`;
      expect((await admin.get(unknown)).status).toBe(404);
      expect((await admin.get(`${gateway}/1?epoch=${unique('NOT')}`)).status).toBe(400);
    });
  });
});
