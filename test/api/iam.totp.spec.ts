import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { URI } from 'otpauth';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import type { Param } from '../../src/platform/database/tx.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { recoveryCodeHash } from '../../src/identity/iam/totp.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Answer, Client, TestService } from '../support/service.js';

const TOTP = '/signet/v1/me/totp';
const PASSWORD = 'a-password-of-my-own';
const STEP_MS = 30_000;
const WRONG = { error: { code: 401, message: 'The username or password is wrong.', title: 'Unauthorized' } };

let database: TestDatabase;
let service: TestService;
let admin: IamAdminService;
let users = 0;
let user: { name: string; id: string; client: Client };
/** The time of the service, in steps of codes. */
let now = Math.floor(Date.now() / STEP_MS);

beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database, {
    // A tenth of the limit is for one address, and for the codes of one user.
    SIGNET_RATE_LIMITS: 'login-user=60/300s,login-address=off,user=off,address=off',
    SIGNET_TRUSTED_PROXIES: '127.0.0.0/8',
  });
  service.app.get(Clock).now = () => now * STEP_MS;
  admin = service.app.get(IamAdminService);
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});
beforeEach(async () => {
  now += 10;
  const name = `user_${++users}`;
  const { id } = await admin.addUser({ name }, { password: PASSWORD });
  await admin.grant({ user: name, project: 'default', role: 'APIG Administrator' });
  const { token, projectId } = await admin.issueToken(name, 'default');
  user = { name, id, client: new Client(service.baseUrl, projectId, token) };
});

const issue = (identity: unknown, from = '192.0.2.1'): Promise<Answer> =>
  new Client(service.baseUrl, '', '').call('POST', '/v3/auth/tokens', { auth: { identity } }, { 'x-forwarded-for': from });
const password = (given = PASSWORD) => ({ user: { id: user.id, password: given } });
const login = (passcode?: string, from?: string) =>
  issue(
    passcode === undefined
      ? { methods: ['password'], password: password() }
      : { methods: ['password', 'totp'], password: password(), totp: { user: { id: user.id, passcode } } },
    from,
  );
/** What the app shows in a step. */
const codeOf = (uri: string) => (step: number) =>
  (URI.parse(uri) as { generate(at: object): string }).generate({ timestamp: step * STEP_MS });
const start = async () => {
  const { status, body } = await user.client.post(TOTP, { password: PASSWORD });
  expect(status).toBe(201);
  return { ...(body as { secret: string; uri: string }), code: codeOf(body.uri as string) };
};
/** Enables one-time passwords; the code of this step is used up. */
const enable = async () => {
  const { code, secret } = await start();
  const { status, body } = await user.client.post(`${TOTP}/confirm`, { passcode: code(now) });
  expect(status).toBe(200);
  now++;
  return { code, secret, recoveryCodes: body.recovery_codes as string[] };
};
const run = (sql: string, values: Param[]) => service.app.get(Database).transaction((tx) => tx.run(sql, values));

describe('enabling one-time passwords', () => {
  it('needs the password and the first code of the app; until then a password alone gives a token', async () => {
    expect((await user.client.post(TOTP, { password: 'wrong' })).body).toMatchObject({
      status: 403,
      detail: 'The password or the passcode is wrong.',
    });
    const { uri, secret, code } = await start();
    expect(uri).toMatch(/^otpauth:\/\/totp\/Signet/);
    expect((await user.client.get(TOTP)).body).toEqual({ enabled: false, recovery_codes: 0 });
    expect((await login()).status).toBe(201);
    expect((await user.client.post(`${TOTP}/confirm`, { passcode: code(now + 9) })).status).toBe(403);
    const confirmed = await user.client.post(`${TOTP}/confirm`, { passcode: code(now) });
    expect(new Set(confirmed.body.recovery_codes).size).toBe(10);
    expect((await user.client.get(TOTP)).body).toEqual({ enabled: true, recovery_codes: 10 });
    const refused = await login();
    const message = 'Additional authentications steps required.';
    expect([refused.status, refused.body]).toEqual([401, { error: { code: 401, message, title: 'Unauthorized' } }]);
    now++;
    const entered = await login(code(now));
    expect([entered.status, entered.body.token.methods]).toEqual([201, ['password', 'totp']]);
    const stored = JSON.stringify([
      await service.app.get(Database).rows('SELECT * FROM totp_credentials'),
      await service.app.get(Database).rows('SELECT * FROM totp_recovery_codes'),
    ]);
    for (const each of [secret, ...confirmed.body.recovery_codes]) expect(stored).not.toContain(each);
  });

  it('has one secret at a time, which waits for a quarter of an hour', async () => {
    const [first, second] = [await start(), await start()];
    expect((await user.client.post(`${TOTP}/confirm`, { passcode: first.code(now) })).status).toBe(403);
    now += 31;
    expect((await user.client.post(`${TOTP}/confirm`, { passcode: second.code(now) })).status).toBe(409);
    await enable();
    expect((await user.client.post(TOTP, { password: PASSWORD })).status).toBe(409);
    expect((await user.client.post(`${TOTP}/confirm`, { passcode: second.code(now) })).status).toBe(409);
  });
});

describe('a passcode', () => {
  it('is accepted once, and none of an earlier step after it', async () => {
    const { code } = await enable();
    now += 3;
    expect((await login(code(now))).status).toBe(201);
    for (const step of [now, now - 1]) expect((await login(code(step))).body).toEqual(WRONG);
    now += 2;
    const statuses = await Promise.all([1, 2, 3].map(async () => (await login(code(now))).status));
    expect(statuses.sort()).toEqual([201, 401, 401]);
  });

  it('may be that of the step before or after', async () => {
    const { code } = await enable();
    now += 3;
    for (const step of [now - 2, now + 2]) expect((await login(code(step))).status).toBe(401);
    for (const step of [now - 1, now, now + 1]) expect((await login(code(step))).status).toBe(201);
  });

  it('is for the user of the password, by id or by name and domain', async () => {
    const { code } = await enable();
    const both = (totp: unknown, methods = ['password', 'totp']) => issue({ methods, password: password(), totp });
    const named = { name: user.name, domain: { name: 'default' } };
    now += 2;
    expect((await both({ user: { id: 'another', passcode: code(now) } })).body).toEqual(WRONG);
    expect((await both({ user: { ...named, domain: { name: 'another' }, passcode: code(now) } })).body).toEqual(WRONG);
    expect((await both({ user: { ...named, passcode: code(now) } }, ['totp', 'password'])).status).toBe(201);
    for (const [totp, field] of [
      [undefined, 'auth.identity.totp'],
      [{ user: { id: user.id } }, 'auth.identity.totp.user.passcode'],
      [{ user: { id: user.id, passcode: 123_456 } }, 'auth.identity.totp.user.passcode'],
    ] as const) {
      const { status, body } = await both(totp);
      expect([status, body.error.message]).toEqual([400, expect.stringContaining(field)]);
    }
  });

  it('of a user without one-time passwords, and one with a wrong password, is refused as any wrong password', async () => {
    expect((await login('123456')).body).toEqual(WRONG);
    const { code } = await enable();
    const identity = { methods: ['password', 'totp'], password: password('wrong'), totp: { user: { id: user.id, passcode: code(now) } } };
    expect((await issue(identity)).body).toEqual(WRONG);
    // It was not used up.
    expect((await login(code(now))).status).toBe(201);
  });

  it('can be tried a few times, from whatever addresses, and the right password alone does not give new tries', async () => {
    const { code } = await enable();
    for (let i = 0; i < 6; i++) {
      expect((await login('000000', `192.0.2.${i}`)).status).toBe(401);
      expect((await login(undefined, `192.0.2.${i}`)).status).toBe(401);
    }
    expect((await login(code(now), '192.0.2.99')).status).toBe(429);
    expect((await user.client.post(`${TOTP}/disable`, { password: PASSWORD, passcode: code(now) })).status).toBe(429);
  });
});

describe('a recovery code', () => {
  it('stands for a passcode once, however it is typed, and its use is in the audit trail', async () => {
    const { recoveryCodes } = await enable();
    const [first = '', second = ''] = recoveryCodes;
    expect(first).toMatch(/^[a-z2-9]{4}(-[a-z2-9]{4}){3}$/);
    expect((await login(first.toUpperCase().replaceAll('-', ' '))).status).toBe(201);
    expect((await login(first)).body).toEqual(WRONG);
    const statuses = await Promise.all([1, 2].map(async () => (await login(second)).status));
    expect(statuses.sort()).toEqual([201, 401]);
    expect((await user.client.get(TOTP)).body).toEqual({ enabled: true, recovery_codes: 8 });
    const { events } = (await user.client.get(`/signet/v1/audit/domain?resource_id=${user.id}`)).body;
    expect(events.map(({ action, user_id }: Record<string, string>) => [action, user_id === user.id])).toEqual([
      ['UseRecoveryCode', true],
      ['UseRecoveryCode', true],
      ['EnableTotp', true],
      ['CreateUser', false],
    ]);
  });
});

describe('disabling one-time passwords', () => {
  it('needs the password and a passcode', async () => {
    const { code } = await enable();
    const disable = (given: object) => user.client.post(`${TOTP}/disable`, { password: PASSWORD, passcode: code(now), ...given });
    expect([(await disable({ password: 'wrong' })).status, (await disable({ passcode: '000000' })).status]).toEqual([403, 403]);
    expect((await disable({})).status).toBe(204);
    expect([(await login()).status, (await disable({})).status]).toEqual([201, 409]);
    expect((await user.client.get(TOTP)).body).toEqual({ enabled: false, recovery_codes: 0 });
    // And they can be enabled again.
    const again = await enable();
    expect((await login(again.code(now))).status).toBe(201);
  });

  it('is possible for an operator without either', async () => {
    await enable();
    expect((await admin.listUsers()).find(({ id }) => id === user.id)?.totp).toBe(true);
    expect([await admin.resetTotp({ name: user.name }), await admin.resetTotp({ name: user.name })]).toEqual([true, false]);
    expect((await login()).status).toBe(201);
  });

  it('is not possible by write access to the database alone, and neither is a recovery code', async () => {
    const { code } = await enable();
    await run('INSERT INTO totp_recovery_codes (user_id, code_hash) VALUES (?, ?)', [user.id, recoveryCodeHash(user.id, 'invented')]);
    expect((await login('invented')).body).toEqual(WRONG);
    const [{ totp_id: id }] = (await service.app.get(Database).rows('SELECT totp_id FROM users WHERE id = ?', [user.id])) as [
      { totp_id: string },
    ];
    await run('UPDATE users SET totp_id = NULL WHERE id = ?', [user.id]);
    expect((await login()).body).toEqual(WRONG);
    await run('UPDATE users SET totp_id = ? WHERE id = ?', [id, user.id]);
    await run('DELETE FROM totp_credentials WHERE user_id = ?', [user.id]);
    expect((await login(code(now))).body).toEqual(WRONG);
  });
});

it('no log line contains a secret or a code', async () => {
  const { code, secret, recoveryCodes } = await enable();
  await login(code(now));
  await login(recoveryCodes[0]);
  const logs = service.logs.join('');
  for (const each of [secret, code(now), ...recoveryCodes]) expect(logs).not.toContain(each);
});
