import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Denials } from './denials.service.js';

/** Records every response with 401, 403 or 429, whether the guard, a service, a rate limit or an unknown route caused it. */
export function observeDenials(app: FastifyInstance, denials: Denials): void {
  app.addHook('onResponse', (request, { statusCode }, done) => {
    if (statusCode === 401 || statusCode === 403 || statusCode === 429 || (statusCode === 404 && isOfAnotherGateway(request)))
      denials.record(request, statusCode);
    done();
  });
}

/** Whether a machine asked for another gateway: it gets a 404, and the attempt is recorded too. */
const isOfAnotherGateway = ({ machine, params }: FastifyRequest) =>
  machine !== undefined && (params as { instance_id?: string }).instance_id !== machine.instanceId;
