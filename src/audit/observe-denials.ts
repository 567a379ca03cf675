import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Denials } from './denials.service.js';

/** Every answer of 401, 403 or 429 is noted, whoever gave it: the guard, a service, a limit, a route that is none. */
export function observeDenials(app: FastifyInstance, denials: Denials): void {
  app.addHook('onResponse', (request, { statusCode }, done) => {
    if (statusCode === 401 || statusCode === 403 || statusCode === 429 || (statusCode === 404 && isOfAnotherGateway(request)))
      denials.note(request, statusCode);
    done();
  });
}

/** Another gateway answers a machine as one that does not exist; that it was asked is worth a row all the same. */
const isOfAnotherGateway = ({ machine, params }: FastifyRequest) =>
  machine !== undefined && (params as { instance_id?: string }).instance_id !== machine.instanceId;
