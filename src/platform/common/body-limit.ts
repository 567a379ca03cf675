import type { FastifyRequest } from 'fastify';
import { applyDecorators } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import { routeConfig } from './route-config.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Maximum size of the route's body in bytes. The default is {@link BODY_LIMIT_BYTES}; the configuration may be stricter. */
    bodyLimitBytes?: number;
  }
}

const KIB = 1024;

/** Default limit: enough for a thousand ids, or for a small resource with every field at its maximum length. */
export const BODY_LIMIT_BYTES = 64 * KIB;
/** Limit of public routes, whose bodies contain credentials. */
export const CREDENTIAL_BYTES = 16 * KIB;
/** Limit of bodies with lists, such as a load balance channel or a node's report. */
export const LIST_BYTES = 256 * KIB;
/** Limit of an API definition. Its samples alone may have 60,000 characters. */
export const DEFINITION_BYTES = 1024 * KIB;
/** Means the configured maximum. For webhook payloads, in which every character may be escaped. */
export const LARGEST = Number.MAX_SAFE_INTEGER;

/** OpenAPI extension that documents the limit. The configuration may be stricter. */
export const BODY_LIMIT_EXTENSION = 'x-body-limit-bytes';

/** Method decorator: sets the maximum size of the route's body. */
export const BodyLimit = (bytes: number): MethodDecorator =>
  applyDecorators(routeConfig({ bodyLimitBytes: bytes }), ApiExtension(BODY_LIMIT_EXTENSION, bytes));

/** Whether a body follows the headers of a request (RFC 9112 §6.3). */
export function hasBody({ headers: { 'content-length': length, 'transfer-encoding': coding } }: Pick<FastifyRequest, 'headers'>): boolean {
  return coding !== undefined || (length !== undefined && length !== '0');
}
