import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

type Case = { kind: 'request' | 'webhook'; fields: string[] };
const read = (name: string) => (JSON.parse(readFileSync(`test/vectors/${name}`, 'utf8')) as { vectors: any[] }).vectors;
const lines = (headers: Record<string, string>) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}:${value}\n`)
    .join('');

const CASES: Case[] = [
  ...read('sdk-hmac-sha256.json').map(({ method, url, headers, body, key, secret, authorization }) => ({
    kind: 'request' as const,
    fields: [method, url, lines({ ...headers, authorization }), body, 'hmac', '', key, secret],
  })),
  ...read('schemes.json').map(({ method, url, host, headers, body, signType, signAlgorithm, signKey, signSecret }) => ({
    kind: 'request' as const,
    fields: [method, url, lines({ host, ...headers }), body, signType, signAlgorithm ?? '', signKey, signSecret],
  })),
  ...read('webhooks.json').flatMap(({ dialect, headers, body, verifySecrets }) =>
    verifySecrets.map((secret: string) => ({ kind: 'webhook' as const, fields: [dialect, lines(headers), body, secret] })),
  ),
];

function run(command: string[], cases: Case[]): string[] {
  const [program = '', ...args] = command;
  const input = cases
    .map(({ kind, fields }) => [kind, ...fields].map((field) => Buffer.from(field).toString('base64')).join('\t') + '\n')
    .join('');
  const { stdout, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8', env: { PATH: process.env['PATH'] } });
  if (error !== undefined || stderr !== '') throw new Error(`${program}: ${error?.message ?? stderr}`);
  return stdout.trimEnd().split('\n');
}

describe.each([
  ['Python', ['python3', 'test/verifiers/verify.py']],
  ['Java', ['java', 'test/verifiers/Verify.java']],
])('a verifier in %s', (_, command) => {
  it('accepts every vector', () => {
    const answers = run(command, CASES);
    expect(CASES.map(({ fields }, i) => [answers[i], ...fields]).filter(([answer]) => answer !== 'ok')).toEqual([]);
  });

  it('refuses each kind of signature with another body', () => {
    const others = CASES.filter(({ fields }) => fields[4] !== 'basic' && !/UNSIGNED-PAYLOAD|x-sdk-content-sha256/.test(fields[2] ?? ''));
    const tampered = others.slice(-40).map(({ kind, fields }) => {
      const at = kind === 'request' ? 3 : 2;
      return { kind, fields: fields.with(at, `${fields[at]} `) };
    });
    expect(new Set(run(command, tampered))).toEqual(new Set(['FAIL']));
  });

  it('refuses each scheme under another path', () => {
    const schemes = CASES.filter(({ kind, fields }) => kind === 'request' && fields[4] !== 'basic').slice(-8);
    const tampered = schemes.map(({ kind, fields }) => ({ kind, fields: fields.with(1, `/other${fields[1]}`) }));
    expect(run(command, tampered)).toEqual(tampered.map(() => 'FAIL'));
  });
});
