import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CodeBlock, codeBlocksOf, pages } from '../support/markdown.js';
import { PageShell } from '../support/page-shell.js';
import { CHILD_ENV, freePort } from '../support/process.js';

/** The lines that are not run, with the reason. All other lines of shell blocks run. */
const NOT_RUN: Record<string, string> = {
  'npm ci': 'the tests need what it installs',
  'npm test': 'it runs these tests',
  'npm run hooks': 'it changes the hooks of the checkout',
  'npm run release -- --dry-run': 'it needs a clean checkout: test/system/release.spec.ts runs it in a copy',
  'openstack user create --password-prompt signet':
    'it needs the OpenStack client, a terminal and a Keystone: test/system/keystone.spec.ts runs against a Keystone',
  'openstack role add --user signet --project service service': 'the same reason as the line above',
};
/** `npm start` builds and serves. The tests use the existing build, so the service is started without building. */
const START = /^((?:\w+=\S+ )*)npm start$/;
/** The settings that the page gives for a machine without name servers. The test sends nothing to other machines. */
const SERVICE_ENV: Record<string, Record<string, string>> = {
  'docs/webhooks.md': { SIGNET_WEBHOOKS: 'check-dns=off,delivery=off' },
};
/** Expected errors of a page, in order. Any other error in its output is a fault of the page. */
const ERRORS: Record<string, string[]> = {
  'README.md': ['APIG.0705', 'CANNOT_DELETE_LAST_SIGNING_KEY'],
  'docs/http.md': ['APIG.0705'],
  'docs/gateways.md': ['APIG.0101'],
};
/** Time limit of one block, for a command that hangs: a page has as long as its blocks need. */
const BLOCK_MS = 420_000;

const isShell = ({ language }: CodeBlock) => language === 'bash' || language === 'sh';
const lines = ({ text }: CodeBlock) => text.split('\n').filter((line) => line.trim() !== '');
const isLeftOut = (block: CodeBlock) => lines(block).every((line) => line in NOT_RUN);
const README = readFileSync('README.md', 'utf8');
const PATH_BLOCK = codeBlocksOf(README).find(({ text }) => text.startsWith('export PATH='))!;
const ALL = pages().filter((path) => /^(README|CONTRIBUTING|docs\/[\w-]+)\.md$/.test(path));
const RUN = ALL.filter((path) => codeBlocksOf(readFileSync(path, 'utf8')).some((block) => isShell(block) && !isLeftOut(block)));

/** Number of commands of a page that start a Signet process. */
const commandsOf = (path: string) => readFileSync(path, 'utf8').match(/^signet /gm)?.length ?? 0;

/** A folder that looks like a checkout after `npm ci && npm run build`, without data. */
function checkout(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signet-docs-'));
  for (const name of ['bin', 'dist', 'node_modules', 'packages', 'package.json']) symlinkSync(resolve(name), join(folder, name));
  mkdirSync(join(folder, 'tmp'));
  return folder;
}

/** The service of pages that refer to the README for the start. */
class PageService {
  #running: { stop(): Promise<void> } | undefined;

  constructor(
    private readonly folder: string,
    private readonly env: Record<string, string>,
  ) {}

  /** Starts the service again. @returns the `export` lines that it prints */
  async restart(env: Record<string, string>): Promise<string> {
    await this.stop();
    const ports = { SIGNET_GATEWAY_LISTEN: 'proxy=0,sign=0,demo-backend=0' };
    const child = spawn('bin/signet', ['serve'], {
      cwd: this.folder,
      env: {
        ...CHILD_ENV,
        NODE_COMPILE_CACHE: resolve(CHILD_ENV.NODE_COMPILE_CACHE),
        SIGNET_PORT: String(await freePort()),
        ...ports,
        ...this.env,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const over = once(child, 'exit');
    this.#running = {
      stop: async () => {
        child.kill('SIGTERM');
        await over;
      },
    };
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    // The service prints the token last.
    while (!/^export TOKEN=.+\n/m.test(output)) {
      if (child.exitCode !== null) throw new Error(`the service ended:\n${output}`);
      await Promise.race([once(child.stdout, 'data'), over]);
    }
    return output
      .split('\n')
      .filter((line) => line.startsWith('export '))
      .join('\n');
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }
}

interface Run {
  /** The output of each named block, by name. */
  printed: Record<string, string>;
  output: string;
  seconds: number;
}

/** Runs a page like a reader who begins in an empty folder, and then again in another terminal. */
async function read(path: string): Promise<Run[]> {
  const text = readFileSync(path, 'utf8');
  const folder = checkout();
  const service = new PageService(folder, SERVICE_ENV[path] ?? {});
  const env: Record<string, string | undefined> = {
    PATH: process.env['PATH'],
    HOME: folder,
    TMPDIR: join(folder, 'tmp'),
    NODE_COMPILE_CACHE: resolve(CHILD_ENV.NODE_COMPILE_CACHE),
  };
  for (const name of ['SIGNET_PORT', 'NODE_PORT', 'NODE_SIGN_PORT', 'HOOK_PORT']) env[name] = String(await freePort());
  const runs: Run[] = [];
  try {
    let exports = text.includes('README.md#start') && path !== 'docs/operations.md' ? await service.restart({}) : '';
    while (runs.length < 2) {
      const began = performance.now();
      const shell = new PageShell(folder, env);
      const run: Run = { printed: {}, output: '', seconds: 0 };
      try {
        // Every page except the README assumes that the reader has followed its start: the command is on the PATH, and the `export` lines
        // are pasted.
        if (path !== 'README.md') await shell.run(`${PATH_BLOCK.text}${exports}\n`, BLOCK_MS);
        for (const block of codeBlocksOf(text).filter((each) => isShell(each) && !isLeftOut(each))) {
          const start = lines(block).find((line) => START.test(line));
          if (start !== undefined) {
            const given = START.exec(start)![1]!.split(' ').filter(Boolean);
            exports = await service.restart(Object.fromEntries(given.map((each) => each.split(/=(.*)/s, 2)) as [string, string][]));
            await shell.run(`${exports}\n`, BLOCK_MS);
            continue;
          }
          const printed = await shell.run(block.text, BLOCK_MS).catch((error: unknown) => {
            throw new Error(`${path}:${block.line}: ${(error as Error).message}`);
          });
          run.output += printed;
          if (block.name !== '') run.printed[block.name] = printed;
        }
      } finally {
        await shell.close();
      }
      run.seconds = (performance.now() - began) / 1000;
      runs.push(run);
    }
  } finally {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return runs;
}

const errorsIn = (output: string) => [...output.matchAll(/"(?:error_code|code)" ?: ?"([\w.]+)"/g)].map(([, code]) => code!);

/** The required output of named blocks. */
const PRINTED: Record<string, (printed: string) => void> = {
  'life-of-a-key': (printed) => {
    expect(printed).toMatch(/^CREDENTIAL +token$/m);
    const [signed, refused] = printed.split('\n').filter((line) => line.startsWith('{'));
    expect(JSON.parse(signed!)).toMatchObject({ ok: true, bodySigned: true, request: { method: 'POST', url: '/orders', body_bytes: 10 } });
    expect(JSON.parse(refused!)).toMatchObject({ error_code: 'APIG.0705' });
    expect(printed).toMatch(/^ {2}orders in RELEASE: \d+ requests$/m);
    expect(printed).toMatch(/^DELETED +orders_key$/m);
    expect(printed).toMatch(/^COMPLETE +true$/m);
    expect(printed).toMatch(/success {2}DeleteSignatureKey {2}orders_key {2}admin$/m);
    expect(printed).toMatch(/^DELETED +orders$/m);
  },
  'life-of-a-key-over-http': (printed) => {
    const rows = printed.trim().split('\n');
    expect(rows).toHaveLength(12);
    const [listed, bound, updated, unbound, again, signed, deleted, receipt, refused, after, binded, audit] = rows as Rows;
    expect(JSON.parse(listed)).toMatchObject({ total: 1, signs: [{ name: 'orders_key', sign_type: 'hmac', bind_num: 1 }] });
    expect(JSON.parse(bound)).toMatchObject({ total: 1, bindings: [{ api_name: 'orders', env_name: expect.stringMatching(/^staging_/) }] });
    expect(JSON.parse(updated)).toMatchObject({ name: 'orders_key_2' });
    expect([unbound, again]).toEqual(['204', '201']);
    expect(JSON.parse(signed)).toMatchObject({ ok: true, bodySigned: true, request: { method: 'POST', url: '/orders', body_bytes: 10 } });
    expect(deleted).toMatch(/^204 \/signet\/v1\/instances\/[0-9a-f]{32}\/receipts\/\d+(\?epoch=\S+)?$/);
    expect(JSON.parse(receipt)).toMatchObject({
      complete: true,
      sessions: expect.arrayContaining([expect.objectContaining({ node_id: 'embedded' })]),
    });
    expect(JSON.parse(refused)).toMatchObject({ error_code: expect.stringMatching(/^APIG\./) });
    expect(JSON.parse(after)).toEqual({ total: 0, size: 0, signs: [] });
    expect(JSON.parse(binded)).toEqual({ total: 0, size: 0, bindings: [] });
    expect(JSON.parse(audit).events[0]).toMatchObject({ action: 'DeleteSignatureKey', detail: { unbound: 1 } });
  },
  'life-of-a-signing-key': (printed) => {
    const rows = printed.trim().split('\n');
    expect(rows.slice(0, 4)).toEqual(['[ true ]', '[ true, true ]', '204', '[ false, true ]']);
    expect(JSON.parse(rows[4]!)).toMatchObject({ error: { code: 'CANNOT_DELETE_LAST_SIGNING_KEY' } });
    expect(rows).toHaveLength(5);
  },
  start: (printed) => {
    expect(printed).toMatch(/"status":"ready"/);
    expect(printed).toMatch(/created with the password \S{20,}/);
  },
  restore: (printed) => {
    expect(printed).toContain('intact');
    expect(printed).toContain('now contains the backup');
    expect(printed).toMatch(/^signet\.db\nsignet\.db\.before-\S+$/m);
    expect(printed).toContain('No decision yet');
    expect(printed).toContain('dana has decided');
    expect(printed).toContain('"name":"dana"');
  },
  'api-key': (printed) => expect(printed).toContain('"label":"order service"'),
  'beyond-the-contract': (printed) => expect(printed).toContain('"expires_at":"2030-01-01'),
  events: (printed) => expect(printed).toContain('"events":["endpoint.disabled"'),
};
type Rows = [string, string, string, string, string, string, string, string, string, string, string, string];

describe('the shell blocks of a page run as printed, in an empty folder, and a second time:', () => {
  const outcomes = new Map<string, Run[] | Error>();
  beforeAll(
    async () => {
      // Two pages run in parallel, the longest first.
      const waiting = RUN.toSorted((a, b) => commandsOf(b) - commandsOf(a));
      const next = async (): Promise<void> => {
        for (let path = waiting.shift(); path !== undefined; path = waiting.shift())
          outcomes.set(path, await read(path).catch((error: unknown) => error as Error));
      };
      await Promise.all([next(), next()]);
    },
    RUN.length * 2 * BLOCK_MS,
  );
  afterAll(() => outcomes.clear());

  it.each(RUN)('%s', (path) => {
    const outcome = outcomes.get(path)!;
    if (outcome instanceof Error) throw outcome;
    expect(outcome).toHaveLength(2);
    const named = codeBlocksOf(readFileSync(path, 'utf8')).filter((block) => isShell(block) && block.name in PRINTED);
    for (const { printed, output } of outcome) {
      for (const { name } of named) PRINTED[name]!(printed[name]!);
      expect([errorsIn(output), output]).toEqual([ERRORS[path] ?? [], output]);
    }
  });
});

it('every page with shell blocks is run, and every skipped line has a reason', () => {
  expect(RUN).toEqual(
    expect.arrayContaining(['README.md', 'docs/gateways.md', 'docs/operations.md', 'docs/terraform.md', 'docs/webhooks.md']),
  );
  const all = ALL.flatMap((path) => codeBlocksOf(readFileSync(path, 'utf8')).filter(isShell));
  expect(Object.keys(NOT_RUN).filter((line) => !all.some((block) => lines(block).includes(line)))).toEqual([]);
  // A block without lines to run is skipped as a whole, or follows `npm start`.
  expect(
    all.filter(
      (block) => !isLeftOut(block) && lines(block).some((line) => line in NOT_RUN) && !lines(block).some((line) => START.test(line)),
    ),
  ).toEqual([]);
  const names = new Set(all.map(({ name }) => name));
  expect(Object.keys(PRINTED).filter((name) => !names.has(name))).toEqual([]);
});
