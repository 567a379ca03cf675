import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { createVerifier, MemoryReplayStore, UnusableKeyError, verifySignature, verifyWebhook } from 'signet-signing';
import { generateMessageVerdicts, generateVerdicts, textOf } from '../vectors/verdicts/generate.js';
import type { GatewayVector, Pair, Vector, VectorFile, WebhookVector, WireRequest } from '../vectors/verdicts/vector.js';

const text = readFileSync('packages/vectors/vectors.json', 'utf8');
const { vectors } = JSON.parse(text) as VectorFile;
const schema = JSON.parse(readFileSync('packages/vectors/schema.json', 'utf8')) as { $defs: { attack: { enum: (string | null)[] } } };
const messageText = readFileSync('packages/vectors/message-signatures.json', 'utf8');
const { vectors: messageVectors } = JSON.parse(messageText) as VectorFile;
const gateway = [...vectors, ...messageVectors].filter((vector): vector is GatewayVector => vector.kind === 'gateway');
const webhooks = vectors.filter((vector): vector is WebhookVector => vector.kind === 'webhook');

/** The headers as the README of the vectors reads them. The verifier joins several values of one name. */
function byName(pairs: readonly Pair[], spelled: (value: string) => string): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of pairs) {
    const lower = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    headers[lower] = lower in headers ? [headers[lower]!, spelled(value)].flat() : spelled(value);
  }
  return headers;
}
const asText = (value: string) => value;
/** The text as Node's parser returns it, with one character per byte. */
const asBytes = (value: string) => Buffer.from(value, 'utf8').toString('latin1');
const received = ({ method, target, headers, body }: WireRequest, spelled = asText) => ({
  method,
  url: target,
  headers: byName(headers, spelled),
  body: Buffer.from(body, 'base64'),
});
type Verdict = { ok: true } | { ok: false; code: string };
const codeOf = (verdict: Verdict) => (verdict.ok ? null : verdict.code);

function judgeWebhook({ dialect, keys, now, options, request }: WebhookVector, spelled = asText): string | null {
  try {
    return codeOf(verifyWebhook(received(request, spelled), { dialect, secrets: keys, now: () => now * 1000, ...options }));
  } catch (error) {
    if (error instanceof UnusableKeyError) return error.code;
    throw error;
  }
}
function judgeGateway({ keys, now, options, before, request }: GatewayVector, spelled = asText): (string | null)[] {
  const replayStore = before.length > 0 ? { replayStore: new MemoryReplayStore() } : {};
  return [...before, request].map((each) =>
    codeOf(verifySignature(received(each, spelled), { keys, now: () => now * 1000, ...options, ...replayStore })),
  );
}
const expectedOf = ({ before, code }: GatewayVector) => [...before.map(() => null), code];
const differing = <V extends Vector>(among: readonly V[], judge: (vector: V) => unknown, expected: (vector: V) => unknown) =>
  among
    .map((vector) => ({ id: vector.id, note: vector.note, expected: expected(vector), judged: judge(vector) }))
    .filter((each) => JSON.stringify(each.expected) !== JSON.stringify(each.judged));

describe('signet-signing gives the expected verdict on every vector,', () => {
  it('for gateway signatures, by verifySignature', () => {
    expect(differing(gateway, (vector) => judgeGateway(vector), expectedOf)).toEqual([]);
  });

  it('for gateway signatures, by createVerifier with a look-up', async () => {
    const told = new Map<string, (string | null)[]>();
    for (const vector of gateway) {
      const { keys, now, options, before, request, id } = vector;
      const store = before.length > 0 ? { replayStore: new MemoryReplayStore() } : {};
      const verifier = createVerifier({ keys: async () => keys, now: () => now * 1000, ...options, ...store });
      const codes: (string | null)[] = [];
      for (const each of [...before, request]) codes.push(codeOf(await verifier.verify(received(each))));
      told.set(id, codes);
    }
    expect(differing(gateway, ({ id }) => told.get(id), expectedOf)).toEqual([]);
  });

  it('for gateway signatures, by createVerifier with a list, which throws for an unusable key', async () => {
    for (const { id, keys, now, options, before, request, code } of gateway) {
      const make = () => createVerifier({ keys, now: () => now * 1000, ...options });
      const unusable = keys.some((key) => !usable(key));
      if (unusable) expect(make).toThrow(UnusableKeyError);
      else if (before.length === 0) expect({ id, code: codeOf(await make().verify(received(request))) }).toEqual({ id, code });
    }
    expect(gateway.filter(({ keys }) => keys.some((key) => !usable(key))).length).toBeGreaterThan(5);
  });

  it('for webhooks', () => {
    expect(
      differing(
        webhooks,
        (vector) => judgeWebhook(vector),
        ({ code }) => code,
      ),
    ).toEqual([]);
  });

  it('also if headers are bytes, as from Node’s parser', () => {
    expect(differing(gateway, (vector) => judgeGateway(vector, asBytes), expectedOf)).toEqual([]);
    expect(
      differing(
        webhooks,
        (vector) => judgeWebhook(vector, asBytes),
        ({ code }) => code,
      ),
    ).toEqual([]);
  });
});

describe('the vectors', () => {
  it('equal what their generator produces today', () => {
    expect(textOf(generateVerdicts()) === text).toBe(true);
    expect(textOf(generateMessageVerdicts()) === messageText).toBe(true);
  });

  it('match their schema', () => {
    const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: false }).compile(schema);
    for (const each of [text, messageText]) {
      validate(JSON.parse(each));
      expect(validate.errors ?? []).toEqual([]);
    }
    const spoilt = (change: (vector: Record<string, unknown>) => void) => {
      const file = JSON.parse(text) as { vectors: Record<string, unknown>[] };
      change(file.vectors[0]!);
      return validate(file);
    };
    expect(spoilt((vector) => (vector['code'] = 'skew'))).toBe(false);
    expect(spoilt((vector) => (vector['unknown'] = 1))).toBe(false);
    expect(spoilt((vector) => delete vector['now'])).toBe(false);
  });

  it('are at least 1000, with 300 refused ones, and 300 valid ones that the SDK of the vendor signed', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(1000);
    expect(vectors.filter(({ expected }) => expected === 'invalid').length).toBeGreaterThanOrEqual(300);
    expect(vectors.filter(({ attack, note }) => attack === null && note === "signed by the vendor's SDK").length).toBeGreaterThanOrEqual(
      300,
    );
    expect(new Set(vectors.map(({ id }) => id)).size).toBe(vectors.length);
    expect(new Set(messageVectors.map(({ id }) => id)).size).toBe(messageVectors.length);
    expect(messageVectors.filter(({ expected }) => expected === 'invalid').length).toBeGreaterThanOrEqual(250);
  });

  it('contain every attack of the schema and every code', () => {
    expect(new Set([...vectors, ...messageVectors].map(({ attack }) => attack))).toEqual(new Set(schema.$defs.attack.enum));
    const codes = (among: readonly Vector[]) => [...new Set(among.map(({ code }) => code))].filter((code) => code !== null).sort();
    expect([...codes(gateway), 'unusable_key', 'no_signature'].sort()).toEqual(
      [...new Set([...tableOf('Gateway signatures'), ...tableOf('Webhooks'), 'unusable_key'])].sort(),
    );
    expect(codes(webhooks)).toEqual([...tableOf('Webhooks'), 'unusable_key'].sort());
  });
});

/** Whether a key is possible for its type. A 2048-bit RSA key in DER has more than 200 bytes, and a 1024-bit key has fewer. */
const usable = ({ signType, signAlgorithm, signKey, signSecret }: GatewayVector['keys'][number]) => {
  if (signType === 'public_key') return Buffer.from(signKey, 'base64').length > 200;
  if (signType === 'aes') return signSecret?.length === 16 && signKey.length === (signAlgorithm === 'aes-128-cfb' ? 16 : 32);
  return signAlgorithm === 'ed25519' || (signSecret !== undefined && signSecret !== '');
};

/** The codes of one section of docs/result-codes.md. */
function tableOf(section: string): string[] {
  const [, rows = ''] = readFileSync('docs/result-codes.md', 'utf8').split(`## ${section}\n`);
  return [...rows.split('\n## ')[0]!.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code!);
}

describe('docs/result-codes.md', () => {
  const sources = readdirSync('packages/signing/src')
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .map((name) => readFileSync(`packages/signing/src/${name}`, 'utf8'));
  const union = (name: string) => {
    const [, members = ''] = new RegExp(`type ${name} =([^;]+);`).exec(sources.join('\n')) ?? [];
    return [...members.matchAll(/'(\w+)'/g)].map(([, code]) => code!).sort();
  };

  it.each([
    ['Gateway signatures', 'RefusalCode'],
    ['Webhooks', 'WebhookRefusalCode'],
    ['Requests that could not be checked', 'UncheckedCode'],
  ])('has in its section %s exactly the codes of %s', (section, name) => {
    expect(tableOf(section).sort()).toEqual(union(name));
    expect(tableOf(section).length).toBeGreaterThan(2);
  });

  it('has exactly the codes that the sources use', () => {
    const written = sources.flatMap((source) =>
      [...source.matchAll(/refuse\(\s*'(\w+)'|code(?:: | = )'(\w+)'/g)].map(([, a, b]) => a ?? b!),
    );
    const sections = ['Gateway signatures', 'Webhooks', 'Configuration', 'Requests that could not be checked'].flatMap(tableOf);
    expect([...new Set(sections)].sort()).toEqual([...new Set(written)].sort());
  });
});

describe('the package as it is published', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
  const npm = (...args: string[]) => execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  const pack = (name: string) => join(folder, npm('pack', '--ignore-scripts', '--silent', resolve('packages', name)).trim());
  let tarball: string;

  beforeAll(() => {
    tarball = pack('vectors');
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    npm('install', '--offline', '--no-audit', '--no-fund', tarball, pack('signing'));
  });

  it('contains only its data and their description', () => {
    const files = readdirSync(join(folder, 'node_modules/signet-vectors'), { recursive: true, encoding: 'utf8' });
    expect(files.sort()).toEqual(['LICENSE', 'README.md', 'message-signatures.json', 'package.json', 'schema.json', 'vectors.json']);
    const version = (name: string) => (JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8')) as { version: string }).version;
    expect(version('vectors')).toBe(version('signing'));
  });

  it('begins its README with ten lines that run every vector', () => {
    const [, snippet = ''] = /^# signet-vectors\n\n```js\n([\s\S]*?)```/.exec(readFileSync('packages/vectors/README.md', 'utf8')) ?? [];
    expect(snippet.trim().split('\n')).toHaveLength(10);
    writeFileSync(join(folder, 'readme.js'), snippet);
    const told = execFileSync(process.execPath, ['readme.js'], { cwd: folder, encoding: 'utf8', env: {}, stdio: 'pipe' });
    expect(told).toBe(`${vectors.length} vectors, judged otherwise: []\n`);
  });

  it('has no fault that publint finds', () => {
    const told = execFileSync(process.execPath, [resolve('node_modules/publint/src/cli.js'), 'run', tarball, '--strict'], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    expect(told).toContain('All good!');
  });
});
