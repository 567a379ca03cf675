import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TOTP } from 'otpauth';
import type { Browser } from 'playwright-core';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { accessibilityFaults, type ConsolePage, openConsole, startBrowser } from '../support/browser.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Client, FULL_ACCESS, READ_ONLY, TestService } from '../support/service.js';

const PASSWORD = 'dana-has-chosen-it';

/** Steps build on one another: they are the first days of one user. */
describe('signing in to the console', () => {
  let database: TestDatabase;
  let service: TestService;
  let browser: Browser;
  let visit: ConsolePage;
  let generated: string;

  beforeAll(async () => {
    database = await createTestDatabase('sqlite');
    [service, browser] = await Promise.all([TestService.start(database), startBrowser()]);
    const iam = service.app.get(IamAdminService);
    for (const name of ['orders', 'reports']) await iam.addProject({ name });
    generated = (await iam.addUser({ name: 'dana' })).password!;
    await iam.grant({ user: 'dana', project: 'orders', role: FULL_ACCESS });
    await iam.grant({ user: 'dana', project: 'reports', role: READ_ONLY });
    visit = await openConsole(browser, service.baseUrl);
  });
  afterAll(async () => {
    await browser?.close();
    await service?.stop();
    await database?.drop();
  });

  const signIn = async (password: string) => {
    const { page } = visit;
    await page.locator('#user').fill('dana');
    await page.locator('#password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };

  it('asks for a password of one’s own in place of a generated one, and goes on to the choice of a project', async () => {
    const { page } = visit;
    await page.goto(service.baseUrl);
    await signIn(generated);
    await page.getByRole('heading', { name: 'Choose a new password' }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByLabel('New password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('New password again').fill('something-else');
    await page.getByText('This is not the same password.').waitFor();
    await page.getByLabel('New password again').fill(PASSWORD);
    await page.getByRole('button', { name: 'Set the password and sign in' }).click();
    await page.getByRole('heading', { name: 'Choose a project' }).waitFor();
  });

  it('disables what a reader may not do and says why, and allows it in another project of the same person', async () => {
    const { page } = visit;
    const create = page.getByRole('button', { name: 'Create a gateway' });
    await page.getByRole('button', { name: 'reports' }).click();
    await page.getByRole('note', { name: 'Your roles do not allow this: apig:instances:create' }).waitFor();
    expect(await create.isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitem', { name: 'Choose a project' }).click();
    await page.getByRole('button', { name: 'orders' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await create.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  });

  it('lists where the person is signed in, and ends another session at once', async () => {
    const { page } = visit;
    const elsewhere = await new Client(service.baseUrl, '', '').call(
      'POST',
      '/v3/auth/tokens',
      {
        auth: {
          identity: { methods: ['password'], password: { user: { name: 'dana', password: PASSWORD, domain: { name: 'default' } } } },
        },
      },
      { 'user-agent': 'a-lost-program/1.0' },
    );
    const lost = new Client(service.baseUrl, '', elsewhere.headers.get('x-subject-token')!);
    expect((await lost.get('/v3/projects')).status).toBe(200);
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitem', { name: 'Your account' }).click();
    await page.getByRole('row', { name: /Chrome.*this one/ }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    const row = page.getByRole('row', { name: /a-lost-program/ });
    await row.getByRole('button', { name: 'End' }).click();
    await page.getByRole('tooltip').getByRole('button', { name: 'End' }).click();
    await row.waitFor({ state: 'detached' });
    expect((await lost.get('/v3/projects')).status).toBe(401);
    await page.getByRole('row', { name: /Chrome.*this one/ }).waitFor();
  });

  it('turns on one-time passwords, and then asks for a passcode at the sign-in', async () => {
    const { page } = visit;
    await page.getByRole('button', { name: 'Turn on one-time passwords' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Password').fill(PASSWORD);
    await dialog.getByRole('button', { name: 'Next' }).click();
    const secret = ((await dialog.locator('.mono').textContent()) ?? '').trim();
    expect(await accessibilityFaults(page)).toEqual([]);
    await dialog.getByLabel('Six digits of the app').fill(new TOTP({ secret }).generate());
    await dialog.getByRole('button', { name: 'Next' }).click();
    const codes = ((await dialog.getByRole('group', { name: 'Recovery codes' }).textContent()) ?? '').trim().split(/\s+/);
    expect(codes).toHaveLength(10);
    await dialog.getByRole('button', { name: 'I have kept them' }).click();
    await page.getByText('Recovery codes left: 10').waitFor();
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await signIn(PASSWORD);
    await page.getByLabel('Passcode').fill('000000');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('The username or password is wrong.').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByLabel('Passcode').fill(codes[0]!);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Choose a project' }).waitFor();
  });

  it('violates no policy, throws no error and calls no other origin', () => {
    expect(visit.faults).toEqual([]);
  });
});
