import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject, SchemaObject } from '@nestjs/swagger';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Document, type Operation } from '../support/document.js';
import { ADMIN_PASSWORD, type Answer, type Client, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';
import { type Example, examplesOf, idsOf, createFixtures, unique, type Fixtures, VALUES } from '../support/fixtures.js';

const policy = { Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:signs:list'] }] };
const B = '/v2/:project_id/apigw/instances';
const S = '/signet/v1/instances/:instance_id';

/** The examples of the routes without ids. */
const MORE: Record<string, Example> = {
  [`POST ${B}`]: {
    body: () => ({
      instance_name: unique('gw'),
      spec_id: 'BASIC',
      vpc_id: 'vpc',
      subnet_id: 'subnet',
      security_group_id: 'group',
      available_zone_ids: ['local-a'],
    }),
  },
  [`POST ${S}/gateway-tokens`]: { body: () => ({ role: 'gateway' }) },
  // A complete body that is signed for a session other than that in the path, so that it is refused for its signature.
  [`PUT ${S}/sessions/:session_id`]: { body: (of) => new TestSession(of.instance, 'n').registration() },
  [`PUT ${S}/sessions/:session_id/report`]: { body: (of) => ({ ...new TestSession(of.instance, 'n').report(1), epoch: 'e' }) },
  'POST /v3/auth/tokens': {
    body: () => ({
      auth: {
        identity: { methods: ['password'], password: { user: { name: 'admin', domain: { name: 'default' }, password: ADMIN_PASSWORD } } },
      },
    }),
  },
  // The wrong password of a user, so that no example changes one.
  'POST /v3/users/:user_id/password': { body: () => ({ user: { password: 'a-new-password', original_password: 'wrong' } }) },
  // The wrong password, so that no example enables one-time passwords.
  'POST /signet/v1/me/totp': { body: () => ({ password: 'wrong' }) },
  'POST /signet/v1/me/totp/confirm': { body: () => ({ passcode: '000000' }) },
  'POST /signet/v1/me/totp/disable': { body: () => ({ password: 'wrong', passcode: '000000' }) },
  'POST /v3/projects': { body: () => ({ project: { name: unique('p') } }) },
  'POST /v3/groups': { body: () => ({ group: { name: unique('g') } }) },
  'POST /v3.0/OS-ROLE/roles': { body: () => ({ role: { display_name: unique('r'), policy } }) },
  'POST /v3.0/OS-CREDENTIAL/securitytokens': { body: () => ({ auth: { identity: { methods: ['token'] } } }) },
  'POST /v1/endpoints': { body: () => ({ url: `https://example.com/${unique('hook')}` }) },
  'POST /v1/projects': { body: () => ({ name: unique('p') }) },
};

type Schema = SchemaObject & { $ref?: string; type?: string | string[] };
interface Field {
  path: (string | number)[];
  schema: Schema;
  required: boolean;
}

let database: TestDatabase;
let service: TestService;
let client: Client;
let document: Document;
let fixtures: Fixtures;
let machine: string;
beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database, {
    SIGNET_WEBHOOKS: 'check-dns=off,delivery=off',
    SIGNET_LIMITS: 'instances=100000,signs=100000',
    SIGNET_LOG_LEVEL: 'error',
  });
  client = await service.client({ role: 'APIG Administrator' });
  document = new Document((await client.get('/openapi.json')).body as OpenAPIObject);
  fixtures = await createFixtures(client, await client.gateway());
  machine = (await client.post(`/signet/v1/instances/${fixtures.instance}/gateway-tokens`, { role: 'gateway' })).body.token as string;
});
afterAll(async () => {
  await service.stop();
  await database.drop();
});

const pathOf = ({ path }: Operation) => path.replaceAll(/\{([^}]+)\}/g, ':$1');
const exampleOf = (operation: Operation): Example => {
  const route = { method: operation.method, path: pathOf(operation) };
  return { ...examplesOf(route)[0], ...MORE[`${route.method} ${route.path}`] };
};

async function call(operation: Operation, body: unknown): Promise<Answer> {
  const { query } = exampleOf(operation);
  const path = pathOf(operation);
  const ids = Object.fromEntries(idsOf({ path }).map(({ parameter, kind }) => [parameter, kind && fixtures[kind]]));
  const search = query ? `?${new URLSearchParams(query(fixtures)).toString()}` : '';
  const forMachines = operation.security?.some((scheme) => 'machine' in scheme);
  return client.call(
    operation.method,
    path.replace('/v2/:project_id', '/v2/{project}').replace(/:([A-Za-z_]+)/g, (_, name: string) => ids[name] ?? VALUES[name] ?? '1') +
      search,
    JSON.stringify(body),
    { 'content-type': 'application/json', ...(forMachines && { 'x-auth-token': '', authorization: `Bearer ${machine}` }) },
  );
}
const bodyOf = (operation: Operation) => structuredClone(exampleOf(operation).body?.(fixtures) ?? {}) as Record<string, unknown>;

function resolve(schema: Schema): Schema {
  const ref =
    schema.$ref ?? [...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].map((each) => (each as Schema).$ref)[0];
  return ref === undefined ? schema : (document.json.components!.schemas![ref.replace(/^.*\//, '')] as Schema);
}
function fieldsOf(operation: Operation): Field[] {
  const content =
    operation.requestBody && 'content' in operation.requestBody ? operation.requestBody.content['application/json'] : undefined;
  const found: Field[] = [];
  const walk = (schema: Schema, path: Field['path']): void => {
    const { properties = {}, required = [] } = resolve(schema);
    for (const [name, property] of Object.entries(properties)) {
      const own = resolve(property);
      found.push({ path: [...path, name], schema: own, required: required.includes(name) });
      if (path.length > 6) continue;
      walk(own, [...path, name]);
      if (own.items) walk(own.items, [...path, name, 0]);
    }
  };
  if (content?.schema) walk(content.schema, []);
  return found;
}

/** Sets a field, and creates missing objects on its path. `undefined` removes the field. */
function withValue(body: Record<string, unknown>, path: Field['path'], value: unknown): unknown {
  let at: any = body;
  path.slice(0, -1).forEach((name, i) => {
    if (typeof at[name] !== 'object' || at[name] === null) at[name] = typeof path[i + 1] === 'number' ? [] : {};
    at = at[name];
  });
  if (value === undefined) delete at[path.at(-1)!];
  else at[path.at(-1)!] = value;
  return body;
}

const typesOf = ({ type, enum: values }: Schema): string[] =>
  type === undefined ? (values ? [typeof values[0]] : ['object']) : [type].flat();
/** Values for a field besides `null`: the empty value of its type, values of other types, and values above its limit. */
function valuesOf(schema: Schema): unknown[] {
  const [type] = typesOf(schema).filter((each) => each !== 'null');
  if (type === 'string') return ['', {}, 1, 'x'.repeat(Math.max((schema.maxLength ?? 0) + 1, 6000))];
  if (type === 'integer' || type === 'number') return [0, '', 'x', -1, 1e21, 0.5];
  if (type === 'boolean') return [false, 'x', 0];
  if (type === 'array') return [[], {}, [[]], [null], [{}], Array.from({ length: (schema.maxItems ?? 500) + 1 }, () => 'x')];
  return [{}, [], 'x', [[]]];
}

/** An answer without the parts that change from request to request. */
const VOLATILE = /time|_at$|^id$|_id$|secret|key|token|name$|ur[il]|links|access|expires|version|request|prefix|sl_domain/;
const said = ({ status, body }: Answer) => ({
  status,
  body: JSON.parse(JSON.stringify(body ?? null, (name, value: unknown) => (VOLATILE.test(name) ? undefined : value)) ?? 'null') as unknown,
});

describe('any value of a field', () => {
  const withBody = () => document.operations.filter(({ requestBody }) => requestBody !== undefined);

  it('is sent in an example that is otherwise accepted, or refused only for its state', async () => {
    const refused: string[] = [];
    for (const operation of withBody()) {
      const { status, text } = await call(operation, bodyOf(operation));
      if (status === 400 || status >= 500) refused.push(`${operation.operationId}: ${status} ${text}`);
    }
    expect(refused).toEqual([]);
  });

  it('is answered as documented, and never causes an internal error', async () => {
    const faults: string[] = [];
    let tried = 0;
    for (const operation of withBody()) {
      for (const { path, schema } of fieldsOf(operation)) {
        for (const value of [null, ...valuesOf(schema)]) {
          const answer = await call(operation, withValue(bodyOf(operation), path, value));
          tried++;
          const { status, headers, body, text } = answer;
          const mediaType = headers.get('content-type')?.split(';', 1)[0];
          const wrong = document.faults(operation, { status, mediaType, body: body ?? (text === '' ? undefined : text) });
          if (status >= 500 || wrong.length > 0)
            faults.push(`${operation.operationId} ${path.join('.')} ${JSON.stringify(value).slice(0, 40)}: ${status} ${wrong[0] ?? text}`);
        }
      }
    }
    expect(faults).toEqual([]);
    expect(tried).toBeGreaterThan(1000);
  });

  it('that is null counts as absent or is refused, unless the document allows null', async () => {
    const faults: string[] = [];
    for (const operation of withBody()) {
      for (const { path, schema, required } of fieldsOf(operation)) {
        if (typesOf(schema).includes('null') || schema.nullable || required) continue;
        const without = said(await call(operation, withValue(bodyOf(operation), path, undefined)));
        const withNull = said(await call(operation, withValue(bodyOf(operation), path, null)));
        // A feature may be set once a minute, and a retired rotation no longer exists.
        const refused = [400, 404, 409].includes(withNull.status);
        if (!refused && JSON.stringify(withNull) !== JSON.stringify(without))
          faults.push(`${operation.operationId} ${path.join('.')}: ${JSON.stringify(withNull).slice(0, 300)}`);
      }
    }
    expect(faults).toEqual([]);
  });

  it('that is null in place of a whole body is refused', async () => {
    for (const operation of withBody()) {
      const { status } = await call(operation, null);
      expect([operation.operationId, status]).toEqual([operation.operationId, 400]);
    }
  });
});

it('null does not switch mask_secrets off', async () => {
  const settings = `/signet/v1/instances/${fixtures.instance}/settings`;
  expect((await client.put(settings, { mask_secrets: true })).status).toBe(200);
  await client.put(settings, { mask_secrets: null });
  await client.put(settings, { mask_secrets: null, lease_seconds: 60 });
  expect((await client.get(settings)).body.mask_secrets).toBe(true);
});

it('a filter by name may be as long as a URL may be', async () => {
  for (const name of ['_'.repeat(25_000), '%25'.repeat(9000), 'a'.repeat(30_000)]) {
    const { status, body } = await client.get(`/v2/{project}/apigw/instances/${fixtures.instance}/signs?name=${name}`);
    expect([status, body.total]).toEqual([200, 0]);
  }
});

it('the document describes no field of a body as an arbitrary object', () => {
  const vague: string[] = [];
  for (const operation of document.operations)
    for (const { path, schema } of fieldsOf(operation))
      if (typesOf(schema).includes('object') && !schema.properties && schema.additionalProperties === undefined && !schema.allOf)
        vague.push(`${operation.operationId} ${path.join('.')}`);
  expect(vague).toEqual([]);
});
