// Measures whether response times distinguish another project's id from an unknown one: docs/isolation.md.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createDatabase, type Engine } from './lib/databases.ts';
import { newId } from './lib/floor-store.ts';
import { logIn, type Served, startService } from './lib/processes.ts';

const ENGINES: readonly Engine[] = ['sqlite', 'mariadb'];
const PAIRS_MAX = 5000;
const WARM_UP = 100;

const { values: options } = parseArgs({ options: { pairs: { type: 'string', default: '500' } } });
const pairs = Number(options.pairs);
if (!(Number.isInteger(pairs) && pairs > 0 && pairs <= PAIRS_MAX)) throw new Error(`--pairs must be 1 to ${PAIRS_MAX}`);

type Send = (method: string, path: string, body?: object) => Promise<{ status: number; body: Record<string, string> }>;

for (const engine of ENGINES) {
  const database = await createDatabase(engine);
  let served: Served | undefined;
  try {
    served = await startService(database);
    await measure(engine, served);
  } finally {
    await served?.stop();
    await database.drop();
  }
}

async function measure(engine: Engine, service: Served): Promise<void> {
  const { projectId, token } = await logIn(service.url);
  const as =
    (caller: string): Send =>
    async (method, path, body) => {
      const response = await fetch(service.url + path, {
        method,
        headers: { 'x-auth-token': caller, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, string>) };
    };
  const theirs = await layOut(as(token), projectId);
  const made = (await as(token)('POST', '/v3/projects', { project: { name: 'another' } })) as unknown as {
    body: { project: { id: string } };
  };
  const other = made.body.project.id;
  const scoped = await fetch(`${service.url}/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity: { methods: ['token'], token: { id: token } }, scope: { project: { id: other } } } }),
  });
  const mine = as(scoped.headers.get('x-subject-token') ?? '');
  const own = await layOut(mine, other);
  const at = (instance: string, rest: string) => `/v2/${other}/apigw/instances/${instance}${rest}`;
  const cases: Record<string, [foreign: string, (id: string) => ReturnType<Send>]> = {
    'GET a gateway': [theirs.instance, (id) => mine('GET', at(id, ''))],
    'GET signs of a gateway': [theirs.instance, (id) => mine('GET', at(id, '/signs'))],
    'GET signs?id=': [theirs.sign, (id) => mine('GET', at(own.instance, `/signs?id=${id}`))],
    'GET binded-apis?sign_id=': [theirs.sign, (id) => mine('GET', at(own.instance, `/sign-bindings/binded-apis?sign_id=${id}`))],
    'PUT a sign': [theirs.sign, (id) => mine('PUT', at(own.instance, `/signs/${id}`), { name: 'taken_over' })],
    'DELETE a sign': [theirs.sign, (id) => mine('DELETE', at(own.instance, `/signs/${id}`))],
  };
  for (const [name, [foreign, send]] of Object.entries(cases)) {
    for (let i = 0; i < WARM_UP; i++) await send(newId());
    const micros: Record<'foreign' | 'unknown' | 'unknown again', number[]> = { foreign: [], unknown: [], 'unknown again': [] };
    // One id each, asked for again and again: nothing but what it is an id of differs.
    const ids = { foreign, unknown: newId(), 'unknown again': newId() };
    for (let i = 0; i < pairs; i++) {
      // Random order, so that drift of the machine affects all alike.
      const turns = (Object.keys(micros) as (keyof typeof micros)[])
        .map((turn) => ({ turn, order: randomInt(1e9) }))
        .sort((a, b) => a.order - b.order);
      for (const { turn } of turns) {
        const start = process.hrtime.bigint();
        await send(ids[turn]);
        micros[turn].push(Number(process.hrtime.bigint() - start) / 1000);
      }
    }
    const [foreignMedian, unknownMedian] = [median(micros.foreign), median(micros.unknown)];
    const apart = later(micros.foreign, micros.unknown);
    const noise = later(micros['unknown again'], micros.unknown);
    console.log(
      `${engine.padEnd(8)} ${name.padEnd(26)} foreign ${foreignMedian.toFixed(0)} µs, unknown ${unknownMedian.toFixed(0)} µs; ` +
        `told apart ${apart.toFixed(3)}, two unknown ones ${noise.toFixed(3)} (0.5: by chance)`,
    );
  }
}

async function layOut(send: Send, projectId: string): Promise<{ instance: string; sign: string }> {
  const places = { vpc_id: 'vpc', subnet_id: 'subnet', security_group_id: 'group', available_zone_ids: ['local-a'] };
  const at = `/v2/${projectId}/apigw/instances`;
  const { instance_id: instance = '' } = (await send('POST', at, { instance_name: `bench_${newId()}`, spec_id: 'PLATINUM', ...places }))
    .body;
  const { id: sign = '' } = (await send('POST', `${at}/${instance}/signs`, { name: 'bench' })).body;
  return { instance, sign };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** Probability that a sample of the first list exceeds one of the second. */
function later(first: readonly number[], second: readonly number[]): number {
  let won = 0;
  for (const a of first) for (const b of second) won += a > b ? 1 : a === b ? 0.5 : 0;
  return won / (first.length * second.length);
}
