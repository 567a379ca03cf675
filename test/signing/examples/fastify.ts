import fastify from 'fastify';
import { fastifyVerifier, type KeyMaterial, signatureOf } from '../../../src/lib/signing/index.js';

export function fastifyBackend(keys: KeyMaterial[]) {
  const app = fastify();
  app.register(fastifyVerifier, { keys });
  app.all('/*', (request) => ({ signature: signatureOf(request), order: request.body ?? null }));
  return app;
}
