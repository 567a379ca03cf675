import helmet from '@fastify/helmet';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Config } from '../config/config.js';

/** Browser headers for responses with data: no scripts, no framing, no access by other sites. `/docs` sets its own headers. */
const OPTIONS = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"] } },
  xFrameOptions: { action: 'deny' },
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
} as const;
const OF_THE_ANSWER = new Set(['content-type', 'content-length', 'connection', 'date']);

/**
 * Sets helmet's headers and `no-store`, because nearly every response contains a secret or names its owner. helmet is called once at the
 * start: with every request it would build the same middleware again.
 */
export async function setSecurityHeaders(app: FastifyInstance, { edge, publicUrl }: Config): Promise<void> {
  const encrypted = edge.tls !== undefined || publicUrl.startsWith('https:');
  const asked = Fastify();
  await asked.register(helmet, { ...OPTIONS, strictTransportSecurity: encrypted && { maxAge: 31_536_000, includeSubDomains: false } });
  asked.get('/', (_request, reply) => reply.send());
  const answer = await asked.inject('/');
  await asked.close();
  const headers = Object.entries({ ...answer.headers, 'cache-control': 'no-store' }).filter(([name]) => !OF_THE_ANSWER.has(name));
  app.addHook('onRequest', (_request, reply, done) => {
    for (const [name, value] of headers) reply.header(name, value);
    done();
  });
}
