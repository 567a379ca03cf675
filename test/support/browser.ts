import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { stretched } from './slowness.js';

const CHROMIUM = process.env['TEST_CHROMIUM'] ?? '/usr/bin/chromium';
/** The network of this machine may be closed: the browser does not look for updates or experiments. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const WAIT_MS = 60_000;

export interface PageOptions {
  width?: number;
  height?: number;
  language?: 'en' | 'zh';
  theme?: 'light' | 'dark';
}

/** A page of the console, and everything that the browser refused or that went wrong on it. */
export interface ConsolePage {
  page: Page;
  context: BrowserContext;
  /** Violations of the Content-Security-Policy and of Trusted Types, errors that no code caught, and requests to other origins. */
  faults: string[];
}

/** Debian's Chromium, once for a file of tests. */
export const startBrowser = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });

/** A new page with a profile of its own. */
export async function openConsole(browser: Browser, baseUrl: string, options: PageOptions = {}): Promise<ConsolePage> {
  const { width = 1440, height = 900, language = 'en', theme = 'light' } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    locale: language === 'zh' ? 'zh-CN' : 'en-US',
    colorScheme: theme,
  });
  context.setDefaultTimeout(stretched(WAIT_MS));
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: baseUrl });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (/Content Security Policy|TrustedHTML|TrustedScript|missingKey/i.test(message.text())) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(baseUrl) && !/^(data|blob):/.test(request.url())) faults.push(`a request to ${request.url()}`);
  });
  return { page, context, faults };
}

/** Signs in by password; ends on the first page. */
export async function signIn(page: Page, baseUrl: string, user: string, password: string): Promise<void> {
  await page.goto(baseUrl);
  await page.locator('#user').fill(user);
  await page.locator('#password').fill(password);
  await page.locator('button[type=submit]').click();
  await page.waitForURL(/\/console\/(gateways\/|$)/);
}

/** What axe finds against WCAG 2.2 A and AA, each with the first element. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // A colour that is still changing has another contrast.
  await page.evaluate(
    'Promise.allSettled(document.getAnimations().filter((one) => one.effect?.getComputedTiming().iterations !== Infinity).map((one) => one.finished)).then(() => undefined)',
  );
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`);
}
