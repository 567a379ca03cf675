import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger, pino } from 'pino';

/** Headers and fields that never reach a log, whoever logs the object they stand in. */
const REDACTED = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'sign_secret',
  'signSecret',
  'sign_key',
  'token',
  'x-auth-token',
  'x-subject-token',
  'x-security-token',
  'set-cookie',
].flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]);

/**
 * The one logger: JSON lines, secrets redacted by name as a second net (the first is that nobody logs bodies, headers or
 * SQL parameters at all).
 * @param destination where lines go; standard output unless a test listens
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service: 'signet' },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    redact: { paths: REDACTED, censor: '***' },
    serializers: { err: errorWithoutParameters, error: errorWithoutParameters },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** A database error carries the statement's parameters, which can be anything: only its type, code, text and stack are logged. */
function errorWithoutParameters(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, stack } = error;
  const { code, errno } = error as Error & { code?: string; errno?: number };
  // A unique violation's text quotes the offending values: name the kind, not the words.
  const quotes = typeof errno === 'number' || 'parameters' in error;
  return {
    type: name,
    message: quotes ? (code ?? name) : error.message,
    code,
    errno,
    stack: quotes ? stack?.split('\n').slice(1).join('\n') : stack,
    ...(error.cause instanceof Error && { cause: errorWithoutParameters(error.cause) }),
  };
}

/** Nest's own messages through the one logger. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}
  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }
  debug(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }
  verbose(message: unknown, context?: string): void {
    this.logger.trace({ context }, String(message));
  }
  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }
  error(message: unknown, stack?: string, context?: string): void {
    this.logger.error(
      { context, stack, ...(message instanceof Error && { err: message }) },
      message instanceof Error ? message.name : String(message),
    );
  }
  fatal(message: unknown, context?: string): void {
    this.logger.fatal({ context }, String(message));
  }
}
