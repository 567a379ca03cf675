// Measures what thousands of sessions cost a control plane, idle and during a deletion: bench/README.md.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { registrationBytes, reportBytes } from '../dist/lib/receipts/report-bytes.js';
import { createDatabase, type Engine } from './lib/databases.ts';
import { Plane } from './lib/plane.ts';
import { portOf, startService } from './lib/processes.ts';
import { share } from './lib/samples.ts';
import { Watchers } from './lib/watchers.ts';

const { values: options } = parseArgs({
  options: {
    engine: { type: 'string', default: 'sqlite' },
    sessions: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '5' },
  },
});
const engine: Engine = options.engine === 'mariadb' ? 'mariadb' : 'sqlite';
const [SESSIONS, ROUNDS] = [Number(options.sessions), Number(options.rounds)];
const IDLE_MS = 15_000;
/** Heartbeat interval of a session. */
const REPORT_MS = 5000;
const AT_ONCE = 64;
const LEASE_SECONDS = 3600;

interface Session {
  id: string;
  key: KeyObject;
  counter: number;
}

/** CPU time in milliseconds: of all threads, and of the main thread, which runs the event loop. */
function cpuOf(pid: number): { all: number; loop: number } {
  const of = (thread: string) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  return { all: readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + of(thread), 0), loop: of(String(pid)) };
}

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE, scheduling: 'fifo' });
const database = await createDatabase(engine);
const service = await startService(database, { SIGNET_LIMITS: `sessions=${SESSIONS + 1}` });
try {
  await measure(await Plane.of(service));
} finally {
  agent.destroy();
  await service.stop();
  await database.drop();
}

async function measure(plane: Plane): Promise<void> {
  const { pid } = service;
  const machine = (method: string, path: string, body?: object, session?: string) =>
    new Promise<Record<string, never>>((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${plane.gatewayToken}`,
        ...(session && { 'signet-session': session }),
        ...(body && { 'content-type': 'application/json' }),
      };
      const asked = request(
        { agent, port: portOf(service.url), host: '127.0.0.1', method, path: plane.atSignet(path), headers },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          answer.once('end', () => {
            if (answer.statusCode === 200) resolve(JSON.parse(text) as Record<string, never>);
            else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
          });
        },
      );
      asked.once('error', reject).end(body && JSON.stringify(body));
    });
  let epoch = '';
  const gatewayId = plane.instanceId;
  const begin = async (i: number): Promise<Session> => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const [id, nodeId] = [randomBytes(16).toString('hex'), `node-${i}`];
    const bytes = registrationBytes({ gatewayId, sessionId: id, nodeId, withTable: false });
    const signature = sign(null, bytes, privateKey).toString('base64url');
    const registration = { node_id: nodeId, version: '1.0.0', public_key: publicKey.export({ format: 'jwk' }).x, signature };
    epoch = (await machine('PUT', `/sessions/${id}`, registration))['epoch'] as unknown as string;
    await machine('GET', '/snapshot', undefined, id);
    return { id, key: privateKey, counter: 0 };
  };
  /** @returns the revision now */
  const report = async (session: Session, revision: number): Promise<number> => {
    session.counter++;
    const said = { epoch, counter: session.counter, leaving: false };
    // The digest is not verified against a table; comparing two strings costs nothing.
    const [newest, digest] = [revision + 1, '0'.repeat(64)];
    const bytes = reportBytes({
      gatewayId,
      sessionId: session.id,
      revision,
      newestRevision: newest,
      digest,
      leaseSeconds: LEASE_SECONDS,
      ...said,
    });
    const signature = sign(null, bytes, session.key).toString('base64url');
    const body = { ...said, applied_revision: revision, newest_revision: newest, digest, lease_seconds: LEASE_SECONDS, signature };
    return (await machine('PUT', `/sessions/${session.id}/report`, body))['revision'] as unknown as number;
  };

  const publishId = await plane.api('bench');
  const sessions: Session[] = [];
  let left = SESSIONS;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) sessions.push(await begin(left));
    }),
  );
  console.log(`${SESSIONS} sessions registered and served on ${engine}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  const watchers = new Watchers();
  const watch = `GET ${plane.atSignet('/watch')} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${plane.gatewayToken}\r\n\r\n`;
  await watchers.open(portOf(service.url), watch, SESSIONS);
  await Promise.all(sessions.map((session) => report(session, 1)));

  // Idle: signs of life, spread over their interval.
  let due = performance.now();
  const until = due + IDLE_MS;
  const before = cpuOf(pid);
  const waiting: Promise<number>[] = [];
  for (let i = 0; performance.now() < until; i++) {
    waiting.push(report(sessions[i % SESSIONS]!, 1));
    due += REPORT_MS / SESSIONS;
    const wait = due - performance.now();
    if (wait > 0) await delay(wait);
  }
  await Promise.all(waiting);
  const after = cpuOf(pid);
  const part = (ms: number) => `${((ms / IDLE_MS) * 100).toFixed(1)} %`;
  const each = (ms: number) => `${((ms * 1000) / waiting.length).toFixed(0)} µs`;
  console.log(
    `idle: ${Math.round((waiting.length * 1000) / IDLE_MS)} reports a second take ${part(after.all - before.all)} of one core, ` +
      `${part(after.loop - before.loop)} of it the event loop's; ${each(after.all - before.all)} each, ${each(after.loop - before.loop)} of the loop`,
  );

  const [times, cpu, loop]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    const signId = await plane.key(`doomed_${round}`, publishId);
    // Making and binding it is told as well, and everybody is in step before it is deleted.
    await delay(1000);
    const told = watchers.told();
    const start = cpuOf(pid);
    const asked = performance.now();
    const gone = plane.call('DELETE', plane.at(`/signs/${signId}`), undefined, { prefer: 'wait=30' });
    await told;
    const revision = await report(sessions[0]!, 1);
    await Promise.all(sessions.map((session) => report(session, revision)));
    await gone;
    times.push(performance.now() - asked);
    const end = cpuOf(pid);
    cpu.push(end.all - start.all);
    loop.push(end.loop - start.loop);
  }
  const median = (values: number[]) => `${(share(values, 0.5) / 1000).toFixed(2)} s`;
  console.log(
    `a deletion, told to ${SESSIONS} and acknowledged by each, to its complete receipt: ${median(times)}, ` +
      `${median(cpu)} of processor time, ${median(loop)} of it the event loop's (medians of ${ROUNDS})`,
  );
  watchers.close();
}
