import { type ArgumentMetadata, Injectable, ValidationPipe } from '@nestjs/common';
import { Transform } from 'class-transformer';
import type { ValidationError } from 'class-validator';
import { ApiFault, type FaultDetail } from './api-error.js';
import { type Metatype, ownFields } from './own-fields.js';
import { plainPage } from './pagination.js';

class Rejected extends Error {
  constructor(readonly errors: ValidationError[]) {
    super('rejected');
  }
}

/** A DTO whose validation errors have a code other than the default names it in a static `invalidCode`. */
interface InvalidCode {
  readonly invalidCode?: string;
}

/**
 * A DTO whose clients send `[]` for an empty object, as PHP does, declares that in a static `emptyList` (docs/contracts/endpoints.md §2.3).
 */
interface EmptyList {
  readonly emptyList?: boolean;
}

/** Property decorator: accepts an empty list, which PHP sends for an empty object (docs/contracts/endpoints.md §2.3). */
export const MapAsSent = (): PropertyDecorator =>
  Transform(({ value }: { value: unknown }) => (Array.isArray(value) && value.length === 0 ? {} : value));

/**
 * Validates input by its DTO. Unknown fields are dropped, because clients send more than Signet knows. The error names the first invalid
 * field as the contract does, and never repeats a rejected value.
 */
@Injectable()
export class InputPipe extends ValidationPipe {
  constructor() {
    super({
      whitelist: true,
      transform: true,
      stopAtFirstError: true,
      exceptionFactory: (errors) => new Rejected(errors),
      // Nothing to transform: the input is already an instance (`ownFields`), and this pipe does not serialise responses.
      transformerPackage: {
        plainToInstance: (_: unknown, instance: unknown) => instance as never,
        classToPlain: (instance) => instance as never,
      },
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'custom') return value;
    if (metadata.type === 'body' && Array.isArray(value) && value.length === 0 && (metadata.metatype as EmptyList | undefined)?.emptyList)
      return this.transform({}, metadata);
    if (metadata.type === 'body' && value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value))) {
      throw new ApiFault('unparsable', { detail: 'the request body must be a JSON object' });
    }
    if (metadata.type === 'query') {
      refuseRepeated(value as Record<string, unknown>);
      const plain = plainPage(value as Record<string, string>, metadata.metatype);
      if (plain) return plain;
    }
    try {
      const given = value ?? (metadata.type === 'body' ? {} : value);
      return (await super.transform(
        this.toValidate(metadata) ? ownFields(metadata.metatype as Metatype, given) : given,
        metadata,
      )) as unknown;
    } catch (error) {
      if (error instanceof Rejected) throw fault(error.errors, metadata);
      throw error;
    }
  }
}

/** Refuses repeated parameters (`?limit=1&limit=2`), because they are ambiguous. */
function refuseRepeated(query: Record<string, unknown>): void {
  for (const [parameter, value] of Object.entries(query)) {
    if (Array.isArray(value)) throw new ApiFault('invalid', { parameter, where: 'query' });
  }
}

function fault(errors: readonly ValidationError[], { type, metatype }: ArgumentMetadata): ApiFault {
  const { path, missing, rule } = first(errors);
  const where = type === 'query' ? 'query' : type === 'param' ? 'path' : 'body';
  const code = (metatype as InvalidCode | undefined)?.invalidCode;
  const detail: FaultDetail = { parameter: path, where, ...(rule && { rule }), ...(code && { code }) };
  if (!missing) return new ApiFault('invalid', detail);
  return new ApiFault('missing', { parameter: path, where, allMissing: errors.filter(isMissing).map(({ property }) => property) });
}

const isMissing = ({ constraints }: ValidationError) => constraints !== undefined && 'isDefined' in constraints;

/** Returns the path of the first invalid field by its wire name: `backend_api.req_uri`, `req_params[0].name`. */
function first(errors: readonly ValidationError[], prefix = ''): { path: string; missing: boolean; rule?: string } {
  const error = errors[0];
  if (!error) return { path: prefix, missing: false };
  const path = /^\d+$/.test(error.property) ? `${prefix}[${error.property}]` : prefix ? `${prefix}.${error.property}` : error.property;
  if (error.children && error.children.length > 0) return first(error.children, path);
  const [rule] = Object.values(error.constraints ?? {});
  return { path, missing: isMissing(error), ...(rule && { rule }) };
}
