import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { titlesIn } from '../support/test-titles.js';

const text = readFileSync('docs/security.md', 'utf8');

it('docs/security.md names an existing test file for every claim', () => {
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  const claims = rows.filter((line) => /`(test|src|packages)\//.test(line));
  expect(claims.length).toBeGreaterThan(40);
  const tables = text.split(/^## /m).filter((section) => section.includes('| defended |'));
  expect(tables.length).toBeGreaterThan(4);
  for (const section of tables)
    for (const row of section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| defended')))
      expect([row, /`(test|src|packages)\/[^`]+\.spec\.ts` “[^”]+”|\*not tested\*/.test(row)]).toEqual([row, true]);
  const named = [...text.matchAll(/`((?:test|src|packages)\/[^`*]+)`/g)].map(([, file]) => file!);
  expect(named.filter((file) => !existsSync(file))).toEqual([]);
});

it('docs/security.md names tests by their titles, which are declared in the named file and not skipped', () => {
  const known = new Map<string, ReturnType<typeof titlesIn>>();
  const wrong: string[] = [];
  let named = 0;
  for (const line of text.split('\n').filter((row) => row.startsWith('| '))) {
    let file: string | undefined;
    for (const [, path, title] of line.matchAll(/`((?:test|src|packages)\/[^`]+\.spec\.ts)`|“([^”]+)”/g)) {
      file = path ?? file;
      if (title === undefined) continue;
      named++;
      if (file === undefined) wrong.push(`no file before “${title}”`);
      else {
        const titles = known.get(file) ?? titlesIn(file);
        known.set(file, titles);
        if (titles.get(title)?.skipped !== false) wrong.push(`${file} “${title}”: ${titles.has(title) ? 'is skipped' : 'is not there'}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(named).toBeGreaterThan(100);
});

it('the titles of a file are found, including skipped ones', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'titles-')), 'a.spec.ts');
  writeFileSync(
    file,
    "it('runs', f); it.each([1])('of %s', f); it.skip('does not', f); describe.skip('nor', () => { it('this', f); }); // it('a comment', f)",
  );
  const titles = titlesIn(file);
  expect([...titles].map(([title, { skipped }]) => [title, skipped])).toEqual([
    ['runs', false],
    ['of %s', false],
    ['does not', true],
    ['nor', true],
    ['this', true],
  ]);
});

it('docker-compose.yml has no default for a password or a key', () => {
  const secrets = [...readFileSync('docker-compose.yml', 'utf8').matchAll(/\$\{(\w*(?:PASSWORD|TOKEN|SECRET|KEK)\w*)([^}]*)\}/g)];
  expect(secrets.length).toBeGreaterThan(2);
  expect(secrets.filter(([, , rest]) => !rest!.startsWith(':?')).map(([whole]) => whole)).toEqual([]);
  expect(readFileSync('docker-compose.yml', 'utf8')).not.toMatch(/PASSWORD: (?!\$\{|"1"$)/m);
});

it('docs/security.md and docs/operations.md name only variables that the service reads', async () => {
  const { VARIABLES } = await import('../../src/platform/config/variables.js');
  for (const file of ['docs/security.md', 'docs/operations.md']) {
    const named = new Set([...readFileSync(file, 'utf8').matchAll(/SIGNET_[A-Z_]*[A-Z]/g)].map(([name]) => name));
    expect([file, [...named].filter((name) => !VARIABLES.has(name))]).toEqual([file, []]);
  }
});
