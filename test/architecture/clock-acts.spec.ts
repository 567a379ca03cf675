import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { CLOCK_ACTS, EVENT_KINDS } from '../../src/platform/common/events.js';
import { sources } from '../support/sources.js';

const texts = (pattern: RegExp) => sources.flatMap(({ file, text }) => [...text.matchAll(pattern)].map((match) => ({ file, match })));

it('the table of scheduled changes equals the set that periodic tasks declare', () => {
  const duties = texts(/(?:new PeriodicTask\(|super\(\s*database,\s*clock,)\s*\{ (acts|maintains): ([^}]*)\}/g);
  // A task without a duty does not compile, and a task whose duty is defined elsewhere would not be counted.
  expect(duties.map(({ file }) => file).sort()).toEqual(
    texts(/new PeriodicTask\((?!\s*duty,)|extends LeasedTask</g)
      .map(({ file }) => file)
      .sort(),
  );
  const named = duties
    .filter(({ match }) => match[1] === 'acts')
    .flatMap(({ match }) => [...match[2]!.matchAll(/'(\w+)'/g)].map(([, act]) => act));
  expect(named.sort()).toEqual(Object.keys(CLOCK_ACTS).sort());
  for (const { match } of duties.filter(({ match: [, kind] }) => kind === 'maintains')) expect(match[2]!.length).toBeGreaterThan(20);
});

it('every scheduled change is recorded in one place, which writes an audit row and publishes an event', () => {
  const recorded = (act: string) =>
    texts(new RegExp(`['"]${act}['"]`, 'g')).filter(
      ({ file }) => !['platform/common/events.ts', 'platform/audit/actions.ts'].includes(file) && !file.endsWith('.controller.ts'),
    );
  for (const act of Object.keys(CLOCK_ACTS)) {
    const places = recorded(act).filter(({ file, match }) => {
      const before = sources.find((source) => source.file === file)!.text.slice(0, match.index);
      // A comparison only reads recorded actions.
      return !/\{ acts: \[[^\]]*$|=== $/.test(before);
    });
    expect([act, places.length]).toEqual([act, 1]);
    const [{ file, match }] = places as [(typeof places)[number]];
    const text = sources.find((source) => source.file === file)!.text;
    expect(text.slice(0, match.index)).toMatch(/this\.acts\.record\(write, $/);
  }
});

it('periodic tasks write as the service itself only through ClockActs', () => {
  // The exceptions: the first start, the files of an installation and the demo act once, and a machine contradicts a vouch with its report.
  const once =
    /^(cli|identity\/iam|identity\/external)\/|^identity\/projects\/(clock-acts|operator|projects\.service)\.ts$|^apig\/instances\/instances\.service\.ts$|session-reports/;
  const others = texts(/operator\('signet'\)/g).filter(({ file }) => !once.test(file));
  // Both a caller and the schedule take steps of a rotation. The steps of the schedule are listed above.
  expect(others.map(({ file }) => file)).toEqual(['distribution/rotation/rotations.service.ts']);
});

it('the docs name exactly the events of scheduled changes', () => {
  const docs = readFileSync('docs/webhooks.md', 'utf8');
  const table = [...docs.matchAll(/^\| `([a-z_]+\.[a-z]+)` \|/gm)].map(([, kind]) => kind);
  expect(table.sort()).toEqual([...EVENT_KINDS].sort());
});
