import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { accessibilityFaults, type ConsolePage, openConsole, signIn, startBrowser } from '../support/browser.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { ServedProcess } from '../support/process.js';
import { ADMIN_PASSWORD, type Client } from '../support/service.js';
import { until } from '../support/until.js';

const MARKUP = '订单<img src=x onerror=alert(1)>';

/** Pages with data on them, on one service. */
describe('the pages of the console', () => {
  let database: TestDatabase;
  let served: ServedProcess;
  let browser: Browser;
  let receiver: Server;
  let admin: Client;
  const at: Record<string, string> = {};
  const opened: ConsolePage[] = [];

  beforeAll(async () => {
    database = await createTestDatabase('sqlite');
    receiver = createServer((request, response) => {
      request.resume().on('end', () => response.end());
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const env = { SIGNET_WEBHOOKS: 'http=allow', SIGNET_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' };
    [served, browser] = await Promise.all([ServedProcess.start({ ...database.env, ...env }), startBrowser()]);
    admin = await served.admin();
    const gateway = await admin.gateway({ instance_name: 'orders-gateway' });
    const signs = `/v2/{project}/apigw/instances/${gateway}/signs`;
    const { id } = (await admin.post(signs, { name: 'orders_key', sign_type: 'hmac' })).body as { id: string };
    const { publishIds } = await admin.publishedApi(gateway);
    await admin.post(`/v2/{project}/apigw/instances/${gateway}/sign-bindings`, { sign_id: id, publish_ids: publishIds });
    const gone = (await admin.post(signs, { name: 'gone_key', sign_type: 'hmac' })).body as { id: string };
    const revision = (await admin.delete(`${signs}/${gone.id}`)).headers.get('signet-revision');
    await admin.post(`/signet/v1/instances/${gateway}/gateway-tokens`, { role: 'gateway', name: MARKUP });
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    const endpoint = (await admin.post('/v1/endpoints', { url, description: MARKUP })).body.data as { id: string };
    const base = `/console/gateways/${gateway}`;
    Object.assign(at, {
      overview: base,
      keys: `${base}/keys`,
      'new key': `${base}/keys?create=1`,
      key: `${base}/keys/${id}`,
      'APIs of a key': `${base}/keys/${id}?tab=apis`,
      rotation: `${base}/keys/${id}?tab=rotation`,
      'activity of a key': `${base}/keys/${id}?tab=activity`,
      'code that verifies': `${base}/keys/${id}?tab=verify`,
      deletion: `${base}/keys/${id}/delete`,
      receipt: `${base}/receipts/${revision}?deleted`,
      nodes: `${base}/nodes`,
      APIs: `${base}/apis`,
      endpoints: '/console/endpoints',
      endpoint: `/console/endpoints/${endpoint.id}`,
      audit: '/console/audit',
      'a page that is not there': '/console/nowhere',
    });
  });
  afterAll(async () => {
    await browser?.close();
    receiver?.close();
    await served?.stop();
    await database?.drop();
  });

  const open = async (options: Parameters<typeof openConsole>[2] = {}): Promise<Page> => {
    const one = await openConsole(browser, served.baseUrl, options);
    opened.push(one);
    return one.page;
  };
  /** A page has settled when nothing is loading any more. */
  const settled = async (page: Page) => {
    await page.locator('#content').waitFor();
    await page.waitForLoadState('networkidle');
    const loading = page.locator('.ant-spin-spinning, .ant-skeleton-active');
    await until(async () => (await loading.count()) === 0, 'the page to be loaded');
  };

  it.each([
    ['light', 'en', 1440],
    ['dark', 'zh', 390],
  ] as const)('have no accessibility fault, in %s, in %s, %i pixels wide', async (theme, language, width) => {
    const page = await open({ theme, language, width });
    await page.goto(served.baseUrl);
    await page.locator('#user').waitFor();
    const found: Record<string, string[]> = { 'sign-in': await accessibilityFaults(page) };
    await signIn(page, served.baseUrl, 'admin', ADMIN_PASSWORD);
    for (const [name, path] of Object.entries(at)) {
      await page.goto(served.baseUrl + path);
      await settled(page);
      found[name] = await accessibilityFaults(page);
      // What is wider than the page scrolls by itself.
      if (await page.evaluate('document.documentElement.scrollWidth > innerWidth')) found[name].push('wider than the page');
    }
    expect(Object.fromEntries(Object.entries(found).filter(([, faults]) => faults.length > 0))).toEqual({});
  });

  it('show names with markup as text', async () => {
    const page = await open();
    await signIn(page, served.baseUrl, 'admin', ADMIN_PASSWORD);
    await page.goto(served.baseUrl + at['nodes']);
    await page.getByRole('cell', { name: MARKUP }).waitFor();
    await page.goto(served.baseUrl + at['endpoint']);
    await page.getByText(MARKUP).waitFor();
    expect(await page.locator('img[src=x]').count()).toBe(0);
  });

  it('give an endpoint a second key and take it away again, never the last one', async () => {
    const page = await open();
    await signIn(page, served.baseUrl, 'admin', ADMIN_PASSWORD);
    await page.goto(served.baseUrl + at['endpoint']);
    const keys = page.locator('.ant-card', { hasText: 'An endpoint has one or two keys' });
    const remove = keys.getByRole('button', { name: 'Delete', exact: true });
    await remove.waitFor();
    expect(await remove.isDisabled()).toBe(true);
    await keys.getByRole('note', { name: 'An endpoint cannot be without a key. Add the new one first.' }).waitFor();
    await keys.getByRole('button', { name: 'Add a second key' }).click();
    await page.getByText('The secret is shown only now.').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
    await keys.getByRole('note', { name: 'The endpoint has two keys. Delete one before you add another.' }).waitFor();
    await remove.nth(1).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await keys.getByRole('note', { name: 'An endpoint cannot be without a key. Add the new one first.' }).waitFor();
    await page.getByRole('button', { name: 'Send a test message' }).click();
    await page.getByRole('row', { name: /delivered.*HTTP 200/ }).waitFor();
  });

  it('violate no policy, throw no error and call no other origin', () => {
    expect(opened.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it('cost at most 400 kB of compressed JavaScript at the first load', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const loaded = new Set<string>();
    page.on('request', (request) => void (request.url().endsWith('.js') && loaded.add(new URL(request.url()).pathname)));
    await page.goto(served.baseUrl);
    await page.locator('#user').waitFor();
    await context.close();
    const bytesOf = (path: string) => {
      const file = `dist${path}`;
      // Small files are sent as they are.
      return statSync(`${file}.gz`, { throwIfNoEntry: false })?.size ?? readFileSync(file).length;
    };
    const total = [...loaded].reduce((sum, path) => sum + bytesOf(path), 0);
    expect(total).toBeGreaterThan(100_000);
    expect(total).toBeLessThanOrEqual(400_000);
  });
});
