import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TOTP, URI } from 'otpauth';
import { verifySignature } from 'signet-signing';
import { EXIT, type ExitName } from '../../src/cli/exit-codes.js';
import { CommandLine } from '../support/command-line.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { Machine } from '../support/machine.js';
import { freePort } from '../support/process.js';
import { ADMIN_PASSWORD, Client, READ_ONLY, TestService } from '../support/service.js';
import { LOOPBACK_ENV, Receiver } from '../support/receiver.js';

let database: TestDatabase;
let service: TestService;
let admin: Client;
let gateway: string;
let cli: CommandLine;
let receiver: Receiver;
const closing: Server[] = [];
/** Exit codes that a test of this file has seen. */
const seen = new Set<number>();

const ends = async (reason: ExitName, args: readonly string[], given: Parameters<CommandLine['run']>[1] = {}) => {
  const ended = await cli.run(args, given);
  expect([args.join(' '), ended.code, ended.stderr]).toEqual([args.join(' '), EXIT[reason].code, ended.stderr]);
  seen.add(ended.code);
  return ended;
};

beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  receiver = await Receiver.start();
  service = await TestService.start(database, LOOPBACK_ENV);
  admin = await Client.admin(service.baseUrl);
  gateway = await admin.gateway({ instance_name: 'shop_gateway' });
  cli = new CommandLine({ SIGNET_URL: service.baseUrl, SIGNET_TOKEN: admin.token, SIGNET_GATEWAY: 'shop_gateway' });
});
afterAll(async () => {
  for (const server of closing) server.close();
  cli.remove();
  await service.stop();
  await receiver.stop();
  await database.drop();
});

describe('a profile', () => {
  const other = new CommandLine();
  afterAll(() => other.remove());
  const file = () => join(other.profiles, 'default.json');
  const login = (...args: string[]) => ['login', '--url', service.baseUrl, ...args];

  it('is made by a password that is typed, is of its user alone, and is enough for commands', async () => {
    const { code, stdout, stderr } = await other.run(login(), { typed: ['admin', ADMIN_PASSWORD] });
    expect([code, stderr]).toEqual([0, expect.stringContaining('Password: ')]);
    expect(stdout).toMatch(new RegExp(`PROJECT +${admin.projectId}`));
    expect([statSync(file()).mode & 0o777, statSync(other.profiles).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(readdirSync(other.profiles)).toEqual(['default.json']);
    expect(readFileSync(file(), 'utf8')).not.toContain(ADMIN_PASSWORD);
    expect(await other.json(['gateways'])).toMatchObject([{ id: gateway, instance_name: 'shop_gateway' }]);
    expect(await other.done(['profiles'])).toMatch(/PROFILE +SERVICE.*\ndefault +http:\/\/127/);
  });

  it('is made by a password that must be changed once another was typed twice, and nothing is changed otherwise', async () => {
    const { password } = await service.app.get(IamAdminService, { strict: false }).addUser({ name: 'newcomer' });
    await service.app.get(IamAdminService, { strict: false }).grant({ user: 'newcomer', project: 'default', role: READ_ONLY });
    const newcomer = new CommandLine();
    const first = (given: Parameters<CommandLine['run']>[1]) =>
      newcomer.run(login('--user', 'newcomer', ...(given?.stdin ? ['--stdin'] : [])), given);
    expect(await first({ stdin: password! })).toMatchObject({ code: EXIT.denied.code, stderr: expect.stringContaining('must be changed') });
    expect(await first({ typed: [password!, 'a-new-password', 'another-password'] })).toMatchObject({ code: EXIT.declined.code });
    expect(await first({ typed: [password!, 'short', 'short'] })).toMatchObject({ code: EXIT.refused.code });
    expect(await first({ typed: [password!, 'a-new-password', 'a-new-password'] })).toMatchObject({ code: 0 });
    expect(await first({ stdin: 'a-new-password' })).toMatchObject({ code: 0 });
    expect(newcomer.printed).not.toContain('a-new-password');
    newcomer.remove();
  });

  it('is made by a password and the passcode of the app, which is asked for', async () => {
    const iam = service.app.get(IamAdminService, { strict: false });
    await iam.addUser({ name: 'careful' }, { password: 'careful-password' });
    await iam.grant({ user: 'careful', project: 'default', role: READ_ONLY });
    const { token, projectId } = await iam.issueToken('careful', 'default');
    const client = new Client(service.baseUrl, projectId, token);
    const { uri } = (await client.post('/signet/v1/me/totp', { password: 'careful-password' })).body as { uri: string };
    const passcode = (URI.parse(uri) as TOTP).generate();
    const { recovery_codes: codes } = (await client.post('/signet/v1/me/totp/confirm', { passcode })).body as { recovery_codes: string[] };
    const careful = new CommandLine();
    const attempt = (given: Parameters<CommandLine['run']>[1]) =>
      careful.run(login('--user', 'careful', ...(given?.stdin ? ['--stdin'] : [])), given);
    expect(await attempt({ stdin: 'careful-password' })).toMatchObject({
      code: EXIT.denied.code,
      stderr: expect.stringContaining('one-time'),
    });
    expect(await attempt({ typed: ['careful-password', '000000'] })).toMatchObject({ code: EXIT.denied.code });
    expect(await attempt({ typed: ['careful-password', codes[0]!] })).toMatchObject({ code: 0 });
    careful.remove();
  });

  it('is not used when others may read it', async () => {
    chmodSync(file(), 0o640);
    expect(await other.run(['gateways'])).toMatchObject({ code: EXIT.denied.code, stderr: expect.stringContaining('mode 640') });
    chmodSync(file(), 0o600);
    expect((await other.run(['gateways'])).code).toBe(0);
  });

  it('gives its credential to the service that it was made for, and to no other', async () => {
    const asked: IncomingMessage[] = [];
    const elsewhere = createServer((request, response) => {
      asked.push(request);
      response.end();
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    closing.push(elsewhere);
    const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
    for (const [args, env] of [
      [['gateways', '--url', url], {}],
      [['gateways'], { SIGNET_URL: url }],
    ] as const) {
      const { code, stderr } = await other.run(args, { env });
      expect([code, stderr]).toEqual([EXIT.denied.code, expect.stringContaining(`is for ${service.baseUrl}, not for ${url}`)]);
    }
    expect(asked).toEqual([]);
  });

  it('is not made with a credential that the service does not take, and not changed by one', async () => {
    const before = readFileSync(file(), 'utf8');
    for (const [args, stdin] of [
      [login('--user', 'admin', '--stdin'), 'a-wrong-password'],
      [login('--token', '--stdin'), 'a-wrong-token'],
      [login('--api-key', '--stdin'), 'hb_live_wrong'],
      [login('--access-key', 'AKWRONG', '--stdin'), 'wrong'],
    ] as const)
      expect([args, await other.run(args, { stdin })]).toEqual([args, expect.objectContaining({ code: EXIT.denied.code, stdout: '' })]);
    expect([readFileSync(file(), 'utf8'), readdirSync(other.profiles)]).toEqual([before, ['default.json']]);
  });

  it.each([
    [['--user', 'admin'], 'there is no terminal to ask for the password'],
    [['--token', '--api-key'], 'give one of'],
    [['--token', '--stdin', '--file', 'x'], 'not both'],
    [['--token', '--file', '/nowhere/token'], '/nowhere/token cannot be read (ENOENT)'],
    [['--token', '--profile', '../x', '--stdin'], 'the name of a profile'],
    [['--token', '--stdin', '--url', 'http://signet.example.com'], 'everybody on the way'],
    [['--token', '--stdin', '--url', 'ftp://signet.example.com'], 'http or https'],
  ])('is refused for login %j', async (args, words) => {
    const { stderr } = await ends('usage', ['login', ...args]);
    expect(stderr).toContain(words);
  });

  it('is deleted by logout, and its token is revoked then', async () => {
    const { proof } = JSON.parse(readFileSync(file(), 'utf8')) as { proof: { token: string } };
    const call = () => new Client(service.baseUrl, admin.projectId, proof.token).get('/v2/{project}/apigw/instances');
    expect((await call()).status).toBe(200);
    expect(await other.run(['logout'])).toMatchObject({ code: 0 });
    expect([existsSync(file()), (await call()).status]).toEqual([false, 401]);
    expect((await other.run(['logout'])).code).toBe(EXIT.not_found.code);
  });

  it('can hold a token, an API key or an access key', async () => {
    const { credential } = (
      await admin.post('/v3.0/OS-CREDENTIAL/credentials', {
        credential: {
          user_id: (await other.json(['whoami'], { env: { SIGNET_TOKEN: admin.token, SIGNET_URL: service.baseUrl } })).user_id,
        },
      })
    ).body as { credential: { access: string; secret: string } };
    const { key } = (await admin.post('/v1/api-keys', {})).body.data as { key: string };
    const secretFile = join(other.home, 'secret');
    writeFileSync(secretFile, `${credential.secret}\n`, { mode: 0o600 });
    await other.done(login('--profile', 'by-token', '--token', '--stdin'), { stdin: `${admin.token}\n` });
    await other.done(login('--profile', 'by-key', '--api-key', '--stdin'), { stdin: key });
    await other.done(
      login('--profile', 'by-access', '--access-key', credential.access, '--file', secretFile, '--project', admin.projectId),
    );
    expect((await other.json(['gateways', '--profile', 'by-token']))[0].id).toBe(gateway);
    expect((await other.json(['gateways', '--profile', 'by-access']))[0].id).toBe(gateway);
    expect(await other.json(['endpoints', 'list', '--profile', 'by-key'])).toEqual([]);
    for (const name of readdirSync(other.profiles))
      expect([name, statSync(join(other.profiles, name)).mode & 0o777]).toEqual([name, 0o600]);
    for (const secret of [credential.secret, key, admin.token, ADMIN_PASSWORD]) expect(other.printed).not.toContain(secret);
    expect((await other.run(['logout', '--profile', 'by-key'])).stderr).toContain('the API key itself stays valid');
  });
});

describe('the life of a key', () => {
  it('is made of commands that print what they did, and nothing that signs', async () => {
    await cli.done(['apis', 'create', 'orders', '--method', 'POST', '--path', '/orders', '--publish']);
    const made = await cli.json(['keys', 'create', 'orders_key']);
    expect(made).toMatchObject({ name: 'orders_key', sign_type: 'hmac', sign_secret: expect.stringMatching(/.{16,}/) });
    const secret = made.sign_secret as string;
    const outputs = [
      await cli.done(['keys', 'bind', 'orders_key', '--api', 'orders', '--wait']),
      await cli.done(['keys', 'list']),
      await cli.done(['keys', 'list', '--json']),
      await cli.done(['keys', 'show', made.id, '-o', 'yaml']),
      await cli.done(['keys', 'bindings', 'orders_key']),
      await cli.done(['keys', 'update', 'orders_key', '--name', 'orders_key_2']),
      await cli.done(['keys', 'impact', 'orders_key_2']),
      await cli.done(['apis', 'list']),
    ];
    expect(outputs[1]).toMatch(new RegExp(`^ID +NAME +TYPE +BOUND +UPDATED\n${made.id as string}  orders_key  hmac  1 `));
    expect(outputs[6]).toContain('orders_key_2 signs the requests of 1 APIs');
    expect(outputs.join('')).not.toContain(secret);
    expect(await cli.done(['keys', 'show', 'orders_key_2', '--reveal'])).toContain(secret);
    expect(await cli.json(['keys', 'unbind', 'orders_key_2', '--api', 'orders', '--yes', '--wait'])).toMatchObject({ complete: true });
    expect(await cli.json(['keys', 'delete', 'orders_key_2', '--yes', '--wait'])).toMatchObject({ name: 'orders_key_2', complete: true });
    expect(await cli.json(['keys', 'list'])).toEqual([]);
    expect(await cli.done(['audit', 'tail', '--resource', made.id, '--limit', '1'])).toMatch(
      /success {2}DeleteSignatureKey {2}orders_key_2 {2}admin\n$/,
    );
    await cli.done(['apis', 'delete', 'orders', '--yes']);
    expect(await cli.json(['apis', 'list'])).toEqual([]);
  });

  it('has a rotation whose new secret is printed once', async () => {
    await cli.done(['keys', 'create', 'rotated']);
    const staged = await cli.json(['keys', 'rotate', 'rotated', '--overlap', '60']);
    expect(staged).toMatchObject({ state: 'staged', sign_secret: expect.any(String) });
    expect(await cli.done(['keys', 'rotation', 'rotated'])).toMatch(/STATE +staged/);
    expect(await cli.json(['keys', 'promote', 'rotated', '--wait'])).toMatchObject({ state: 'overlap', complete: true });
    expect(await cli.json(['keys', 'cancel-rotation', 'rotated', '--yes'])).toMatchObject({ name: 'rotated' });
    expect(await cli.json(['keys', 'retire', 'rotated', '--force', '--yes'])).toMatchObject({ name: 'rotated' });
    await cli.done(['keys', 'delete', 'rotated', '--yes']);
  });

  it('takes key and secret from files and standard input', async () => {
    await cli.done(['keys', 'create', 'given', '--secret-file', '-'], { stdin: 'A-Given-Secret-0123456789\n' });
    expect(await cli.json(['keys', 'show', 'given', '--reveal'])).toMatchObject({ sign_secret: 'A-Given-Secret-0123456789' });
    await cli.done(['keys', 'delete', 'given', '--yes']);
  });
});

describe('a destructive command', () => {
  it('shows what it does and asks on a terminal, and needs --yes elsewhere', async () => {
    await cli.done(['keys', 'create', 'asked']);
    const no = await ends('declined', ['keys', 'delete', 'asked'], { typed: ['n'] });
    expect(no.stderr).toContain('asked is bound to no API.');
    expect(no.stderr).toContain('Delete the key asked? This cannot be undone. [y/N]: ');
    expect((await ends('declined', ['keys', 'delete', 'asked'])).stderr).toContain('say --yes');
    expect(await cli.json(['keys', 'list', '--name', 'asked'])).toHaveLength(1);
    await ends('done', ['keys', 'delete', 'asked'], { typed: ['y'] });
    expect(await cli.json(['keys', 'list', '--name', 'asked'])).toEqual([]);
  });
});

describe('delete --wait', () => {
  it('ends with 10 while a node may still sign, 11 when it is complete by a word alone, and 12 when the receipt is gone', async () => {
    const path = `/signet/v1/instances/${gateway}/receipts/`;
    const machine = await Machine.of(admin, gateway);
    const registered = await machine.report('node-a', 1);
    expect(registered.status).toBe(200);
    await cli.done(['keys', 'create', 'waited']);
    const late = await ends('incomplete', ['keys', 'delete', 'waited', '--yes', '--wait', '0', '--json']);
    const { receipt, complete } = JSON.parse(late.stdout) as { receipt: string; complete: boolean };
    expect([receipt.startsWith(path), complete]).toEqual([true, false]);
    expect(late.stderr).toContain('waiting for 1 of 1 sessions: node-a');
    expect(late.stderr).toContain(`go on waiting with: signet receipts watch '${receipt}'`);
    expect(await cli.done(['receipts', 'show', receipt])).toMatch(/^waiting for 1 of 1 sessions: node-a\nNODE /);
    const [{ session_id }] = (await cli.json(['nodes', 'list'])) as [{ session_id: string }];
    await cli.done(['nodes', 'vouch', session_id, '--yes']);
    const { stderr } = await ends('vouched', ['receipts', 'watch', receipt]);
    expect(stderr).toContain('only by the word of an operator: node-a, vouched for by admin');
    await ends('receipt_failed', ['receipts', 'watch', `${path}999999999`]);
    await ends('usage', ['receipts', 'watch', '/etc/passwd']);
  });
});

describe('webhooks', () => {
  it('have endpoints with keys, and messages', async () => {
    const url = `${receiver.origin}/hook/cli`;
    const made = await cli.json(['endpoints', 'create', url, '--description', 'Bestell\u001b[31m\u202eungen 注文']);
    const listed = await cli.done(['endpoints', 'list']);
    expect(listed).toContain('Bestell\\u001b[31m\\u202eungen 注文');
    for (const format of ['table', 'json', 'yaml'])
      expect(await cli.done(['endpoints', 'show', url, '-o', format])).not.toMatch(/\p{Cf}|(?!\n)\p{Cc}/u);
    expect((await cli.json(['endpoints', 'list']))[0].description).toBe('Bestell\u001b[31m\u202eungen 注文');
    const added = await cli.json(['endpoints', 'keys', 'add', url, '--wait']);
    expect(added).toMatchObject({ signing_secret: expect.any(String) });
    const keys = await cli.json(['endpoints', 'keys', 'list', url]);
    expect(keys).toHaveLength(2);
    expect(JSON.stringify(keys)).not.toContain(added.signing_secret);
    expect(await cli.json(['endpoints', 'keys', 'delete', url, made.signing_key_id, '--yes', '--wait'])).toMatchObject({ complete: true });
    const last = await ends('refused', ['endpoints', 'keys', 'delete', url, added.id, '--yes']);
    expect(last.stderr).toContain('(CANNOT_DELETE_LAST_SIGNING_KEY)');
    await cli.done(['endpoints', 'pause', url]);
    const { message_id } = (await cli.json(['messages', 'send', url], { stdin: '{"order":1}' })) as { message_id: string };
    expect((await cli.json(['messages', 'list', '--endpoint', url]))[0]).toMatchObject({ message_id });
    expect(await cli.json(['messages', 'show', message_id])).toMatchObject({ id: message_id, status: 'paused' });
    expect(await cli.json(['messages', 'attempts', message_id])).toEqual([]);
    await cli.done(['endpoints', 'delete', url, '--yes', '--wait']);
    expect(await cli.json(['endpoints', 'list'])).toEqual([]);
  });
});

describe('an error', () => {
  it('has the code of its kind, and names what is wrong', async () => {
    await cli.done(['keys', 'create', 'twice']);
    expect((await ends('refused', ['keys', 'create', 'twice'])).stderr).toBe('The signature key name already exists. (APIG.3207)\n');
    expect((await ends('refused', ['keys', 'create', 'x'])).stderr).toContain('name');
    await cli.done(['keys', 'delete', 'twice', '--yes']);
    expect((await ends('not_found', ['keys', 'show', 'nowhere'])).stderr).toBe('there is no key nowhere\n');
    expect((await ends('not_found', ['keys', 'list', '--gateway', 'nowhere'])).stderr).toBe('there is no gateway nowhere\n');
    await ends('denied', ['gateways'], { env: { SIGNET_TOKEN: 'not-a-token' } });
    expect((await ends('denied', ['gateways'], { env: { SIGNET_TOKEN: '' } })).stderr).toContain('signet login');
    await ends('unavailable', ['gateways'], { env: { SIGNET_URL: `http://127.0.0.1:${await freePort()}` } });
    for (const args of [
      ['keys', 'lst'],
      ['keys', 'list', '--nonsense'],
      ['keys', 'delete'],
      ['keys', 'list', '-o', 'xml'],
      ['keys', 'list', '--json', '-o', 'yaml'],
      ['keys', 'bind', 'x'],
      ['keys', 'delete', 'x', '--wait', 'soon'],
    ])
      await ends('usage', args);
    expect((await ends('usage', ['gateways'], { env: { SIGNET_API_KEY: 'x' } })).stderr).toContain(
      'only one of SIGNET_TOKEN, SIGNET_API_KEY and SIGNET_ACCESS_KEY',
    );
    expect((await ends('usage', ['gateways'], { env: { SIGNET_TOKN: 'x' } })).stderr).toContain('SIGNET_TOKN is not a variable');
  });
});

describe('verify, explain and sign curl', () => {
  const KEY = JSON.stringify({ sign_type: 'hmac', sign_key: 'a-gateway', sign_secret: 'Secret-0123456789-canary' });
  const material = () => {
    writeFileSync(join(cli.home, 'key.json'), KEY, { mode: 0o600 });
    return ['--material', join(cli.home, 'key.json')];
  };

  it('sign what curl sends, byte by byte, with the secret in no argument', async () => {
    const got: { verdict: boolean; body: string; method: string; arguments: string }[] = [];
    const backend = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          const body = Buffer.concat(chunks);
          const key = { signType: 'hmac', signKey: 'a-gateway', signSecret: 'Secret-0123456789-canary' } as const;
          const verdict = verifySignature({ method: request.method!, url: request.url!, headers: request.headers, body }, { keys: [key] });
          const processes = readdirSync('/proc').filter((id) => /^\d+$/.test(id));
          const lines = processes.map((id) => {
            try {
              return readFileSync(`/proc/${id}/cmdline`, 'latin1');
            } catch {
              return '';
            }
          });
          got.push({
            verdict: verdict.ok,
            body: body.toString('latin1'),
            method: request.method!,
            arguments: lines.filter((line) => line.startsWith('curl')).join('\n'),
          });
          response.end('taken\n');
        });
    }).listen(0, '127.0.0.1');
    await once(backend, 'listening');
    closing.push(backend);
    const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
    const file = join(cli.home, 'body');
    writeFileSync(file, 'one\r\ntwo\n');
    for (const [args, stdin] of [
      [['-sS', `${url}/a/../b//c?b=2&a=%20+1&a`], ''],
      [['-sS', '-XPUT', `${url}/orders/7`, '-H', 'Content-Type: text/plain', '-d', `@${file}`, '-d', 'more'], ''],
      [['-sS', `${url}?x`, '--data-binary', `@${file}`, '-H', 'Host: other.example:81'], ''],
      [['-sS', `${url}/`, '--data-binary', '@-'], 'from standard input\n'],
      [['-s', '-S', '-X', 'DELETE', `${url}/x`], ''],
    ] as const)
      expect([args, await cli.done(['sign', ...material(), '--run', 'curl', ...args], { stdin })]).toEqual([args, 'taken\n']);
    expect(got.map(({ verdict, method, body }) => [verdict, method, body])).toEqual([
      [true, 'GET', ''],
      [true, 'PUT', 'onetwo&more'],
      [true, 'POST', 'one\r\ntwo\n'],
      [true, 'POST', 'from standard input\n'],
      [true, 'DELETE', ''],
    ]);
    expect(got[1]!.arguments).toContain(url);
    for (const { arguments: line } of got) expect(line).not.toMatch(/Authorization|canary/i);
    // What is printed runs in a shell, and is taken as well.
    const printed = await cli.done(['sign', ...material(), 'curl', '-sS', `${url}/it's?a=b`, '-d', `@${file}`]);
    const shell = spawn('sh', ['-c', printed], { stdio: 'ignore' });
    expect(await once(shell, 'close')).toEqual([0, null]);
    expect(got.at(-1)).toMatchObject({ verdict: true, method: 'POST', body: 'onetwo' });
    expect((await cli.run(['sign', ...material(), '--run', 'curl', '-sS', `http://127.0.0.1:${await freePort()}/`])).code).toBe(7);
  });

  it.each([
    [['https://h/a#b'], 'visible ASCII'],
    [['https://h/{a,b}'], 'visible ASCII'],
    [['https://user@h/'], 'visible ASCII'],
    [['https://h/ü'], 'visible ASCII'],
    [['h/a'], 'http or https'],
    [['-L', 'https://h/'], '-L: it is not known'],
    [['-F', 'a=b', 'https://h/'], '-F: it is not known'],
    [['--data-urlencode', 'a b', 'https://h/'], 'it is not known'],
    [['-G', '-d', 'a', 'https://h/'], '-G: it is not known'],
    [['-u', 'a:b', 'https://h/'], '-u: it is not known'],
    [['https://h/', 'https://i/'], 'one URL'],
    [['-H', 'Authorization: x', 'https://h/'], 'comes from the signature'],
    [['-H', 'X-Sdk-Date: x', 'https://h/'], 'comes from the signature'],
    [['-H', 'Host;', 'https://h/'], 'Host'],
    [['-H', '@headers', 'https://h/'], 'name each header'],
    [['-d', '@-', 'https://h/'], 'cannot read the same standard input'],
    [['-d'], 'needs a value'],
    [[], 'name the URL'],
  ])('refuse what curl may send otherwise: %j', async (args, words) => {
    const { stderr, stdout } = await ends('usage', ['sign', ...material(), 'curl', ...args]);
    expect([stdout, stderr]).toEqual(['', expect.stringContaining(words)]);
  });

  it('print nothing that has the secret of a basic key', async () => {
    const env = { SIGNET_SIGN_TYPE: 'basic', SIGNET_SIGN_KEY: 'shop', SIGNET_SIGN_SECRET: 'Basic-Secret-0123456789' };
    const { stdout, stderr } = await ends('usage', ['sign', 'curl', 'https://h/'], { env });
    expect([stdout, stderr]).toEqual(['', expect.stringContaining('use --run')]);
    await ends('failed', ['sign', '--run', 'curl', 'http://127.0.0.1:1/'], { env: { ...env, PATH: '/nowhere' } });
  });

  it('verify a recorded request, and explain how another differs', async () => {
    const printed = await cli.done(['sign', ...material(), 'curl', 'https://backend.example/orders?a=1', '-d', '{"item":1}']);
    const header = (name: string) => new RegExp(`'(${name}: [^']+)'`, 'i').exec(printed)![1]!;
    const request = (body: string) =>
      [
        'POST /orders?a=1 HTTP/1.1',
        'Host: backend.example',
        header('authorization'),
        header('x-sdk-date'),
        'Content-Length: 10',
        '',
        body,
      ].join('\r\n');
    expect(await cli.done(['verify', ...material()], { stdin: `${request('{"item":1}')}\n` })).toMatch(/VALID +true\n/);
    const other = await ends('invalid', ['verify', ...material(), '--json'], { stdin: request('{"item":2}') });
    expect(JSON.parse(other.stdout)).toMatchObject({ ok: false, code: 'signature_mismatch' });
    const later = await ends('invalid', ['verify', ...material(), '--at', '2030-01-01T00:00:00Z'], { stdin: request('{"item":1}') });
    expect(later.stdout).toMatch(/CODE +skew/);
    const sent = join(cli.home, 'sent.http');
    writeFileSync(sent, request('{"item":1}'));
    const { stdout } = await ends('invalid', ['explain', '-', sent], { stdin: request('{"item":2}') });
    expect(stdout).toMatch(/PART +payload/);
    expect(await cli.done(['explain', sent, sent])).toMatch(/SAME +true/);
    await ends('usage', ['verify', ...material()], { stdin: 'nonsense' });
    await ends('usage', ['verify'], { stdin: request('x') });
  });
});

it('every exit code was seen, and no secret in what commands print', () => {
  expect([...seen].sort((a, b) => a - b)).toEqual(Object.values(EXIT).map(({ code }) => code));
  for (const secret of [admin.token, ADMIN_PASSWORD, 'Secret-0123456789-canary', 'Basic-Secret-0123456789'])
    expect(cli.printed).not.toContain(secret);
});
