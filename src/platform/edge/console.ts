import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';

/** The path of the console, including the slash at the end. */
export const CONSOLE_PATH = '/console/';

/** `npm run build` writes the console's files to this folder, beside the compiled service. */
const BUILT = join(import.meta.dirname, '../../../dist/console');
/** Vite names the files in this folder by a hash of their content. */
const HASHED = 'assets';
/** Placeholders in index.html: for the nonce of the response, and for the address of the embedded gateway's proxy if there is one. */
const NONCE_PLACE = 'CSP_NONCE';
const GATEWAY_PLACE = 'EMBEDDED_GATEWAY';
const NONCE_BYTES = 16;

/**
 * The console loads only its own files and calls no other origin. Its styles carry the nonce of the response, because Ant Design adds
 * styles while the page runs. Trusted Types refuse markup from any other code (console/src/app/trusted.ts).
 */
const policyOf = (nonce: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types default',
  ].join('; ');

/**
 * Serves the web console below `/console/`, and redirects browsers from `/` to it. The console is public: it contains no data, and its
 * calls carry the token of the signed-in user. Files with a hash in their name never change. The page itself is never cached.
 */
export async function serveConsole(server: FastifyInstance, { console, embedded }: Config, logger: Logger): Promise<void> {
  if (!console) return;
  if (!existsSync(join(BUILT, 'index.html'))) {
    logger.info('the web console is not built: run npm run build');
    return;
  }
  const gateway = embedded && embedded.proxy.port !== 0 ? `http://${embedded.proxy.host}:${embedded.proxy.port}` : '';
  const [before = '', ...after] = readFileSync(join(BUILT, 'index.html'), 'utf8').replace(GATEWAY_PLACE, gateway).split(NONCE_PLACE);
  const page = (request: FastifyRequest, reply: FastifyReply) => {
    // The router treats the path without its final slash as the same path.
    if (!request.url.startsWith(CONSOLE_PATH)) return reply.redirect(CONSOLE_PATH, 302);
    const nonce = randomBytes(NONCE_BYTES).toString('base64');
    reply.header('content-security-policy', policyOf(nonce)).header('cross-origin-opener-policy', 'same-origin');
    return reply.type('text/html; charset=utf-8').send([before, ...after].join(nonce));
  };
  server.addHook('onRequest', (request, reply, done) => {
    if (request.method !== 'GET' || request.url !== '/') return done();
    // Clients of the identity service request the same path to read the versions of the service.
    reply.header('vary', 'Accept');
    if (!wantsPage(request.headers.accept)) return done();
    reply.redirect(CONSOLE_PATH, 302);
  });
  await server.register(fastifyStatic, {
    root: join(BUILT, HASHED),
    prefix: `${CONSOLE_PATH}${HASHED}/`,
    decorateReply: false,
    preCompressed: true,
    immutable: true,
    maxAge: '365d',
    cacheControl: true,
    index: false,
    logLevel: 'silent',
  });
  server.get(CONSOLE_PATH, page);
  // The pages of the console have paths of their own, which a reload requests.
  server.get(`${CONSOLE_PATH}*`, page);
}

/** Whether the client is a browser: browsers name HTML first, API clients name JSON, anything or nothing. */
const wantsPage = (accept = '') => /^\s*text\/html\b/.test(accept);
