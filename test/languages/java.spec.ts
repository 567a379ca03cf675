import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { type KeyMaterial, sign, signWebhook, verifySignature, verifyWebhook, type WebhookDialect } from 'signet-signing';
import { keyRules, SIGN_TYPES, traitsOf } from '#signing/algorithms.js';
import { newWebhookKeyPair, newWebhookSecret } from '#signing/webhook-keys.js';
import { BRIEF, javac, JavaProgram, ran } from '../support/java-program.js';
import { KeyService } from '../support/key-service.js';
import { codeBlocksOf } from '../support/markdown.js';
import { byLibrary, VECTORS } from '../support/vectors.js';
import { PROGRAM_KEY, VerifierProgram } from '../support/verifier-program.js';

const PACKAGE = resolve('verifiers/java');
const debian = (...names: string[]) => names.map((name) => `/usr/share/java/${name}.jar`);
/** The APIs of both servlet filters, the containers that the package's own tests run them in, and JUnit. */
const TOMCAT = debian('tomcat10-embed-core', 'jakarta-annotation-api');
const JETTY = debian('servlet-api', ...['server', 'servlet', 'http', 'io', 'util', 'security'].map((part) => `jetty9-${part}`));
const JUNIT = debian('junit4', 'hamcrest');
const JARS = [...debian('jakarta-servlet-api'), ...TOMCAT, ...JETTY, ...JUNIT];
const missing = [...(spawnSync('javac', ['-version']).status === 0 ? [] : ['javac']), ...JARS.filter((file) => !existsSync(file))].join(
  ' ',
);
if (missing !== '' && process.env['CI']) throw new Error(`no ${missing}: CI tests the verifier in Java`);

const NOW = 1_780_000_000;
const HOST = 'backend.internal:8080';
const base64 = (text: string) => Buffer.from(text).toString('base64');

interface Judgement {
  id: string;
  code?: string;
  hint?: string;
  verified?: Record<string, unknown>;
}

(missing === '' ? describe : describe.skip)(`the verifier in Java${missing && ` (not here: ${missing})`}`, () => {
  let folder: string;
  let java: JavaProgram;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signet-java-'));
    java = await JavaProgram.build(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has a core that needs the JDK alone, for Java 11, with its licence and the version of its pom', async () => {
    const core = readdirSync(join(PACKAGE, 'src/main/java'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.java'),
    );
    const imports = core.flatMap((name) => [
      ...readFileSync(join(PACKAGE, 'src/main/java', name), 'utf8').matchAll(/^import (?:static )?([\w.]+?)\.\w+;$/gm),
    ]);
    const packages = new Set(
      imports.map(([, name]) => name!.replace(/^(java|javax\.crypto|signet|com\.sun\.net\.httpserver)(\.[\w.]+)?$/, '$1')),
    );
    expect([...packages].sort()).toEqual(['com.sun.net.httpserver', 'java', 'javax.crypto', 'signet']);
    const read =
      'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.read(sys.argv[2])[:8].hex() if len(sys.argv) > 2 else "\\n".join(z.namelist()))';
    const names = (await ran('python3', '-c', read, java.jar)).trim().split('\n');
    expect(names).toEqual(
      expect.arrayContaining([
        'META-INF/LICENSE',
        'signet/signing/jakarta/SignatureFilter.class',
        'signet/signing/javax/SignatureFilter.class',
      ]),
    );
    expect(names.filter((name) => !/^(META-INF|signet)\//.test(name))).toEqual([]);
    // Class files of version 55 are those of Java 11.
    expect((await ran('python3', '-c', read, java.jar, 'signet/signing/Verifier.class')).trim()).toBe('cafebabe00000037');
    expect(readFileSync(join(PACKAGE, 'LICENSE'), 'utf8')).toBe(readFileSync('LICENSE', 'utf8'));
  });

  it('passes its own tests, its filters in Tomcat (jakarta), Jetty (javax) and the server of the JDK', async () => {
    const [tests, servlet, generated] = ['src/test/java', 'src/testservlet/java', join(folder, 'javax')].map((path) =>
      resolve(PACKAGE, path),
    );
    const sources = (root: string) => globSync('**/*.java', { cwd: root }).map((name) => join(root, name));
    mkdirSync(generated!);
    for (const file of sources(servlet!))
      writeFileSync(join(generated!, basename(file)), readFileSync(file, 'utf8').replace(/\bjakarta\b/g, 'javax'));
    // What the README shows, except for Spring's, which is not here.
    const [, listener = '', ...fragments] = codeBlocksOf(readFileSync(join(PACKAGE, 'README.md'), 'utf8')).flatMap(({ language, text }) =>
      language === 'java' && !text.includes('@Bean') ? [text] : [],
    );
    expect(fragments).toHaveLength(3);
    writeFileSync(join(generated!, 'Signatures.java'), listener);
    const methods = fragments.map((text, i) => `static void f${i}(HttpServletRequest request, byte[] body) throws Exception {\n${text}}`);
    const imports = [
      'jakarta.servlet.http.*',
      'java.net.URI',
      'java.net.http.HttpRequest',
      'java.nio.file.*',
      'java.time.*',
      'java.util.*',
      'signet.signing.*',
      'signet.signing.jakarta.*',
      'signet.signing.testing.*',
    ];
    const lines = [...imports.map((name) => `import ${name};`), 'class Fragments {', ...methods, '}'];
    writeFileSync(join(generated!, 'Fragments.java'), lines.join('\n'));
    const into = join(folder, 'tests');
    const libraries = [java.jar, ...TOMCAT, ...JETTY, ...JUNIT];
    const warnings = '-Xlint:all,-classfile,-path,-processing,-try';
    await javac(into, libraries, warnings, ...[tests!, servlet!, generated!].flatMap(sources));
    const names = readdirSync(join(tests!, 'signet/signing')).flatMap((name) => /^(\w+Test)\.java$/.exec(name)?.[1] ?? []);
    expect(names.length).toBeGreaterThan(4);
    const output = await ran('java', ...BRIEF, '-cp', [...libraries, into].join(':'), 'signet.signing.Run', ...names);
    expect(output).toMatch(/^\d\d tests, 0 failed$/m);
  });

  describe('in one process', () => {
    const requests = [
      { method: 'GET', target: '/', body: '' },
      { method: 'post', target: '/a%2Fb//./c/100%?b=2&a=1&b=1&=v&x&%F0%9F%94%91=%E4%B8%AD+%2B', body: '{"name":"密钥"}\n' },
      { method: 'DELETE', target: "/'(*)!~?q=a=b&q=%zz", body: 'ü'.repeat(4000) },
    ];
    const delivery = '{"text":"é"}';
    let webhooks: { dialect: WebhookDialect; secrets: string[]; receiver: string }[];
    let toSign: ((typeof requests)[number] & { key: KeyMaterial })[];
    let toJudge: { vector: Record<string, unknown>; code: string | undefined }[];
    let judged: Judgement[];
    let signed: Record<string, string>[];
    let judgedHere: Judgement[];

    /** The program answers everything that is asked in this file. */
    beforeAll(async () => {
      const kinds = SIGN_TYPES.flatMap((signType) => {
        const { algorithms } = traitsOf(signType);
        return (algorithms.length === 0 ? [null] : algorithms).map((signAlgorithm) => ({ signType, signAlgorithm }));
      });
      const keys = await Promise.all(
        kinds.map(async ({ signType, signAlgorithm }): Promise<KeyMaterial> => {
          const { key, secret } = await keyRules(signType, signAlgorithm, { basicKeyLeadingDigit: false }).generate({});
          return { id: `a ${signAlgorithm ?? signType} key`, signType, signAlgorithm, signKey: key, signSecret: secret };
        }),
      );
      const [secret, older, pair] = [newWebhookSecret().secret, newWebhookSecret().secret, newWebhookKeyPair()];
      webhooks = [
        { dialect: 'x-webhook', secrets: [secret, older], receiver: older },
        { dialect: 'standard', secrets: [secret, older], receiver: older },
        { dialect: 'standard', secrets: [pair.secret], receiver: pair.publicKey! },
      ];
      toSign = keys.flatMap((key) => requests.map((request) => ({ key, ...request })));
      toJudge = [
        ...toSign.flatMap(({ key, method, target, body }) => {
          const headers = { host: HOST, ...sign({ method, url: target, host: HOST, body }, key, { now: () => NOW * 1000 }) };
          const request = { method, target, headers: Object.entries(headers), body: base64(body) };
          const open = { ...key, signSecret: undefined };
          // A message signature covers the header with the hash of the body.
          const changed = { basic: undefined, 'http-message-signatures': 'body_hash_mismatch' } as Record<string, string | undefined>;
          const code = key.signType in changed ? changed[key.signType] : 'signature_mismatch';
          const vector = {
            id: key.id,
            kind: 'gateway',
            keys: [key.signType === 'public_key' ? open : key],
            now: NOW,
            options: {},
            request,
          };
          return [
            { vector, code: undefined },
            { vector: { ...vector, request: { ...request, body: base64(`${body} `) } }, code },
            { vector: { ...vector, keys: keys.filter((other) => other !== key) }, code: 'unknown_key' },
          ];
        }),
        ...webhooks.flatMap(({ dialect, secrets, receiver }) => {
          const headers = Object.entries(signWebhook({ id: 'msg_1', timestamp: NOW, body: delivery }, dialect, secrets));
          const vector = { id: dialect, kind: 'webhook', dialect, keys: [receiver], now: NOW, options: {} };
          const sent = (text: string) => ({ ...vector, request: { method: 'POST', target: '/hook', headers, body: base64(text) } });
          return [
            { vector: sent(delivery), code: undefined },
            { vector: sent(`${delivery} `), code: 'signature_mismatch' },
          ];
        }),
      ];
      const items = [
        ...VECTORS,
        ...toSign.map((item) => ({ ...item, body: base64(item.body), host: HOST, now: NOW })),
        ...webhooks.map((item) => ({ ...item, id: 'msg_1', now: NOW, body: base64(delivery) })),
        ...toJudge.map(({ vector }) => vector),
      ];
      const answers = java.answers(items);
      judged = answers.slice(0, VECTORS.length);
      signed = answers.slice(VECTORS.length, -toJudge.length);
      judgedHere = answers.slice(-toJudge.length);
    });

    it('every vector has the verdict and the code that is expected', () => {
      const given = VECTORS.map(({ id, code }, i) => ({ id, expected: code, given: judged[i]!.code ?? null }));
      expect(given.filter(({ expected, given }) => given !== expected)).toEqual([]);
      expect(given.length).toBeGreaterThan(1400);
    });

    it('every vector has the hint of the library, and the same facts about what is covered', () => {
      const said = VECTORS.flatMap((vector, i) => {
        const { id, ...theirs } = judged[i]!;
        const verdict = byLibrary(vector);
        if (verdict === undefined) return [];
        const { ok, ...facts } = verdict;
        return [{ id, theirs, ours: ok ? { verified: facts } : facts }];
      });
      expect(said.map(({ id, theirs }) => ({ id, ...theirs }))).toEqual(said.map(({ id, ours }) => ({ id, ...ours })));
    });

    const flat = (headers: Record<string, string>) =>
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

    it('signs what the library accepts, with every kind of key', () => {
      const verdicts = toSign.map(({ key, method, target, body }, i) =>
        verifySignature(
          { method, url: target, headers: { host: HOST, ...flat(signed[i]!) }, body },
          { keys: [key], now: () => NOW * 1000 },
        ),
      );
      expect(verdicts).toEqual(
        toSign.map(({ key }) => expect.objectContaining({ ok: true, keyId: key.id, bodySigned: key.signType !== 'basic' })),
      );
      const now = () => NOW * 1000;
      const deliveries = webhooks.map(({ dialect, receiver }, i) =>
        verifyWebhook({ headers: flat(signed[toSign.length + i]!), body: delivery }, { dialect, secrets: [receiver], now }),
      );
      expect(deliveries.map(({ ok }) => ok)).toEqual(webhooks.map(() => true));
    });

    it('accepts what the library signs, with every kind of key and secret, and refuses it with another body or key', () => {
      expect(judgedHere.map(({ id, code }) => [id, code])).toEqual(toJudge.map(({ vector, code }) => [vector['id'], code]));
    });
  });

  it('is used from an empty project as its README says, whose first program docs/verify.md has too', async () => {
    const readme = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
    const page = readFileSync('docs/verify.md', 'utf8');
    const textsOf = (text: string, wanted: string) =>
      codeBlocksOf(text).flatMap(({ language, text }) => (language === wanted ? [text] : []));
    const [program = ''] = textsOf(readme, 'java');
    expect(codeBlocksOf(readme)[0]!.text).toBe(program);
    expect(textsOf(page, 'java')).toEqual([program]);
    expect(program.split('\n').filter((line) => !/^ *\}?$/.test(line)).length).toBeLessThanOrEqual(11);
    const install = textsOf(readme, 'sh')[0]!.trim();
    expect(page).toContain(`\`${install}\``);
    expect(install).toBe('PATH_OF_THE_CHECKOUT/verifiers/java/build.sh lib');
    const project = join(folder, 'orders');
    mkdirSync(project);
    writeFileSync(join(project, 'Orders.java'), program);
    const backend = await VerifierProgram.start(['java', ...BRIEF, '-cp', join(folder, 'lib/*'), join(project, 'Orders.java')]);
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

  describe('with the keys of a service', () => {
    let keys: KeyService;
    beforeAll(async () => {
      keys = await KeyService.start();
    });
    afterAll(() => keys.stop());

    it('a deletion ends acceptance before the receipt says so, and the process leaves when it ends', () =>
      keys.expectDeletionEndsAcceptance(java.command('serve')));

    it('a process in report-only mode accepts a deleted key, and no receipt says that it refuses it', () =>
      keys.expectReportOnlyClaimsNothing(java.command('serve')));
  });
});
