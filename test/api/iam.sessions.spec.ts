import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { send } from '../support/access-keys.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Client, TestService } from '../support/service.js';
import { until } from '../support/until.js';

const SESSIONS = '/signet/v1/me/sessions';
const PASSWORD = 'a-password-of-my-own';

let database: TestDatabase;
let service: TestService;
let admin: IamAdminService;
let users = 0;
let user: string;

beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database);
  admin = service.app.get(IamAdminService);
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});
beforeEach(async () => {
  user = `user_${++users}`;
  await admin.addUser({ name: user }, { password: PASSWORD });
  await admin.grant({ user, project: 'default', role: 'APIG FullAccess' });
});

const issue = async (identity: object, scope: object | undefined, agent: string, at = service): Promise<Client> => {
  const auth = { identity, ...(scope && { scope }) };
  const answer = await new Client(at.baseUrl, '', '').call('POST', '/v3/auth/tokens', { auth }, { 'user-agent': agent });
  return new Client(at.baseUrl, answer.body.token.project?.id ?? '', answer.headers.get('x-subject-token')!);
};
const login = (agent = 'a browser', name = user, at = service) =>
  issue(
    { methods: ['password'], password: { user: { name, password: PASSWORD, domain: { name: 'default' } } } },
    { project: { name: 'default' } },
    agent,
    at,
  );
const exchanged = ({ token }: Client) => issue({ methods: ['token'], token: { id: token } }, undefined, 'another program');
const listed = async (client: Client, query = '') => (await client.get(SESSIONS + query)).body.sessions as Record<string, unknown>[];
const idOf = async (client: Client) => (await listed(client)).find(({ current }) => current)!['id'] as string;
const works = async (client: Client) => (await client.get('/v3/projects')).status === 200;

describe('GET /signet/v1/me/sessions', () => {
  it('lists each login of the caller once, the newest first, with how, where and when, and marks that of the request', async () => {
    const first = await login('the first browser');
    const second = await login('the second browser');
    await exchanged(first);
    const common = { methods: ['password'], source_address: expect.stringContaining('127.0.0.1'), last_used_at: expect.anything() };
    expect(await works(second)).toBe(true);
    await until(async () => (await listed(first)).every(({ last_used_at }) => last_used_at !== null));
    const sessions = await listed(first);
    expect(sessions).toMatchObject([
      { ...common, user_agent: 'the second browser', current: false },
      { ...common, user_agent: 'the first browser', current: true },
    ]);
    for (const { created_at, expires_at, last_used_at } of sessions as Record<string, string>[]) {
      expect(Date.parse(expires_at!) - Date.parse(created_at!)).toBe(86_400_000);
      expect(Date.parse(last_used_at!)).toBeGreaterThanOrEqual(Date.parse(created_at!));
    }
    expect(JSON.stringify(sessions)).not.toContain(first.token.slice(-20));
  });

  it('gives the same in pages', async () => {
    const clients = [await login('1'), await login('2'), await login('3')];
    const agents: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = (await clients[0]!.get(`${SESSIONS}?limit=2&cursor=${cursor}`)).body as {
        sessions: object[];
        next_cursor: string | null;
      };
      agents.push(page.sessions.map((session) => (session as { user_agent: string }).user_agent));
      cursor = page.next_cursor;
    }
    expect(agents).toEqual([['3', '2'], ['1']]);
    expect((await clients[0]!.get(`${SESSIONS}?cursor=nonsense`)).body).toMatchObject({ status: 400, parameter: 'cursor' });
  });

  it('lists no login whose tokens have ended: by a new password, by revoking the last of them, or by their time', async () => {
    const [kept, gone] = [await login('kept'), await login('gone')];
    const of = async () => (await listed(kept)).map(({ user_agent }) => user_agent);
    const second = await exchanged(gone);
    const revoke = (token: string) => kept.call('DELETE', '/v3/auth/tokens', undefined, { 'x-subject-token': token });
    expect((await revoke(gone.token)).status).toBe(204);
    expect([await of(), await works(second)]).toEqual([['gone', 'kept'], true]);
    expect((await revoke(second.token)).status).toBe(204);
    expect(await of()).toEqual(['kept']);
    await admin.setPassword({ name: user }, { password: PASSWORD });
    const again = await login('again');
    expect((await listed(again)).map(({ user_agent }) => user_agent)).toEqual(['again']);
    const clock = service.app.get(Clock);
    clock.now = () => Date.now() + 86_401_000;
    try {
      const later = await login('later');
      expect((await listed(later)).map(({ user_agent }) => user_agent)).toEqual(['later']);
      expect(await service.app.get(Database).rows('SELECT 1 AS one FROM login_sessions WHERE expires_at < ?', [clock.now()])).toEqual([]);
    } finally {
      clock.now = Clock.prototype.now.bind(clock);
    }
  });
});

describe('DELETE /signet/v1/me/sessions/{session_id}', () => {
  it('ends every token of the login and its temporary access keys at once, and no other', async () => {
    const [lost, mine] = [await login('lost'), await login('mine')];
    const copy = await exchanged(lost);
    const { credential } = (await copy.post('/v3.0/OS-CREDENTIAL/securitytokens', { auth: { identity: { methods: ['token'] } } })).body as {
      credential: { access: string; secret: string; securitytoken: string };
    };
    const signed = async () => (await send(service.baseUrl, credential, { target: '/v3/projects' })).status;
    expect([await works(lost), await works(copy), await signed()]).toEqual([true, true, 200]);
    expect((await mine.delete(`${SESSIONS}/${await idOf(lost)}`)).status).toBe(204);
    expect([await works(lost), await works(copy), await signed()]).toEqual([false, false, 401]);
    expect((await exchanged(mine)).token).not.toBe('');
    const refused = await new Client(service.baseUrl, '', '').post('/v3/auth/tokens', {
      auth: { identity: { methods: ['token'], token: { id: copy.token } } },
    });
    expect(refused.status).toBe(401);
    expect((await listed(mine)).map(({ user_agent }) => user_agent)).toEqual(['mine']);
  });

  it('ends the login of the request by the name current', async () => {
    const [mine, other] = [await login('mine'), await login('other')];
    expect((await mine.delete(`${SESSIONS}/current`)).status).toBe(204);
    expect([await works(mine), await works(other)]).toEqual([false, true]);
  });

  it('answers 404 for a login of another user as for an unknown one, and does not end it', async () => {
    const mine = await login();
    await admin.addUser({ name: `${user}_2` }, { password: PASSWORD });
    await admin.grant({ user: `${user}_2`, project: 'default', role: 'APIG FullAccess' });
    const theirs = await login('theirs', `${user}_2`);
    const answers = [await mine.delete(`${SESSIONS}/${await idOf(theirs)}`), await mine.delete(`${SESSIONS}/${'0'.repeat(32)}`)];
    for (const { status, body } of answers) expect([status, body.code]).toEqual([404, 'not_found']);
    expect(await works(theirs)).toBe(true);
  });

  it('is in effect in another process when its cache is no longer fresh', async () => {
    const other = await TestService.start(database);
    try {
      const mine = await login();
      const there = new Client(other.baseUrl, '', mine.token);
      expect(await works(there)).toBe(true);
      expect((await mine.delete(`${SESSIONS}/current`)).status).toBe(204);
      other.app.get(Clock).now = () => Date.now() + 31_000;
      expect(await works(there)).toBe(false);
    } finally {
      await other.stop();
    }
  });
});
