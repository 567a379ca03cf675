import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { KeyService } from '../support/key-service.js';
import { codeBlocksOf } from '../support/markdown.js';
import { byLibrary, VECTORS } from '../support/vectors.js';
import { VerifierProgram } from '../support/verifier-program.js';

const PACKAGE = resolve('verifiers/php');
const DRIVER = join(PACKAGE, 'tests/driver.php');
/** Debian packages: what installs a package, and those that the tests of some classes need. */
const NEEDED = {
  php: () => spawnSync('php', ['-r', 'exit(extension_loaded("sodium") && extension_loaded("openssl") ? 0 : 1);']).status === 0,
  composer: () => existsSync('/usr/bin/composer'),
  'php-phpseclib3': () => existsSync('/usr/share/php/phpseclib3/autoload.php'),
  'php-guzzlehttp-psr7': () => existsSync('/usr/share/php/GuzzleHttp/Psr7/autoload.php'),
};
const missing = Object.entries(NEEDED).flatMap(([name, isHere]) => (isHere() ? [] : [name]));
if (missing.length > 0 && process.env['CI']) throw new Error(`no ${missing.join(' ')}: CI runs the PHP verifier`);

const run = promisify(execFile);
/** A warning of PHP fails a test. */
const PHP = ['-d', 'error_reporting=-1', '-d', 'display_errors=stderr', '-d', 'zend.assertions=1'];

interface Answer {
  expected?: string;
  code?: string | null;
  hint?: string;
  verified?: Record<string, unknown>;
}

/** Sends cases to the driver, in one process, and returns its answers. */
function drive(cases: readonly unknown[], autoload = join(PACKAGE, 'tests/autoload.php')): Answer[] {
  const input = cases.map((each) => `${JSON.stringify(each)}\n`).join('');
  return execFileSync('php', [...PHP, DRIVER, autoload], { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Answer);
}

(missing.length === 0 ? describe : describe.skip)(
  `the verifier in PHP${missing.length > 0 ? ` (not here: ${missing.join(' ')})` : ''}`,
  () => {
    it('passes its own tests', async () => {
      const { stdout } = await run('php', [...PHP, join(PACKAGE, 'tests/run.php')]);
      expect(stdout).toMatch(/^[5-9]\d tests, 0 failed\n$/);
    });

    describe('the vectors', () => {
      let answers: Answer[];
      beforeAll(() => {
        answers = drive(VECTORS);
      });

      it('are judged as they have to be, with the same code', () => {
        expect(VECTORS.length).toBeGreaterThan(1400);
        const given = VECTORS.map(({ id, code }, i) => ({ id, code, expected: code === null ? 'valid' : 'invalid', given: answers[i]! }));
        expect(given.filter((each) => each.given.code !== each.code || each.given.expected !== each.expected)).toEqual([]);
      });

      it('have the hints of the library, and the same facts about what is covered', () => {
        const said = VECTORS.flatMap((vector, i): { id: string; theirs: unknown; ours: unknown }[] => {
          const verdict = byLibrary(vector);
          if (verdict === undefined) return [];
          const { hint, verified } = answers[i]!;
          const { ok, ...facts } = verdict;
          const none = vector.kind === 'webhook' ? { id: null } : {};
          return [{ id: vector.id, theirs: ok ? verified : { code: verdict.code, hint }, ours: ok ? { ...none, ...facts } : facts }];
        });
        expect(said.length).toBeGreaterThan(1400);
        expect(said.map(({ id, theirs }) => ({ id, said: theirs }))).toEqual(said.map(({ id, ours }) => ({ id, said: ours })));
      });
    });

    describe('with the keys of a service', () => {
      const folder = mkdtempSync(join(tmpdir(), 'php-keys-'));
      const cache = (name: string) => join(folder, name);
      /** PHP has no process that could leave by itself: whatever stops the server says so. */
      const served = (name: string) => {
        const script = join(PACKAGE, 'tests/backend.php');
        const php = `KEY_CACHE=${cache(name)} exec php ${PHP.join(' ')}`;
        const end = `kill $server; wait $server; (${php} ${script} leave); exit $?`;
        return ['sh', '-c', `(${php} -S 127.0.0.1:$PORT ${script}) & server=$!; trap '${end}' TERM; wait $server`];
      };
      let keys: KeyService;
      beforeAll(async () => {
        keys = await KeyService.start();
      });
      afterAll(async () => {
        await keys.stop();
        rmSync(folder, { recursive: true, force: true });
      });

      it('the next refresh ends acceptance of a deleted key before the receipt says so, and whoever stops the server leaves', () =>
        keys.expectDeletionEndsAcceptance(served('enforcing'), { asks: true }));

      it('report-only mode accepts a deleted key, and no receipt says that it refuses it', () =>
        keys.expectReportOnlyClaimsNothing(served('report-only')));
    });

    describe('the package as composer installs it', () => {
      const folder = mkdtempSync(join(tmpdir(), 'php-package-'));
      const project = join(folder, 'project');
      const autoload = join(project, 'vendor/autoload.php');
      beforeAll(async () => {
        mkdirSync(project);
        const path = { type: 'path', url: PACKAGE, options: { symlink: false } };
        const manifest = { repositories: [path, { 'packagist.org': false }], require: { 'signet/signing': '*' } };
        writeFileSync(join(project, 'composer.json'), JSON.stringify(manifest));
        const env = { PATH: process.env['PATH'], COMPOSER_HOME: folder, COMPOSER_ALLOW_SUPERUSER: '1', COMPOSER_DISABLE_NETWORK: '1' };
        await run('composer', ['install', '--no-interaction', '--no-progress', '--quiet'], { cwd: project, env });
      });
      afterAll(() => rmSync(folder, { recursive: true, force: true }));

      it('has its classes and its licence, no tests, and no other package', () => {
        const installed = join(project, 'vendor/signet/signing');
        expect(readdirSync(installed).sort()).toEqual(['LICENSE', 'README.md', 'composer.json', 'src']);
        expect(readdirSync(join(installed, 'src'))).toEqual(readdirSync(join(PACKAGE, 'src')));
        expect(readdirSync(join(project, 'vendor')).sort()).toEqual(['autoload.php', 'composer', 'signet']);
        expect(readFileSync('verifiers/php/LICENSE', 'utf8')).toBe(readFileSync('LICENSE', 'utf8'));
      });

      it('says what keys of the type public_key need, and verifies all others', () => {
        const others = VECTORS.filter(({ keys }) => !JSON.stringify(keys).includes('public_key'));
        expect(others.length).toBeGreaterThan(1000);
        const given = drive(others, autoload).map(({ code }) => code);
        expect(given).toEqual(others.map(({ code }) => code));
        const load = `require $argv[1]; new Signet\\Signing\\Verifier([new Signet\\Signing\\Key('public_key', 'AAAA')]);`;
        const { stderr } = spawnSync('php', [...PHP, '-r', load, autoload], { encoding: 'utf8' });
        expect(stderr).toMatch(/UnusableKeyError: keys of the type public_key need the package phpseclib\/phpseclib/);
      });

      it('its README begins with a program that answers signed requests only, and docs/verify.md has the same', async () => {
        const [first] = codeBlocksOf(readFileSync(join(PACKAGE, 'README.md'), 'utf8'));
        const page = codeBlocksOf(readFileSync('docs/verify.md', 'utf8'));
        expect(page.filter(({ language }) => language === 'php').map(({ text }) => text)).toEqual([first!.text]);
        expect(first!.text.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(10);
        writeFileSync(join(project, 'verify.php'), first!.text);
        const program = await VerifierProgram.start(['sh', '-c', `exec php -S 127.0.0.1:$PORT ${join(project, 'verify.php')}`]);
        try {
          expect(await program.send()).toEqual({ status: 200, text: 'signed with orders-gateway' });
          expect(await program.send({ method: 'GET', body: '' })).toMatchObject({ status: 200 });
          for (const [code, sent] of [
            ['no_authorization', { key: null }],
            ['signature_mismatch', { sentBody: '{"n":2}' }],
            ['signature_mismatch', { sentTarget: '/v1/orders?b=2&a=2' }],
            ['malformed', { sentTarget: '/v1/orders?b=2&a=1#' }],
            ['unknown_key', { key: { signType: 'hmac', signKey: 'another-gateway', signSecret: 'Secret-0123456789' } }],
          ] as const) {
            const { status, text } = await program.send(sent);
            expect([status, JSON.parse(text)]).toEqual([401, { code, hint: expect.any(String) }]);
          }
        } finally {
          await program.stop();
        }
      });
    });
  },
);
