import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEmptyDatabase, createTestDatabase, onMariadb, type TestDatabase } from '../support/databases.js';
import { InTurn } from '../support/in-turn.js';
import type { LeftOut } from '../support/left-out.js';
import { hasMariadbServer, OwnMariadb } from '../support/own-mariadb.js';
import { ControlPlane } from '../support/probed-plane.js';
import { Ground } from '../support/receipt-ground.js';
import { type Scenario, SCENARIOS } from '../support/receipt-scenarios.js';
import { WallClock } from '../support/wall-clock.js';

const HOUR = 3600;
/** The minimum number of requests per scenario that begin after its receipt is complete. */
const PROBES_MIN = 400;
/** If a fault shows in one of n probes, this factor times n probes miss it with a probability of e^-10. */
const TIMES = 10;
/** A control without a violation within this many probes has failed. */
const CONTROL_PROBES = 20_000;
/**
 * The start of a process needs CPU time, and the rest of a scenario waits for leases, so only this many scenarios start at the same time.
 */
const STARTING_AT_ONCE = 3;

const PATIENCE_MS = 1_200_000;

const starting = new InTurn(STARTING_AT_ONCE);
const lines: string[] = [];
const began = performance.now();
const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
const say = (line: string) => void lines.push(`${seconds()}: ${line}`);
afterAll(() => void process.stdout.write(`${lines.join('\n')}\n`));

interface World {
  name: string;
  test: TestDatabase;
  planes: ControlPlane[];
  /** The wall clocks jump when half of the scenarios have begun. */
  moved: WallClock[];
  stop(): Promise<void>;
}

async function onSqlite(leavesOut: boolean): Promise<World> {
  const test = await createTestDatabase('sqlite');
  const plane = await ControlPlane.start(test, -HOUR, leavesOut);
  const stop = async () => {
    await plane.served.stop('SIGKILL');
    await test.drop();
  };
  return { name: 'on SQLite', test, planes: [plane], moved: [plane.clock], stop };
}

async function twoOnMariadb(): Promise<World> {
  const clock = new WallClock(HOUR);
  const [server, test] = await Promise.all([OwnMariadb.startWith(clock.env), createEmptyDatabase('sqlite')]);
  stopped.push(() => server.stop());
  const own: TestDatabase = { ...test, name: 'mariadb', env: { ...test.env, DATABASE_URL: server.url } };
  const first = await ControlPlane.start(own, -HOUR, false);
  stopped.push(async () => void (await first.served.stop('SIGKILL')));
  const second = await ControlPlane.start(own, HOUR, false);
  const stop = async () => {
    await Promise.all([first, second].map(({ served }) => served.stop('SIGKILL')));
    await server.stop();
    await test.drop();
  };
  return { name: 'two control planes on one MariaDB', test: own, planes: [first, second], moved: [clock, first.clock, second.clock], stop };
}

/** All scenarios run in parallel, and each test waits for its scenario. */
const worlds: Promise<World>[] = [];
const world = (start: () => Promise<World>): Promise<World> => {
  const started = starting.run(start);
  started.catch(() => undefined);
  worlds.push(started);
  return started;
};
const stopped: (() => Promise<void>)[] = [];
afterAll(async () => {
  await Promise.allSettled(stopped.map((stop) => stop()));
  await Promise.allSettled(worlds.map(async (each) => (await each).stop()));
});

/** @returns the environment of a scenario, whose nodes sign */
async function staged(scenario: Scenario, { test, planes }: World, leaseSeconds: number, leftOut?: LeftOut): Promise<Ground> {
  return starting.run(async () => {
    const ground = await Ground.of(test, planes, leaseSeconds, leftOut);
    stopped.push(() => ground.stop());
    await scenario.prepare(ground);
    await ground.signing();
    return ground;
  });
}

const later = <T>(work: Promise<T>): Promise<T> => {
  work.catch(() => undefined);
  return work;
};

type Needed = Scenario['controls'][number] & { readonly scenario: Scenario };
const NEEDED: readonly Needed[] = SCENARIOS.flatMap((scenario) => scenario.controls.map((control) => ({ scenario, ...control })));
/** By rule: the counts at the first violation. */
const controls = new Map<LeftOut, Promise<number>>();

async function violated(ground: Ground, { scenario, leftOut }: Needed): Promise<number> {
  await scenario.act(ground, CONTROL_PROBES).finally(() => ground.stop());
  const counted = Math.min(...ground.nodes.map(({ probes }) => probes.firstAt ?? Number.POSITIVE_INFINITY));
  if (counted < Number.POSITIVE_INFINITY) say(`without ${leftOut}: the first violation at probe ${counted}: ${ground.violations[0]}`);
  return counted;
}

/**
 * A rule that a control plane leaves out is left out for all of its gateways, so the rules take turns. The rules in this list come last,
 * because they change the control plane permanently.
 */
const LAST: readonly LeftOut[] = ['wallClockSilence', 'pulseNotChecked'];
const turnOf = ({ leftOut }: Needed) => LAST.indexOf(leftOut);

function startControls(ofNodes: Promise<World>, ofPlanes: Promise<World>): void {
  let before: Promise<unknown> = Promise.resolve();
  for (const needed of NEEDED.filter(({ by }) => by === 'control plane').sort((a, b) => turnOf(a) - turnOf(b))) {
    const { scenario, leftOut, leaseSeconds = scenario.leaseSeconds } = needed;
    const stage = later(ofPlanes.then((each) => staged(scenario, each, leaseSeconds)));
    const turn = before;
    const acted = stage.then(async (ground) => {
      await turn;
      await ground.signing();
      const [plane] = ground.planes as [ControlPlane];
      await plane.leaveOut(leftOut);
      return violated(ground, needed).finally(() => plane.leaveOut());
    });
    before = later(acted).catch(() => undefined);
    controls.set(leftOut, acted);
  }
  for (const needed of NEEDED.filter(({ by }) => by === 'nodes')) {
    const { scenario, leftOut, leaseSeconds = scenario.leaseSeconds } = needed;
    const acted = ofNodes.then((each) => staged(scenario, each, leaseSeconds, leftOut)).then((ground) => violated(ground, needed));
    controls.set(leftOut, later(acted));
  }
}

const wanted = async ({ controls: needed }: Scenario): Promise<number> => {
  let most = PROBES_MIN;
  for (const { leftOut } of needed) {
    const counted = (await controls.get(leftOut)) ?? 0;
    // A control without a violation fails separately.
    if (Number.isFinite(counted)) most = Math.max(most, TIMES * counted);
  }
  return most;
};

interface Clean {
  ground: Ground;
  wanted: number;
}

/** @param besides other scenarios on the same control planes */
function startClean(world: Promise<World>, besides: readonly Promise<unknown>[] = []): Map<string, Promise<Clean>> {
  const runs = new Map<string, Promise<Clean>>();
  let began = 0;
  const ran = async (scenario: Scenario, index: number): Promise<Clean> => {
    const { moved, ...all } = await world;
    // Half of the scenarios follow the other control plane. The receipts of each are read at the control plane that it does not follow.
    const planes = index % 2 === 0 || scenario.alone ? all.planes : all.planes.toReversed();
    const ground = await staged(scenario, { ...all, moved, planes }, scenario.leaseSeconds);
    if (++began === Math.floor(SCENARIOS.length / 2)) for (const clock of moved) clock.set(-clock.offset);
    const enough = await wanted(scenario);
    await scenario.act(ground, enough).finally(() => ground.stop());
    say(`${scenario.name}, ${all.name}: ${ground.counts.counted} probes after a complete receipt, ${enough} wanted of each node`);
    return { ground, wanted: enough };
  };
  const together = SCENARIOS.filter(({ alone }) => !alone);
  for (const scenario of together) runs.set(scenario.name, later(ran(scenario, SCENARIOS.indexOf(scenario))));
  let before: Promise<unknown> = Promise.allSettled([...runs.values(), ...besides]);
  for (const scenario of SCENARIOS.filter(({ alone }) => alone)) {
    const run = later(before.then(() => ran(scenario, 0)));
    before = Promise.allSettled([run]);
    runs.set(scenario.name, run);
  }
  return runs;
}

const onOwnMariadb = hasMariadbServer || process.env['CI'] === 'true';
let sqlite: Map<string, Promise<Clean>>;
let mariadb: Map<string, Promise<Clean>>;
beforeAll(() => {
  const [ofPlanes, clean] = [world(() => onSqlite(true)), world(() => onSqlite(false))];
  const own = onOwnMariadb ? world(twoOnMariadb) : undefined;
  startControls(clean, ofPlanes);
  sqlite = startClean(
    clean,
    NEEDED.filter(({ by }) => by === 'nodes').map(({ leftOut }) => controls.get(leftOut)!),
  );
  if (own) mariadb = startClean(own);
});

describe('without one rule, probes find a complete receipt that is wrong:', () => {
  it.each(NEEDED)(
    '$leftOut',
    async ({ leftOut }) => {
      expect(await controls.get(leftOut)).toBeLessThan(CONTROL_PROBES);
    },
    PATIENCE_MS,
  );
});

const suite = (name: string, runs: () => Map<string, Promise<Clean>>) =>
  describe(`with every rule, every complete receipt is right, ${name}:`, () => {
    afterAll(async () => {
      const sum = { answered: 0, signed: 0, counted: 0, violations: 0 };
      for (const run of await Promise.allSettled(runs().values())) {
        if (run.status === 'rejected') continue;
        const { counts, violations } = run.value.ground;
        for (const key of ['answered', 'signed', 'counted'] as const) sum[key] += counts[key];
        sum.violations += violations.length;
      }
      const { answered, signed, counted, violations } = sum;
      say(`${name}: ${answered} probes, ${signed} of them signed, ${counted} after a complete receipt: ${violations} violations`);
    });

    it.each(SCENARIOS)(
      '$name',
      async (scenario) => {
        const { ground, wanted } = await runs().get(scenario.name)!;
        expect(ground.violations).toEqual([]);
        expect(ground.counts.counted).toBeGreaterThanOrEqual(wanted);
        expect(ground.counts.signed).toBeGreaterThan(0);
      },
      PATIENCE_MS,
    );
  });

suite('on SQLite', () => sqlite);
if (onOwnMariadb) suite('two control planes on one MariaDB', () => mariadb);
else onMariadb(() => it.skip('needs a separate MariaDB server', () => undefined));
