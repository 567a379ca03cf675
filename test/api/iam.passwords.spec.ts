import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Answer, Client, TestService } from '../support/service.js';

const WRONG = { error: { code: 401, message: 'The username or password is wrong.', title: 'Unauthorized' } };
const NEW = 'a-password-of-my-own';

let database: TestDatabase;
let service: TestService;
let anonymous: Client;
let admin: IamAdminService;
let users = 0;
/** A user whose password was generated. */
let user: { name: string; id: string; password: string };

beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  // A tenth of the limit is for one address.
  service = await TestService.start(database, { SIGNET_RATE_LIMITS: 'login-user=50/300s,login-address=off' });
  anonymous = new Client(service.baseUrl, '', '');
  admin = service.app.get(IamAdminService);
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});
beforeEach(async () => {
  const name = `user_${++users}`;
  const { id, password = '' } = await admin.addUser({ name });
  await admin.grant({ user: name, project: 'default', role: 'APIG Administrator' });
  user = { name, id, password };
});

const login = (password: string): Promise<Answer> => {
  const identity = { methods: ['password'], password: { user: { id: user.id, password } } };
  return anonymous.post('/v3/auth/tokens', { auth: { identity, scope: { project: { name: 'default' } } } });
};
const change = (original_password: unknown, password: unknown = NEW, id = user.id): Promise<Answer> =>
  anonymous.post(`/v3/users/${id}/password`, { user: { password, original_password } });

describe('a generated password', () => {
  it('gives no token until its user has changed it, and the answer is Keystone’s; a wrong one gets the answer of any wrong one', async () => {
    const refused = await login(user.password);
    const message = `The password is expired and needs to be changed for user: ${user.id}.`;
    expect([refused.status, refused.body]).toEqual([401, { error: { code: 401, message, title: 'Unauthorized' } }]);
    expect(refused.headers.get('x-subject-token')).toBeNull();
    expect((await login('wrong')).body).toEqual(WRONG);
    expect((await change(user.password)).status).toBe(204);
    expect([(await login(user.password)).body, (await login(NEW)).status]).toEqual([WRONG, 201]);
  });

  it('stays valid if whoever made the user said so, and a given one must be changed if they said so', async () => {
    await admin.setPassword({ name: user.name }, { password: NEW });
    expect((await login(NEW)).status).toBe(201);
    const kept = (await admin.setPassword({ name: user.name }, undefined, { mustChange: false }))!;
    expect((await login(kept)).status).toBe(201);
    await admin.setPassword({ name: user.name }, { password: NEW }, { mustChange: true });
    expect((await login(NEW)).body.error.message).toContain('needs to be changed');
    const reset = (await admin.setPassword({ name: user.name }))!;
    expect((await login(reset)).body.error.message).toContain('needs to be changed');
  });
});

describe('POST /v3/users/{user_id}/password', () => {
  it('ends the tokens of the user at once, and is in the audit trail as an action of the user', async () => {
    const { token, projectId } = await admin.issueToken(user.name, 'default');
    const client = new Client(service.baseUrl, projectId, token);
    expect((await client.get('/v3/projects')).status).toBe(200);
    expect((await change(user.password)).status).toBe(204);
    expect((await client.get('/v3/projects')).status).toBe(401);
    const token2 = (await login(NEW)).headers.get('x-subject-token')!;
    const audit = await new Client(service.baseUrl, projectId, token2).get(
      `/signet/v1/audit/domain?action=UpdateUserPassword&resource_id=${user.id}`,
    );
    expect(audit.body.events).toMatchObject([
      { user_id: user.id, user_name: user.name, source_address: expect.stringContaining('127.0.0.1') },
    ]);
  });

  it('refuses a wrong password, an unknown and a disabled user with the 401 of a login', async () => {
    const answers = [await change('wrong'), await change(user.password, NEW, 'nobody')];
    await admin.setEnabled({ name: user.name }, false);
    answers.push(await change(user.password));
    for (const { status, body } of answers) expect([status, body]).toEqual([401, WRONG]);
  });

  it('counts wrong passwords together with those of logins', async () => {
    for (let i = 0; i < 3; i++) expect((await change('wrong')).status).toBe(401);
    for (let i = 0; i < 2; i++) expect((await login('wrong')).status).toBe(401);
    expect([(await change(user.password)).status, (await login(user.password)).status]).toEqual([429, 429]);
  });

  it.each([
    ['the old password again', (old: string) => [old, old], 'The new password must differ from the old password.'],
    ['a short password', (old: string) => [old, 'short'], 'Invalid input: user.password'],
    ['a long password', (old: string) => [old, 'x'.repeat(1025)], 'Invalid input: user.password'],
    ['a number', (old: string) => [old, 12_345_678], 'Invalid input: user.password'],
    ['no old password', () => [undefined, NEW], 'A required field is missing: user.original_password'],
  ])('answers 400 for %s, and changes nothing', async (_, values, message) => {
    const [original, password] = values(user.password);
    const { status, body } = await change(original, password);
    expect([status, body.error.message]).toEqual([400, message]);
    expect((await login(user.password)).body.error.message).toContain('needs to be changed');
  });

  it('of several at once with one old password changes it once', async () => {
    const given = ['first-password', 'second-password', 'third-password'];
    const statuses = await Promise.all(given.map(async (password) => (await change(user.password, password)).status));
    expect(statuses.sort()).toEqual([204, 401, 401]);
    const fits = await Promise.all(given.map(async (password) => (await login(password)).status));
    expect(fits.filter((status) => status === 201)).toHaveLength(1);
  });
});

it('no log line contains a password', async () => {
  await change(user.password, 'canary-password');
  expect(service.logs.join('')).not.toMatch(new RegExp(`canary|${user.password}|${NEW}`));
});
