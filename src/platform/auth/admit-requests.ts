import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { collect, BodyTooLargeError } from '#signing/raw-body.js';
import { ApiFault } from '../common/api-error.js';
import type { Database } from '../database/database.js';
import type { Admission } from './admission.js';

/** Paths of the contracts: without a credential, nobody may find out which routes exist below them. */
const OF_A_CONTRACT = /^\/(v1|v2|signet\/v1)\//;

/**
 * Authenticates every request before its body is read, so that unauthenticated bodies are neither stored nor parsed. The body of a signed
 * request is read up to the limit of its route and hashed, and it is parsed after the signature is verified. This includes the body of a
 * GET: the Node SDK sends and signs `{}` with GETs to the identity service (docs/contracts/apig.md §6.5).
 */
export function admitRequests(server: FastifyInstance, admission: Admission, database: Database): void {
  server.addHook('onRequest', (request, reply, done) => {
    const { access } = request.routeOptions.config;
    // Skips routes without a controller and unknown paths outside the contracts. The guard refuses controller routes without an access
    // rule.
    if (!access && !(request.is404 && OF_A_CONTRACT.test(request.url))) return done();
    // Authentication has its own database time budget; the handler's budget begins when the body has arrived.
    const admit = () => (access ? admission.admit(request as never, access) : admission.admitUnknown(request as never));
    settle(() => database.request(() => reply.raw.headersSent, admit), done);
  });
  server.addHook('preParsing', (request, reply, payload, done) => {
    if (!admission.awaitsBody(request)) return done(null, payload);
    const limitBytes = request.routeOptions.bodyLimit ?? 0;
    const read = async () => {
      if (Number(request.headers['content-length']) > limitBytes) throw new ApiFault('too_large');
      const body = await collect((payload as Readable).iterator({ destroyOnReturn: false }), limitBytes).catch((error: unknown) => {
        throw error instanceof BodyTooLargeError ? new ApiFault('too_large') : error;
      });
      const admit = () => admission.admitBody(request as never, body);
      await database.request(() => reply.raw.headersSent, admit);
      return Readable.from(body.length === 0 ? [] : [body]);
    };
    read().then(
      (again) => done(null, again),
      (error: unknown) => done(error as Error),
    );
  });
}

function settle(step: () => void | Promise<void>, done: (error?: Error) => void): void {
  let settled: void | Promise<void>;
  try {
    settled = step();
  } catch (error) {
    return done(error as Error);
  }
  if (!(settled instanceof Promise)) return done();
  settled.then(
    () => done(),
    (error: unknown) => done(error as Error),
  );
}
