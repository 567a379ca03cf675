import { existsSync, statfsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { createApplication } from '../application.js';
import { ApiFault } from '../platform/common/api-error.js';
import { ConnectionDrain } from '../platform/common/connection-drain.js';
import { type Config, readConfig } from '../platform/config/config.js';
import { VERSION } from '../platform/config/version.js';
import type { IdentityConfig } from '../platform/config/identity-config.js';
import { Database } from '../platform/database/database.js';
import { SQLITE_FILE } from '../platform/database/open.js';
import { SubscriptionHub } from '../distribution/watch/subscription-hub.js';
import { FirstStart } from '../identity/iam/first-start.js';
import { DEFAULT_DOMAIN, DEFAULT_PROJECT } from '../identity/iam/iam-file.js';
import { InstancesService } from '../apig/instances/instances.service.js';
import { Health } from '../platform/observability/health.js';
import { createLogger } from '../platform/observability/logger.js';
import { ProjectsService } from '../identity/projects/projects.service.js';
import { type Embedded, startEmbedded } from './embedded.js';
import { tellGeneratedPassword, welcome } from './welcome.js';

/** The rest of the grace period when waiting for the database ends. */
const LAST_MS = 1500;

/** Runs the control plane until SIGTERM or SIGINT, then drains it: not ready, no new connections, running requests finish. */
export async function serve(env: NodeJS.ProcessEnv): Promise<void> {
  const config = readConfig(env);
  const logger = createLogger(config.logLevel);
  const { mode, dataDir, database } = config;
  const where = database ? `${database.host}:${database.port}/${database.database}` : SQLITE_FILE;
  logger.info({ version: VERSION, mode, database: where, dataDir }, 'starting');
  if (!database) tellOfSpace(dataDir, logger);
  // Before anything is created, so that a port in use leaves everything unchanged.
  await assertFree(config);
  const app = await createApplication(config, logger);
  const drain = new ConnectionDrain(app.getHttpServer());
  const beside: { embedded?: Embedded } = {};
  try {
    await app.listen(config.port, config.host).catch(wordedFor(config));
  } finally {
    // Printed even if the start fails later, because it is stored nowhere in clear.
    tellGeneratedPassword(app);
  }
  stopOnSignal(app, drain, config, logger, () => beside.embedded?.close());
  if (!config.identity) tellOfAdmin(app, config, logger);
  if (config.mode !== 'local') return;
  const { port } = app.getHttpServer().address() as AddressInfo;
  if (config.identity) {
    const url = loopbackUrl(config, port);
    console.log(`Signet listens on ${url}   (reference: ${url}/docs); tokens come from ${tokenSource(config.identity)}`);
    return;
  }
  const demo = await demoGateway(app);
  if (config.embedded && demo.instanceId !== undefined) {
    const scope = { projectId: demo.projectId, instanceId: demo.instanceId };
    try {
      beside.embedded = await startEmbedded(app, config.embedded, scope, loopbackUrl(config, port), logger);
    } catch (error) {
      // The control plane goes on without the embedded gateway node.
      if (error instanceof ApiFault && (error.kind === 'unavailable' || error.kind === 'held'))
        logger.error({ err: error }, 'the embedded gateway node does not run');
      else {
        await app.close();
        throw error;
      }
    }
  }
  await welcome(app, loopbackUrl(config, port), demo, beside.embedded);
}

/** @throws Error for the operator when the address cannot be used */
async function assertFree(config: Config): Promise<void> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(config.port, config.host, () => probe.close(() => resolve()));
  }).catch(wordedFor(config));
}

const wordedFor =
  ({ host, port }: Config) =>
  (error: NodeJS.ErrnoException): never => {
    const { code = 'unknown' } = error;
    if (code === 'EADDRINUSE') throw new Error(`SIGNET_PORT: another process listens on ${host} port ${port} (${code})`, { cause: error });
    if (code === 'EACCES') throw new Error(`SIGNET_PORT: this user may not listen on port ${port} (${code})`, { cause: error });
    if (['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL'].includes(code))
      throw new Error(`SIGNET_HOST: ${host} is no address of this machine (${code})`, { cause: error });
    throw error;
  };

/** Below this any write may fail. */
const SPACE_MIN_BYTES = 1024 * 1024;

/** A full volume still serves reads; the log tells the operator why writes fail. */
function tellOfSpace(dataDir: string, logger: Logger): void {
  if (!existsSync(dataDir)) return;
  const { bavail, bsize } = statfsSync(dataDir);
  if (bavail * bsize < SPACE_MIN_BYTES) logger.error({ dataDir, freeBytes: bavail * bsize }, 'the folder of the database is full');
}

/** The password was printed at an earlier start, or was given. */
function tellOfAdmin(app: NestFastifyApplication, { adminPassword }: Config, logger: Logger): void {
  if (!app.get(FirstStart, { strict: false }).hadAdmin) return;
  logger.info('the user admin exists already; set a new password with: signet admin iam user password admin');
  if (adminPassword) logger.warn('SIGNET_ADMIN_PASSWORD has no effect: it applies only to the start that creates the user admin');
}

const tokenSource = (identity: IdentityConfig) => (identity.kind === 'keystone' ? identity.url : identity.issuer);

/** How this process reaches itself: a wildcard address is not a destination. */
function loopbackUrl({ host, edge }: Config, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${edge.tls ? 'https' : 'http'}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** Local mode starts with a gateway in the project `default`. */
async function demoGateway(app: NestFastifyApplication): Promise<{ projectId: string; instanceId: string | undefined }> {
  const projects = app.get(ProjectsService, { strict: false });
  const { id: projectId } = await projects.ensureProject((await projects.ensureDomain(DEFAULT_DOMAIN)).id, DEFAULT_PROJECT);
  return { projectId, instanceId: await app.get(InstancesService, { strict: false }).ensureDemo(projectId) };
}

function stopOnSignal(
  app: NestFastifyApplication,
  drain: ConnectionDrain,
  config: Config,
  logger: Logger,
  stopBeside: () => Promise<void> | undefined,
): void {
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping');
    app.get(Health).stop();
    const lastMs = Math.min(LAST_MS, config.shutdownGraceMs / 2);
    const graceMs = config.drainMs + config.shutdownGraceMs;
    // Requests that wait for the database get 503; all others have time to finish.
    setTimeout(() => {
      logger.warn('running requests did not finish in time: those that wait for the database are cancelled');
      app.get(Database).abortAll();
    }, graceMs - lastMs).unref();
    setTimeout(() => {
      logger.error('the shutdown did not finish in time');
      process.exit(0);
    }, graceMs).unref();
    await delay(config.drainMs);
    // A watch never ends by itself. Its node connects to another process, which sends the changes since.
    await app.get(SubscriptionHub, { strict: false }).beforeApplicationShutdown();
    const beside = stopBeside()?.catch((error: unknown) => logger.error({ err: error }, 'the embedded gateway did not stop in order'));
    await Promise.all([beside, drain.run(config.shutdownGraceMs - lastMs)]);
    await app.close();
    logger.info('stopped');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
  // SIGHUP reloads certificates (platform/edge/tls.ts), and must not end a process without certificates.
  process.on('SIGHUP', () => logger.info(config.edge.tls ? 'SIGHUP: certificates are reloaded' : 'SIGHUP: there is nothing to reload'));
}
