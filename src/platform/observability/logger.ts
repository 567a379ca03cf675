import { ApiFault } from '../common/api-error.js';
import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger, pino, type LoggerOptions } from 'pino';

/** Headers and fields that are redacted in every logged object. */
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
 * Creates the JSON logger. Redaction by name is only the second line of defence: bodies, headers and SQL parameters are not logged in the
 * first place.
 * @param destination default: standard output
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service: 'signet' },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    redact: { paths: REDACTED, censor: '***' },
    serializers: { err: errorWithoutParameters, error: errorWithoutParameters },
    hooks: { logMethod: limitRepeats() },
  };
  return destination ? pino(options, destination) : pino(options);
}

const REPEAT_MS = 60_000;

/** Limits repeated errors to one line a minute, with a count, while the database is unavailable or full. */
function limitRepeats(): NonNullable<LoggerOptions['hooks']>['logMethod'] {
  const logged = new Map<string, { at: number; held: number }>();
  return function (args, method) {
    const line = args[0] as { err?: unknown; status?: number } | undefined;
    const { err } = line ?? {};
    const fault = err instanceof ApiFault && err.kind === 'unavailable' ? (err.cause ?? err) : line?.status === 503 ? err : undefined;
    if (!(fault instanceof Error)) return method.apply(this, args);
    const key = (fault as { code?: string }).code ?? fault.message;
    const before = logged.get(key);
    const now = performance.now();
    if (before && now - before.at < REPEAT_MS) return void before.held++;
    logged.set(key, { at: now, held: 0 });
    if (before && before.held > 0) Object.assign(line ?? {}, { repeated: before.held });
    method.apply(this, args);
  };
}

/** Reduces a database error to its type, code, text and stack, without the parameters of the statement. */
function errorWithoutParameters(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, stack } = error;
  const { code, errno } = error as Error & { code?: string; errno?: number };
  // The text of a unique violation quotes the values, so only its kind is logged.
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

/** Passes Nest's messages to the JSON logger. */
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
