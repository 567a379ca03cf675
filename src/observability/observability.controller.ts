import { Controller, Get, Res } from '@nestjs/common';
import { ApiProduces, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../common/access.js';
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
    description: 'Every part of the service by name; one that is degraded works on what it has, and should be looked after',
  })
  checks: Record<string, string>;
}

/** For load balancers and Prometheus; nothing in the answers is a secret. */
@ApiTags('Operation')
@Controller()
export class ObservabilityController {
  constructor(
    private readonly health: Health,
    private readonly metrics: Metrics,
  ) {}

  /** The process runs. Never looks at the database, so that an outage there does not make everything restart. */
  @Get('/healthz')
  @Public()
  @Answers(200, AliveView, 'ShowLiveness', 'Tell that the process runs')
  alive(): AliveView {
    return { status: 'ok' };
  }

  /** 200 when requests can be served, else 503 with what fails. */
  @Get('/readyz')
  @Public()
  @Answers(200, ReadyView, 'ShowReadiness', 'Tell whether requests can be served')
  @ApiResponse({ status: 503, type: ReadyView, description: 'Service Unavailable' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadyView> {
    const { ready, checks } = await this.health.ready();
    void reply.status(ready ? 200 : 503);
    return { status: ready ? 'ready' : 'not ready', checks };
  }

  @Get('/metrics')
  @Public()
  @Answers(200, String, 'ListMetrics', 'List metrics in the format of Prometheus')
  @ApiProduces('text/plain')
  async scrape(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    void reply.header('content-type', this.metrics.registry.contentType);
    return this.metrics.registry.metrics();
  }
}
