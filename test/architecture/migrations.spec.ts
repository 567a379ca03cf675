import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { migrations } from '../../src/platform/database/migrations/migrations.js';

const FOLDER = 'src/platform/database/migrations';
/**
 * The files of the migrations that are released, or will be with 0.2.0, oldest first, each with its SHA-256. A release adds its migrations
 * at the end. Until 0.2.0 is tagged, the initial schema and its hash may change.
 */
const RELEASED: readonly (readonly [name: string, files: Readonly<Record<string, string>>])[] = [
  [
    'Initial1764500000001',
    {
      '1764500000001-initial.ts': 'd05f85ded824f469',
      'initial/gateways.ts': '61dcb51524ae2ad2',
      'initial/identity.ts': '61ac0fd9175236c4',
      'initial/platform.ts': 'ddaf78f067d0d0d3',
      'initial/webhooks.ts': '65b28f172bad8092',
    },
  ],
];
const hashOf = (file: string) =>
  createHash('sha256')
    .update(readFileSync(`${FOLDER}/${file}`))
    .digest('hex')
    .slice(0, 16);

/** The faults of the existing migrations. */
function faults(names: readonly string[], hash: (file: string) => string): string[] {
  return RELEASED.flatMap(([name, files], i) => [
    ...(names[i] === name ? [] : [`${name} is not number ${i + 1} any more`]),
    ...Object.entries(files).flatMap(([file, released]) => (hash(file) === released ? [] : [`${file} was edited: ${hash(file)}`])),
  ]);
}

it('released migrations come first, unchanged and in their order', () => {
  expect(
    faults(
      migrations.map(({ name }) => name),
      hashOf,
    ),
  ).toEqual([]);
});

it('an edited or removed released migration, and a new one before it, are found', () => {
  const [first = ''] = migrations.map(({ name }) => name);
  expect(faults([first], () => 'another')).toHaveLength(5);
  expect(faults([], hashOf)).toEqual(['Initial1764500000001 is not number 1 any more']);
  expect(faults(['Earlier1764500000000', first], hashOf)).toEqual(['Initial1764500000001 is not number 1 any more']);
});

it('the list contains every migration file, in order of their timestamps', () => {
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && /\d{13}-|\//.test(file),
  );
  const released = RELEASED.flatMap(([, each]) => Object.keys(each));
  const later = migrations.slice(RELEASED.length).map(({ name }) => /\d+$/.exec(name)![0]);
  expect(files.filter((file) => !released.includes(file) && !later.some((instant) => file.startsWith(`${instant}-`)))).toEqual([]);
  const instants = migrations.map(({ name }) => Number(/\d+$/.exec(name)![0]));
  expect(instants).toEqual([...new Set(instants)].sort((a, b) => a - b));
});
