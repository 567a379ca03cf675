import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { readConfig } from '../../src/platform/config/config.js';
import type { Database } from '../../src/platform/database/database.js';
import { LeasedTask } from '../../src/platform/database/leased-task.js';
import { openDatabase } from '../../src/platform/database/open.js';
import { entities } from '../../src/entities.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';

const LEASE_MS = 10_000;

class Steps extends LeasedTask<string> {
  steps: string[] = ['a', 'b'];
  readonly taken: string[] = [];

  constructor(database: Database, clock: Clock) {
    super(
      database,
      clock,
      { maintains: 'a list of the steps that it ran' },
      { lease: 'steps', leaseMs: LEASE_MS, everyMs: 1000, fault: 'no step' },
    );
  }

  protected due(): string[] {
    return this.steps;
  }

  protected async runStep(step: string): Promise<void> {
    this.taken.push(step);
    if (step === 'fails') throw new Error('this step fails');
  }
}

onBothDatabases((name) => {
  let test: TestDatabase;
  let database: Database;
  const clock = new Clock();
  let now = 1_000_000;
  clock.now = () => now;

  beforeAll(async () => {
    test = await createTestDatabase(name);
    database = await openDatabase(readConfig(test.env), entities);
  });
  afterAll(async () => {
    await database.close();
    await test.drop();
  });
  beforeEach(() => database.transaction((tx) => tx.run('DELETE FROM leases')));

  describe('a periodic task', () => {
    it('is run by one process at a time, and by another process when that one has ended', async () => {
      const [one, other] = [new Steps(database, clock), new Steps(database, clock)];
      await Promise.all([one.tick(), other.tick()]);
      const [holder, waiting] = one.taken.length > 0 ? [one, other] : [other, one];
      expect([holder.taken, waiting.taken]).toEqual([['a', 'b'], []]);
      now += LEASE_MS;
      await waiting.tick();
      expect(waiting.taken).toEqual([]);
      now += 1;
      await waiting.tick();
      await holder.tick();
      expect([holder.taken, waiting.taken]).toEqual([
        ['a', 'b'],
        ['a', 'b'],
      ]);
    });

    it('continues with the next step after a failed one', async () => {
      const task = new Steps(database, clock);
      task.steps = ['fails', 'b'];
      await task.tick();
      expect(task.taken).toEqual(['fails', 'b']);
    });

    it('takes no lease when nothing is due', async () => {
      const task = new Steps(database, clock);
      task.steps = [];
      await task.tick();
      expect(await database.rows('SELECT name FROM leases')).toEqual([]);
    });
  });
});
