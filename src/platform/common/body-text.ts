import type { FastifyRequest } from 'fastify';
import { parse as parseJson } from 'secure-json-parse';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Set by {@link KEEPS_BODY_TEXT}. */
    keepsBodyText?: boolean;
    /** Set by {@link IGNORES_BODY}. */
    ignoresBody?: boolean;
  }
  interface FastifyRequest {
    /** The unparsed body, on routes with {@link KEEPS_BODY_TEXT}. */
    bodyText?: string;
  }
}

/**
 * Route configuration for a body that is passed on unchanged: its text is stored beside the parsed value. Such a body may contain any
 * member name, including `__proto__` and `constructor`, because the handler reads single fields and copies nothing.
 */
export const KEEPS_BODY_TEXT = { keepsBodyText: true } as const;

/** Route configuration for an operation without a body: if a client sends one, it is ignored, whatever its type and encoding. */
export const IGNORES_BODY = { ignoresBody: true } as const;

/** Matches an escaped surrogate. Text that was decoded as UTF-8 can contain half of a surrogate pair only as an escape. */
const SURROGATE = /\\u[dD][89a-fA-F]/;

/**
 * Replaces each half of a surrogate pair by U+FFFD, because no column can store it, and the text that is compared, answered and stored must
 * be the same.
 * @throws SyntaxError for invalid JSON, or for members that could replace an object's prototype
 */
export function parsedBody(request: FastifyRequest, text: string): unknown {
  if (!request.routeOptions.config.keepsBodyText) {
    const body = parseJson(text, { protoAction: 'error', constructorAction: 'error' }) as unknown;
    return SURROGATE.test(text) ? wellFormed(body) : body;
  }
  request.bodyText = text;
  return JSON.parse(text) as unknown;
}

/** Recursive; the parser limits the depth. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name.toWellFormed(), wellFormed(each)]));
}
