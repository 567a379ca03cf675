import { describe, expect, it } from '@jest/globals';
import { createEmptyDatabase, type TestDatabase } from '../support/databases.js';
import { hasMariadbServer, OwnMariadb } from '../support/own-mariadb.js';
import { ControlPlane } from '../support/probed-plane.js';
import { pause } from '../support/until.js';
import { Ground } from '../support/receipt-ground.js';
import { SCENARIOS } from '../support/receipt-scenarios.js';
import { numbersFrom } from '../support/seeded.js';
import { WallClock } from '../support/wall-clock.js';

const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 0);
const SEED = Number(process.env['SOAK_SEED'] ?? 1);
const HOUR = 3600;
/** The number of parallel runs per database, which is one if the database is restored from time to time. */
const AT_ONCE = 2;
const PROBES = 1000;
const TOLD_EVERY_MS = 60_000;

interface Soaked {
  name: string;
  test: TestDatabase;
  planes: ControlPlane[];
  /** The control planes whose wall clocks jump. */
  clocks: WallClock[];
  stop(): Promise<void>;
}

async function onSqlite(): Promise<Soaked> {
  const test = await createEmptyDatabase('sqlite');
  const plane = await ControlPlane.start(test, -HOUR, false);
  const stop = async () => {
    await plane.served.stop('SIGKILL');
    await test.drop();
  };
  return { name: 'SQLite', test, planes: [plane], clocks: [plane.clock], stop };
}

async function onMariadb(): Promise<Soaked> {
  const clock = new WallClock(-HOUR);
  const [server, folder] = await Promise.all([OwnMariadb.startWith(clock.env), createEmptyDatabase('sqlite')]);
  const test: TestDatabase = { ...folder, name: 'mariadb', env: { ...folder.env, DATABASE_URL: server.url } };
  const planes = [await ControlPlane.start(test, -HOUR, false), await ControlPlane.start(test, HOUR, false)];
  const stop = async () => {
    await Promise.all(planes.map(({ served }) => served.stop('SIGKILL')));
    await server.stop();
    await folder.drop();
  };
  return { name: 'MariaDB', test, planes, clocks: [clock, ...planes.map((plane) => plane.clock)], stop };
}

(MINUTES > 0 ? describe : describe.skip)('receipts, under random faults,', () => {
  it(`are complete only when no later probe is signed with an ended key, for ${MINUTES} minutes with seed ${SEED}`, async () => {
    process.stdout.write(`seed ${SEED}\n`);
    const sum = { answered: 0, signed: 0, counted: 0, ends: 0, receipts: 0, failed: 0 };
    const violations: string[] = [];
    const failures: string[] = [];
    const end = performance.now() + MINUTES * 60_000;
    let toldAt = performance.now();
    const tell = () => {
      const { answered, signed, counted, ends, receipts, failed } = sum;
      process.stdout.write(
        `${answered} probes, ${signed} of them signed, ${counted} after a complete receipt; ${ends} ends of keys, ${receipts} complete receipts, ` +
          `${failed} runs that did not get there; ${violations.length} violations\n`,
      );
    };
    const putBack = { ...(await onSqlite()), name: 'SQLite that is restored' };
    /** The next run must not use what this run has left in the folder. */
    const anew = async (world: Soaked) => {
      await world.stop();
      Object.assign(world, { ...(await onSqlite()), name: world.name });
    };
    const worlds = [await onSqlite(), putBack, ...(hasMariadbServer ? [await onMariadb()] : [])];
    const runs = worlds.flatMap((world, w) =>
      Array.from({ length: world === putBack ? 1 : AT_ONCE }, async (_, i) => {
        const below = numbersFrom(SEED + 1000 * w + i);
        while (performance.now() < end && violations.length === 0) {
          // A scenario may not finish if its control plane is killed.
          const among = SCENARIOS.filter(({ alone }) => !alone || (alone === 'control plane' ? i === 0 : world === putBack));
          const scenario = among[below(among.length)]!;
          const planes = below(2) === 0 ? world.planes : world.planes.toReversed();
          const moved = below(4) === 0 ? world.clocks[below(world.clocks.length)]! : undefined;
          moved?.set((below(3) - 1) * HOUR);
          let failed = false;
          let ground: Ground | undefined;
          try {
            await Promise.all(planes.map((plane) => plane.up()));
            ground = await Ground.of(world.test, planes, scenario.leaseSeconds);
            await scenario.prepare(ground);
            await ground.signing();
            await scenario.act(ground, PROBES);
          } catch (error) {
            failed = true;
            sum.failed++;
            failures.push(`${scenario.name}, ${world.name}: ${(error as Error).message}`);
            process.stdout.write(`${failures.at(-1)}\n`);
            await pause(1000);
          }
          if (ground) {
            violations.push(...ground.violations.map((violation) => `${scenario.name}, ${world.name}: ${violation}`));
            for (const key of ['answered', 'signed', 'counted', 'ends', 'receipts'] as const) sum[key] += ground.counts[key];
            await ground.stop();
          }
          if (failed && world === putBack) await anew(world);
          if (performance.now() - toldAt < TOLD_EVERY_MS) continue;
          toldAt = performance.now();
          tell();
        }
      }),
    );
    await Promise.allSettled(runs).then((ended) => {
      for (const run of ended) if (run.status === 'rejected') failures.push(String(run.reason));
    });
    tell();
    if (failures.length > 0) process.stdout.write(`${failures.join('\n')}\n`);
    await Promise.all(worlds.map((world) => world.stop()));
    expect(violations).toEqual([]);
    expect(sum.receipts).toBeGreaterThan(0);
  });
});
