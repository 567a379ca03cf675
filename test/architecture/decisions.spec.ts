import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const FOLDER = 'docs/adr';
const PARTS = ['Context', 'Decision', 'Consequences', 'Alternatives'];
/** A part begins its paragraph in bold, or has a heading in a long page. */
const missing = (text: string) => PARTS.filter((part) => !new RegExp(`^(\\*\\*${part}\\.\\*\\*|## ${part}$)`, 'm').test(text));

const pages = readdirSync(FOLDER)
  .filter((name) => /^\d{4}-.*\.md$/.test(name))
  .sort();
const index = readFileSync(`${FOLDER}/README.md`, 'utf8');

it('the index lists exactly the decisions, in order and under their titles', () => {
  const titles = pages.map((name) => {
    const [, number, title] = /^# (\d{4}) (.+)$/m.exec(readFileSync(`${FOLDER}/${name}`, 'utf8')) ?? [];
    return `| [${number}](${name}) | ${title} |`;
  });
  expect(index.match(/^\| \[\d{4}\].*\|$/gm)).toEqual(titles);
});

it('every decision has a unique number, equal to that of its file name, and the four parts of the template', () => {
  const numbers = pages.map((name) => name.slice(0, 4));
  expect(numbers.filter((number, at) => numbers.indexOf(number) !== at)).toEqual([]);
  for (const name of pages) {
    const text = readFileSync(`${FOLDER}/${name}`, 'utf8');
    expect([name, text.slice(2, 6), missing(text)]).toEqual([name, name.slice(0, 4), []]);
  }
  expect(missing(index)).toEqual([]);
});
