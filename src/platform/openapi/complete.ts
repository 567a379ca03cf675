import { STATUS_CODES } from 'node:http';
import type { OpenAPIObject, OperationObject, ParameterObject, ReferenceObject, ResponseObject, SchemaObject } from '@nestjs/swagger';
import { ACCESS_EXTENSION, type DeclaredAccess } from '../common/access.js';
import { type DeclaredError, ERRORS_EXTENSION, undeclared } from '../common/answers.js';
import { BODY_LIMIT_BYTES, BODY_LIMIT_EXTENSION, LARGEST } from '../common/body-limit.js';
import { errorFormatOf } from '../common/error-formats.js';
import { commonErrors, exampleOf, type Fields, overrides } from './errors.js';
import { PATH_PARAMETERS } from './words.js';

/** An operation as the decorators declared it. */
type Declared = OperationObject & {
  [ERRORS_EXTENSION]?: DeclaredError[];
  [ACCESS_EXTENSION]?: DeclaredAccess;
  [BODY_LIMIT_EXTENSION]?: number;
};

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete'] as const;
const SHARED_PARAMETERS = '#/components/parameters/';
const SHARED_RESPONSES = '#/components/responses/';

/**
 * Adds to the document of the decorators what follows from the path, the access rule and the input. The order of keys is fixed, so the text
 * only changes if the service changes.
 */
export function complete(document: OpenAPIObject): OpenAPIObject {
  const schemas = document.components?.schemas ?? {};
  const responses: Record<string, ResponseObject> = {};
  const paths = sorted(document.paths).map(([path, item]) => {
    const operations = METHODS.flatMap((method) => {
      const operation = item[method];
      return operation ? [[method, completeOperation(path, operation, schemas, responses)]] : [];
    });
    return [path, Object.fromEntries(operations)] as const;
  });
  const parameters = [...new Set(paths.flatMap(([path]) => namesIn(path)))].sort().map((name) => [name, pathParameter(name)] as const);
  const { openapi, info, servers, security, tags, components } = document;
  return {
    openapi,
    info,
    ...(servers && { servers }),
    ...(security && { security }),
    ...(tags && { tags }),
    paths: Object.fromEntries(paths),
    components: {
      ...components,
      schemas: Object.fromEntries(sorted(schemas)),
      parameters: Object.fromEntries(parameters),
      responses: Object.fromEntries(sorted(responses)),
    },
  };
}

function completeOperation(
  path: string,
  operation: Declared,
  schemas: Record<string, SchemaObject | ReferenceObject>,
  shared: Record<string, ResponseObject>,
): OperationObject {
  const { tags, operationId, summary, requestBody, responses, [ERRORS_EXTENSION]: own = [] } = operation;
  const access = operation[ACCESS_EXTENSION] ?? { kind: 'action', actions: [] };
  const given = (operation.parameters ?? []).filter((parameter): parameter is ParameterObject => 'name' in parameter);
  const rest = given.filter((parameter) => parameter.in !== 'path');
  const parameters = [...namesIn(path).map((name) => ({ $ref: SHARED_PARAMETERS + name })), ...rest];
  const query = rest.filter((parameter) => parameter.in === 'query');
  const facts = {
    path,
    access,
    ...(requestBody && { body: bodyFields(requestBody, schemas) }),
    ...(query.length > 0 && { query: { names: named(query), mandatory: named(query.filter(({ required }) => required)) } }),
  };
  return {
    ...(tags && { tags }),
    ...(operationId && { operationId: nameAt(path, operationId) }),
    ...(summary && { summary }),
    description: permission(access),
    ...(access.kind === 'public' && { security: [] }),
    ...(access.kind === 'machine' && { security: [{ machine: [] }] }),
    ...(access.kind === 'project' && { security: [{ api_key: [] }, { token: [] }, { signature: [] }] }),
    ...(parameters.length > 0 && { parameters }),
    ...(requestBody && { requestBody, ...bodyLimit(operation[BODY_LIMIT_EXTENSION]) }),
    responses: { ...responses, ...errorResponses(path, own.map(undeclared), commonErrors(facts), shared) },
  };
}

/**
 * Returns the name of an operation. The older path prefix serves the same operations as the newer one (docs/contracts/apig.md §0), but a
 * name may occur only once in the document.
 */
const nameAt = (path: string, operationId: string): string => (/^\/v2\/[^/]+\/apic\//.test(path) ? `${operationId}AtApic` : operationId);

/** The document contains no number for a limit that the configuration sets. */
const bodyLimit = (bytes: number = BODY_LIMIT_BYTES) => (bytes === LARGEST ? {} : { [BODY_LIMIT_EXTENSION]: bytes });

/**
 * Builds the error responses of an operation. The errors of one status are one response with several examples. Errors that depend only on
 * the format are described once for all operations.
 */
function errorResponses(
  path: string,
  own: ReturnType<typeof undeclared>[],
  common: ReturnType<typeof commonErrors>,
  shared: Record<string, ResponseObject>,
): Record<string, ResponseObject | ReferenceObject> {
  const derived = common.filter((error) => !own.some((other) => overrides(other, error)));
  const ownStatuses = new Set(own.map((error) => exampleOf(error, path).status));
  const answers = new Map<number, { mediaType: string; examples: Map<string, object> }>();
  for (const error of [...derived, ...own]) {
    const { name, status, mediaType, body } = exampleOf(error, path);
    const { examples } = answers.get(status) ?? answers.set(status, { mediaType, examples: new Map() }).get(status)!;
    if ([...examples.values()].some((other) => JSON.stringify(other) === JSON.stringify(body))) continue;
    let free = name;
    for (let i = 2; examples.has(free); i++) free = `${name}-${i}`;
    examples.set(free, body);
  }
  const format = errorFormatOf(path);
  const result: Record<string, ResponseObject | ReferenceObject> = {};
  for (const [status, { mediaType, examples }] of answers) {
    const response: ResponseObject = {
      description: STATUS_CODES[status] ?? String(status),
      content: {
        [mediaType]: {
          schema: { $ref: `#/components/schemas/${format}Error` },
          examples: Object.fromEntries([...examples].map(([name, value]) => [name, { value }])),
        },
      },
    };
    const name = `${format}${status}`;
    const same = () => JSON.stringify((shared[name] ??= response)) === JSON.stringify(response);
    result[status] = !ownStatuses.has(status) && same() ? { $ref: SHARED_RESPONSES + name } : response;
  }
  return result;
}

/** Describes who may call the operation. */
function permission({ kind, actions, role }: DeclaredAccess): string {
  if (kind === 'public') return 'Requires no token.';
  if (kind === 'machine') return `Requires a credential of the gateway with the role \`${role}\`.`;
  if (kind === 'authenticated') {
    const wider =
      actions.length > 0 ? ` Data of others also requires the action ${actions.map((action) => `\`${action}\``).join(' or ')}.` : '';
    return `Requires a token with any scope, or a signature.${wider}`;
  }
  if (kind === 'project') return `Requires an API key of the project, or a token or signature with the action \`${actions[0]}\`.`;
  const needed = `Requires the action ${actions.map((action) => `\`${action}\``).join(' or ')} in the`;
  return kind === 'domain' ? `${needed} scope of the token, which is a project or a domain.` : `${needed} project of the token.`;
}

const pathParameter = (name: string): ParameterObject => ({
  name,
  in: 'path',
  required: true,
  ...(PATH_PARAMETERS[name] && { description: PATH_PARAMETERS[name] }),
  schema: { type: 'string' },
});

function bodyFields(
  requestBody: NonNullable<OperationObject['requestBody']>,
  schemas: Record<string, SchemaObject | ReferenceObject>,
): Fields {
  const schema = 'content' in requestBody ? requestBody.content['application/json']?.schema : undefined;
  const name = schema && '$ref' in schema ? schema.$ref.replace(/^.*\//, '') : '';
  const { properties = {}, required = [] } = (schemas[name] ?? {}) as SchemaObject;
  return { names: [...required, ...Object.keys(properties)], mandatory: required };
}

const named = (parameters: readonly ParameterObject[]) => parameters.map(({ name }) => name);
const namesIn = (path: string): string[] => [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name!);
const sorted = <T>(record: Record<string, T>): [string, T][] => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
