import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type KeyMaterial, sign, signWebhook, verifySignature, verifyWebhook, type WebhookDialect } from 'signet-signing';
import { keyRules, SIGN_TYPES, traitsOf, verifiesWithoutSecret } from '#signing/algorithms.js';
import { newWebhookKeyPair, newWebhookSecret } from '#signing/webhook-keys.js';
import { JavaProgram } from '../support/java-program.js';

const NOW = 1_780_000_000;
const now = () => NOW * 1000;
const REQUEST = { method: 'POST', target: '/a%2Fb//c/100%?b=2&a=1&b=1&=v&x&q=%E4%B8%AD+%2B', host: 'backend.internal:8080' };
const BODY = Buffer.from('{"name":"密钥"}\n');
const body = BODY.toString('base64');

interface Item {
  key?: KeyMaterial;
  dialect?: WebhookDialect;
  secrets?: string[];
  /** The secret that the receiver has. */
  receiver?: string;
}
interface Vector {
  kind: 'gateway' | 'webhook';
  keys: unknown[];
  dialect?: WebhookDialect;
  request: { headers: [string, string][]; body: string };
}
type Headers = Record<string, string>;
/** What a language is asked: to sign each item, and for the code of each vector, undefined if it is accepted. */
interface Language {
  sign: (items: readonly Item[]) => Headers[];
  codes: (vectors: readonly Vector[]) => (string | undefined)[];
}

const typescript: Language = {
  sign: (items) =>
    items.map(
      ({ key, dialect, secrets }): Headers =>
        key
          ? { ...sign({ method: REQUEST.method, url: REQUEST.target, host: REQUEST.host, body: BODY }, key, { now }) }
          : signWebhook({ id: 'msg_1', timestamp: NOW, body: BODY.toString() }, dialect!, secrets!),
    ),
  codes: (vectors) =>
    vectors.map(({ kind, keys, dialect, request }) => {
      const headers = Object.fromEntries(request.headers.map(([name, value]) => [name.toLowerCase(), value]));
      const received = { method: REQUEST.method, url: REQUEST.target, headers, body: Buffer.from(request.body, 'base64') };
      const verdict =
        kind === 'gateway'
          ? verifySignature(received, { keys: keys as KeyMaterial[], now })
          : verifyWebhook(received, { dialect: dialect!, secrets: keys as string[], now });
      return verdict.ok ? undefined : verdict.code;
    }),
};

const PYTHON = '/usr/bin/python3';
const python = drivenBy([PYTHON, resolve('verifiers/python/tests/driver.py')], {
  PYTHONDONTWRITEBYTECODE: '1',
  PYTHONPATH: resolve('verifiers/python/src'),
});
const php = drivenBy(['php', '-d', 'error_reporting=-1', '-d', 'display_errors=stderr', resolve('verifiers/php/tests/driver.php')]);

/** A program that reads an item a line, and writes an answer a line. */
function drivenBy([file = '', ...args]: readonly string[], env: Record<string, string> = {}): Language {
  const answers = (cases: readonly unknown[]): any[] =>
    execFileSync(file, args, {
      input: cases.map((each) => `${JSON.stringify(each)}\n`).join(''),
      env: { PATH: process.env['PATH'], ...env },
      encoding: 'utf8',
    })
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);
  return {
    sign: (items) =>
      answers(
        items.map(({ key, dialect, secrets }) =>
          key
            ? { do: 'sign', ...REQUEST, url: REQUEST.target, key, coverBody: true, now: NOW, body }
            : { do: 'sign_webhook', id: 'msg_1', timestamp: NOW, dialect, secrets, body },
        ),
      ),
    codes: (vectors) => answers(vectors).map(({ code }) => (code ?? undefined) as string | undefined),
  };
}

/** Programs that read a JSON list and write one. */
const asked = (items: readonly Item[]) => items.map((item) => ({ ...item, ...(item.key ? REQUEST : { id: 'msg_1' }), now: NOW, body }));
function goAt(program: string): Language {
  const run = (command: string, items: readonly unknown[]): any[] =>
    JSON.parse(execFileSync(program, [command], { input: JSON.stringify(items), encoding: 'utf8' })) as unknown[];
  return {
    sign: (items) =>
      (run('sign', asked(items)) as Record<string, string[]>[]).map((headers) =>
        Object.fromEntries(Object.entries(headers).map(([name, [value]]) => [name, value!])),
      ),
    codes: (vectors) => run('judge', vectors).map(({ code }) => code as string | undefined),
  };
}
const javaOf = (program: JavaProgram): Language => ({
  sign: (items) => program.answers(asked(items)),
  codes: (vectors) => program.answers(vectors).map(({ code }) => code as string | undefined),
});

const hasPhp = 'exit(extension_loaded("sodium") && is_file("/usr/share/php/phpseclib3/autoload.php") ? 0 : 1);';
const tools = { [PYTHON]: ['-c', 'import cryptography'], go: ['version'], javac: ['-version'], php: ['-r', hasPhp] };
const missing = Object.entries(tools).flatMap(([tool, args]) => (spawnSync(tool, args).status === 0 ? [] : [tool]));
if (missing.length > 0 && process.env['CI']) throw new Error(`no ${missing.join(', ')}: CI tests the verifiers in every language`);

(missing.length === 0 ? describe : describe.skip)('each language verifies what each signs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'signet-matrix-'));
  const languages = new Map<string, Language>([
    ['typescript', typescript],
    ['python', python],
    ['php', php],
  ]);
  const items: Item[] = [];
  beforeAll(async () => {
    const go = join(folder, 'go');
    const env = { ...process.env, GO111MODULE: 'on', GOPROXY: 'off', GOSUMDB: 'off', GOTOOLCHAIN: 'local', CGO_ENABLED: '0' };
    execFileSync('go', ['build', '-buildvcs=false', '-o', go, '.'], { cwd: resolve('test/languages/go'), env });
    languages.set('go', goAt(go)).set('java', javaOf(await JavaProgram.build(folder)));
    const kinds = SIGN_TYPES.flatMap((signType) => {
      const { algorithms } = traitsOf(signType);
      return (algorithms.length === 0 ? [null] : algorithms).map((signAlgorithm) => [signType, signAlgorithm] as const);
    });
    for (const [signType, signAlgorithm] of kinds) {
      const { key, secret } = await keyRules(signType, signAlgorithm, { basicKeyLeadingDigit: false }).generate({});
      items.push({ key: { signType, signAlgorithm, signKey: key, signSecret: secret } });
    }
    const [newer, older, pair] = [newWebhookSecret().secret, newWebhookSecret().secret, newWebhookKeyPair()];
    items.push(
      { dialect: 'x-webhook', secrets: [newer, older], receiver: older },
      { dialect: 'standard', secrets: [newer, older], receiver: older },
      { dialect: 'standard', secrets: [pair.secret], receiver: pair.publicKey! },
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('with every type of key, both dialects and Ed25519, and refuses each of them with another body', () => {
    const vectors = [...languages].flatMap(([signer, { sign }]) =>
      sign(items).flatMap((headers, i) => {
        const { key, dialect, receiver } = items[i]!;
        const open = { ...key, signSecret: undefined };
        const options = { skewSeconds: 900, toleranceSeconds: 300, allowUnsignedPayload: false, signatureHeader: 'authorization' };
        const settings = { id: `${key?.signType ?? dialect} by ${signer}`, now: NOW, options, before: [] };
        const pairs = Object.entries(key ? { host: REQUEST.host, ...headers } : headers);
        const sent = (bytes: string) => ({
          ...settings,
          kind: key ? ('gateway' as const) : ('webhook' as const),
          ...(dialect ? { dialect } : {}),
          keys: [
            key && (key.signType === 'public_key' || verifiesWithoutSecret(key.signType, key.signAlgorithm ?? null))
              ? open
              : (key ?? receiver),
          ],
          request: { method: REQUEST.method, target: REQUEST.target, headers: pairs, body: bytes },
        });
        // A message signature covers the header with the hash of the body.
        const codes = { basic: undefined, 'http-message-signatures': 'body_hash_mismatch' } as Record<string, string | undefined>;
        const changed = key && key.signType in codes ? codes[key.signType] : 'signature_mismatch';
        return [
          { vector: sent(body), code: undefined },
          { vector: sent(Buffer.from('other').toString('base64')), code: changed },
        ];
      }),
    );
    expect(vectors).toHaveLength(languages.size * items.length * 2);
    for (const [verifier, { codes }] of languages) {
      const given = codes(vectors.map(({ vector }) => vector));
      const expected = vectors.map(({ vector, code }) => [verifier, vector.id, code]);
      expect(vectors.map(({ vector }, i) => [verifier, vector.id, given[i]])).toEqual(expected);
    }
  });
});
