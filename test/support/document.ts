import type { OpenAPIObject, OperationObject, ResponseObject, SchemaObject } from '@nestjs/swagger';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export interface Operation extends OperationObject {
  operationId: string;
  method: string;
  /** The path, with `{name}` for a parameter. */
  path: string;
}

const pointer = (...parts: string[]) => parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/**
 * Validates answers by the OpenAPI document. It is stricter than the document: an object may have only described fields.
 */
export class Document {
  readonly operations: Operation[];
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(readonly json: OpenAPIObject) {
    this.operations = Object.entries(json.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ ...(operation as Operation), method: method.toUpperCase(), path })),
    );
    addFormats.default(this.#ajv);
    const closed = structuredClone(json);
    for (const schema of Object.values(closed.components?.schemas ?? {})) close(schema as SchemaObject);
    this.#ajv.addSchema(closed, 'openapi');
  }

  operation(id: string): Operation {
    const operation = this.operations.find(({ operationId }) => operationId === id);
    if (!operation) throw new Error(`there is no operation ${id}`);
    return operation;
  }

  /** The response of a status, with its place in the document. */
  response({ path, method, responses }: Operation, status: number): { response: ResponseObject; at: string } | undefined {
    const response = responses[String(status)];
    if (response === undefined) return undefined;
    if (!('$ref' in response)) return { response, at: pointer('paths', path, method.toLowerCase(), 'responses', String(status)) };
    const name = response.$ref.replace('#/components/responses/', '');
    return { response: this.json.components!.responses![name] as ResponseObject, at: pointer('components', 'responses', name) };
  }

  /** The faults of an answer, of which there are none if the document describes it. */
  faults(operation: Operation, { status, mediaType, body }: { status: number; mediaType: string | undefined; body: unknown }): string[] {
    const found = this.response(operation, status);
    if (!found) return [`${operation.operationId} does not document ${status}`];
    // The answer to HEAD has no body, whatever its headers say.
    if (operation.method === 'HEAD' && body === undefined) return [];
    const { response, at } = found;
    if (!response.content) return body === undefined ? [] : [`${operation.operationId} ${status} documents no content`];
    if (mediaType === undefined || !(mediaType in response.content)) return [`${operation.operationId} ${status} is ${mediaType}`];
    const validate = this.validator(at + pointer('content', mediaType, 'schema'));
    if (!validate(body)) {
      return (validate.errors ?? []).map(
        ({ instancePath, message, params }) => `${operation.operationId} ${status} ${instancePath} ${message} ${JSON.stringify(params)}`,
      );
    }
    const codes = Object.values(response.content[mediaType]!.examples ?? {}).map((example) =>
      codeOf((example as { value: unknown }).value),
    );
    return codes.length === 0 || codes.includes(codeOf(body))
      ? []
      : [`${operation.operationId} ${status} does not document ${codeOf(body) ?? 'it'}`];
  }

  private validator(at: string): ValidateFunction {
    const validator = this.#validators.get(at) ?? this.#ajv.compile({ $ref: `openapi#${encodeURI(at)}` });
    this.#validators.set(at, validator);
    return validator;
  }
}

/** The field that distinguishes the errors of a format. */
function codeOf(body: unknown): string | undefined {
  const { error_code, code, error } = body as { error_code?: string; code?: string; error?: { code: unknown; message: string } };
  return error_code ?? code ?? (typeof error?.code === 'string' ? error.code : error?.message.replace(/: .*/, ''));
}

/** Fields that are not described are not allowed. */
function close(schema: SchemaObject): void {
  if (schema.properties) {
    schema.additionalProperties ??= false;
    for (const property of Object.values(schema.properties)) close(property as SchemaObject);
  }
  if (schema.items) close(schema.items as SchemaObject);
}
