import { type ArgumentMetadata, Injectable, ValidationPipe } from '@nestjs/common';
import { Transform } from 'class-transformer';
import type { ValidationError } from 'class-validator';
import { Fault, type FaultDetail } from './api-error.js';
import { plainPage } from './pagination.js';

class Rejected extends Error {
  constructor(readonly errors: ValidationError[]) {
    super('rejected');
  }
}

/** A DTO whose contract answers 400 with another code than the rule of thumb says so in a static `invalidCode`. */
export interface InvalidCode {
  readonly invalidCode?: string;
}

/** A DTO whose clients write an empty object as `[]`, as PHP does, says so in a static `emptyList` (endpoints §2.3). */
export interface EmptyList {
  readonly emptyList?: boolean;
}

/**
 * Property decorator: the value as it was parsed. The transformation copies an object field by field and leaves out those that are named as
 * a method of every object is (`toString`). An empty list is an empty object, as PHP writes it (endpoints §2.3).
 */
export const MapAsSent = (): PropertyDecorator =>
  Transform(({ obj, key }: { obj: Record<string, unknown>; key: string }) => {
    const sent = obj[key];
    return Array.isArray(sent) && sent.length === 0 ? {} : sent;
  });

/**
 * Input as its DTO says: unknown fields are dropped (clients send more than we know), the first field that breaks its rule
 * is named in the contract's words, and a value that is wrong is never repeated.
 */
@Injectable()
export class InputPipe extends ValidationPipe {
  constructor() {
    super({ whitelist: true, transform: true, stopAtFirstError: true, exceptionFactory: (errors) => new Rejected(errors) });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'custom') return value;
    if (metadata.type === 'body' && Array.isArray(value) && value.length === 0 && (metadata.metatype as EmptyList | undefined)?.emptyList)
      return this.transform({}, metadata);
    if (metadata.type === 'body' && value !== undefined && value !== null && (typeof value !== 'object' || Array.isArray(value))) {
      throw new Fault('unparsable', { detail: 'the request body must be a JSON object' });
    }
    if (metadata.type === 'query') {
      refuseRepeated(value as Record<string, unknown>);
      const plain = plainPage(value as Record<string, string>, metadata.metatype);
      if (plain) return plain;
    }
    try {
      return (await super.transform(value ?? (metadata.type === 'body' ? {} : value), metadata)) as unknown;
    } catch (error) {
      if (error instanceof Rejected) throw fault(error.errors, metadata);
      // The transformation is recursive: thousands of nested brackets exhaust its stack.
      if (error instanceof RangeError) throw new Fault('unparsable', { detail: 'the request body is nested too deeply' }, { cause: error });
      throw error;
    }
  }
}

/** `?limit=1&limit=2` has no one meaning. */
function refuseRepeated(query: Record<string, unknown>): void {
  for (const [parameter, value] of Object.entries(query)) {
    if (Array.isArray(value)) throw new Fault('invalid', { parameter, where: 'query' });
  }
}

function fault(errors: readonly ValidationError[], { type, metatype }: ArgumentMetadata): Fault {
  const { path, missing, rule } = first(errors);
  const where = type === 'query' ? 'query' : type === 'param' ? 'path' : 'body';
  const code = (metatype as InvalidCode | undefined)?.invalidCode;
  const detail: FaultDetail = { parameter: path, where, ...(rule && { rule }), ...(code && { code }) };
  return new Fault(missing ? 'missing' : 'invalid', missing ? { parameter: path, where } : detail);
}

/** The path of the first field at fault, as it stands on the wire: `backend_api.req_uri`, `req_params[0].name`. */
function first(errors: readonly ValidationError[], prefix = ''): { path: string; missing: boolean; rule?: string } {
  const error = errors[0];
  if (!error) return { path: prefix, missing: false };
  const path = /^\d+$/.test(error.property) ? `${prefix}[${error.property}]` : prefix ? `${prefix}.${error.property}` : error.property;
  if (error.children && error.children.length > 0) return first(error.children, path);
  const [rule] = Object.values(error.constraints ?? {});
  return { path, missing: error.constraints !== undefined && 'isDefined' in error.constraints, ...(rule && { rule }) };
}
