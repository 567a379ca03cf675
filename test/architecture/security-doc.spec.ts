import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const text = readFileSync('docs/security.md', 'utf8');

it('docs/security.md names a test for every claim, and every test that it names is there', () => {
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  const claims = rows.filter((line) => /`(test|src)\//.test(line));
  expect(claims.length).toBeGreaterThan(40);
  const tables = text.split(/^## /m).filter((section) => section.includes('| defended |'));
  expect(tables.length).toBeGreaterThan(4);
  for (const section of tables)
    for (const row of section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| defended')))
      expect([row, /`(test|src)\/[^`]+\.spec\.ts`|\*not tested\*/.test(row)]).toEqual([row, true]);
  const named = [...text.matchAll(/`((?:test|src)\/[^`*]+)`/g)].map(([, file]) => file!);
  expect(named.filter((file) => !existsSync(file))).toEqual([]);
});

it('docs/security.md and docs/operations.md name no variable that the service does not read', async () => {
  const [{ VARIABLES }, { GATEWAY_VARIABLES }] = await Promise.all([
    import('../../src/config/config.js'),
    import('../../src/config/gateway-variables.js'),
  ]);
  const known = new Set([...Object.keys(VARIABLES), ...Object.keys(GATEWAY_VARIABLES)]);
  for (const file of ['docs/security.md', 'docs/operations.md']) {
    const named = new Set([...readFileSync(file, 'utf8').matchAll(/SIGNET_[A-Z_]*[A-Z]/g)].map(([name]) => name));
    expect([file, [...named].filter((name) => !known.has(name))]).toEqual([file, []]);
  }
});
