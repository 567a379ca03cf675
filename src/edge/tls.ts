import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { TlsFiles } from '../config/edge.js';

const LOOK_AGAIN_MS = 5000;

function contextOf({ certFile, keyFile, clientCaFile }: TlsFiles): SecureContextOptions {
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
 * What the port speaks TLS with.
 * @throws Error in the operator's words when the files are no certificate and its key
 */
export function tlsOptions(files: TlsFiles, handshakeTimeoutMs: number): TlsOptions {
  try {
    return {
      ...contextOf(files),
      handshakeTimeout: handshakeTimeoutMs,
      // Asked of everybody and needed for machines alone, which the guard sees to: users have tokens.
      ...(files.clientCaFile !== undefined && { requestCert: true, rejectUnauthorized: false }),
    };
  } catch (error) {
    throw new Error(`SIGNET_TLS_CERT_FILE and SIGNET_TLS_KEY_FILE cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

/** Takes renewed files up for new connections, within five seconds or on SIGHUP; files that cannot be used leave the old ones in force. */
export function renewTls(app: FastifyInstance, files: TlsFiles, logger: Logger): void {
  const renew = () => {
    try {
      (app.server as unknown as Server).setSecureContext(contextOf(files));
      logger.info('the TLS certificate was read again');
    } catch (error) {
      logger.error({ err: error }, 'the TLS certificate cannot be read again; the old one stays');
    }
  };
  const paths = [files.certFile, files.keyFile, ...(files.clientCaFile === undefined ? [] : [files.clientCaFile])];
  for (const path of paths) watchFile(path, { interval: LOOK_AGAIN_MS, persistent: false }, renew);
  process.on('SIGHUP', renew);
  app.addHook('onClose', (_app, done) => {
    for (const path of paths) unwatchFile(path, renew);
    process.off('SIGHUP', renew);
    done();
  });
}
