import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';

/** For each top-level folder: the folders or modules that it may import, and its own modules with the modules that each may import. */
const house = createRequire(import.meta.url)('../../.config/house.cjs') as Record<
  string,
  { may: string[]; rooms: Record<string, string[]> }
>;

interface Cruise {
  modules: { source: string; dependencies: { resolved: string }[] }[];
  summary: { violations: { rule: { name: string }; from: string; to: string }[] };
}
const cruise = (cwd = '.'): Cruise => {
  const args = [
    'src',
    'packages/signing/src',
    'packages/client/src',
    '--config',
    '.config/dependency-cruiser.cjs',
    '--output-type',
    'json',
  ];
  const { stdout } = spawnSync(resolve('node_modules/.bin/depcruise'), args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });
  // The build of a package counts as its source.
  return JSON.parse(stdout.replaceAll(/(packages\/\w+)\/dist\/([\w-]+)\.(?:d\.ts|js)/g, '$1/src/$2.ts')) as Cruise;
};
const placeOf = (file: string) => {
  const [, district = '', room = ''] = /^src\/([^/]+)\/(?:([^/]+)\/)?/.exec(file) ?? [];
  return { district, room };
};

describe('the map of allowed imports', () => {
  let found: Cruise;
  beforeAll(() => {
    found = cruise();
  });

  it('allows every import', () => {
    expect(found.modules.length).toBeGreaterThan(300);
    expect(found.summary.violations).toEqual([]);
  });

  it('names exactly the modules of src/, and allows no unused import', () => {
    const rooms = new Set<string>();
    const used = new Set<string>();
    for (const { source, dependencies } of found.modules.filter((module) => /^src\/.*(?<!\.spec)\.ts$/.test(module.source))) {
      const { district, room } = placeOf(source);
      if (district === '' || district === 'cli') continue;
      rooms.add(house[district]?.rooms[room] || !room ? district : `${district}/${room}`);
      if (house[district]?.rooms[room]) rooms.add(`${district}/${room}`);
      for (const { resolved } of dependencies) {
        const to = placeOf(resolved);
        if (to.district === '') continue;
        if (to.district !== district) used.add(`${district} → ${to.district}`).add(`${district} → ${to.district}/${to.room}`);
        else if (to.room !== room) used.add(`${district}/${room} → ${district}/${to.room}`);
      }
    }
    const declared = Object.entries(house).flatMap(([district, { rooms: inside }]) => [
      district,
      ...Object.keys(inside).map((room) => `${district}/${room}`),
    ]);
    expect([...rooms].sort()).toEqual(declared.sort());
    const allowed = Object.entries(house).flatMap(([district, { may, rooms: inside }]) => [
      // The top-level folders are layers. A folder may import every lower layer, even if it does not use it.
      ...may.filter((to) => to.includes('/')).map((to) => `${district} → ${to}`),
      ...Object.entries(inside).flatMap(([room, below]) => below.map((to) => `${district}/${room} → ${district}/${to}`)),
    ]);
    expect(allowed.filter((arrow) => !used.has(arrow))).toEqual([]);
  });

  it('matches the diagram of docs/architecture.md, whose arrows point upwards', () => {
    const [, picture] = /```mermaid\n([^`]+)```/.exec(readFileSync('docs/architecture.md', 'utf8'))!;
    const drawn = new Map<string, string[]>();
    for (const [, district, rooms] of picture!.matchAll(/^ {2}(\w+)\["<b>\w+<\/b>(?:<br>([^"]+))?"\]$/gm))
      drawn.set(district!, rooms?.split(' · ') ?? []);
    const arrows = [...picture!.matchAll(/^ {2}(\w+) -->(?:\|"([^"]+)"\|)? (\w+)$/gm)].map(([, from, only, to]) => ({
      from: from!,
      to: only ? only.split(' · ').map((room) => `${to}/${room}`) : [to!],
    }));
    expect(Object.fromEntries([...drawn].filter(([district]) => district !== 'cli' && district !== 'packages'))).toEqual(
      Object.fromEntries(Object.entries(house).map(([district, { rooms }]) => [district, Object.keys(rooms)])),
    );
    // The folders and modules from the bottom up.
    const order = [...drawn.keys()];
    for (const { from, to } of arrows) for (const each of to) expect(order.indexOf(each.split('/')[0]!)).toBeLessThan(order.indexOf(from));
    for (const [district, { rooms }] of Object.entries(house))
      Object.values(rooms).forEach((below, i) => {
        for (const each of below) expect([district, each, Object.keys(rooms).indexOf(each)]).toEqual([district, each, expect.any(Number)]);
        expect(below.filter((each) => Object.keys(rooms).indexOf(each) >= i)).toEqual([]);
      });
    // An arrow also stands for everything below its target.
    const below = (district: string): string[] => [
      ...new Set(arrows.filter(({ from }) => from === district).flatMap(({ to }) => to.flatMap((each) => [each, ...below(each)]))),
    ];
    for (const [district, { may }] of Object.entries(house))
      expect([district, below(district).sort()]).toEqual([district, [...may, 'packages'].sort()]);
    expect(new Set(below('cli').map((each) => each.split('/')[0]))).toEqual(new Set(['packages', ...Object.keys(house)]));
  });

  it('has two reading paths in docs/architecture.md, where an earlier file imports each next one and no file is repeated', () => {
    const imports = new Map<string, string[]>();
    for (const { source, dependencies } of found.modules)
      imports.set(source, [...(imports.get(source) ?? []), ...dependencies.map(({ resolved }) => resolved)]);
    const walks = readFileSync('docs/architecture.md', 'utf8')
      .split(/^## /m)
      .filter((section) => section.includes('| ⇢ `'));
    expect(walks.length).toBe(2);
    for (const walk of walks) {
      const steps = [...walk.matchAll(/^\| (⇢ )?`([^`]+)` \|/gm)].map(([, jump, file]) => ({
        jump: jump !== undefined,
        file: file!.startsWith('packages/') ? file! : `src/${file}`,
      }));
      expect(steps.length).toBeGreaterThan(10);
      const passed: string[] = [];
      for (const { jump, file } of steps) {
        expect([file, imports.has(file), passed.includes(file)]).toEqual([file, true, false]);
        const from = passed.filter((before) => imports.get(before)!.includes(file));
        if (!jump) expect([file, from]).not.toEqual([file, []]);
        passed.push(file);
      }
    }
  });
});

it('an import that the map does not allow is found', () => {
  const copy = mkdtempSync(join(tmpdir(), 'house-'));
  for (const each of ['.config', 'tsconfig.json', 'package.json']) cpSync(each, join(copy, each), { recursive: true });
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  const plants = [
    ['src/lib/receipts', 'src/platform/common', 'lib-imports'],
    ['packages/signing/src', 'src/lib/receipts', 'a-package-imports-nothing-of-ours'],
    ['packages/client/src', 'packages/signing/src', 'a-package-imports-nothing-of-ours'],
    ['src/platform/common', 'src/platform/database', 'platform/common-imports'],
    ['src/platform/vault', 'src/identity/projects', 'platform-imports'],
    ['src/identity/iam', 'src/identity/external', 'identity/iam-imports'],
    ['src/apig/signs', 'src/apig/bindings', 'apig/signs-imports'],
    ['src/webhooks/endpoints', 'src/apig/apis', 'webhooks-imports'],
    ['src/webhooks/delivery', 'src/webhooks/messages', 'webhooks/delivery-imports'],
    ['src/apig/apis', 'src/distribution/rotation', 'apig-imports'],
    ['src/gateway', 'src/platform/database', 'gateway-imports'],
    ['src/gateway/session', 'src/gateway/proxy', 'gateway/session-imports'],
    ['src/distribution/sessions', 'src/cli', 'nothing-imports-the-top'],
  ] as const;
  plants.forEach(([from, to], i) => {
    for (const folder of [from, to]) mkdirSync(join(copy, folder), { recursive: true });
    writeFileSync(join(copy, to, `target${i}.ts`), 'export {};\n');
    const way = '../'.repeat(from.split('/').length);
    writeFileSync(join(copy, from, `planted${i}.ts`), `import '${way}${to}/target${i}.js';\n`);
  });
  const { violations } = cruise(copy).summary;
  expect(violations.map(({ rule, from, to }) => `${dirname(from)} → ${dirname(to)}: ${rule.name}`).sort()).toEqual(
    plants
      .flatMap(([from, to, rule]) => {
        const rules: string[] = to === 'src/cli' ? [rule, 'distribution-imports'] : [rule];
        return rules.map((name) => `${from} → ${to}: ${name}`);
      })
      .sort(),
  );
});
