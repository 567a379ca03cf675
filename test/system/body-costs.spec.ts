import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject, SchemaObject } from '@nestjs/swagger';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Document, type Operation } from '../support/document.js';
import { cpuMsOf, forgetPeak, memoryOf } from '../support/process-costs.js';
import { ServedProcess } from '../support/process.js';
import type { Client } from '../support/service.js';

const NOWHERE = '0123456789abcdef0123456789abcdef';
const MIB = 1024 * 1024;
/** The configured limit, for the one route that accepts it. */
const LARGEST = 2 * MIB;

/**
 * The permitted cost of a body, as a multiple of the cost of a harmless body of the same size; for callers without a credential, of no
 * body.
 */
const CPU_TIMES = 5;
const MEMORY_TIMES = 3;
/** Smaller differences are ignored, because a request costs one or two milliseconds, and garbage collection sometimes as much. */
const CPU_NOISE_MS = 2;
const MEMORY_NOISE_MIB = 24;
/** The number of requests per measurement, and how often a measurement above the limit is repeated. */
const REQUESTS = 2;
const TRIES = 4;

let database: TestDatabase;
let served: ServedProcess;
let client: Client;
let document: Document;
let gateway: string;
let machine: string;
beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  served = await ServedProcess.start({ ...database.env, SIGNET_LIMITS: `body=${LARGEST}`, SIGNET_WEBHOOKS: 'check-dns=off' });
  client = await served.admin();
  document = new Document((await client.get('/openapi.json')).body as OpenAPIObject);
  gateway = await client.gateway();
  machine = (await client.post(`/signet/v1/instances/${gateway}/gateway-tokens`, { role: 'gateway' })).body.token as string;
});
afterAll(async () => {
  await served.stop();
  await database.drop();
});

/** The fields of the body and of its nested objects, with their paths. */
function fieldsOf(operation: Operation): { path: string[]; schema: SchemaObject }[] {
  const content =
    operation.requestBody && 'content' in operation.requestBody ? operation.requestBody.content['application/json'] : undefined;
  const found: { path: string[]; schema: SchemaObject }[] = [];
  const walk = (schema: SchemaObject, path: string[]): void => {
    for (const [name, property] of Object.entries(resolve(schema).properties ?? {})) {
      const field = resolve(property as SchemaObject);
      found.push({ path: [...path, name], schema: field });
      if (path.length < 3) walk(field, [...path, name]);
    }
  };
  if (content?.schema) walk(content.schema as SchemaObject, []);
  return found;
}
function resolve(schema: SchemaObject): SchemaObject {
  const whole = schema as SchemaObject & { $ref?: string };
  const ref = whole.$ref ?? (whole.allOf?.[0] as { $ref?: string } | undefined)?.$ref;
  return ref === undefined ? schema : (document.json.components!.schemas![ref.replace(/^.*\//, '')] as SchemaObject);
}

/** JSON text with a value in one field. */
const within = (path: readonly string[], value: string) => path.reduceRight((text, name) => `{${JSON.stringify(name)}:${text}}`, value);

/** An object of this size with one long text. */
const padded = (json: string, bytes: number) => {
  const open = `${json.slice(0, -1)}${json.length > 2 ? ',' : ''}"padding":"`;
  return `${open}${'x'.repeat(Math.max(bytes - open.length - 2, 0))}"}`;
};
const filled = (before: string, each: (i: number) => string, after: string, bytes: number) => {
  const parts: string[] = [];
  let size = before.length + after.length;
  for (let i = 0; ; i++) {
    const part = each(i);
    if ((size += part.length + 1) > bytes) break;
    parts.push(part);
  }
  return before + parts.join() + after;
};

/** The worst bodies within the size limit, valid and invalid ones. */
function shapesOf(operation: Operation, bytes: number): Record<string, string> {
  const values = Math.min(bytes / 16, 65_536) - 16;
  const list = fieldsOf(operation).find(({ schema }) => schema.type === 'array');
  const text = fieldsOf(operation).find(({ schema }) => schema.type === 'string' && schema.pattern !== undefined);
  const item = list && resolve((list.schema.items ?? {}) as SchemaObject).type === 'object' ? '{}' : '"x"';
  const repeat = (what: string, times: number) => Array.from({ length: times }, () => what).join();
  return {
    'many names': filled('{', (i) => `"k${i}":1`, '}', bytes),
    'the maximum number of names': padded(`{${Array.from({ length: 990 }, (_, i) => `"k${i}":1`).join()}}`, bytes),
    'the same name': filled('{', () => '"name":"a"', '}', bytes),
    'brackets without an end': '['.repeat(bytes),
    'objects of the maximum depth': padded(`{"a":${'{"a":'.repeat(60)}1${'}'.repeat(61)}`, bytes),
    'a long list': filled('{"x":[', () => '1', ']}', bytes),
    'the maximum number of values': padded(`{"x":[${repeat('[]', values / 2)}]}`, bytes),
    'long numbers': filled('{"x":[', () => '9'.repeat(1000), ']}', bytes),
    'numbers of the maximum length': filled('{"x":[', () => `0.${'9'.repeat(390)}`, ']}', bytes),
    'a long text of escapes': `{"x":"${'\\u0061'.repeat((bytes - 10) / 6)}"}`,
    'quotes in a text': `{"x":"${'\\"'.repeat((bytes - 10) / 2)}"}`,
    ...(text && { 'a long text in a field': within(text.path, `"${'a'.repeat(bytes - 100)}"`) }),
    ...(list && {
      'a list of the maximum length': padded(
        within(list.path, `[${repeat(item, Math.min(list.schema.maxItems ?? values, values))}]`),
        bytes,
      ),
    }),
  };
}

interface Cost {
  cpuMs: number;
  memoryMib: number;
}

/** Mean cost of a request. */
async function costOf(send: () => Promise<unknown>): Promise<Cost> {
  const pid = served.child.pid!;
  const { nowMib } = memoryOf(pid);
  forgetPeak(pid);
  const before = cpuMsOf(pid);
  for (let i = 0; i < REQUESTS; i++) await send();
  return { cpuMs: (cpuMsOf(pid) - before) / REQUESTS, memoryMib: memoryOf(pid).peakMib - nowMib };
}

/** The bodies that exceed the permitted cost in all repetitions. Measurements are repeated because other load may have disturbed one. */
async function dearer(
  harmless: () => Promise<unknown>,
  worst: readonly (readonly [shape: string, send: () => Promise<unknown>])[],
  name: string,
): Promise<string[]> {
  const faults: string[] = [];
  let low = await costOf(harmless);
  for (const [shape, send] of worst) {
    for (let attempt = 1; ; attempt++) {
      const high = await costOf(send);
      const dear = high.cpuMs > CPU_TIMES * low.cpuMs + CPU_NOISE_MS;
      const big = high.memoryMib > MEMORY_TIMES * low.memoryMib + MEMORY_NOISE_MIB;
      if (!dear && !big) break;
      if (attempt === TRIES) {
        faults.push(`${name}, ${shape}: ${JSON.stringify(high)} where a harmless one takes ${JSON.stringify(low)}`);
        break;
      }
      low = await costOf(harmless);
    }
  }
  return faults;
}

const pathOf = ({ path }: Operation) =>
  path
    .replace('{project_id}', client.projectId)
    .replace('{instance_id}', gateway)
    .replaceAll(/\{[^}]+\}/g, NOWHERE);
const bytesOf = (operation: Operation) => Math.min(Number(operation['x-body-limit-bytes' as never] ?? LARGEST), LARGEST);

describe('the worst body of the permitted size', () => {
  const withBody = () => document.operations.filter(({ requestBody }) => requestBody !== undefined);
  const credentialOf = ({ security }: Operation): Record<string, string> =>
    security?.some((scheme) => 'machine' in scheme) ? { authorization: `Bearer ${machine}` } : { 'x-auth-token': client.token };
  const send = (operation: Operation, body: string | undefined, headers: Record<string, string>) => async () => {
    const response = await fetch(served.baseUrl + pathOf(operation), {
      method: operation.method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body }),
    });
    if (response.status >= 500) throw new Error(`${operation.operationId}: ${response.status}`);
    return response.arrayBuffer();
  };

  it('costs at most five times the CPU and three times the memory of a harmless one, for every operation', async () => {
    const faults: string[] = [];
    const operations = withBody();
    expect(operations.length).toBeGreaterThan(40);
    for (const operation of operations) {
      const bytes = bytesOf(operation);
      const headers = credentialOf(operation);
      const worst = Object.entries(shapesOf(operation, bytes)).map(([name, body]) => [name, send(operation, body, headers)] as const);
      // A warm-up, because code is compiled at its first use.
      for (const [, each] of worst) await each();
      faults.push(...(await dearer(send(operation, padded('{}', bytes), headers), worst, operation.operationId)));
    }
    expect(faults).toEqual([]);
  });

  it('costs at most five times as much as no body, without a credential', async () => {
    const faults: string[] = [];
    for (const operation of withBody().filter(({ security }) => security?.length !== 0)) {
      const bodies = ['many names', 'brackets without an end'].map(
        (name) => [name, shapesOf(operation, bytesOf(operation))[name]!] as const,
      );
      const worst = bodies.map(([name, body]) => [name, send(operation, body, {})] as const);
      faults.push(...(await dearer(send(operation, undefined, {}), worst, operation.operationId)));
    }
    expect(faults).toEqual([]);
  });
});
