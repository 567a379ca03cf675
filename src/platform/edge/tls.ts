import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { TlsFiles } from '../config/edge.js';

const POLL_INTERVAL_MS = 5000;

function secureContextOptions({ certFile, keyFile, clientCaFile }: TlsFiles): SecureContextOptions {
  const context: SecureContextOptions = {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ...(clientCaFile !== undefined && { ca: readFileSync(clientCaFile) }),
    minVersion: 'TLSv1.2',
  };
  createSecureContext(context);
  return context;
}

/**
 * The TLS options of the listening port.
 * @throws Error with advice for the operator when the files are not a certificate and its key
 */
export function tlsOptions(files: TlsFiles, handshakeTimeoutMs: number): TlsOptions {
  try {
    return {
      ...secureContextOptions(files),
      handshakeTimeout: handshakeTimeoutMs,
      // A certificate is requested from every client. The guard requires it from machines only, because users have tokens.
      ...(files.clientCaFile !== undefined && { requestCert: true, rejectUnauthorized: false }),
    };
  } catch (error) {
    throw new Error(`SIGNET_TLS: cert and key are invalid: ${(error as Error).message}`, { cause: error });
  }
}

/** Loads renewed files for new connections, within five seconds or on SIGHUP. If the files are invalid, the old ones stay in use. */
export function renewTls(app: FastifyInstance, files: TlsFiles, logger: Logger): void {
  const renew = () => {
    try {
      (app.server as unknown as Server).setSecureContext(secureContextOptions(files));
      logger.info('the TLS certificate was reloaded');
    } catch (error) {
      logger.error({ err: error }, 'the renewed TLS certificate cannot be used; the old one stays in use');
    }
  };
  const paths = [files.certFile, files.keyFile, ...(files.clientCaFile === undefined ? [] : [files.clientCaFile])];
  for (const path of paths) watchFile(path, { interval: POLL_INTERVAL_MS, persistent: false }, renew);
  process.on('SIGHUP', renew);
  app.addHook('onClose', (_app, done) => {
    for (const path of paths) unwatchFile(path, renew);
    process.off('SIGHUP', renew);
    done();
  });
}
