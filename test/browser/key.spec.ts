import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { type ConsolePage, openConsole, signIn, startBrowser } from '../support/browser.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { freePort, ServedProcess } from '../support/process.js';
import { ADMIN_PASSWORD } from '../support/service.js';

/** Steps build on one another: it is one visit. */
describe('a first visit in the browser', () => {
  let database: TestDatabase;
  let served: ServedProcess;
  let browser: Browser;
  let visit: ConsolePage;
  let proxy: string;

  beforeAll(async () => {
    database = await createTestDatabase('sqlite');
    const port = await freePort();
    proxy = `http://127.0.0.1:${port}`;
    const env = { SIGNET_EMBEDDED_GATEWAY: 'on', SIGNET_GATEWAY_LISTEN: `proxy=127.0.0.1:${port},sign=127.0.0.1:0,demo-backend=0` };
    [served, browser] = await Promise.all([ServedProcess.start({ ...database.env, ...env }), startBrowser()]);
    visit = await openConsole(browser, served.baseUrl);
  });
  afterAll(async () => {
    await browser?.close();
    await served?.stop();
    await database?.drop();
  });

  it('begins at the address of the service, and after the sign-in shows three steps and a node in step', async () => {
    const { page } = visit;
    await signIn(page, served.baseUrl, 'admin', ADMIN_PASSWORD);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.getByText('Three steps to a signed request').waitFor();
    await page.getByText('1 in step').waitFor();
    expect(new URL(page.url()).pathname).toMatch(/^\/console\/gateways\/[\w-]+$/);
  });

  it('creates a key whose secret is shown once and can be copied', async () => {
    const { page } = visit;
    await page.getByRole('link', { name: 'Create a signature key' }).click();
    await page.getByLabel('Name', { exact: true }).fill('orders_key');
    await page.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByText('The key orders_key was created').waitFor();
    const secret = page.getByRole('dialog').getByRole('row', { name: 'Secret' });
    const shown = ((await secret.locator('.mono').textContent()) ?? '').trim();
    expect(shown.length).toBeGreaterThanOrEqual(16);
    await secret.getByRole('button', { name: 'Copy' }).click();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(shown);
    await page.getByRole('button', { name: 'Open the key' }).click();
    await page.getByRole('heading', { name: 'orders_key' }).waitFor();
  });

  it('creates and publishes an API, binds the key, and opens a signed request through the gateway', async () => {
    const { page, context } = visit;
    const address = page.url();
    await page.getByRole('menuitem', { name: 'APIs' }).click();
    await page.getByRole('button', { name: 'Create and publish an API' }).click();
    await page.getByLabel('Name', { exact: true }).fill('orders');
    await page.getByLabel('Name of the group').fill('shop');
    await page.getByLabel('Path').fill('/orders');
    await page.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('cell', { name: 'RELEASE' }).waitFor();
    await page.goto(`${address.split('?')[0]}?tab=apis`);
    await page.getByRole('button', { name: 'Bind to APIs' }).click();
    await page.getByRole('checkbox', { name: 'orders RELEASE' }).check();
    await page.getByRole('button', { name: 'Bind to 1 API' }).click();
    await page
      .getByRole('cell', { name: '/orders' })
      .or(page.getByRole('cell', { name: 'orders', exact: true }))
      .first()
      .waitFor();
    const opened = context.waitForEvent('page');
    await page.getByRole('link', { name: 'Send a signed request' }).click();
    const answer = await opened;
    await answer.waitForLoadState();
    expect(await answer.textContent('body')).toMatch(/"ok":\s*true/);
    await answer.close();
  });

  it('deletes the key after its impact and its typed name, and ends at a receipt that names each node and since when', async () => {
    const { page } = visit;
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText('What deleting this key affects').waitFor();
    await page.getByRole('cell', { name: 'orders', exact: true }).waitFor();
    const submit = page.getByRole('button', { name: 'Delete the key everywhere' });
    await page.locator('#confirm').fill('orders_kex');
    expect(await submit.isDisabled()).toBe(true);
    await page.locator('#confirm').fill('orders_key');
    await submit.click();
    await page.getByText(/No gateway signs with this key since/).waitFor();
    await page.getByText(/complete \d+ ms after the deletion/).waitFor();
    const node = page.getByRole('row', { name: /^embedded/ });
    expect(await node.textContent()).toMatch(/acknowledged\d+ ms/);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download as JSON' }).click()]);
    const receipt = await new Response((await download.createReadStream()) as never).json();
    expect(receipt).toMatchObject({ complete: true, sessions: [{ node_id: 'embedded', state: 'acknowledged' }] });
    expect((await fetch(`${proxy}/orders`)).status).not.toBe(200);
    await page.reload();
    await page.getByText(/No gateway signs with this key since/).waitFor();
  });

  it('shows the deletion on the overview and in the audit trail', async () => {
    const { page } = visit;
    await page.getByRole('menuitem', { name: 'Overview' }).click();
    await page.getByRole('row', { name: /orders_key.*Open the receipt/ }).waitFor();
    await page.getByRole('menuitem', { name: 'Audit' }).click();
    await page.getByRole('row', { name: /DeleteSignatureKey.*orders_key/ }).waitFor();
  });

  it('keeps the token out of addresses and local storage, and signing out revokes it', async () => {
    const { page } = visit;
    const token = await page.evaluate(() => (JSON.parse(sessionStorage.getItem('signet.session')!) as { token: string }).token);
    expect(page.url()).not.toContain(token);
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain(token.slice(-20));
    expect(served.output).not.toContain(token);
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in to Signet' }).waitFor();
    expect(await page.evaluate(() => sessionStorage.getItem('signet.session'))).toBeNull();
    const { status } = await fetch(`${served.baseUrl}/v3/auth/projects`, { headers: { 'x-auth-token': token } });
    expect(status).toBe(401);
  });

  it('violates no policy, throws no error and calls no other origin', () => {
    expect(visit.faults).toEqual([]);
  });
});
