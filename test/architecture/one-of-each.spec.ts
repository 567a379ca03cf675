import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { FRESH_MS, MACHINES_FRESH_MS } from '../../src/platform/auth/freshness.js';
import { SIGN_ALGORITHMS, SIGN_TYPES } from '#signing/algorithms.js';
import { linesWith } from '../support/sources.js';

const without = (lines: string[], ...known: RegExp[]) => lines.filter((line) => !known.some((pattern) => pattern.test(line)));

describe('the types of signature keys', () => {
  const literals = new RegExp(`'(${[...SIGN_TYPES, ...SIGN_ALGORITHMS].join('|')})'`);
  /** Other things with the same name. */
  const others = [
    /name: 'public_key', type:/, // a column
    /publicKey: 'public_key'/, // the same
    /^apig\/instances\/(features|quotas)\.ts: /, // a feature of a gateway in the contract
    /^platform\/config\/variables\.ts: SIGNET_SIGN_(TYPE|ALGORITHM): /, // what the help says of variables of commands
    /generateKeyPairSync\('ed25519'\)/, // the curve
    /input\.type === 'ed25519'|'hmac' \| 'ed25519'|\['hmac', 'ed25519'\]|'hmac' : 'ed25519'|origin === 'generated' && type === 'hmac'|\(\{ type \}\) => type === 'hmac'/, // a type of webhook keys
  ];

  it('are named only in the table of their traits, which all other code uses', () => {
    const elsewhere = linesWith(literals).filter((line) => !line.includes('signing/src/algorithms.ts: '));
    expect(without(elsewhere, ...others)).toEqual([]);
  });

  it('are found if they are named elsewhere', () => {
    const planted = linesWith(literals, [{ file: 'signs/planted.ts', text: "if (sign.signType === 'aes') seal(key);" }]);
    expect(without(planted, ...others)).toEqual(["signs/planted.ts: if (sign.signType === 'aes') seal(key);"]);
  });
});

describe('the line of a signed header', () => {
  it('is built by one function for signers and verifiers', () => {
    const lines = linesWith(/:\$\{[^}]*\}\\n/);
    expect(lines.filter((line) => line.startsWith('packages/signing/'))).toEqual([
      'packages/signing/src/canonical-request.ts: export const headerLine = (name: string, value: string): string => `${name}:${value}\\n`;',
    ]);
  });
});

describe('a shared duration', () => {
  it('is defined once for a minute, an hour and a day', () => {
    const calendar = /\b(60_000|3_600_000|86_400_000)\b/;
    const named = linesWith(calendar).filter((line) => /const (MINUTE|HOUR|DAY)\w* =/.test(line));
    expect(named).toEqual(['platform/common/clock.ts: export const MINUTE_MS = 60_000;']);
  });

  it('is defined once for a cached credential', () => {
    const lines = linesWith(/FRESH_MS\b.*=.*\d/).filter((line) => !line.startsWith('identity/external/'));
    expect(lines).toEqual([
      'platform/auth/freshness.ts: export const FRESH_MS = 30_000;',
      'platform/auth/freshness.ts: export const MACHINES_FRESH_MS = 5_000;',
    ]);
    expect(linesWith(/within (the|30) (30|seconds)|caches' \d/)).toEqual([]);
  });

  it('has the same value in the docs and in the code', () => {
    const said = ['docs/contract.md', 'docs/security.md', 'docs/operations.md'].flatMap((file) =>
      [
        ...readFileSync(file, 'utf8').matchAll(
          /(?:within|takes up to|counts for) (\d+) (?:s|seconds)\b(?= in (?:the )?other|\. A disabled user)|takes effect within (\d+) seconds/g,
        ),
      ].map(([text, a, b]) => ({ text, seconds: Number(a ?? b) })),
    );
    expect(said.length).toBeGreaterThanOrEqual(5);
    expect(said.filter(({ seconds }) => ![FRESH_MS, MACHINES_FRESH_MS].includes(seconds * 1000))).toEqual([]);
  });
});

describe('a task that only one process at a time runs', () => {
  it('is a LeasedTask, and no other code reads or writes leases', () => {
    // The check for write access leaves no data.
    const files = without(linesWith(/\b(FROM|INTO|UPDATE) leases\b/), /probe-/).map((line) => line.split(':')[0]);
    expect([...new Set(files)]).toEqual(['platform/database/leased-task.ts']);
  });
});

describe('a transaction', () => {
  it('is created only by the two databases and by ChangesService', () => {
    const files = linesWith(/\bas(Transaction|Snapshot)\(/).map((line) => line.split(':')[0]);
    expect([...new Set(files)].sort()).toEqual([
      'platform/changes/changes.service.ts',
      'platform/database/mariadb.ts',
      'platform/database/sqlite.ts',
    ]);
    expect(linesWith(/\bas (unknown as )?(Tx|Reads|Write)\b/).filter((line) => !line.startsWith('platform/database/tx.ts'))).toEqual([]);
  });
});

it('the key providers are listed once', () => {
  expect(linesWith(/\bring\b.*\bvault\b.*\baws-kms\b/).filter((line) => !/: (\/\/|\*|\/\*)/.test(line))).toEqual([
    "platform/config/variables.ts: export const KEY_PROVIDERS = ['ring', 'vault', 'aws-kms'] as const;",
  ]);
});

it('the metrics of the control plane are in one file, and those of a gateway in another', () => {
  const files = linesWith(/new (Counter|Gauge|Histogram)\(/).map((line) => line.split(':')[0]);
  expect([...new Set(files)].sort()).toEqual(['gateway/observability/gateway-metrics.ts', 'platform/observability/metrics.ts']);
});
