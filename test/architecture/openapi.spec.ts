import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject, ParameterObject, SchemaObject } from '@nestjs/swagger';
import { getMetadataStorage, ValidationTypes } from 'class-validator';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Document, type Operation } from '../support/document.js';
import { type Route, routesOf } from '../support/routes.js';
import { type Answer, type Client, TestService } from '../support/service.js';

let database: TestDatabase;
let service: TestService;
let document: Document;
let routes: Route[];
let anyone: Client;

beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database);
  anyone = await service.client();
  document = new Document((await anyone.get('/openapi.json')).body as OpenAPIObject);
  routes = routesOf(service.app);
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

const templated = (path: string) => path.replace(/:([A-Za-z_]+)/g, '{$1}');
const accessOf = ({ method, path }: Operation) => routes.find((route) => route.method === method && templated(route.path) === path)?.access;
const violations = (wrong: (operation: Operation) => boolean) => document.operations.filter(wrong).map(({ operationId }) => operationId);

describe('/openapi.json', () => {
  it('is an OpenAPI 3.1 document that anyone may read', async () => {
    const answer = await fetch(`${service.baseUrl}/openapi.json`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(document.json.openapi).toBe('3.1.0');
  });

  it('equals docs/openapi.json', () => {
    expect(`${JSON.stringify(document.json, null, 2)}\n`).toBe(readFileSync('docs/openapi.json', 'utf8'));
  });

  it('contains exactly the routes that Nest has registered', () => {
    const declared = routes.map(({ method, path }) => `${method} ${templated(path)}`);
    expect(document.operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(declared.sort());
  });
});

describe('every operation', () => {
  it('has a unique name', () => {
    const ids = document.operations.map(({ operationId }) => operationId);
    expect(ids.filter((id, i) => !/^[A-Z][A-Za-z0-9]+$/.test(id) || ids.indexOf(id) !== i)).toEqual([]);
  });

  it('has one described tag, and a description', () => {
    const tags = document.json.tags!.map(({ name }) => name);
    expect(violations(({ tags: own = [], summary }) => own.length !== 1 || !tags.includes(own[0]!) || !summary)).toEqual([]);
  });

  /** The contract answers these operations with 200 and no body (docs/contracts/apig.md §3.1). */
  const WITHOUT_BODY = ['AddEngressEipV2', 'UpdateEngressEipV2', 'RemoveEipV2'];

  it('has one success answer, with a schema, or 204 without content', () => {
    const dryRun = ({ parameters = [] }: Operation) => parameters.some((parameter) => 'in' in parameter && parameter.name === 'dry_run');
    const wrong = (operation: Operation) => {
      // A dry run answers 200 in place of the success of the operation itself.
      const successes = Object.entries(operation.responses).filter(
        ([status]) => status.startsWith('2') && !(dryRun(operation) && status === '200'),
      );
      const [[status, response] = ['', {}]] = successes as [string, { content?: Record<string, { schema?: object }> }][];
      const schemas = Object.values(response.content ?? {}).map(({ schema }) => schema);
      return (
        successes.length !== 1 ||
        (status === '204' || WITHOUT_BODY.includes(operation.operationId)
          ? schemas.length > 0
          : schemas.length !== 1 || schemas[0] === undefined)
      );
    };
    expect(violations(wrong)).toEqual([]);
  });

  it('needs a token and answers 401 without one, unless it is public', () => {
    expect(document.json.security).toEqual([{ token: [] }, { signature: [] }]);
    const wrong = (operation: Operation) => {
      const kind = accessOf(operation)?.kind;
      const isPublic = kind === 'public';
      if (kind === 'project')
        return JSON.stringify(operation.security) !== '[{"api_key":[]},{"token":[]},{"signature":[]}]' || !('401' in operation.responses);
      if (kind === 'machine') return JSON.stringify(operation.security) !== '[{"machine":[]}]' || !('401' in operation.responses);
      return isPublic ? operation.security?.length !== 0 : operation.security !== undefined || !('401' in operation.responses);
    };
    expect(violations(wrong)).toEqual([]);
  });

  it('names the role of machines and documents a 403 if it is for machines', () => {
    const wrong = (operation: Operation) => {
      const access = accessOf(operation);
      return access?.kind === 'machine' && (!operation.description!.includes(`\`${access.role}\``) || !('403' in operation.responses));
    };
    expect(violations(wrong)).toEqual([]);
  });

  it('names the action that it needs and documents a 403', () => {
    const wrong = (operation: Operation) => {
      const access = accessOf(operation);
      if (access?.kind !== 'action' && access?.kind !== 'project') return false;
      return !access.actions.every((action) => operation.description!.includes(`\`${action}\``)) || !('403' in operation.responses);
    };
    expect(violations(wrong)).toEqual([]);
  });

  it('documents a 404 if it concerns a resource in a gateway', () => {
    expect(violations(({ path, responses }) => path.includes('{instance_id}') && !('404' in responses))).toEqual([]);
  });

  it('documents 400, 413 and 415 if it has a body, which are all 400 in the webhook contract', () => {
    const statuses = (path: string) => (path.startsWith('/v1/') ? [400] : [400, 413, 415]);
    expect(
      violations(({ path, requestBody, responses }) => requestBody !== undefined && !statuses(path).every((status) => status in responses)),
    ).toEqual([]);
  });

  it('describes every parameter, with those of the path in order', () => {
    const shared = document.json.components!.parameters as Record<string, ParameterObject>;
    const wrong = ({ path, parameters = [] }: Operation) => {
      const all = parameters.map((parameter) =>
        '$ref' in parameter ? shared[parameter.$ref.replace('#/components/parameters/', '')]! : parameter,
      );
      const inPath = all.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`);
      return all.some(({ description }) => !description) || inPath.join() !== [...path.matchAll(/\{[^}]+\}/g)].join();
    };
    expect(violations(wrong)).toEqual([]);
  });

  it('has the error format of its contract', () => {
    const faults = document.operations.flatMap((operation) =>
      Object.keys(operation.responses).flatMap((status) => {
        const { response } = document.response(operation, Number(status))!;
        return Object.entries(response.content ?? {}).flatMap(([mediaType, { examples = {} }]) =>
          Object.values(examples).flatMap((example) =>
            document.faults(operation, { status: Number(status), mediaType, body: (example as { value: unknown }).value }),
          ),
        );
      }),
    );
    expect(faults).toEqual([]);
  });
});

describe('every input', () => {
  /** The classes that the validator knows, including nested ones. */
  const inputs = () => [
    ...(getMetadataStorage() as unknown as { validationMetadatas: Map<new () => object, unknown> }).validationMetadatas.keys(),
  ];
  const rulesOf = (input: new () => object) => getMetadataStorage().getTargetValidationMetadatas(input, '', false, false);

  it('has all validated fields in the document, with the same mandatory fields', () => {
    const schemas = document.json.components!.schemas as Record<string, SchemaObject>;
    const queries = new Map<string, { names: string[]; required: string[] }>();
    for (const { method, path, parameters } of routes) {
      const query = document.operations
        .find((operation) => operation.method === method && operation.path === templated(path))!
        .parameters?.filter((parameter): parameter is ParameterObject => 'in' in parameter && parameter.in === 'query');
      const names = query?.map(({ name }) => name) ?? [];
      const required = query?.filter((parameter) => parameter.required).map(({ name }) => name) ?? [];
      for (const type of parameters as { name: string }[]) queries.set(type.name, { names, required });
    }
    const seen: string[] = [];
    const faults = inputs().flatMap((input) => {
      const schema = schemas[input.name];
      const documented = schema
        ? { names: Object.keys(schema.properties ?? {}), required: schema.required ?? [] }
        : queries.get(input.name);
      // The document does not describe this class: it is a base class of inputs, or an input class that another process uses.
      if (!documented) return [];
      seen.push(input.name);
      const rules = rulesOf(input);
      return [...new Set(rules.map(({ propertyName }) => propertyName))].flatMap((name) => {
        const own = rules.filter(({ propertyName }) => propertyName === name);
        const mandatory =
          own.some((rule) => rule.name === 'isDefined') && !own.some(({ type }) => type === ValidationTypes.CONDITIONAL_VALIDATION);
        if (!documented.names.includes(name)) return [`${input.name}.${name} is not in the document`];
        return mandatory && !documented.required.includes(name) ? [`${input.name}.${name} is mandatory`] : [];
      });
    });
    expect(faults).toEqual([]);
    expect(seen).toEqual(expect.arrayContaining(['SignInput', 'SignQuery', 'BindInput', 'BackendApi', 'TokenInput']));
  });
});

describe('/docs', () => {
  let page: Answer;
  beforeAll(async () => {
    page = await anyone.get('/docs');
  });
  const addresses = () => [...page.text.matchAll(/(?:src|href)=["']([^"']+)["']/g)].map(([, address]) => address!);

  it('is a public page, with and without a trailing slash', async () => {
    for (const path of ['/docs', '/docs/']) {
      const answer = await fetch(service.baseUrl + path);
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([path, 200, 'text/html']);
    }
  });

  it('loads only files of this service, and has headers that enforce this', async () => {
    expect(addresses().length).toBeGreaterThan(4);
    for (const address of addresses()) {
      const url = new URL(address, `${service.baseUrl}/docs`);
      expect([address, url.origin, (await fetch(url)).status]).toEqual([address, service.baseUrl, 200]);
    }
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'self';/);
  });

  it('shows the document and sends nothing to an external validator', async () => {
    const { text } = await anyone.get('/docs/swagger-ui-init.js');
    expect(text).toContain('CreateSignatureKeyV2');
    expect(text).toMatch(/"validatorUrl": null/);
  });

  it('answers 404 for an unknown file', async () => {
    expect((await anyone.get('/docs/nothing.js')).status).toBe(404);
  });
});
