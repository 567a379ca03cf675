import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Denials } from './denials.service.js';

/** Records every 401, 403 and 429, whether from the guard, a service, a limit or an unknown route. */
export function observeDenials(app: FastifyInstance, denials: Denials): void {
  app.addHook('onResponse', (request, { statusCode }, done) => {
    if (statusCode === 401 || statusCode === 403 || statusCode === 429 || (statusCode === 404 && isOfAnotherGateway(request)))
      denials.record(request, statusCode);
    done();
  });
}

/** A machine gets a 404 for another gateway; the attempt is recorded all the same. */
const isOfAnotherGateway = ({ machine, params }: FastifyRequest) =>
  machine !== undefined && (params as { instance_id?: string }).instance_id !== machine.instanceId;
