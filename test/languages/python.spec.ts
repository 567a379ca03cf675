import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type KeyMaterial, sign, signWebhook, verifySignature, verifyWebhook, type WebhookDialect } from 'signet-signing';
import { keyRules } from '#signing/algorithms.js';
import { newWebhookKeyPair, newWebhookSecret } from '#signing/webhook-keys.js';
import type { Receipt } from '../../src/lib/protocol/protocol.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { codeBlocksOf } from '../support/markdown.js';
import { type Client, TestService } from '../support/service.js';
import { until } from '../support/until.js';
import { VerifierProgram } from '../support/verifier-program.js';

const PYTHON = '/usr/bin/python3';
const PACKAGE = resolve('verifiers/python');
/** The Debian packages for building and installing without a network, for the extra, and for the frameworks and servers of the tests. */
const MODULES = ['pip', 'setuptools', 'wheel', 'venv', 'cryptography', 'flask', 'starlette', 'fastapi', 'django', 'uvicorn', 'gunicorn'];
const FIND = 'import importlib.util as u, sys; print(" ".join(m for m in sys.argv[1:] if u.find_spec(m) is None))';
const found = spawnSync(PYTHON, ['-c', FIND, ...MODULES], { encoding: 'utf8' });
const missing = found.status === 0 ? found.stdout.trim() : 'python3';
if (missing !== '' && process.env['CI']) throw new Error(`no ${missing} for ${PYTHON}: CI runs the Python verifier`);

const run = promisify(execFile);
const ENV = { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1', PIP_NO_INDEX: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
const FROM_SOURCE = { ...ENV, PYTHONPATH: join(PACKAGE, 'src') };

/** Sends cases to the driver, and returns its answers. */
function drive(cases: readonly unknown[], python = PYTHON, env: Record<string, string | undefined> = FROM_SOURCE): any[] {
  const input = cases.map((each) => `${JSON.stringify(each)}\n`).join('');
  const options = { input, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const;
  return execFileSync(python, [join(PACKAGE, 'tests/driver.py')], options)
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

interface Vector {
  id: string;
  kind: 'gateway' | 'webhook';
  signType?: string;
  algorithm?: string;
  keys: readonly unknown[];
  expected: string;
  code: string | null;
}
const VECTORS = ['vectors', 'message-signatures'].flatMap(
  (name) => (JSON.parse(readFileSync(`packages/vectors/${name}.json`, 'utf8')) as { vectors: Vector[] }).vectors,
);
const judgedOtherwise = (vectors: Vector[], answers: { expected: string; code: string | null }[]) =>
  vectors.flatMap(({ id, expected, code }, i) =>
    answers[i]?.expected === expected && answers[i]?.code === code ? [] : [{ id, expected, code, answered: answers[i] }],
  );

(missing === '' ? describe : describe.skip)(`the verifier in Python${missing && ` (not here: ${missing})`}`, () => {
  it('passes its own tests with every framework', async () => {
    const { stderr } = await run(PYTHON, ['-W', 'ignore::ResourceWarning', '-m', 'unittest', 'discover', '-t', '.', '-s', 'tests'], {
      cwd: PACKAGE,
      env: FROM_SOURCE,
    });
    expect(stderr).toMatch(/Ran 1\d\d tests in [^\n]+\n\nOK\n$/);
  });

  it('is written in the syntax of Python 3.9', () => {
    const check = 'import ast, sys; [ast.parse(open(f).read(), f, feature_version=(3, 9)) for f in sys.argv[1:]]';
    const files = readdirSync(join(PACKAGE, 'src/signet_signing')).filter((name) => name.endsWith('.py'));
    expect(files.length).toBeGreaterThan(15);
    execFileSync(PYTHON, ['-c', check, ...files], { cwd: join(PACKAGE, 'src/signet_signing'), env: ENV, stdio: 'pipe' });
  });

  it('gives the expected verdict and code for every vector', () => {
    expect(VECTORS.length).toBeGreaterThan(1000);
    expect(judgedOtherwise(VECTORS, drive(VECTORS))).toEqual([]);
  });

  describe('and signet-signing for Node', () => {
    const NOW = 1_767_225_600;
    const now = () => NOW * 1000;
    const target = { method: 'POST', url: '/v1/a%2Fb/%E4%B8%AD?b=2&a=1+%2B&a=', host: 'backend.internal:8080' };
    const body = Buffer.from('{"name":"密钥"}');
    let keys: KeyMaterial[];
    beforeAll(async () => {
      const kinds = [
        ['hmac'],
        ['basic'],
        ['public_key'],
        ['aes', 'aes-128-cfb'],
        ['aes', 'aes-256-cfb'],
        ['http-message-signatures', 'ed25519'],
        ['http-message-signatures', 'hmac-sha256'],
      ] as const;
      keys = await Promise.all(
        kinds.map(async ([signType, signAlgorithm = null]) => {
          const { key, secret } = await keyRules(signType, signAlgorithm, { basicKeyLeadingDigit: false }).generate({});
          return { signType, signAlgorithm, signKey: key, signSecret: secret };
        }),
      );
    });

    it('verify each other’s signatures, with each type of key, with and without the body', () => {
      const cases = keys.flatMap((key) => [true, false].map((coverBody) => ({ key, coverBody })));
      const signedByPython = drive(cases.map((each) => ({ do: 'sign', ...target, ...each, now: NOW, body: body.toString('base64') })));
      const options = { keys, now, allowUnsignedPayload: true };
      const here = cases.map(({ coverBody, key }, i) => ({
        verdict: verifySignature({ ...target, body, headers: { host: target.host, ...signedByPython[i] } }, options),
        bodySigned: coverBody && key.signType !== 'basic',
      }));
      expect(here.map(({ verdict }) => verdict)).toEqual(here.map(({ bodySigned }) => expect.objectContaining({ ok: true, bodySigned })));
      const signedHere = cases.map(({ key, coverBody }) => {
        const headers = sign({ ...target, ...(coverBody ? { body } : { bodySha256: 'UNSIGNED-PAYLOAD' }) }, key, { now });
        const request = {
          method: target.method,
          target: target.url,
          headers: Object.entries({ host: target.host, ...headers }),
          body: body.toString('base64'),
        };
        const settings = { skewSeconds: 900, allowUnsignedPayload: true, signatureHeader: 'authorization' };
        return { kind: 'gateway', keys, now: NOW, options: settings, before: [], request };
      });
      expect(drive(signedHere)).toEqual(cases.map(() => expect.objectContaining({ expected: 'valid' })));
    });

    it('verify each other’s webhooks in both dialects, with one key, with two keys, and with Ed25519', () => {
      const [older, newer, pair] = [newWebhookSecret().secret, newWebhookSecret().secret, newWebhookKeyPair()];
      const message = { id: 'msg_1', timestamp: NOW, body: body.toString() };
      const cases: { dialect: WebhookDialect; secrets: string[]; accepted: string }[] = [
        { dialect: 'x-webhook', secrets: [newer], accepted: newer },
        { dialect: 'x-webhook', secrets: [newer, older], accepted: older },
        { dialect: 'standard', secrets: [newer], accepted: newer },
        { dialect: 'standard', secrets: [newer, older], accepted: older },
        { dialect: 'standard', secrets: [pair.secret, older], accepted: pair.publicKey! },
      ];
      const signedByPython = drive(
        cases.map(({ dialect, secrets }) => ({ do: 'sign_webhook', ...message, dialect, secrets, body: body.toString('base64') })),
      );
      cases.forEach(({ dialect, secrets, accepted }, i) => {
        expect(signedByPython[i]).toEqual(signWebhook(message, dialect, secrets));
        expect(verifyWebhook({ headers: signedByPython[i], body }, { dialect, secrets: [accepted], now })).toMatchObject({ ok: true });
      });
      const received = cases.map(({ dialect, secrets, accepted }) => ({
        kind: 'webhook',
        dialect,
        keys: [accepted],
        now: NOW,
        options: { toleranceSeconds: 300 },
        request: { headers: Object.entries(signWebhook(message, dialect, secrets)), body: body.toString('base64') },
      }));
      expect(drive(received)).toEqual(cases.map(() => expect.objectContaining({ expected: 'valid' })));
    });
  });

  describe('as an installed package', () => {
    const folder = mkdtempSync(join(tmpdir(), 'python-package-'));
    const installed = join(folder, 'venv/bin/python');
    let wheel: string;
    let sdist: string;
    beforeAll(async () => {
      // The build uses a copy, because it leaves files next to the sources.
      const source = join(folder, 'source');
      cpSync(PACKAGE, source, { recursive: true, filter: (path) => !/__pycache__|\.egg-info|\/(build|dist)$/.test(path) });
      const dist = join(folder, 'dist');
      await run(PYTHON, ['-c', 'import sys, setuptools.build_meta as b; b.build_sdist(sys.argv[1])', dist], { cwd: source, env: ENV });
      sdist = join(dist, readdirSync(dist).find((name) => name.endsWith('.tar.gz'))!);
      const offline = ['--no-index', '--no-build-isolation', '--no-deps', '--quiet'];
      // The build uses the source distribution, which shows that this distribution is complete.
      await run(PYTHON, ['-m', 'pip', 'wheel', ...offline, '-w', dist, sdist], { env: ENV });
      wheel = join(dist, readdirSync(dist).find((name) => name.endsWith('.whl'))!);
      await run(PYTHON, ['-m', 'venv', '--without-pip', join(folder, 'venv')], { env: ENV });
      await run(PYTHON, ['-m', 'pip', '--python', installed, 'install', '--no-index', '--quiet', wheel], { env: ENV });
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('contains its modules, its marker for types and its licence, and no tests', () => {
      expect(sdist).toMatch(/signet[-_]signing-\d+\.\d+\.\d+\.tar\.gz$/);
      const list = 'import sys, zipfile; print("\\n".join(zipfile.ZipFile(sys.argv[1]).namelist()))';
      const names = execFileSync(PYTHON, ['-c', list, wheel], { encoding: 'utf8' }).trim().split('\n');
      const modules = readdirSync(join(PACKAGE, 'src/signet_signing')).filter((name) => /\.py$|^py\.typed$/.test(name));
      expect(names.filter((name) => !name.includes('.dist-info/')).sort()).toEqual(modules.map((name) => `signet_signing/${name}`).sort());
      expect(names.some((name) => name.endsWith('/LICENSE'))).toBe(true);
    });

    it('needs only the standard library for hmac, basic and webhooks with HMAC, and names what other keys need', () => {
      const plain = VECTORS.filter(({ kind, signType, algorithm, keys }) =>
        kind === 'gateway' ? signType === 'hmac' || signType === 'basic' : algorithm === 'hmac' && !/"whpk_/.test(JSON.stringify(keys)),
      );
      expect(plain.length).toBeGreaterThan(500);
      expect(judgedOtherwise(plain, drive(plain, installed, ENV))).toEqual([]);
      const aes = 'from signet_signing import *; Verifier([Key("aes", "k" * 16, "s" * 16, "aes-128-cfb")])';
      const { stderr } = spawnSync(installed, ['-c', aes], { encoding: 'utf8', env: ENV });
      expect(stderr).toMatch(/UnusableKeyError: this kind of key needs the extra `crypto`/);
    });

    it('has a README that begins with a program for signed requests only, which docs/verify.md also has', async () => {
      const [first] = codeBlocksOf(readFileSync(join(PACKAGE, 'README.md'), 'utf8'));
      const page = codeBlocksOf(readFileSync('docs/verify.md', 'utf8'));
      expect(page.filter(({ language }) => language === 'python').map(({ text }) => text)).toEqual([first!.text]);
      expect(first!.text.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(10);
      const file = join(folder, 'first.py');
      writeFileSync(file, first!.text);
      const program = await VerifierProgram.start([installed, file]);
      try {
        expect(await program.send()).toEqual({ status: 200, text: 'signed with orders-gateway' });
        expect(await program.send({ method: 'GET', body: '' })).toMatchObject({ status: 200 });
        for (const [code, sent] of [
          ['no_authorization', { key: null }],
          ['signature_mismatch', { sentBody: '{"n":2}' }],
          ['signature_mismatch', { sentTarget: '/v1/orders?b=2&a=2' }],
          ['unknown_key', { key: { signType: 'hmac', signKey: 'another-gateway', signSecret: 'Secret-0123456789' } }],
        ] as const) {
          const { status, text } = await program.send(sent);
          expect([status, JSON.parse(text)]).toEqual([401, { code, hint: expect.any(String) }]);
        }
      } finally {
        await program.stop();
      }
    });
  });

  describe('with the keys of a service', () => {
    let database: TestDatabase;
    let service: TestService;
    let client: Client;
    let gateway: string;
    beforeAll(async () => {
      database = await createTestDatabase('sqlite');
      service = await TestService.start(database);
      client = await service.client();
      gateway = await client.gateway();
    });
    afterAll(async () => {
      await service.stop();
      await database.drop();
    });

    const newKey = async (name = 'orders_key') => {
      const { status, body } = await client.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name });
      expect(status).toBe(201);
      const key: KeyMaterial = { signType: 'hmac', signKey: body.sign_key, signSecret: body.sign_secret };
      return { id: body.id as string, key };
    };
    const backend = async (env: Record<string, string> = {}) => {
      const { token } = await Machine.of(client, gateway, 'verifier');
      const settings = {
        ...FROM_SOURCE,
        PATH: process.env['PATH'] ?? '',
        SERVICE_URL: service.baseUrl,
        INSTANCE_ID: gateway,
        TOKEN: token,
      };
      return VerifierProgram.start([PYTHON, join(PACKAGE, 'tests/backend.py')], { ...settings, ...env });
    };
    const verifiersOf = async (path: string) => ((await client.get(path)).body as Receipt).verifiers;

    it('accepts a key as soon as it is created, refuses it once it is deleted, and appears so in the receipt', async () => {
      const first = await newKey();
      const program = await backend();
      try {
        expect(await program.send({ key: first.key })).toEqual({ status: 200, text: `signed with ${first.id}` });
        const second = await newKey('next_key');
        await until(async () => (await program.send({ key: second.key })).status === 200);
        const answer = await client.delete(`/v2/{project}/apigw/instances/${gateway}/signs/${first.id}`);
        const receipt = answer.headers.get('signet-receipt')!;
        await until(async () => (await verifiersOf(receipt)).state === 'complete', 'the receipt says that the verifier refuses');
        expect(JSON.parse((await program.send({ key: first.key })).text)).toMatchObject({ code: 'unknown_key' });
        expect((await verifiersOf(receipt)).verifiers).toMatchObject([
          { name: 'orders-backend', process_id: expect.stringMatching(/^[\w-]{16}$/), state: 'refuses', ending: null },
        ]);
        expect(await program.send({ key: second.key })).toMatchObject({ status: 200 });
        expect(await program.stop()).toBe(0);
        expect((await verifiersOf(receipt)).verifiers).toMatchObject([{ ending: 'left' }]);
      } finally {
        await program.stop();
      }
    });

    it('accepts everything in report-only mode, and no receipt claims that it refuses a key', async () => {
      gateway = await client.gateway();
      const { id, key } = await newKey();
      const program = await backend({ REPORT_ONLY: '1' });
      try {
        expect(await program.send({ key })).toEqual({ status: 200, text: `signed with ${id}` });
        expect(await program.send({ key: null })).toEqual({ status: 200, text: 'signed with None' });
        const answer = await client.delete(`/v2/{project}/apigw/instances/${gateway}/signs/${id}`);
        expect(await verifiersOf(answer.headers.get('signet-receipt')!)).toMatchObject({
          state: 'behind',
          verifiers: [{ name: 'orders-backend', process_id: '', state: 'unknown' }],
        });
        expect(program.output).toMatch(/would refuse 'POST' '\/v1\/orders': no_authorization/);
      } finally {
        await program.stop();
      }
    });
  });
});
