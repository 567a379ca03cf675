import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { describe, expect, it } from '@jest/globals';
import { RevocableCache } from '../../src/platform/auth/revocable-cache.js';
import { RevisionCache } from '../../src/platform/changes/revision-cache.js';
import { PeriodicTask } from '../../src/platform/common/periodic-task.js';
import { LeasedTask } from '../../src/platform/database/leased-task.js';
import { type Source, sources } from '../support/sources.js';

const PAGE = readFileSync('docs/architecture.md', 'utf8');
const LABELS = ['Guarantees', 'Condition', 'Degrades'] as const;

const section = PAGE.split(/^## /m).find((each) => each.startsWith('What spans processes\n')) ?? '';
const rows = [...section.matchAll(/^\| ([^|]+) \| `(src\/[^`]+)` \| (.+) \|$/gm)].map(([, mechanism, file, guarantees]) => ({
  mechanism: mechanism!,
  file: file!,
  guarantees: guarantees!,
}));

/** The text after a label in a comment of a file, as one line. It ends at the next label or at the end of the comment. */
const said = (text: string, label: (typeof LABELS)[number]): string | undefined =>
  new RegExp(`^ \\* ${label}: ([^]*?)(?=\\n \\*(?:/| (?:${LABELS.join('|')}): | @| *\\n))`, 'm')
    .exec(text)?.[1]!
    .replace(/\s*\n \*\s+/g, ' ');

/** A use of a mechanism that connects processes: a periodic task, a lease, a cache that others invalidate, Redis, or the change feed. */
const USE = new RegExp(
  `\\bnew (?:${[PeriodicTask, RevocableCache, RevisionCache, Redis].map(({ name }) => name).join('|')})(?:<[^(]*>)?\\(|` +
    `\\bextends ${LeasedTask.name}\\b|\\bfeed\\.subscribe\\(`,
);
const unlisted = (among: readonly Source[]) =>
  among.filter(({ file, text }) => USE.test(text) && !rows.some((row) => row.file === `src/${file}`)).map(({ file }) => file);

describe('a mechanism that spans processes', () => {
  it('is listed with the guarantee of its own comment, its condition and its degradation', () => {
    const stated = rows.map(({ mechanism, file }) => {
      const text = readFileSync(file, 'utf8');
      const [guarantees, ...others] = LABELS.map((label) => said(text, label));
      return { mechanism, file, guarantees: others.every((each) => each && each.length > 10) ? guarantees : undefined };
    });
    expect(stated).toEqual(rows);
    expect(rows.length).toBeGreaterThanOrEqual(25);
  });

  it('is listed if a class uses a periodic task, a lease, a cache that others invalidate, Redis or the change feed', () => {
    expect(unlisted(sources)).toEqual([]);
    expect(sources.filter(({ text }) => USE.test(text)).length).toBeGreaterThanOrEqual(15);
  });

  it('is found if it is not listed', () => {
    expect(unlisted([{ file: 'apig/planted.ts', text: 'readonly #ticks = new PeriodicTask(duty, 1000, task, report);' }])).toEqual([
      'apig/planted.ts',
    ]);
  });

  it('is listed if a comment states a guarantee', () => {
    const stating = sources.filter(({ text }) => said(text, 'Guarantees') !== undefined).map(({ file }) => `src/${file}`);
    expect(stating.sort()).toEqual(rows.map(({ file }) => file).sort());
  });
});
