// `npm run release -- [VERSION] [--dry-run]`: everything a release is made of, each gate by itself. docs/release.md says how it is used.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

/** Licences that may be shipped with an Apache-2.0 product: permissive ones, whose notices the packages carry themselves. */
const LICENCES = ['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'Python-2.0', 'Unlicense'];

interface Component {
  name: string;
  version: string;
  licenses?: { expression?: string; license?: { id?: string; name?: string } }[];
}
interface Packed {
  name: string;
  version: string;
  filename: string;
  size: number;
  files: { path: string }[];
  bundled?: string[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'dry-run': { type: 'boolean', default: false },
    out: { type: 'string', default: 'release' },
    'without-audit': { type: 'string' },
  },
});
const dryRun = values['dry-run'];
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  name: string;
  version: string;
  private?: boolean;
  workspaces?: string[];
};
const failures: string[] = [];

const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 });
const line = (gate: string, text: string) => console.log(`${gate.padEnd(10)} ${text}`);
/** A gate that stays shut stops a release; a dry run shows the others too. */
function shut(gate: string, text: string): void {
  line(gate, `NO: ${text}`);
  failures.push(gate);
}

function nextVersion(): string {
  const numbers = (version: string) => version.split('.').map(Number) as [number, number, number];
  const [major, minor] = numbers(manifest.version);
  const version = positionals[0] ?? `${major}.${minor + 1}.0`;
  if (!/^\d+\.\d+\.\d+$/.test(version)) shut('version', `${version} is not MAJOR.MINOR.PATCH`);
  const [next, now] = [numbers(version), numbers(manifest.version)];
  const differs = next.findIndex((each, at) => each !== now[at]);
  if (differs === -1 || next[differs]! < now[differs]!) shut('version', `${version} does not follow ${manifest.version}`);
  else if (run('git', 'tag', '--list', `v${version}`).trim() !== '') shut('version', `the tag v${version} is there already`);
  else line('version', `${version}, after ${manifest.version}`);
  return version;
}

function tree(): void {
  const changed = run('git', 'status', '--porcelain').trim().split('\n').filter(Boolean);
  const branch = run('git', 'rev-parse', '--abbrev-ref', 'HEAD').trim();
  if (changed.length > 0 && !dryRun) shut('tree', `${changed.length} files are not committed`);
  else if (branch !== 'main' && !dryRun) shut('tree', `a release is made of main, and this is ${branch}`);
  else line('tree', `${branch} at ${run('git', 'rev-parse', '--short', 'HEAD').trim()}, ${changed.length} files not committed`);
}

/** The changelog's newest section under the version's number, and a new empty one above it. */
function changelog(version: string): { text: string; notes: string } {
  const before = readFileSync('CHANGELOG.md', 'utf8');
  const date = new Date().toISOString().slice(0, 10);
  const notes = (/^## Unreleased\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(before)?.[1] ?? '').trim();
  const entries = notes.match(/^- /gm)?.length ?? 0;
  if (entries === 0) shut('changelog', '"Unreleased" has no entry');
  else line('changelog', `"Unreleased" becomes "${version} (${date})": ${entries} entries`);
  return { text: before.replace(/^## Unreleased\n/m, `## Unreleased\n\n## ${version} (${date})\n`), notes };
}

/** Later versions are tested on a database of this one, which this code makes. */
function database(version: string): void {
  const folder = join('test', 'releases', version);
  if (existsSync(folder)) line('database', `${folder}: later versions are tested on it`);
  else shut('database', `${folder} is missing: KEEP_RELEASE=${version} npm run release:database`);
}

const inJson = (version: string) => `"version": "${version}"`;
/** Files that say the version. `npm version` would also lay out the manifests anew. */
const SAID: readonly (readonly [file: string, says: (version: string) => string])[] = [
  ...['package.json', ...workspaces().map((folder) => join(folder, 'package.json')), 'docs/openapi.json'].map(
    (file) => [file, inJson] as const,
  ),
  ['verifiers/php/composer.json', inJson],
  // Exactly the one that it was tested with.
  ['packages/client/package.json', (version) => `"signet-signing": "${version}"`],
  ['package.json', (version) => `"signet-signing": "${version}"`],
  ['package.json', (version) => `"signet-client": "${version}"`],
  ['verifiers/python/pyproject.toml', (version) => `version = "${version}"`],
  ['verifiers/java/pom.xml', (version) => `<version>${version}</version>`],
];

function workspaces(): string[] {
  return (manifest.workspaces ?? []).flatMap((pattern) => globSync(pattern)).filter((folder) => existsSync(join(folder, 'package.json')));
}

function say(version: string): void {
  for (const [file, says] of SAID) {
    const text = readFileSync(file, 'utf8');
    if (!text.includes(says(manifest.version))) throw new Error(`${file} does not say ${says(manifest.version)}`);
    writeFileSync(file, text.replace(says(manifest.version), says(version)));
  }
}

/** What nothing may ship; a package has no tests either. */
const isStray = (path: string) => /(^|\/)(node_modules|data|\.env)(\/|$)|(^|\/)kek$/.test(path);
const isTest = (path: string) => /(^|\/)test(\/|$)|\.spec\./.test(path);

/** Packs what is shipped; a dry run only lists it. */
function packages(version: string, dry: boolean): void {
  // The console is in the package of the service.
  const shipped = workspaces().filter(
    (folder) => !(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { private?: boolean }).private,
  );
  const every = manifest.workspaces ? [...shipped.flatMap((folder) => ['--workspace', folder]), '--include-workspace-root'] : [];
  const packed = JSON.parse(
    run('npm', 'pack', '--json', '--ignore-scripts', ...every, ...(dry ? ['--dry-run'] : ['--pack-destination', values.out])),
  ) as Packed[] | Record<string, Packed>;
  for (const { name, filename, size, files, bundled = [] } of Array.isArray(packed) ? packed : Object.values(packed)) {
    // Libraries that the package brings along are as their authors packed them.
    const own = files.map(({ path }) => path).filter((path) => !bundled.some((each) => path.startsWith(`node_modules/${each}/`)));
    const stray = own.filter((path) => isStray(path) || isTest(path));
    if (stray.length > 0) shut('packages', `${name} would ship ${stray.slice(0, 3).join(', ')}`);
    if (!files.some(({ path }) => path === 'LICENSE')) shut('packages', `${name} has no LICENSE`);
    const file = dry ? 'not written yet' : join(values.out, filename);
    line('packages', `${name}@${version}: ${file}, ${files.length} files, ${Math.ceil(size / 1024)} KiB`);
  }
}

/**
 * The verifiers in other languages: what is committed of each, in an archive that the tools of the language install from or build from. A dry run
 * only lists them.
 * @param commit undefined in a dry run
 */
function verifiers(version: string, commit?: string): void {
  for (const folder of globSync('verifiers/*').sort()) {
    const files = run('git', 'ls-files', folder).trim().split('\n').filter(Boolean);
    if (files.length === 0) continue;
    const name = `signet-signing-${basename(folder)}-${version}`;
    const stray = files.filter(isStray);
    if (stray.length > 0) shut('verifiers', `${name} would ship ${stray.slice(0, 3).join(', ')}`);
    if (!files.includes(join(folder, 'LICENSE'))) shut('verifiers', `${name} has no LICENSE`);
    const archive = join(values.out, `${name}.tar.gz`);
    if (commit !== undefined) run('git', 'archive', '--format=tar.gz', `--prefix=${name}/`, '--output', archive, `${commit}:${folder}`);
    line('verifiers', `${commit === undefined ? `${name}: not written yet` : archive}, ${files.length} files`);
  }
}

function sbom(version: string): Component[] {
  const text = run('npm', 'sbom', '--package-lock-only', '--sbom-format', 'cyclonedx', '--omit', 'dev');
  const bill = JSON.parse(text) as {
    specVersion: string;
    metadata: { component: Component & { purl: string; 'bom-ref': string } };
    components: Component[];
  };
  bill.metadata.component.name = manifest.name;
  bill.metadata.component.version = version;
  bill.metadata.component.purl = `pkg:npm/${manifest.name}@${version}`;
  const file = join(values.out, `${manifest.name}-${version}.cdx.json`);
  writeFileSync(file, `${JSON.stringify(bill, null, 2)}\n`);
  line('sbom', `${file}: CycloneDX ${bill.specVersion}, ${bill.components.length} components`);
  return bill.components;
}

/** The lock file leaves out the licence of packages that state it in npm's older form; the package itself is asked then. */
function installed({ name }: Component): string {
  const file = join('node_modules', name, 'package.json');
  if (!existsSync(file)) return 'none';
  const { license, licenses } = JSON.parse(readFileSync(file, 'utf8')) as { license?: string; licenses?: { type: string }[] };
  return license ?? ((licenses ?? []).map(({ type }) => type).join(' OR ') || 'none');
}

function licences(components: readonly Component[], version: string): void {
  const of = (each: Component) =>
    (each.licenses ?? []).map(({ expression, license }) => expression ?? license?.id ?? license?.name ?? '').join(' AND ') ||
    installed(each);
  const file = join(values.out, `${manifest.name}-${version}.licences.txt`);
  const rows = components.map((each) => `${of(each)}\t${each.name}@${each.version}`).sort();
  writeFileSync(file, `${rows.join('\n')}\n`);
  // An alternative is enough of "A OR B"; of "A AND B" both are needed.
  const allowed = (expression: string) =>
    expression
      .replace(/[()]/g, '')
      .split(' AND ')
      .every((all) => all.split(' OR ').some((any) => LICENCES.includes(any.trim())));
  const refused = components.filter((each) => !allowed(of(each)));
  if (refused.length > 0) shut('licences', refused.map((each) => `${each.name}: ${of(each)}`).join(', '));
  else line('licences', `${file}: ${new Set(components.map(of)).size} kinds, all of the list that may be shipped`);
}

/** A registry that cannot say is not one that says "none": without an answer there is no release, unless a reason is given and kept. */
function audit(): string {
  const { stdout } = spawnSync('npm', ['audit', '--omit', 'dev', '--json'], { encoding: 'utf8', maxBuffer: 1 << 28 });
  let answer: { metadata?: { vulnerabilities: Record<string, number> }; message?: string } = {};
  try {
    answer = JSON.parse(stdout) as typeof answer;
  } catch {
    answer.message = stdout.trim().split('\n')[0] || 'npm audit said nothing';
  }
  if (!answer.metadata) {
    const reason = `the registry did not answer (${(answer.message ?? 'no reason given').slice(0, 120)})`;
    if (values['without-audit'] !== undefined) line('audit', `NOT DONE: ${reason}; goes on because: ${values['without-audit']}`);
    else shut('audit', `NOT DONE: ${reason}. Try again where it can be reached, or say --without-audit REASON`);
    return `Audit not done: ${values['without-audit'] ?? reason}`;
  }
  const { high = 0, critical = 0, total = 0 } = answer.metadata.vulnerabilities;
  if (high + critical > 0) shut('audit', `${high} high and ${critical} critical advisories: npm audit --omit dev`);
  else line('audit', `${total} advisories, none high or critical`);
  return `Audit: ${total} advisories, ${high} high, ${critical} critical`;
}

mkdirSync(values.out, { recursive: true });
const version = nextVersion();
tree();
const { text, notes } = changelog(version);
database(version);
packages(version, true);
verifiers(version);
licences(sbom(version), version);
const audited = audit();

const tag = `v${version}`;
if (dryRun) {
  line('tag', `${tag}, not made: this was a dry run`);
  // Whether the registry answers is not the tree's fault, and the database is made once the version is decided. The lines above say both.
  process.exit(failures.some((gate) => gate !== 'audit' && gate !== 'database') ? 1 : 0);
}
if (failures.length > 0) {
  line('tag', `${tag}, not made: ${[...new Set(failures)].join(', ')}`);
  process.exit(1);
}
writeFileSync('CHANGELOG.md', text);
say(version);
run('npm', 'install', '--package-lock-only', '--ignore-scripts', '--offline');
packages(version, false);
run('git', 'commit', '--quiet', '--all', '--message', `chore(release): ${version}`);
verifiers(version, 'HEAD');
run('git', 'tag', '--annotate', tag, '--cleanup=verbatim', '--message', `Signet ${version}\n\n${notes}\n\n${audited}\n`);
line('tag', `${tag} at ${run('git', 'rev-parse', '--short', 'HEAD').trim()}. Nothing is pushed or published: docs/release.md`);
