import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { createEmptyDatabase, type TestDatabase } from '../support/databases.js';
import { hasMariadbServer, OwnMariadb } from '../support/own-mariadb.js';
import { ServedProcess } from '../support/process.js';
import type { Answer, Client } from '../support/service.js';
import { stretched } from '../support/slowness.js';
import { until } from '../support/until.js';

const TIMEOUT_MS = 1500;
/** The extra time for a loaded machine. */
const SLACK_MS = 6000;
const AT_ONCE = 60;

/** Blocks database writes while the given work runs. */
type Hold = (work: () => Promise<void>) => Promise<void>;

interface Environment {
  test: TestDatabase;
  hold: Hold;
  /** Fills the disk, if the test can do that here. */
  fill?: () => Promise<void>;
  free?: () => Promise<void>;
  end(): Promise<void>;
}

/** Another process locks the file by a write that does not end. */
async function onSqlite(): Promise<Environment> {
  const test = await createEmptyDatabase('sqlite');
  const hold: Hold = async (work) => {
    const other = new BetterSqlite3(join(test.dataDir, 'signet.db'), { timeout: 5000 });
    other.exec('BEGIN IMMEDIATE');
    try {
      await work();
    } finally {
      other.close();
    }
  };
  // The database is on a separate volume, which only root can create.
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', test.dataDir]).status === 0;
  const ballast = join(test.dataDir, 'ballast');
  const fill = async () => {
    const handle = openSync(ballast, 'w');
    try {
      for (const bytes of [65_536, 4096]) fillUp(handle, Buffer.alloc(bytes));
    } finally {
      closeSync(handle);
    }
  };
  const end = async () => {
    if (mounted) spawnSync('umount', [test.dataDir]);
    await test.drop();
  };
  return { test, hold, ...(mounted && { fill, free: async () => rmSync(ballast) }), end };
}

function fillUp(handle: number, block: Buffer): void {
  try {
    for (;;) writeSync(handle, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

/** The server is stopped with SIGSTOP. */
async function onMariadb(): Promise<Environment> {
  // All tables are in one tablespace of limited size.
  const space = ['--innodb-file-per-table=0', '--innodb-data-file-path=ibdata1:12M:autoextend:max:40M'];
  const [test, mariadb] = [await createEmptyDatabase('sqlite'), await OwnMariadb.start(...space)];
  const hold: Hold = async (work) => {
    mariadb.pause();
    try {
      await work();
    } finally {
      mariadb.resume();
    }
  };
  const fill = async () => {
    await mariadb.query('CREATE TABLE ballast (filling LONGBLOB)');
    for (const bytes of [1_000_000, 100_000, 8000])
      for (;;) {
        const full = await mariadb.query(`INSERT INTO ballast VALUES (REPEAT('x', ${bytes}))`).then(
          () => false,
          () => true,
        );
        if (full) break;
      }
  };
  const end = async () => {
    await mariadb.stop();
    await test.drop();
  };
  const free = () => mariadb.restart('--innodb-file-per-table=0', '--innodb-data-file-path=ibdata1:12M:autoextend:max:80M');
  return { test: { ...test, env: { ...test.env, DATABASE_URL: mariadb.url } }, hold, fill, free, end };
}

const here = hasMariadbServer || process.env['CI'] === 'true';

describe.each([
  ['SQLite, locked by another process', onSqlite],
  ['MariaDB, stopped', onMariadb],
])('on %s', (name, make) => {
  const run = name.startsWith('SQLite') || here ? it : it.skip;
  let environment: Environment;
  let served: ServedProcess;
  let admin: Client;
  let signs: string;
  beforeAll(async () => {
    if (run === it.skip) return;
    environment = await make();
    served = await started(environment.test.env);
    admin = await served.admin();
    const { body } = await admin.get('/v2/{project}/apigw/instances');
    signs = `/v2/{project}/apigw/instances/${body.instances[0].id}/signs`;
  });
  afterAll(async () => {
    await served?.stop('SIGKILL');
    await environment?.end();
  });

  run('every request is answered in time with 503 and Retry-After, and never with 500', async () => {
    await environment.hold(async () => {
      const began = performance.now();
      const writes = Array.from({ length: AT_ONCE }, (_, i) => admin.post(signs, { name: `held_${i}` }));
      const reads = Array.from({ length: AT_ONCE }, () => admin.get(signs));
      const answers: Answer[] = await Promise.all([...writes, ...reads]);
      expect(performance.now() - began).toBeLessThan(stretched(TIMEOUT_MS + SLACK_MS));
      expect(answers.slice(0, AT_ONCE).map(({ status, headers }) => [status, headers.has('retry-after')])).toEqual(
        writes.map(() => [503, true]),
      );
      expect(answers.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    });
  });

  run('probes are answered within a second', async () => {
    await environment.hold(async () => {
      const busy = Array.from({ length: 10 }, () => admin.post(signs, { name: 'held' }));
      for (const [path, statuses] of [
        ['/livez', [200]],
        ['/healthz', [200]],
        ['/readyz', [200, 503]],
      ] as const) {
        const began = performance.now();
        expect(statuses).toContain((await admin.get(path)).status);
        expect(performance.now() - began).toBeLessThan(stretched(1000));
      }
      await Promise.all(busy);
    });
  });

  run('the service works again as soon as the database does', async () => {
    const { status } = await admin.post(signs, { name: 'afterwards' });
    expect(status).toBe(201);
    expect((await admin.get('/readyz')).status).toBe(200);
    // A failed write leaves no rows.
    const { body } = await admin.get(`${signs}?limit=500`);
    expect(body.signs.map((sign: { name: string }) => sign.name)).toEqual(['afterwards']);
  });

  const started = (env: Record<string, string>) =>
    ServedProcess.start({
      ...env,
      SIGNET_TIMEOUTS: `database=${TIMEOUT_MS}ms,shutdown=4000ms`,
      SIGNET_LIMITS: 'database-log=1MiB,signs=100000',
    });

  run(
    'without disk space, writes get 503 and reads succeed; /readyz and one log line give the reason, and with new space writes succeed',
    async () => {
      const { fill, free } = environment;
      if (!fill || !free) return expect(process.env['CI']).toBeUndefined();
      await fill();
      // Uses up the disk space that the database has already reserved.
      for (let last = 201; last === 201; ) last = (await admin.post(signs, { name: `full_${performance.now()}`.replace('.', '_') })).status;
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => admin.post(signs, { name: `none_${i}` })));
      expect(answers.map(({ status, headers }) => [status, headers.has('retry-after')])).toEqual(answers.map(() => [503, true]));
      expect((await admin.get(`${signs}?limit=3`)).status).toBe(200);
      const { status, body } = await admin.get('/readyz');
      expect([status, body.checks.database, body.reasons.database]).toEqual([503, 'failed', expect.stringContaining('is full')]);
      expect(body.reasons.database).toContain(name.startsWith('SQLite') ? environment.test.dataDir : 'database server');
      expect(served.output.split('\n').filter((line) => line.includes('DATABASE_FULL'))).toHaveLength(1);
      if (name.startsWith('SQLite')) {
        await served.stop('SIGKILL');
        const again = await ServedProcess.begin({ ...environment.test.env, SIGNET_LIMITS: 'database-log=1MiB' }, '/livez');
        served = again;
        expect(again.output).toContain('the folder of the database is full');
        admin = await again.admin();
        expect((await admin.get(signs)).status).toBe(200);
        expect((await admin.post(signs, { name: 'none' })).status).toBe(503);
      }
      await free();
      expect((await admin.post(signs, { name: 'space' })).status).toBe(201);
      await until(async () => (await admin.get('/readyz')).status === 200);
    },
  );

  run('SIGTERM ends the process with 0 within its grace', async () => {
    await environment.hold(async () => {
      const busy = Promise.allSettled(Array.from({ length: 10 }, () => admin.post(signs, { name: 'held' })));
      const began = performance.now();
      expect(await served.stop()).toBe(0);
      expect(performance.now() - began).toBeLessThan(stretched(4000 + SLACK_MS));
      await busy;
    });
  });
});
