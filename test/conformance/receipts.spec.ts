import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Clock } from '../../src/platform/common/clock.js';
import { newId } from '../../src/platform/common/ids.js';
import type { Machine as Credential } from '../../src/platform/common/principal.js';
import type { Scope } from '../../src/platform/common/scope.js';
import { Config } from '../../src/platform/config/config.js';
import { Database } from '../../src/platform/database/database.js';
import { SessionReports } from '../../src/distribution/sessions/session-reports.service.js';
import { SessionRefused } from '../../src/distribution/sessions/sessions.errors.js';
import { SessionsService } from '../../src/distribution/sessions/sessions.service.js';
import {
  type ControlEffect,
  type ControlEvent,
  type ControlState,
  isCandidate,
  leaseEndMs,
  type Observation,
  observe,
  type ReceiptRow,
  type SessionRow,
  silenceOf,
  step,
  storeStepMs,
  waitsFor,
} from '../../src/lib/receipts/protocol.js';
import {
  candidates,
  gatewayRow,
  shownGateway,
  insertSession,
  sessionsById,
  sessionsOfReceipt,
  type StoredSession,
} from '../../src/platform/receipts/protocol-rows.js';
import { ReceiptsService } from '../../src/platform/receipts/receipts.service.js';
import { Pulse } from '../../src/platform/recovery/pulse.js';
import { SilenceWatch } from '../../src/platform/receipts/silence-watch.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';
import { overdue } from '../support/slowness.js';

/** Every session has one of these slots. A later session in the same slot is another process. */
const PLACES = 3;
const STEPS = 20;
/** The number of the newest receipts that are compared with their sessions. */
const SHOWN = 4;
const RUNS = Number(process.env.RECEIPTS_RUNS ?? 25);
const LEASES = [null, 10, 90] as const;

/** Events of a gateway. Numbers select among the existing objects. */
type Happening =
  | { readonly kind: 'begin'; readonly place: number; readonly withTable: boolean; readonly succeeds: boolean; readonly lease: number }
  | { readonly kind: 'ask'; readonly place: number; readonly partial: boolean }
  | {
      readonly kind: 'report';
      readonly place: number;
      readonly behind: number;
      readonly lease: number;
      readonly more: 'nothing' | 'leaving' | 'forged' | 'repeated' | 'ahead' | 'of another epoch' | 'succeeds';
    }
  | { readonly kind: 'all report'; readonly behind: number }
  | { readonly kind: 'write' }
  | { readonly kind: 'lease'; readonly lease: number }
  | { readonly kind: 'vouch'; readonly place: number }
  | { readonly kind: 'time'; readonly ms: number; readonly watch: number }
  | { readonly kind: 'restart'; readonly watch: number }
  | { readonly kind: 'revoke' }
  | { readonly kind: 'epoch'; readonly over: boolean };

/** Every history begins with a process that has not asked for keys and a process that has keys. */
const BEGUN: readonly Happening[] = [
  { kind: 'begin', place: 0, withTable: false, succeeds: false, lease: 0 },
  { kind: 'begin', place: 1, withTable: false, succeeds: false, lease: 0 },
  { kind: 'ask', place: 0, partial: false },
];

const place = fc.nat(PLACES - 1);
const lease = fc.nat(LEASES.length - 1);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('begin'), place, withTable: oneIn(5), succeeds: oneIn(3), lease }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('ask'), place, partial: oneIn(3) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('report'),
      place,
      behind: fc.constantFrom(0, 0, 0, 1, 2),
      lease,
      more: fc.oneof(
        { weight: 5, arbitrary: fc.constant('nothing' as const) },
        { weight: 4, arbitrary: fc.constantFrom('leaving', 'forged', 'repeated', 'ahead', 'of another epoch', 'succeeds') },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('all report'), behind: fc.constantFrom(0, 1) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lease'), lease }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('vouch'), place }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('time'), ms: fc.constantFrom(900, 1100, 11_900, 92_000), watch: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart'), watch: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('epoch'), over: fc.boolean() }) },
);

function oneIn(n: number): fc.Arbitrary<boolean> {
  return fc.nat(n - 1).map((drawn) => drawn === 0);
}

/** The columns that the protocol decides on, without display times. */
const decided = ({ ending, contradictedAt, ...row }: SessionRow) => ({
  sessionId: row.sessionId,
  nodeId: row.nodeId,
  publicKey: row.publicKey,
  credentialId: row.credentialId,
  epoch: row.epoch,
  asked: row.asked,
  withTable: row.withTable,
  firstRevision: row.firstRevision,
  acknowledged: row.acknowledged,
  counter: row.counter,
  leaseSeconds: row.leaseSeconds,
  silenceMs: row.silenceMs,
  ending: ending && { how: ending.how, by: 'by' in ending ? ending.by : null },
  contradicted: contradictedAt !== null,
});
const byId = (rows: readonly SessionRow[]) =>
  [...rows].sort((a, b) => (a.sessionId < b.sessionId ? -1 : 1)).map((row) => JSON.stringify(decided(row)));

/** A control plane that observes sessions, and the model's copy of its observations. */
interface Watching {
  watch: SilenceWatch;
  clock: { atMs: number };
  seen: Map<string, Observation>;
}

/** A gateway in the model, with all rows in one state. */
class Model {
  state: ControlState;

  constructor(epoch: string, revision: number, leaseSeconds: number | null) {
    const receipts = Array.from({ length: revision }, (_, i) => open(i + 1, epoch));
    this.state = { gateway: { epoch, revision, leaseSeconds, deleted: false, held: false, quarantine: null }, sessions: [], receipts };
    this.take({ kind: 'look' });
  }

  take(event: ControlEvent): readonly ControlEffect[] {
    const [after, effects] = step(this.state, event);
    [this.state] = step(after, { kind: 'look' });
    return effects;
  }

  written(): void {
    const { gateway, receipts } = this.state;
    const revision = gateway.revision + 1;
    this.state = { ...this.state, gateway: { ...gateway, revision }, receipts: [...receipts, open(revision, gateway.epoch)] };
    this.take({ kind: 'look' });
  }

  session(sessionId: string): SessionRow | undefined {
    return this.state.sessions.find((each) => each.sessionId === sessionId);
  }

  get through(): number {
    return this.state.receipts.reduce((most, { revision, complete }) => (complete ? Math.max(most, revision) : most), 0);
  }
}

const open = (revision: number, epoch: string): ReceiptRow => ({ revision, epoch, complete: false, superseded: false });
const refusalOf = (effects: readonly ControlEffect[]) => effects.find((effect) => effect.do === 'refuse')?.because;

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let database: Database;
  let receipts: ReceiptsService;

  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test, { SIGNET_LIMITS: 'instances=100000,signs=100000' });
    // Time passes for the silence watches of this suite, and not for that of the service.
    const stopped = performance.now() + 60_000;
    service.app.get(Clock).monotonic = () => stopped;
    client = await service.client({ project: 'own' });
    database = service.app.get(Database);
    receipts = new ReceiptsService(database, service.app.get(Clock), service.app.get(Config), service.app.get(Pulse));
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  const watching = (clock = { atMs: 0 }): Watching => {
    const watch = new SilenceWatch(database, receipts, { now: () => Date.now(), monotonic: () => clock.atMs }, service.app.get(Pulse));
    return { watch, clock, seen: new Map() };
  };

  /** Applies one history to the service and to the pure function. */
  async function live(history: readonly Happening[], reached: Set<string>): Promise<void> {
    const gateway = await client.gateway();
    const scope: Scope = { kind: 'instance', id: gateway };
    const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
    const own = (path: string) => `/signet/v1/instances/${gateway}${path}`;
    const machines = [await Machine.of(client, gateway), await Machine.of(client, gateway)];
    const credential = (i: number): Credential => ({
      tokenId: machines[i]!.tokenId,
      projectId: client.projectId,
      instanceId: gateway,
      role: 'gateway',
      lineageId: machines[i]!.tokenId,
      expiresAt: null,
      certificateSha256: null,
    });
    let revoked = false;
    /** A session keeps its credential, also when that is revoked. */
    const of = (i: number) => credential(i % 2);
    const begun = (await service.app.get(Pulse).snapshot((reads, judge) => gatewayRow(reads, scope, judge)))!;
    const model = new Model(begun.epoch, begun.revision, begun.leaseSeconds);
    const watches = [watching(), watching()];
    const processes: { session: TestSession; place: number }[] = [];
    const latest = (wanted: number) => processes.findLast((each) => each.place === wanted);

    /** Service and function must both accept, or give the same refusal. */
    const told = async (asked: Promise<unknown>, i: number, say: () => readonly ControlEffect[]) => {
      const answer = await asked.then(
        (value) => ({ value, refused: undefined }),
        (error: unknown) => {
          if (error instanceof SessionRefused) return { value: undefined, refused: error.because };
          return { value: undefined, refused: (error as { code?: string }).code ?? String(error) };
        },
      );
      if (revoked && i % 2 === 1) {
        expect(answer.refused).toBeDefined();
        reached.add('refused: revoked');
        return;
      }
      const effects = say();
      expect(answer.refused).toBe(refusalOf(effects));
      if (answer.refused !== undefined) reached.add(`refused: ${answer.refused}`);
      const terms = effects.find((effect) => effect.do === 'answer_report')?.terms;
      if (terms)
        expect(answer.value).toEqual({
          epoch: terms.epoch,
          counter: terms.counter,
          previous_counter: terms.previousCounter,
          revision: terms.revision,
          lease_seconds: terms.leaseSeconds,
          time_ms: expect.any(Number),
        });
    };

    const reports = service.app.get(SessionReports);
    const reportOf = (wanted: number, behind: number, lease: number | null, more: string) => {
      const { session } = latest(wanted)!;
      const { revision } = model.state.gateway;
      const applied = more === 'ahead' ? revision + 1 : Math.max(0, revision - behind);
      const repeated = more === 'repeated' && session.counter > 0 ? { counter: session.counter } : {};
      const predecessor = more === 'succeeds' ? processes.findLast((each) => each !== latest(wanted)) : undefined;
      const report = session.report(applied, {
        lease_seconds: lease,
        leaving: more === 'leaving',
        ...(more === 'of another epoch' && { epoch: newId() }),
        ...repeated,
        ...(more === 'forged' && { signature: new TestSession(gateway, 'other').report(applied).signature }),
        ...(predecessor && { succeeds: predecessor.session.succeededBy(session) }),
      });
      const event: ControlEvent = {
        kind: 'report',
        sessionId: session.sessionId,
        authentic: more !== 'forged',
        credentialId: of(wanted).tokenId,
        epoch: report.epoch,
        counter: report.counter,
        revision: applied,
        newestRevision: report.newest_revision,
        digest: report.digest,
        ownDigest: undefined,
        leaseSeconds: report.lease_seconds,
        leaving: report.leaving,
        succeeds: predecessor ? { sessionId: predecessor.session.sessionId, proven: true } : null,
        at: 1,
      };
      return { session, report, event };
    };
    const said = (effects: readonly ControlEffect[]) => {
      // A disproved vouch is a separate write.
      if (effects.some((effect) => effect.do === 'contradicted')) {
        reached.add('contradicted');
        model.written();
      }
      return effects;
    };

    const happen = async (what: Happening): Promise<void> => {
      if (what.kind === 'begin') {
        const session = new TestSession(gateway, `place-${what.place}`);
        const predecessor = what.succeeds ? latest(what.place) : undefined;
        const leaseSeconds = what.withTable ? LEASES[what.lease]! : 0;
        const registration = session.registration({
          with_table: what.withTable,
          lease_seconds: leaseSeconds,
          ...(predecessor && { succeeds: predecessor.session.succeededBy(session) }),
        });
        const living = model.state.sessions.filter((each) => each.credentialId === of(what.place).tokenId && !each.ending).length;
        const asked = service.app.get(SessionsService).register(of(what.place), session.sessionId, registration);
        await told(asked, what.place, () => {
          session.epoch = model.state.gateway.epoch;
          processes.push({ session, place: what.place });
          return model.take({
            kind: 'register',
            sessionId: session.sessionId,
            nodeId: session.nodeId,
            publicKey: session.publicKey,
            credentialId: of(what.place).tokenId,
            withTable: what.withTable,
            leaseSeconds,
            living,
            sessionsMax: 1000,
            succeeds: predecessor ? { sessionId: predecessor.session.sessionId, proven: true } : null,
          });
        });
      } else if (what.kind === 'ask') {
        const process = latest(what.place);
        if (!process) return;
        const { sessionId } = process.session;
        const wanted = what.partial ? { publishIds: [], signIds: [newId()] } : undefined;
        await told(service.app.get(SessionsService).snapshot(of(what.place), sessionId, wanted), what.place, () => {
          const effects = model.take({ kind: 'ask', sessionId });
          if (refusalOf(effects)) return effects;
          const { revision } = model.state.gateway;
          return model.take({ kind: 'record', sessionId, revision, atLeast: revision, partial: what.partial });
        });
      } else if (what.kind === 'report') {
        if (!latest(what.place)) return;
        const { session, report, event } = reportOf(what.place, what.behind, LEASES[what.lease]!, what.more);
        await told(reports.take(of(what.place), session.sessionId, report), what.place, () => said(model.take(event)));
      } else if (what.kind === 'all report') {
        // The first row is stored alone, and all further rows together.
        const places = [0, 1, 2].filter((each) => latest(each));
        const all = places.map((each) => ({ each, ...reportOf(each, what.behind, 90, 'nothing') }));
        const taken = all.map(({ each, session, report }) => reports.take(of(each), session.sessionId, report));
        await Promise.allSettled(taken);
        for (const [i, { each, event }] of all.entries()) await told(taken[i]!, each, () => said(model.take(event)));
      } else if (what.kind === 'write') {
        expect((await client.post(at('/signs'), { name: `key_${newId().slice(0, 20)}` })).status).toBe(201);
        model.written();
      } else if (what.kind === 'lease') {
        const lease_seconds = LEASES[what.lease]!;
        expect((await client.put(own('/settings'), { lease_seconds })).status).toBe(200);
        model.state = { ...model.state, gateway: { ...model.state.gateway, leaseSeconds: lease_seconds } };
        model.written();
      } else if (what.kind === 'vouch') {
        const process = latest(what.place);
        if (!process) return;
        const { sessionId } = process.session;
        const known = model.session(sessionId)?.ending === null;
        const answer = await client.delete(own(`/sessions/${sessionId}`));
        expect(answer.status).toBe(known ? 204 : 404);
        if (!known) return;
        const by = (await sessionRows([sessionId]))[0]!.ending;
        expect(by).toMatchObject({ how: 'vouched' });
        model.written();
        model.take({ kind: 'vouch', sessionId, by: by && 'by' in by ? by.by : '', at: 1 });
      } else if (what.kind === 'time') {
        for (const { clock } of watches) clock.atMs += what.ms;
        const one = watches[what.watch]!;
        await (one.watch as unknown as { poll(): Promise<void> }).poll();
        lookWith(one);
      } else if (what.kind === 'restart') {
        // The control plane dies and loses the silence that it had not stored.
        watches[what.watch] = watching(watches[what.watch]!.clock);
      } else if (what.kind === 'revoke') {
        if (revoked) return;
        expect((await client.delete(own(`/gateway-tokens/${machines[1]!.tokenId}`))).status).toBe(204);
        revoked = true;
        model.written();
      } else {
        await newEpoch(what.over);
      }
    };

    const sessionRows = (ids: readonly string[]) =>
      database.snapshot(async (reads) => (ids.length === 0 ? [] : sessionsById(reads, scope, ids)));

    /** The model's part of one control plane's check. */
    const lookWith = ({ clock, seen }: Watching) => {
      const rows = model.state.sessions.filter(({ ending }) => ending === null);
      const now = new Map<string, Observation>();
      for (const row of rows) now.set(row.sessionId, observe(seen.get(row.sessionId), row, clock.atMs, clock.atMs));
      seen.clear();
      for (const [id, observation] of now) seen.set(id, observation);
      for (const row of rows) {
        const { counter } = now.get(row.sessionId)!;
        const silenceMs = silenceOf(now.get(row.sessionId)!);
        if (silenceMs < leaseEndMs(row.leaseSeconds) && silenceMs - row.silenceMs < storeStepMs(row.leaseSeconds)) continue;
        const effects = model.take({ kind: 'silence', sessionId: row.sessionId, counter, silenceMs });
        if (effects.some((effect) => effect.do === 'ended')) reached.add('ended: lease_over');
      }
    };

    /** The database was restored, and an operator has decided. No lease is longer than a second in this model. */
    const newEpoch = async (over: boolean) => {
      const epoch = newId().replaceAll('-', '').slice(0, 32);
      const quarantine = { since: epoch, longestLeaseSeconds: 1, elapsedMs: over ? leaseEndMs(1) : leaseEndMs(1) - 1, vouchedBy: null };
      await database.transaction(async (tx) => {
        // After detection and decision, the files of control planes in the earlier epoch are void.
        await tx.run("INSERT INTO left_epochs (epoch, how, left_at) SELECT epoch, 'restored', 0 FROM database_epoch");
        await tx.run(
          `UPDATE database_epoch SET epoch = ?, quarantine_since = ?, longest_lease_seconds = ?, elapsed_ms = ?, vouched_by = NULL WHERE id = 1`,
          [epoch, quarantine.since, quarantine.longestLeaseSeconds, quarantine.elapsedMs],
        );
      });
      const { gateway, receipts: rows } = model.state;
      // Open receipts belong to the current epoch, because only completed receipts have a row.
      model.state = {
        ...model.state,
        gateway: { ...gateway, epoch, quarantine },
        receipts: rows.map((row) => (row.complete ? row : { ...row, epoch })),
      };
      model.take({ kind: 'look' });
    };

    const compare = async (what: string) => {
      // A disproved vouch is written after the report was refused.
      for (const began = performance.now(); !overdue(began, 10_000); ) {
        const row = await service.app.get(Pulse).snapshot((reads, judge) => gatewayRow(reads, scope, judge));
        if (row!.revision >= model.state.gateway.revision) break;
        // A read on SQLite does not yield by itself.
        await new Promise(setImmediate);
      }
      await receipts.check(scope);
      const { gateway: expected, sessions } = model.state;
      const found = await service.app.get(Pulse).snapshot(async (reads, judge) => ({
        gateway: (await gatewayRow(reads, scope, judge))!,
        selected: await candidates(reads, scope),
        through: await reads.rows<{ revision: number | null }>('SELECT MAX(revision) AS revision FROM receipts WHERE scope_id = ?', [
          gateway,
        ]),
        shown: await Promise.all(
          model.state.receipts
            .slice(-SHOWN)
            .map(async ({ revision }) => ({ revision, rows: await sessionsOfReceipt(reads, scope, revision) })),
        ),
      }));
      const { revision, epoch, leaseSeconds, deleted, held, quarantine } = found.gateway;
      expect({ what, revision, epoch, leaseSeconds, deleted, held, quarantine }).toEqual({ what, ...expected });
      // Every row equals the function's result.
      expect([what, byId(await sessionRows(sessions.map(({ sessionId }) => sessionId)))]).toEqual([what, byId(sessions)]);
      // SQL selects exactly the sessions that the function may wait for.
      expect([what, byId(found.selected)]).toEqual([what, byId(sessions.filter(isCandidate))]);
      // The stored completions are those that the function finds over all rows.
      expect([what, found.through[0]?.revision ?? 0]).toEqual([what, model.through]);
      // A receipt shows every session that it waits for.
      for (const { revision: of_, rows } of found.shown) {
        const ids = new Set(rows.map(({ sessionId }) => sessionId));
        const receipt = model.state.receipts.find((each) => each.revision === of_)!;
        const waited = sessions.filter((session) => waitsFor(receipt, session) && receipt.epoch === session.epoch);
        expect([what, of_, waited.filter(({ sessionId }) => !ids.has(sessionId)).map(decided)]).toEqual([what, of_, []]);
        if (waited.length > 0) reached.add(receipt.complete ? 'asked after it was complete' : 'waits');
      }
      for (const { ending } of sessions) if (ending) reached.add(`ended: ${ending.how}`);
      if (model.through > begun.revision) reached.add('completed later');
    };

    await compare('the beginning');
    try {
      for (const [i, what] of [...BEGUN, ...history].entries()) {
        await happen(what);
        await compare(`${i}: ${JSON.stringify(what)}`);
      }
    } finally {
      // A watch reads the sessions of all gateways.
      await database.transaction(async (tx) => {
        await tx.run('DELETE FROM signing_sessions WHERE scope_id = ?', [gateway]);
        await tx.run('UPDATE database_epoch SET quarantine_since = NULL, longest_lease_seconds = NULL, elapsed_ms = 0 WHERE id = 1');
      });
    }
  }

  it('SQL selects and stores what the pure function decides on all rows, whatever the history, so that no optimisation skips a process', async () => {
    const reached = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: STEPS, maxLength: STEPS }), (history) => live(history, reached)),
      { seed: Number(process.env.RECEIPTS_SEED ?? 1), numRuns: RUNS },
    );
    expect([...reached].sort()).toEqual(
      expect.arrayContaining([
        'completed later',
        'contradicted',
        'ended: lease_over',
        'ended: left',
        'ended: succeeded',
        'ended: vouched',
        'refused: ahead',
        'refused: ended',
        'refused: epoch',
        'refused: forged',
        'refused: repeated',
        'refused: revoked',
        'waits',
      ]),
    );
  });

  it('a thousand nodes that acknowledge one change cause some dozens of transactions, and not one each', async () => {
    const gateway = await client.gateway();
    const scope: Scope = { kind: 'instance', id: gateway };
    const { tokenId } = await Machine.of(client, gateway);
    const credential: Credential = {
      tokenId,
      projectId: client.projectId,
      instanceId: gateway,
      role: 'gateway',
      lineageId: 't',
      expiresAt: null,
      certificateSha256: null,
    };
    const { epoch } = (await database.snapshot((reads) => shownGateway(reads, scope)))!;
    const sessions = Array.from({ length: 1000 }, (_, i) => new TestSession(gateway, `node-${i}`));
    await database.transaction(async (tx) => {
      for (const session of sessions) {
        session.epoch = epoch;
        await insertSession(tx, asked(session, { scope, projectId: client.projectId, credentialId: tokenId, epoch }));
      }
    });
    expect((await client.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'everybody_hears_of_it' })).status).toBe(201);
    const { revision } = (await database.snapshot((reads) => shownGateway(reads, scope)))!;
    const signed = sessions.map((session) => ({ session, report: session.report(revision) }));
    await receipts.check(scope);
    const through = async () =>
      (
        await database.rows<{ revision: number | null }>('SELECT MAX(revision) AS revision FROM receipts WHERE scope_id = ?', [gateway])
      )[0]!;
    expect(await through()).not.toEqual({ revision });
    let transactions = 0;
    const transaction = database.transaction.bind(database);
    database.transaction = (body) => {
      transactions++;
      return transaction(body);
    };
    try {
      const reports = service.app.get(SessionReports);
      await Promise.all(signed.map(({ session, report }) => reports.take(credential, session.sessionId, report)));
    } finally {
      database.transaction = transaction;
    }
    expect(transactions).toBeLessThan(50);
    await receipts.check(scope);
    expect(await through()).toEqual({ revision });
    await database.transaction((tx) => tx.run('DELETE FROM signing_sessions WHERE scope_id = ?', [gateway]));
  });
});

const asked = (
  { sessionId, nodeId, publicKey }: TestSession,
  { scope, projectId, credentialId, epoch }: { scope: Scope; projectId: string; credentialId: string; epoch: string },
): StoredSession => ({
  sessionId,
  nodeId,
  publicKey,
  credentialId,
  epoch,
  asked: true,
  withTable: false,
  firstRevision: null,
  acknowledged: 0,
  counter: 0,
  leaseSeconds: 60,
  silenceMs: 0,
  ending: null,
  contradictedAt: null,
  scopeKind: scope.kind,
  scopeId: scope.id,
  projectId,
  version: '1.0.0',
  acknowledgedAt: null,
  endedAt: null,
  endedRevision: null,
  registeredAt: 0,
  lastSeen: 0,
});
