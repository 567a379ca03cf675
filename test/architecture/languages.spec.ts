import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type Cited, LANGUAGES, TABLE, withTable } from '../languages/table.js';
import { titlesIn } from '../support/test-titles.js';

/** How a language declares a test, and what precedes or begins one that does not run. */
const DECLARED: Record<string, { test: RegExp; skips: RegExp }> = {
  '.py': { test: /^ *def (test_\w+)/, skips: /@unittest\.skip\(/ },
  '.go': { test: /^func (Test\w+)/, skips: /\bt\.Skip/ },
  '.java': { test: /\bvoid (\w+)\(/, skips: /@Disabled|@Ignore/ },
  '.php': { test: /^ *test\('([^']+)',/, skips: /\/\/ skipped/ },
};

/** Whether a file declares a test that runs. */
function runs([file, title]: Cited): boolean {
  if (!existsSync(file)) return false;
  if (file.endsWith('.ts')) return titlesIn(file).get(title)?.skipped === false;
  const { test, skips } = DECLARED[extname(file)]!;
  const lines = readFileSync(file, 'utf8').split('\n');
  const at = lines.findIndex((line) => {
    const [, ...names] = test.exec(line) ?? [];
    return names.includes(title);
  });
  return at >= 0 && ![lines[at - 1], lines[at], lines[at + 1]].some((line) => line !== undefined && skips.test(line));
}

const cited = Object.values(TABLE).flatMap((cells) => Object.values(cells).flat());

describe('the table of languages in docs/verify.md', () => {
  it('is the one that test/languages/table.ts makes', () => {
    const page = readFileSync('docs/verify.md', 'utf8');
    expect(page).toContain('<!-- languages: written by npm run languages -->');
    expect(page).toBe(withTable(page));
  });

  it('names tests that exist and run', () => {
    expect(cited.filter((each) => !runs(each))).toEqual([]);
    expect(cited.length).toBeGreaterThan(50);
  });

  it('names every test of test/languages whose language has a column with cells', () => {
    const named = new Set(cited.map(([file, title]) => `${file} ${title}`));
    const missing = readdirSync('test/languages')
      .filter((name) => name.endsWith('.spec.ts') && cited.some(([file]) => file === `test/languages/${name}`))
      .flatMap((name) => testsIn(`test/languages/${name}`).map((title) => `test/languages/${name} ${title}`))
      .filter((each) => !named.has(each));
    expect(missing).toEqual([]);
  });

  it('has a column for every verifier of the repository', () => {
    const folders = readdirSync('verifiers');
    expect(folders.filter((name) => !LANGUAGES.some((language) => language.toLowerCase() === name))).toEqual([]);
    expect(folders.length).toBeGreaterThan(1);
  });

  it('would not accept a test that is skipped or that is not there, in any language', () => {
    const folder = mkdtempSync(join(tmpdir(), 'languages-'));
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const python = file('a.py', '    def test_a(self):\n        pass\n    @unittest.skip("later")\n    def test_b(self):\n        pass\n');
    const go = file('a_test.go', 'func TestA(t *testing.T) {\n}\nfunc TestB(t *testing.T) {\n\tt.Skip()\n}\n');
    const ts = file('a.spec.ts', "it('a', f); it.skip('b', f);");
    const told = [python, go, ts].map((name) => {
      const titles = { '.py': ['test_a', 'test_b', 'test_c'], '.go': ['TestA', 'TestB', 'TestC'], '.ts': ['a', 'b', 'c'] }[extname(name)]!;
      return titles.map((title) => runs([name, title]));
    });
    expect(told).toEqual([
      [true, false, false],
      [true, false, false],
      [true, false, false],
    ]);
  });
});

/** Titles of tests, without those of groups. */
function testsIn(file: string): string[] {
  const groups = new Set(
    [...readFileSync(file, 'utf8').matchAll(/\bdescribe(?:\.each\([^]*?\))?\(\s*(['`])([^]*?)\1/g)].map(([, , title]) => title!),
  );
  return [...titlesIn(file).keys()].filter((title) => !groups.has(title));
}
