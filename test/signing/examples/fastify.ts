import fastify from 'fastify';
import { type KeyMaterial, signatureOf } from 'signet-signing';
import { fastifyVerifier } from 'signet-signing/fastify';

export function fastifyBackend(keys: KeyMaterial[]) {
  const app = fastify();
  app.register(fastifyVerifier, { keys });
  app.all('/*', (request) => ({ signature: signatureOf(request), order: request.body ?? null }));
  return app;
}
