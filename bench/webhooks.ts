// Measures webhooks against hand-written floors: bench/README.md.
import { hash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { v7 } from 'uuid';
import { type BenchDatabase, createDatabase, type Engine, openSql, type Sql } from './lib/databases.ts';
import { CONNECTIONS, load, type Measured } from './lib/load.ts';
import { logIn, type Served, startFloorSender, startService, startWebhookFloor, startWebhookReceiver } from './lib/processes.ts';

const PARTS = ['accept', 'deliver', 'backlog', 'fairness'] as const;
const TARGET = 0.6;
const BACKLOG = 100_000;
/** Messages of the warm-up round. */
const WARM_UP = 5000;
const WARM_UP_ROUNDS = 3;
const DRAIN_MS = 150_000;
/** Fairness run: number of endpoints, waiting messages per endpoint, permitted slow-down of the unaffected endpoint. */
const LIMITED = 500;
const HANGING = 50;
const WAITING_EACH = 100;
const FAIR = 1.5;
const FREE_MESSAGES = 40;
/** Time-out of a message, and pause between two messages: long enough for retries and rate limits of the other endpoints. */
const FREE_MS = 20_000;
const FREE_PAUSE_MS = 50;
const SETTLE_MS = 3000;
/** Time to insert the messages, and for the database to settle, before they are due. */
const LAY_DOWN_MS = 2000;
const LAY_DOWN_MS_EACH = 0.25;
/** About 1 KiB. */
const PAYLOAD = {
  event: 'order.created',
  order: { id: 'ord_123', lines: Array.from({ length: 20 }, (_, i) => ({ sku: `sku-${1000 + i}`, quantity: i })) },
  note: 'x'.repeat(220),
};
const TEXT = JSON.stringify(PAYLOAD);

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.2' },
    backlog: { type: 'string', default: String(BACKLOG) },
  },
});
const bounded = (name: 'rounds' | 'seconds' | 'backlog', most: number) => {
  const value = Number(options[name]);
  if (!(value > 0 && value <= most)) throw new Error(`--${name} must be above 0 and at most ${most}`);
  return value;
};
const rounds = Math.ceil(bounded('rounds', 50));
const seconds = bounded('seconds', 10);
const backlog = Math.ceil(bounded('backlog', BACKLOG));
const wanted = (engine: Engine, part: (typeof PARTS)[number]) =>
  options.only === undefined || options.only.split(',').some((only) => [engine, part, `${engine}/${part}`].includes(only));

let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (interrupted = true));

for (const engine of ['sqlite', 'mariadb'] as const) {
  for (const part of PARTS) {
    if (!wanted(engine, part)) continue;
    const database = await createDatabase(engine);
    const running: Served[] = [];
    const started = async (starting: Promise<Served>) => {
      const served = await starting;
      running.push(served);
      return served;
    };
    try {
      if (part === 'accept') await accept(database, started);
      else if (part === 'fairness') await fairness(database, started);
      else await deliver(database, started, part);
    } finally {
      for (const served of running) await served.stop();
      await database.drop();
    }
  }
}

type Started = (starting: Promise<Served>) => Promise<Served>;

/** A project's API key and endpoint. */
interface Environment {
  projectId: string;
  endpointId: string;
  authorization: string;
}

async function createEnvironment(service: Served, url: string): Promise<Environment> {
  const { projectId, token } = await logIn(service.url);
  const post = async (path: string, body: object): Promise<Record<string, string>> => {
    const headers = { 'x-auth-token': token, 'content-type': 'application/json' };
    const response = await fetch(service.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { data: Record<string, string> }).data;
  };
  const { key = '' } = await post('/v1/api-keys', {});
  const { id: endpointId = '' } = await post('/v1/endpoints', { url });
  return { projectId, endpointId, authorization: `Bearer ${key}` };
}

/** `POST /v1/webhooks/send` against raw Fastify and one durable INSERT into a table like the service's, the payload in it. */
async function accept(database: BenchDatabase, started: Started): Promise<void> {
  const service = await started(startService(database, { SIGNET_WEBHOOKS: 'delivery=off,check-dns=off' }));
  const environment = await createEnvironment(service, 'https://example.com/hook');
  const floor = await started(startWebhookFloor(database, environment.projectId));
  const sql = await openSql(database);
  const request = {
    method: 'POST',
    path: '/v1/webhooks/send',
    body: JSON.stringify({ endpoint_id: environment.endpointId, payload: PAYLOAD }),
  } as const;
  const round = async (who: Served, amount: number): Promise<Measured> => {
    if (interrupted) throw new Error('interrupted');
    const measured = await load(
      who.url,
      { authorization: environment.authorization },
      Array.from({ length: CONNECTIONS }, () => request),
      amount,
    );
    await sql.run('DELETE FROM messages');
    await sql.run('DELETE FROM floor_messages');
    return measured;
  };
  await round(floor, CONNECTIONS * 10);
  await round(service, CONNECTIONS * 10);
  const { perSecond } = await round(floor, CONNECTIONS * 30);
  const amount = Math.ceil((perSecond * seconds) / CONNECTIONS) * CONNECTIONS;
  const pairs: { ours: number; floor: number; p99: number }[] = [];
  while (pairs.length < rounds) {
    const ours = await round(service, amount);
    pairs.push({ ours: ours.perSecond, p99: ours.p99, floor: (await round(floor, amount)).perSecond });
  }
  print(database.engine, 'accept 1 KiB', pairs, `p99 ${median(pairs.map(({ p99 }) => p99)).toFixed(1)} ms`);
  await sql.close();
}

/** Delivers waiting messages to a local receiver: against bare undici, or a large backlog with memory checks. */
async function deliver(database: BenchDatabase, started: Started, part: 'deliver' | 'backlog'): Promise<void> {
  const receiver = await started(startWebhookReceiver());
  const env = {
    SIGNET_WEBHOOKS: 'http=allow',
    SIGNET_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8',
    // Limits the heap, so that V8 collects and resident memory shows leaks.
    ...(part === 'backlog' && { NODE_OPTIONS: '--max-old-space-size=256' }),
  };
  const service = await started(startService(database, env));
  const environment = await createEnvironment(service, `${receiver.url}/hook`);
  const sql = await openSql(database);
  const drained = (amount: number) => drain(service, receiver, sql, environment, amount);
  if (part === 'backlog') {
    await drained(500);
    const { perSecond, memory } = await drained(backlog);
    const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(0);
    const quarter = Math.max(1, Math.floor(memory.length / 4));
    const [early, late] = [median(memory.slice(0, quarter)), median(memory.slice(-quarter))];
    const flat = late <= early * 1.25 ? 'flat' : 'GROWS';
    console.log(
      `${database.engine.padEnd(7)}  backlog of ${backlog}: ${perSecond.toFixed(0)}/s  resident memory ${mib(early)} MiB in the first quarter, ${mib(late)} MiB in the last, ${mib(Math.max(...memory))} MiB at most: ${flat}`,
    );
  } else {
    const sender = await started(startFloorSender(`${receiver.url}/hook`, TEXT));
    const bare = async (amount: number) => {
      await sql.settled();
      await fetch(receiver.url, { method: 'DELETE' });
      const response = await fetch(`${sender.url}/?n=${amount}`, { method: 'POST' });
      if (!response.ok) throw new Error(await response.text());
      return rateOf(receiver);
    };
    // Warms up both senders and the receiver.
    for (let i = 0; i < WARM_UP_ROUNDS; i++) {
      await bare(WARM_UP);
      await drained(WARM_UP);
    }
    const amount = Math.ceil((await bare(WARM_UP)) * seconds);
    const pairs: { ours: number; floor: number }[] = [];
    while (pairs.length < rounds) pairs.push({ ours: (await drained(amount)).perSecond, floor: await bare(amount) });
    print(database.engine, 'deliver 1 KiB, signed twice', pairs, '');
  }
  await sql.close();
}

/** Inserts messages that become due together, and waits until all are received and their results are stored. */
async function drain(
  service: Served,
  receiver: Served,
  sql: Sql,
  environment: Environment,
  amount: number,
): Promise<{ perSecond: number; memory: number[] }> {
  await sql.run('DELETE FROM messages');
  await fetch(receiver.url, { method: 'DELETE' });
  await fill(sql, environment, amount, Date.now() + LAY_DOWN_MS + LAY_DOWN_MS_EACH * amount);
  await sql.settled();
  const memory: number[] = [];
  const end = performance.now() + DRAIN_MS;
  for (;;) {
    if (interrupted) throw new Error('interrupted');
    const { count } = (await (await fetch(receiver.url)).json()) as { count: number };
    if (count >= amount) break;
    if (performance.now() > end) throw new Error(`only ${count} of ${amount} arrived`);
    if (count > 0) memory.push(await residentBytes(service));
    await delay(count > amount * 0.9 ? 20 : 200);
  }
  const perSecond = await rateOf(receiver);
  for (let left = 1; left > 0; await delay(20))
    left = Number((await sql.rows<{ n: number }>(`SELECT COUNT(*) AS n FROM messages WHERE status <> 'succeeded'`))[0]?.n ?? 0);
  return { perSecond, memory };
}

/** Latency of one endpoint alone, and beside endpoints of its project that are at their rate limit or never answer, each with a backlog. */
async function fairness(database: BenchDatabase, started: Started): Promise<void> {
  const arrived = new Map<string, (at: number) => void>();
  const receiver = createServer((request, response) => {
    request.resume().on('end', () => {
      arrived.get(request.url ?? '')?.(performance.now());
      response.end();
    });
  }).listen(0, '127.0.0.1');
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  const env = { SIGNET_WEBHOOKS: 'http=allow', SIGNET_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' };
  const service = await started(startService(database, env));
  const sql = await openSql(database);
  const urlOf = (server: typeof receiver) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const environment = await createEnvironment(service, `${urlOf(receiver)}/free`);
    const headers = { authorization: environment.authorization, 'content-type': 'application/json' };
    const post = (path: string, body: object) => fetch(service.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const others: string[] = [];
    for (let i = 0; i < LIMITED + HANGING; i++) {
      const url = i < LIMITED ? `${urlOf(receiver)}/limited/${i}` : `${urlOf(silent)}/${i}`;
      const made = (await (await post('/v1/endpoints', { url, ...(i < LIMITED && { rate_limit_rps: 1 }) })).json()) as {
        data: { id: string };
      };
      others.push(made.data.id);
    }
    const latencies = async () => {
      const taken: number[] = [];
      for (let i = 0; i < FREE_MESSAGES; i++) {
        if (interrupted) throw new Error('interrupted');
        const arrival = new Promise<number>((resolve) => arrived.set('/free', resolve));
        const sent = performance.now();
        const answer = await post('/v1/webhooks/send', { endpoint_id: environment.endpointId, payload: PAYLOAD });
        if (answer.status !== 202) throw new Error(`send: ${answer.status} ${await answer.text()}`);
        const end = delay(FREE_MS).then(() => Number.POSITIVE_INFINITY);
        taken.push((await Promise.race([arrival, end])) - sent);
        await delay(FREE_PAUSE_MS);
      }
      return taken;
    };
    await latencies();
    const alone = median(await latencies());
    for (const endpointId of others) await fill(sql, { ...environment, endpointId }, WAITING_EACH, Date.now());
    await delay(SETTLE_MS);
    const among = await latencies();
    const ratio = median(among) / alone;
    console.log(
      `${database.engine.padEnd(7)}  one free endpoint among ${LIMITED} at their limit and ${HANGING} that hang, ${WAITING_EACH} waiting for each: median ${median(among).toFixed(1)} ms, at most ${Math.max(...among).toFixed(0)} ms; alone ${alone.toFixed(1)} ms   ratio ${ratio.toFixed(2)}  target ${FAIR.toFixed(2)} at most  ${ratio <= FAIR ? 'met' : 'MISSED'}`,
    );
  } finally {
    for (const server of [receiver, silent]) {
      server.closeAllConnections();
      server.close();
    }
    await sql.close();
  }
}

async function rateOf(receiver: Served): Promise<number> {
  const { count, seconds: taken } = (await (await fetch(receiver.url)).json()) as { count: number; seconds: number };
  return count / taken;
}

async function residentBytes(service: Served): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const bytes = Number(/^signet_process_resident_memory_bytes (\S+)/m.exec(text)?.[1]);
  if (!(bytes > 0)) throw new Error('/metrics does not say how much memory is resident');
  return bytes;
}

async function fill(sql: Sql, { projectId, endpointId }: Environment, amount: number, dueAt: number): Promise<void> {
  const columns =
    'id, project_id, endpoint_id, status, size_bytes, payload_sha256, retention_hours, attempt_count, attempts_before, replay_count, due_at, expires_at, created_at, updated_at';
  const sha = hash('sha256', TEXT, 'hex');
  const now = Date.now();
  const perStatement = 500;
  await sql.run('BEGIN');
  for (let from = 0; from < amount; from += perStatement) {
    const rows = Array.from({ length: Math.min(perStatement, amount - from) }, () => [
      v7(),
      projectId,
      endpointId,
      'queued',
      TEXT.length,
      sha,
      720,
      0,
      0,
      0,
      dueAt,
      now + 1e9,
      now,
      now,
    ]);
    await sql.run(
      `INSERT INTO messages (${columns}) VALUES ${rows.map((row) => `(${row.map(() => '?').join(', ')})`).join(', ')}`,
      rows.flat(),
    );
    await sql.run(
      `INSERT INTO message_payloads (message_id, payload) VALUES ${rows.map(() => '(?, ?)').join(', ')}`,
      rows.flatMap(([id]) => [id as string, TEXT]),
    );
  }
  await sql.run('UPDATE delivery_queues SET due_at = ? WHERE endpoint_id = ?', [dueAt, endpointId]);
  await sql.run('COMMIT');
}

function print(engine: Engine, title: string, pairs: readonly { ours: number; floor: number }[], more: string): void {
  const ratio = median(pairs.map(({ ours, floor }) => ours / floor));
  const of = (who: 'ours' | 'floor') =>
    `${who} ${median(pairs.map((pair) => pair[who]))
      .toFixed(0)
      .padStart(6)}/s`;
  const verdict = `ratio ${ratio.toFixed(2)}  target ${TARGET.toFixed(2)}  ${ratio >= TARGET ? 'met' : 'MISSED'}`;
  console.log(`${engine.padEnd(7)}  ${title.padEnd(28)}  ${of('ours')}   ${of('floor')}   ${verdict}  ${more}`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
