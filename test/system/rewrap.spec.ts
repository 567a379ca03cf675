import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { CHILD_ENV, freePort, ServedProcess, signet } from '../support/process.js';
import type { Client } from '../support/service.js';

const KEYS = 320;

const newLine = async () => (await signet(['admin', 'kek', 'generate'], {})).stdout.trim();
const idOf = (ringLine: string) => ringLine.split(':')[0]!;
const lastEvent = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, unknown>;

onBothDatabases((name) => {
  let test: TestDatabase;
  let env: Record<string, string>;
  let served: ServedProcess[] = [];
  const putRing = (...lines: string[]) => writeFileSync(env['SIGNET_KEK_FILE']!, `${lines.join('\n')}\n`, { mode: 0o600 });

  beforeEach(async () => {
    test = await createTestDatabase(name);
    env = { ...test.env, SIGNET_KEK_FILE: join(test.dataDir, 'ring'), SIGNET_LIMITS: 'signs=1000' };
  });
  afterEach(async () => {
    await Promise.all(served.splice(0).map((each) => each.stop('SIGKILL')));
    await test.drop();
  });

  /** Restarts the processes one after the other on the same ports, so that one always answers. */
  async function restartRolling(): Promise<void> {
    for (const [i, before] of served.entries()) {
      expect(await before.stop()).toBe(0);
      served[i] = await ServedProcess.start({ ...env, SIGNET_PORT: new URL(before.baseUrl).port });
    }
  }

  it('a rotation of the keyring under two running processes causes no failed read and no lost write, also with SIGKILL, after which the old key can be removed', async () => {
    const [old, next] = [await newLine(), await newLine()];
    putRing(old);
    served = [await ServedProcess.start(env), await ServedProcess.start(env)];
    const clients = await Promise.all(served.map((each) => each.admin()));
    const gateway = (await clients[0]!.get('/v2/{project}/apigw/instances')).body.instances[0].id as string;
    const signs = `/v2/{project}/apigw/instances/${gateway}/signs`;
    const held = new Map<string, string>();
    const ids: string[] = [];
    await Promise.all(
      Array.from({ length: 8 }, async (_, w) => {
        for (let i = w; i < KEYS; i += 8) {
          const { body } = await clients[i % 2]!.post(signs, { name: `key_${i}` });
          held.set(body.id, body.sign_secret);
          ids.push(body.id);
        }
      }),
    );

    putRing(old, next);
    await restartRolling();
    putRing(next, old);
    await restartRolling();

    let running = true;
    let reads = 0;
    const failed: string[] = [];
    const note = (what: string, status: number) => {
      reads++;
      if (status !== 200) failed.push(`${what}: ${status}`);
    };
    const verifier = await Machine.of(clients[0]!, gateway, 'verifier');
    const reader = async (client: Client) => {
      for (let i = 0; running; i++) {
        note('list', (await client.get(`${signs}?limit=100&offset=${(i % 3) * 100}`)).status);
        note('verification keys', (await verifier.get('/verification-keys')).status);
      }
    };
    // Each writer has its own keys, so that its last write must be stored.
    const writer = async (client: Client, own: string[]) => {
      for (let i = 0; running; i++) {
        const id = own[i % own.length]!;
        const sign_secret = `written${String(i).padStart(9, '0')}`;
        const answer = await client.put(`${signs}/${id}`, { name: `written_${id.slice(-12)}`, sign_secret });
        if (answer.status === 200) held.set(id, sign_secret);
        else failed.push(`write: ${answer.status} ${answer.text}`);
      }
    };
    const others = [...clients.map(reader), writer(clients[0]!, ids.slice(0, KEYS / 2)), writer(clients[1]!, ids.slice(KEYS / 2))];

    await killedInTheMiddle(env, ['admin', 'rewrap', '--reseal', '--key-age-hours', '0']);
    const again = await Promise.all([signet(['admin', 'rewrap', '--reseal'], env), signet(['admin', 'rewrap', '--reseal'], env)]);
    for (const { code, stdout, stderr } of again) {
      expect([code, stderr]).toEqual([0, '']);
      expect(lastEvent(stdout)).toMatchObject({ event: 'done', rotated: 0, broken: 0 });
    }
    running = false;
    await Promise.all(others);
    expect(failed).toEqual([]);
    expect(reads).toBeGreaterThan(20);

    const last = await signet(['admin', 'rewrap', '--reseal'], env);
    expect(lastEvent(last.stdout)).toMatchObject({ rewrapped: 0, rotated: 0, left: 0, broken: 0 });
    const status = JSON.parse((await signet(['admin', 'kek', 'status', '--json'], env)).stdout);
    expect(status.root_keys).toEqual([
      { root_id: idOf(next), provider: 'ring', state: 'primary', data_keys: status.data_keys },
      { root_id: idOf(old), provider: 'ring', state: 'removable', data_keys: 0 },
    ]);
    putRing(next);
    await restartRolling();
    const there = new Map<string, string>();
    for (const offset of [0, 200])
      for (const sign of (await clients[1]!.get(`${signs}?limit=200&offset=${offset}`)).body.signs) there.set(sign.id, sign.sign_secret);
    expect(there).toEqual(held);
    expect((await signet(['admin', 'audit', 'verify'], env)).code).toBe(0);
  });
});

describe('key-encryption keys', () => {
  it('prevent the start with a message that says what to do if a key in use is missing or other users can read the file', async () => {
    const test = await createTestDatabase('sqlite');
    const env: Record<string, string> = { ...test.env, SIGNET_KEK_FILE: join(test.dataDir, 'ring') };
    const putRing = (...lines: string[]) => writeFileSync(env['SIGNET_KEK_FILE']!, `${lines.join('\n')}\n`, { mode: 0o600 });
    const [old, next] = [await newLine(), await newLine()];
    putRing(old);
    await (await ServedProcess.start(env)).stop();
    const start = async () => signet(['serve'], { ...env, SIGNET_PORT: String(await freePort()) });
    putRing(next, old);
    await (await ServedProcess.start(env)).stop();
    putRing(next);
    const early = await start();
    expect([early.code, early.stderr]).toEqual([1, expect.stringContaining(`still wrap data keys: ${idOf(old)} (`)]);
    putRing(next, old);
    chmodSync(env['SIGNET_KEK_FILE']!, 0o644);
    const open = await start();
    expect([open.code, open.stderr]).toEqual([1, expect.stringContaining('has mode 644: set mode 600 or 640')]);
    for (const { stdout, stderr } of [early, open])
      for (const ringLine of [old, next]) expect(stdout + stderr).not.toContain(ringLine.split(':')[1]!.slice(0, 16));
    await test.drop();
  });

  it('are only in their own file, which only its owner can read, and never in the environment of a child process', async () => {
    const test = await createTestDatabase('sqlite');
    const env = { ...test.env, SIGNET_DATA_DIR: join(test.dataDir, 'made') };
    const served = await ServedProcess.start(env);
    try {
      await served.admin();
      const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
      expect([mode(env.SIGNET_DATA_DIR), mode(join(env.SIGNET_DATA_DIR, 'kek'))]).toEqual(['700', '600']);
    } finally {
      await served.stop();
      await test.drop();
    }
    const key = await newLine();
    // Reads the configuration as the service does, and starts a child with the remaining environment.
    const script = `
      const { readConfig } = await import('./dist/platform/config/config.js');
      readConfig(process.env);
      const { execFileSync } = await import('node:child_process');
      console.log(execFileSync('env', { encoding: 'utf8' }));`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      env: {
        PATH: process.env['PATH'],
        SIGNET_KEK: key,
        SIGNET_VAULT_TOKEN: 'hvs.canary',
        SIGNET_VAULT: 'address=http://127.0.0.1:1,key=k',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    await once(child, 'close');
    expect(output).toContain('PATH=');
    expect(output).not.toContain(key.split(':')[1]);
    expect(output).not.toContain('hvs.canary');
  });
});

/** Runs the command, and kills it when it has re-sealed some but not all secrets. Repeats this if the command was faster. */
async function killedInTheMiddle(env: Record<string, string>, args: string[]): Promise<void> {
  for (let attempt = 1; attempt <= 5; attempt++) {
    const child: ChildProcess = spawn(process.execPath, ['dist/cli.js', ...args], {
      env: { ...CHILD_ENV, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk) => {
        output += String(chunk);
        if (output.includes('"step":"secrets"')) child.kill('SIGKILL');
      });
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    if (signal === 'SIGKILL' && !output.includes('"event":"done"')) return;
    expect([code, output]).toEqual([code === null ? null : 0, expect.stringContaining('"event":"done"')]);
  }
  throw new Error('the command was quicker than SIGKILL, five times');
}
