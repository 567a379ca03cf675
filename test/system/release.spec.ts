import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const SAY_THE_VERSION = ['docs/openapi.json', 'verifiers/php/composer.json', 'verifiers/python/pyproject.toml', 'verifiers/java/pom.xml'];
/** The package of the service contains these, so they must be in the copy. */
const BROUGHT_ALONG = ['openapi-fetch', 'openapi-typescript-helpers', 'signet-client', 'signet-signing'];
const UNRELEASED = '# Changelog\n\n## Unreleased\n\n### Added\n- A thing that is new.\n\n## 0.1.0\n\n- The first.\n';

/** A separate repository with this one's manifest, libraries and script, so that a release changes nothing here. */
function repository({ changelog = UNRELEASED } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'release-'));
  for (const file of [
    'package.json',
    'package-lock.json',
    'LICENSE',
    'README.md',
    '.env.example',
    '.ci',
    'packages',
    // The manifest of a workspace decides which libraries are shipped.
    'console/package.json',
    'verifiers',
    ...SAY_THE_VERSION,
  ])
    cpSync(file, join(root, file), { recursive: true });
  writeFileSync(join(root, 'CHANGELOG.md'), changelog);
  writeFileSync(join(root, '.gitignore'), 'node_modules\nrelease/\n');
  mkdirSync(join(root, 'dist'));
  mkdirSync(join(root, 'test', 'releases', '0.9.0'), { recursive: true });
  writeFileSync(join(root, 'test', 'releases', '0.9.0', 'statements.json'), '[]');
  writeFileSync(join(root, 'dist', 'cli.js'), '');
  mkdirSync(join(root, 'node_modules'));
  for (const name of readdirSync('node_modules'))
    if (!BROUGHT_ALONG.includes(name)) symlinkSync(join(process.cwd(), 'node_modules', name), join(root, 'node_modules', name));
    else if (name.startsWith('signet-')) symlinkSync(`../packages/${name.slice('signet-'.length)}`, join(root, 'node_modules', name));
    else cpSync(join('node_modules', name), join(root, 'node_modules', name), { recursive: true });
  const git = (...args: string[]) =>
    spawnSync('git', ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', ...args], { cwd: root, encoding: 'utf8' }).stdout;
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'begin');
  const release = (...args: string[]) => {
    const author = {
      GIT_AUTHOR_NAME: 'Test',
      GIT_AUTHOR_EMAIL: 'test@example.com',
      GIT_COMMITTER_NAME: 'Test',
      GIT_COMMITTER_EMAIL: 'test@example.com',
    };
    // A registry that refuses every connection, so that the test does not depend on a real one.
    const env = { ...process.env, ...author, npm_config_registry: 'http://127.0.0.1:9/', npm_config_fetch_retries: '0' };
    const { status, stdout, stderr } = spawnSync(process.execPath, ['.ci/release.ts', ...args], { cwd: root, encoding: 'utf8', env });
    return { status, lines: stdout.split('\n'), stderr };
  };
  return { root, git, release };
}

describe('npm run release -- --dry-run', () => {
  it('prints version, changelog, packages, verifiers, bill of materials, licences, audit and tag, and changes nothing', () => {
    const { root, git, release } = repository();
    const { status, lines } = release('0.9.0', '--dry-run');
    expect(lines.map((each) => each.split(' ', 1)[0]).filter(Boolean)).toEqual(
      expect.arrayContaining(['version', 'tree', 'changelog', 'database', 'packages', 'verifiers', 'sbom', 'licences', 'audit', 'tag']),
    );
    expect(lines).toEqual(
      expect.arrayContaining([expect.stringMatching(/^version +0\.9\.0, after /), expect.stringMatching(/^changelog .*: 1 entries$/)]),
    );
    expect(status).toBe(0);
    expect([git('status', '--porcelain'), git('tag', '--list')]).toEqual(['', '']);
    const bill = JSON.parse(readFileSync(join(root, 'release', 'signet-0.9.0.cdx.json'), 'utf8')) as {
      bomFormat: string;
      metadata: { component: { purl: string } };
      components: { name: string }[];
    };
    expect([bill.bomFormat, bill.metadata.component.purl]).toEqual(['CycloneDX', 'pkg:npm/signet@0.9.0']);
    expect(bill.components.map(({ name }) => name)).toEqual(expect.arrayContaining(['fastify', 'typeorm']));
    expect(bill.components.map(({ name }) => name)).not.toContain('jest');
    expect(readFileSync(join(root, 'release', 'signet-0.9.0.licences.txt'), 'utf8')).toMatch(/^MIT\tfastify@/m);
  });

  it('reports that there was no audit if the registry cannot be reached', () => {
    const { lines } = repository().release('0.9.0', '--dry-run');
    expect(lines).toContainEqual(expect.stringMatching(/^audit +NO: NOT DONE: the registry did not answer/));
  });

  it('creates no tag without a database of the version', () => {
    const { git, release } = repository();
    const { status, lines } = release('0.9.1', '--without-audit', 'there is no registry here');
    expect([status, git('tag', '--list')]).toEqual([1, '']);
    expect(lines).toContainEqual(expect.stringMatching(/^database +NO: test\/releases\/0\.9\.1 is missing/));
  });

  it('fails for a version that does not follow the last one, and for a changelog without an entry', () => {
    expect(repository().release('0.0.1', '--dry-run').status).toBe(1);
    expect(
      repository({ changelog: '# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- The first.\n' }).release('0.9.0', '--dry-run').status,
    ).toBe(1);
  });
});

describe('npm run release', () => {
  it('creates no tag without an audit, unless a reason is given, which the tag contains', () => {
    const { root, git, release } = repository();
    expect([release('0.9.0').status, git('tag', '--list')]).toEqual([1, '']);
    const { status, stderr } = release('0.9.0', '--without-audit', 'there is no registry here');
    expect([status, stderr]).toEqual([0, '']);
    expect(git('tag', '--list', '--format=%(contents)', 'v0.9.0')).toMatch(
      /A thing that is new\.[\s\S]*Audit not done: there is no registry here/,
    );
    expect([git('show', '--stat', '--format=%s', 'HEAD'), git('status', '--porcelain')]).toEqual([
      expect.stringMatching(/^chore\(release\): 0\.9\.0/),
      '',
    ]);
    expect(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')).toMatch(/^## Unreleased\n\n## 0\.9\.0 \(\d{4}-\d\d-\d\d\)\n/m);
    expect((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version).toBe('0.9.0');
    const shipped = ['signet', 'signet-client', 'signet-signing', 'signet-vectors'].map((name) => `${name}-0.9.0.tgz`);
    const verifiers = readdirSync('verifiers').map((language) => `signet-signing-${language}-0.9.0.tar.gz`);
    expect(readdirSync(join(root, 'release'))).toEqual(expect.arrayContaining([...shipped, ...verifiers]));
    expect(readFileSync(join(root, 'packages/client/package.json'), 'utf8')).toContain('"signet-signing": "0.9.0"');
    // Only versions change in a manifest: its own, and those of the two packages that the service brings along.
    expect(git('show', '--numstat', '--format=', 'HEAD', '--', 'package.json').trim()).toBe('3\t3\tpackage.json');
    for (const file of SAY_THE_VERSION)
      expect([file, readFileSync(join(root, file), 'utf8')]).toEqual([
        file,
        expect.stringMatching(/^ *("?version"?( =|:) "0\.9\.0"|<version>0\.9\.0<\/version>)/m),
      ]);
  });
});
