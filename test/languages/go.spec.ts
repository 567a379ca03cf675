import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  type KeyMaterial,
  sign,
  SIGN_TYPES,
  type SignAlgorithm,
  signWebhook,
  verifySignature,
  verifyWebhook,
  type WebhookDialect,
} from 'signet-signing';
import { keyRules, traitsOf } from '#signing/algorithms.js';
import { newWebhookKeyPair, newWebhookSecret } from '#signing/webhook-keys.js';
import { KeyService } from '../support/key-service.js';
import { codeBlocksOf } from '../support/markdown.js';
import { byLibrary, VECTORS } from '../support/vectors.js';
import { PROGRAM_KEY, VerifierProgram } from '../support/verifier-program.js';

const MODULE = resolve('verifiers/go');
/** There is no module proxy, so only the standard library is available. */
const ENV = { ...process.env, GO111MODULE: 'on', GOPROXY: 'off', GOSUMDB: 'off', GOTOOLCHAIN: 'local', CGO_ENABLED: '' };
const FLAGS = `${process.env['GOFLAGS'] ?? ''} -buildvcs=false`.trim();

interface Judgement {
  id: string;
  code?: string;
  hint?: string;
  verified?: Record<string, unknown>;
}

const installed = spawnSync('go', ['version']).status === 0;
if (!installed && process.env['CI']) throw new Error('Go is not installed: CI tests the verifier in Go');
/** The application of the README's unit test. */
const APP = `package orders

import (
	"net/http"

	signet "signet-signing"
)

func App(options signet.Options) http.Handler {
	return signet.MustVerifier(options).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
}
`;
/** The race detector is linked by a C compiler. */
const races = spawnSync('gcc', ['--version']).status === 0;

(installed ? describe : describe.skip)(installed ? 'the verifier in Go' : 'the verifier in Go (skipped: go is not installed)', () => {
  let folder: string;
  let program: string;
  const go = async (args: string[], cwd: string): Promise<string> => {
    try {
      return (await promisify(execFile)('go', args, { cwd, env: { ...ENV, CGO_ENABLED: races ? '1' : '0', GOFLAGS: FLAGS } })).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`go ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
    }
  };
  /** Runs the program of test/languages/go on a list. */
  const answers = async <Out>(command: string, items: readonly unknown[]): Promise<Out[]> => {
    const child = spawn(program, [command], { stdio: ['pipe', 'pipe', 'pipe'] });
    let [output, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.stdin.end(JSON.stringify(items));
    await once(child, 'close');
    if (child.exitCode !== 0) throw new Error(errors);
    return JSON.parse(output) as Out[];
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signet-go-'));
    program = join(folder, 'languages');
    await go(['build', '-o', program, '.'], resolve('test/languages/go'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is formatted, passes go vet, and passes its own tests', async () => {
    const { stdout } = await promisify(execFile)('gofmt', ['-l', MODULE, 'test/languages/go']);
    expect(stdout).toBe('');
    await go(['vet', './...'], MODULE);
    await go(['vet', '.'], resolve('test/languages/go'));
    await go(['test', ...(races ? ['-race'] : []), './...'], MODULE);
  });

  it('needs only the standard library', async () => {
    expect((await go(['list', '-m', 'all'], MODULE)).trim()).toBe('signet-signing');
    expect(readFileSync('verifiers/go/LICENSE', 'utf8')).toBe(readFileSync('LICENSE', 'utf8'));
  });

  describe('the vectors', () => {
    let judged: Judgement[];
    beforeAll(async () => {
      judged = await answers<Judgement>('judge', VECTORS);
    });

    it('have the expected verdict and code', () => {
      const given = VECTORS.map(({ id, code }, i) => ({ id, expected: code, given: judged[i]!.code ?? null }));
      expect(given.filter(({ expected, given }) => given !== expected)).toEqual([]);
      expect(new Set(VECTORS.map(({ code }) => code)).size).toBeGreaterThan(9);
    });

    it('have the hints of the library, and the same information about what is covered', () => {
      const said = VECTORS.flatMap((vector, i) => {
        const { id, ...theirs } = judged[i]!;
        const verdict = byLibrary(vector);
        if (verdict === undefined) return [];
        const { ok, ...facts } = verdict;
        return [{ id, theirs, ours: ok ? { verified: facts } : facts }];
      });
      expect(said.map(({ id, theirs }) => ({ id, ...theirs }))).toEqual(said.map(({ id, ours }) => ({ id, ...ours })));
    });
  });

  describe('together with the library', () => {
    const NOW = 1_780_000_000;
    const requests = [
      { method: 'GET', target: '/', body: '' },
      { method: 'post', target: '/a%2Fb//./c/100%?b=2&a=1&b=1&=v&x&%F0%9F%94%91=%E4%B8%AD+%2B', body: '{"name":"密钥"}\n' },
      { method: 'DELETE', target: "/'(*)!~?q=a=b&q=%zz", body: 'ü'.repeat(4000) },
    ];
    let keys: KeyMaterial[];
    beforeAll(async () => {
      const kinds = SIGN_TYPES.flatMap((signType) => {
        const { algorithms: own } = traitsOf(signType);
        const algorithms: readonly (SignAlgorithm | null)[] = own.length > 0 ? own : [null];
        return algorithms.map((signAlgorithm) => ({ signType, signAlgorithm }));
      });
      keys = await Promise.all(
        kinds.map(async ({ signType, signAlgorithm }) => {
          const { key, secret } = await keyRules(signType, signAlgorithm, { basicKeyLeadingDigit: false }).generate({});
          return { id: `a ${signAlgorithm ?? signType} key`, signType, signAlgorithm, signKey: key, signSecret: secret };
        }),
      );
    });
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const flat = (headers: Record<string, string[]>) =>
      Object.fromEntries(Object.entries(headers).map(([name, values]) => [name.toLowerCase(), values.join(', ')]));

    it('signs what the library accepts, with every kind of key', async () => {
      const items = keys.flatMap((key) => requests.map((request) => ({ key, ...request, host: 'backend.internal:8080', now: NOW })));
      const signed = await answers<Record<string, string[]>>(
        'sign',
        items.map((item) => ({ ...item, body: base64(item.body) })),
      );
      const verdicts = items.map(({ key, method, target, host, body }, i) =>
        verifySignature({ method, url: target, headers: { host, ...flat(signed[i]!) }, body }, { keys: [key], now: () => NOW * 1000 }),
      );
      expect(verdicts).toEqual(
        items.map(({ key }) => expect.objectContaining({ ok: true, keyId: key.id, bodySigned: key.signType !== 'basic' })),
      );
    });

    it('accepts what the library signs, with every kind of key, and refuses it with another body or key', async () => {
      const items = keys.flatMap((key) =>
        requests.flatMap(({ method, target, body }) => {
          const host = 'backend.internal:8080';
          const headers = { host, ...sign({ method, url: target, host, body }, key, { now: () => NOW * 1000 }) };
          const open = { ...key, signSecret: undefined };
          const request = { method, target, headers: Object.entries(headers), body: base64(body) };
          const vector = {
            id: key.id,
            kind: 'gateway',
            keys: [key.signType === 'public_key' ? open : key],
            now: NOW,
            options: {},
            request,
          };
          // A message signature covers the header with the hash of the body.
          const changed = { basic: undefined, 'http-message-signatures': 'body_hash_mismatch' } as Record<string, string | undefined>;
          const code = key.signType in changed ? changed[key.signType] : 'signature_mismatch';
          const others = keys.filter((other) => other !== key);
          return [
            { vector, code: undefined },
            { vector: { ...vector, request: { ...request, body: base64(`${body} `) } }, code },
            { vector: { ...vector, keys: others }, code: 'unknown_key' },
          ];
        }),
      );
      const judged = await answers<Judgement>(
        'judge',
        items.map(({ vector }) => vector),
      );
      expect(judged.map(({ id, code }) => [id, code])).toEqual(items.map(({ vector, code }) => [vector.id, code]));
    });

    it('signs and verifies webhooks like the library, in both dialects, with secrets and with Ed25519', async () => {
      const [secret, older, pair] = [newWebhookSecret().secret, newWebhookSecret().secret, newWebhookKeyPair()];
      const cases: { dialect: WebhookDialect; secrets: string[]; receiver: string }[] = [
        { dialect: 'x-webhook', secrets: [secret, older], receiver: older },
        { dialect: 'standard', secrets: [secret, older], receiver: older },
        { dialect: 'standard', secrets: [pair.secret], receiver: pair.publicKey! },
      ];
      const body = '{"text":"é"}';
      const signed = await answers<Record<string, string[]>>(
        'sign',
        cases.map(({ dialect, secrets }) => ({ dialect, secrets, id: 'msg_1', now: NOW, body: base64(body) })),
      );
      const now = () => NOW * 1000;
      expect(
        cases.map(
          ({ dialect, receiver }, i) => verifyWebhook({ headers: flat(signed[i]!), body }, { dialect, secrets: [receiver], now }).ok,
        ),
      ).toEqual(cases.map(() => true));
      const judged = await answers<Judgement>(
        'judge',
        cases.flatMap(({ dialect, secrets, receiver }) => {
          const headers = Object.entries(signWebhook({ id: 'msg_1', timestamp: NOW, body }, dialect, secrets));
          const vector = { id: dialect, kind: 'webhook', dialect, keys: [receiver], now: NOW, options: {} };
          const request = { method: 'POST', target: '/hook', headers };
          return [body, `${body} `].map((text) => ({ ...vector, request: { ...request, body: base64(text) } }));
        }),
      );
      expect(judged.map(({ code }) => code)).toEqual(cases.flatMap(() => [undefined, 'signature_mismatch']));
    });
  });

  it('can be used from an empty module and in a unit test as its README says, and docs/verify.md has the same first program', async () => {
    const readme = readFileSync(join(MODULE, 'README.md'), 'utf8');
    const page = readFileSync('docs/verify.md', 'utf8');
    const textsOf = (text: string, wanted: string) =>
      codeBlocksOf(text).flatMap(({ language, text }) => (language === wanted ? [text] : []));
    const blocks = textsOf(readme, 'go');
    const programs = blocks.filter((text) => text.startsWith('package main'));
    const tests = blocks.filter((text) => !programs.includes(text));
    expect(tests).toHaveLength(1);
    expect(codeBlocksOf(readme)[0]!.text).toBe(programs[0]);
    expect(textsOf(page, 'go')).toEqual([programs[0]]);
    expect(programs[0]!.split('\n').filter((line) => !/^[)}]?$/.test(line)).length).toBeLessThanOrEqual(10);
    const install = textsOf(readme, 'sh')[0]!.trim();
    expect(page).toContain(`\`${install}\``);

    const module = join(folder, 'orders');
    programs.forEach((text, i) => {
      mkdirSync(join(module, `program${i}`), { recursive: true });
      writeFileSync(join(module, `program${i}`, 'main.go'), text);
    });
    writeFileSync(join(module, 'go.mod'), 'module orders\n\ngo 1.19\n');
    writeFileSync(join(module, 'app.go'), APP);
    writeFileSync(join(module, 'orders_test.go'), tests[0]!);
    const [command = '', ...args] = install.replace('PATH_OF_THE_CHECKOUT', process.cwd()).split(' ');
    expect(command).toBe('go');
    await go(args, module);
    expect((await promisify(execFile)('gofmt', ['-l', module])).stdout).toBe('');
    await go(['vet', './...'], module);
    expect(await go(['test', '-v', '.'], module)).toContain('--- PASS: TestOrdersTakeSignedRequestsOnly');
    await go(['build', '-o', 'backend', './program0'], module);
    const backend = await VerifierProgram.start([join(module, 'backend')]);
    try {
      expect(await backend.send()).toEqual({ status: 200, text: 'signed with orders-gateway' });
      expect(await backend.send({ method: 'GET', body: '' })).toMatchObject({ status: 200 });
      for (const [code, sent] of [
        ['no_authorization', { key: null }],
        ['signature_mismatch', { sentBody: '{"n":2}' }],
        ['signature_mismatch', { sentTarget: '/v1/orders?b=2&a=2' }],
        ['unknown_key', { key: { ...PROGRAM_KEY, signKey: 'another-gateway' } }],
      ] as const) {
        const { status, text } = await backend.send(sent);
        expect([status, JSON.parse(text)]).toEqual([401, { code, hint: expect.any(String) }]);
      }
    } finally {
      await backend.stop();
    }
  });

  describe('with the keys of a service,', () => {
    let keys: KeyService;
    beforeAll(async () => {
      keys = await KeyService.start();
    });
    afterAll(() => keys.stop());

    it('refuses a deleted key before the receipt reports it, and signs off when its process ends', () =>
      keys.expectDeletionEndsAcceptance([program, 'serve']));

    it('accepts a deleted key in report-only mode, and no receipt claims that it is refused', () =>
      keys.expectReportOnlyClaimsNothing([program, 'serve']));
  });
});
