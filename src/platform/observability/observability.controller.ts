import { Controller, Get, Res } from '@nestjs/common';
import { ApiProduces, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../common/access.decorators.js';
import { Answers } from '../common/answers.js';
import { Health } from './health.js';
import { Metrics } from './metrics.js';

class AliveView {
  @ApiProperty({ enum: ['ok'] }) status: 'ok';
}

class ReadyView {
  @ApiProperty({ enum: ['ready', 'not ready'] }) status: 'ready' | 'not ready';
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string', enum: ['ok', 'degraded', 'failed'] },
    description: 'State of every part of the service; a degraded part works with limitations and needs attention',
  })
  checks: Record<string, string>;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Reason for a failure that the operator can fix, such as a full folder',
  })
  reasons?: Record<string, string>;
}

/** For load balancers and Prometheus; the responses contain no secrets. */
@ApiTags('Operation')
@Controller()
export class ObservabilityController {
  constructor(
    private readonly health: Health,
    private readonly metrics: Metrics,
  ) {}

  /** Liveness. Does not use the database, so that an outage of the database causes no restarts. */
  @Get('/livez')
  @Public()
  @Answers(200, AliveView, 'ShowLiveness', 'Check that the process runs')
  alive(): AliveView {
    return { status: 'ok' };
  }

  /** Alias of /livez. */
  @Get('/healthz')
  @Public()
  @Answers(200, AliveView, 'ShowHealth', 'Check that the process runs (alias of /livez)')
  healthy(): AliveView {
    return this.alive();
  }

  /** Readiness: 200, or 503 with the failed checks. */
  @Get('/readyz')
  @Public()
  @Answers(200, ReadyView, 'ShowReadiness', 'Check whether requests can be served')
  @ApiResponse({ status: 503, type: ReadyView, description: 'Service Unavailable' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadyView> {
    const { ready, checks, reasons } = await this.health.ready();
    void reply.status(ready ? 200 : 503);
    return { status: ready ? 'ready' : 'not ready', checks, ...(Object.keys(reasons).length > 0 && { reasons }) };
  }

  @Get('/metrics')
  @Public()
  @Answers(200, String, 'ListMetrics', 'List the metrics in the Prometheus format')
  @ApiProduces('text/plain')
  async scrape(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    void reply.header('content-type', this.metrics.registry.contentType);
    return this.metrics.page(performance.now());
  }
}
