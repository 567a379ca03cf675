import { execFile, execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Client, TestService } from '../support/service.js';

const setting = (name: string) => execFileSync('npm', ['config', 'get', name], { encoding: 'utf8' }).trim();
const cache = setting('cache');
let folder: string;
let database: TestDatabase;
let service: TestService;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'signet-package-'));
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database);
});
afterAll(async () => {
  await service.stop();
  await database.drop();
  // npx keeps what it installs.
  for (const installed of globSync(join(cache, '_npx', '*')))
    if (readFileSync(join(installed, 'package.json'), 'utf8').includes(folder)) rmSync(installed, { recursive: true });
  rmSync(folder, { recursive: true });
});

it('the packed service runs by npx in an empty folder, with the workspaces that it brings along', async () => {
  const admin = await Client.admin(service.baseUrl);
  const gateway = await admin.gateway({ instance_name: 'packed' });
  const sign = await admin.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'of_the_package', sign_type: 'hmac' });
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const packed = Object.values(JSON.parse(execFileSync('npm', pack, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as object);
  const [{ filename }] = packed as [{ filename: string }];
  const env = {
    // The Node of this test: the one of the system may be older.
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
    HOME: folder,
    npm_config_cache: cache,
    npm_config_registry: setting('registry'),
    SIGNET_URL: service.baseUrl,
    SIGNET_TOKEN: admin.token,
    SIGNET_GATEWAY: 'packed',
  };
  // Without the libraries that only some key providers need.
  const npx = ['--yes', '--prefer-offline', '--omit=optional', `--package=${join(folder, filename)}`, 'signet'];
  // The service answers in this process, so it must not be blocked.
  const listed = await new Promise<string>((resolve, reject) => {
    execFile('npx', [...npx, 'keys', 'list', '-o', 'json'], { cwd: folder, env }, (error, stdout, stderr) =>
      error ? reject(new Error(stderr, { cause: error })) : resolve(stdout),
    );
  });
  expect(JSON.parse(listed)).toMatchObject([{ id: sign.body.id, name: 'of_the_package' }]);
});
