import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { SCENARIOS } from '../support/receipt-scenarios.js';
import { titlesIn } from '../support/test-titles.js';

const text = readFileSync('docs/track-record.md', 'utf8');
const rows = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
/** The title as it is cited. `…` at its beginning or end stands for the rest. */
const cites = (cited: string, name: string) => {
  const said = cited.replace(/^… ?| ?…$/g, '');
  if (cited.startsWith('…')) return name.endsWith(said) || (cited.endsWith('…') && name.includes(said));
  return cited.endsWith('…') ? name.startsWith(said) : name === said;
};
const namesIn = (file: string, of: RegExp) => [...readFileSync(file, 'utf8').matchAll(of)].map(([, name]) => name!);
const rules = namesIn('src/lib/receipts/faults.ts', /^ {2}\| '(\w+)'/gm);
const rulesOfProcesses = namesIn('test/support/left-out.ts', /^ {2}\| '(\w+)'/gm);

it('docs/track-record.md names only existing files, and only tests that they declare and run', () => {
  const wrong: string[] = [];
  let [named, file] = [0, ''];
  for (const row of rows) {
    if (!row.includes('the same')) file = '';
    for (const [, path, title] of row.matchAll(/(?<!probes )`((?:test|src)\/[^`]+\.ts)`|(?<!probes )“([^”]+)”/g)) {
      file = path ?? file;
      if (path !== undefined && !existsSync(path)) wrong.push(`${path} is not there`);
      if (title === undefined) continue;
      named++;
      const found = file === '' ? undefined : [...titlesIn(file)].find(([each]) => cites(title, each));
      if (found?.[1].skipped !== false) wrong.push(`${file} “${title}”`);
    }
  }
  expect(wrong).toEqual([]);
  expect(named).toBeGreaterThan(15);
});

it('docs/track-record.md names scenarios of the probes by their exact names', () => {
  const named = [...text.matchAll(/probes (?:"[^"]+"(?:, )?)+/g)].flatMap(([all]) =>
    [...all.matchAll(/"([^"]+)"/g)].map(([, name]) => name!),
  );
  expect(named.filter((each) => !SCENARIOS.some(({ name }) => cites(each, name)))).toEqual([]);
  expect(named.length).toBeGreaterThan(5);
  const controls = SCENARIOS.flatMap(({ controls: needed }) => needed.map(({ leftOut }) => leftOut));
  const [probes = ''] = text.split('## In probes of running processes').slice(1);
  const listed = [...probes.split('\n## ')[0]!.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual(controls.sort());
});

it('docs/track-record.md names exactly the rules that can be left out', () => {
  const inTables = rows.flatMap((row) => [...row.matchAll(/`([a-z]+[A-Z]\w+)`/g)].map(([, name]) => name!));
  const known = new Set([...rules, ...rulesOfProcesses]);
  expect(inTables.filter((name) => !known.has(name))).toEqual([]);
  expect([...known].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

it('docs/track-record.md names only existing commands', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const commands = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name!);
  expect(commands.filter((name) => !(name in scripts))).toEqual([]);
  expect(new Set(commands).size).toBeGreaterThan(3);
});
