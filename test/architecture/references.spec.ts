import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from '@jest/globals';
import { anchorsOf, filesBelow, headingsOf, linksOf, pages } from '../support/markdown.js';

const SOURCES = ['src', 'packages', 'test', 'bench', 'demo', '.config', 'docs'];
/** This file contains dead references as examples. */
const SELF = 'test/architecture/references.spec.ts';

const texts = (): [path: string, text: string][] =>
  [...new Set([...SOURCES.flatMap(filesBelow), ...pages()])]
    .filter((path) => /\.(ts|js|cjs|mjs|md)$/.test(path) && path !== SELF && !/node_modules|^packages\/\w+\/dist\//.test(path))
    .map((path) => [path, readFileSync(path, 'utf8')]);

/** The numbers of the sections of a contract, by its name. */
const sectionsOf = (page: string): Set<string> =>
  new Set(headingsOf(page).flatMap((title) => /^(\d+(?:\.\d+)?)\.? /.exec(title)?.slice(1, 2) ?? []));

/** The faults of the references to sections of contracts in a text, and the number of references. */
function sections(text: string): { wrong: string[]; followed: number } {
  const wrong: string[] = [];
  let followed = 0;
  for (const [whole, page, list] of text.matchAll(/(docs\/contracts\/[\w-]+\.md) (§[\d.]*\d(?:(?:, |–| and )§[\d.]*\d)*)/g)) {
    const known = existsSync(page!) ? sectionsOf(page!) : new Set<string>();
    for (const [, number] of list!.matchAll(/§([\d.]*\d)/g)) {
      followed++;
      if (!known.has(number!)) wrong.push(`${whole}: no section ${number}`);
    }
  }
  return { wrong, followed };
}

/** The links of a page that lead to no file, or to no heading of a file. */
function deadLinks(path: string): string[] {
  return linksOf(readFileSync(path, 'utf8')).flatMap(({ target, line }) => {
    if (/^(https?|mailto):/.test(target)) return [];
    const [file, anchor] = target.split('#', 2) as [string, string?];
    const to = file === '' ? path : normalize(join(dirname(path), decodeURIComponent(file)));
    if (!existsSync(to)) return [`${path}:${line} ${target}: no such file`];
    if (anchor === undefined || statSync(to).isDirectory() || !to.endsWith('.md')) return [];
    return anchorsOf(to).has(anchor) ? [] : [`${path}:${line} ${target}: no such heading`];
  });
}

it('every section of a contract that code and pages refer to exists', () => {
  const all = texts().map(([path, text]) => ({ path, ...sections(text) }));
  expect(all.flatMap(({ path, wrong }) => wrong.map((each) => `${path}: ${each}`))).toEqual([]);
  expect(all.reduce((sum, { followed }) => sum + followed, 0)).toBeGreaterThan(200);
});

it('every reference to a section names its page', () => {
  const short = texts()
    .filter(([path]) => !path.startsWith('docs/contracts/'))
    .flatMap(([path, text]) =>
      [...text.matchAll(/(?<!RFC \d+ |SP 800-38D |file format |\.md )(?<!§[\d.]+(, |–| and ))§\d/g)].map(
        ({ index }) => `${path}:${text.slice(0, index).split('\n').length}`,
      ),
    );
  expect(short).toEqual([]);
});

it('every section that a contract refers to exists', () => {
  const wrong = filesBelow('docs/contracts').flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/(?:([\w-]+\.md) )?§([\d.]*\d)/g)]
      .filter(([, page, number]) => !sectionsOf(page === undefined ? path : join('docs/contracts', page)).has(number!))
      .map(([whole]) => `${path}: ${whole}`),
  );
  expect(wrong).toEqual([]);
});

it('every page and decision that code and pages name exists', () => {
  const wrong = texts().flatMap(([path, text]) =>
    [...text.matchAll(/(?<![\w./-])docs\/[\w./-]*\w/g)]
      .map(([name]) => name)
      .filter(
        (name) => !existsSync(name) && !(/^docs\/adr\/\d{4}$/.test(name) && filesBelow('docs/adr').some((each) => each.startsWith(name))),
      )
      .map((name) => `${path}: ${name}`),
  );
  expect(wrong).toEqual([]);
});

it('every heading that code and pages name in quotes exists', () => {
  let followed = 0;
  const wrong = texts().flatMap(([path, text]) =>
    [...text.matchAll(/\b(docs\/[\w-]+\.md),? ["“]([^"”\n]+)["”]/g)].flatMap(([whole, page, title]) => {
      followed++;
      return existsSync(page!) && headingsOf(page!).includes(title!) ? [] : [`${path}: ${whole}`];
    }),
  );
  expect(wrong).toEqual([]);
  expect(followed).toBeGreaterThan(0);
});

it('every link of README, change log and docs leads to a file and a heading', () => {
  expect(pages().flatMap(deadLinks)).toEqual([]);
});

it('every file of the repository that a page names in code font exists', () => {
  const wrong = pages()
    .filter((path) => path !== 'CHANGELOG.md')
    .flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/`((?:src|test|bench|demo|\.config)\/[\w./-]*[\w/])`/g)]
        .map(([, name]) => name!)
        .filter((name) => !existsSync(name))
        .map((name) => `${path}: ${name}`),
    );
  expect(wrong).toEqual([]);
});

it('a dead link, a missing heading and a missing section are found', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'links-')), 'page.md');
  writeFileSync(path, '# One and two\n\n[a](gone.md) [b](#one-and-two) [c](#three)\n\n```\n[d](gone-too.md)\n```\n');
  expect(deadLinks(path).map((each) => each.slice(path.length))).toEqual([':3 gone.md: no such file', ':3 #three: no such heading']);
  expect(sections('docs/contracts/apig.md §1.2–§1.99').wrong).toEqual(['docs/contracts/apig.md §1.2–§1.99: no section 1.99']);
  expect(sections('docs/contracts/none.md §1').wrong).toHaveLength(1);
});
