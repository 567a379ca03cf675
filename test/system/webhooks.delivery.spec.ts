import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyWebhook } from 'signet-signing';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { joined } from '../support/environment.js';
import { ServedProcess } from '../support/process.js';
import { Receiver, type Reply } from '../support/receiver.js';
import { overdue } from '../support/slowness.js';
import { WebhookClient } from '../support/webhooks.js';

/** A private certificate authority, and its certificate for localhost. */
class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), 'signet-ca-'));
  readonly caFile = join(this.folder, 'ca.pem');

  constructor() {
    const file = (name: string) => join(this.folder, name);
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', '-x509', ...newKey, '-keyout', file('ca.key'), '-out', this.caFile, '-days', '2', '-subj', '/CN=Test CA');
    openssl('req', ...newKey, '-keyout', file('key'), '-out', file('csr'), '-subj', '/CN=localhost');
    writeFileSync(file('ext'), 'subjectAltName=DNS:localhost');
    const signed = ['-CA', this.caFile, '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', file('ext')];
    openssl('x509', '-req', '-in', file('csr'), '-out', file('cert'), ...signed);
  }

  get tls(): { key: string; cert: string } {
    return { key: readFileSync(join(this.folder, 'key'), 'utf8'), cert: readFileSync(join(this.folder, 'cert'), 'utf8') };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const ENV = { SIGNET_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8,::1/128', SIGNET_WEBHOOKS: 'http=allow' };
/** Time limit of an attempt. Some attempts must reach it, all at the same time, and on a busy machine the others must not. */
const TIMEOUT_SECONDS = 10;
const PATIENCE_MS = 90_000;

/** Repeats a request until the answer is as expected. @throws after {@link PATIENCE_MS}, with the last answer */
async function until<T>(ask: () => Promise<T>, done: (answer: T) => boolean): Promise<T> {
  for (const began = performance.now(); ; ) {
    const answer = await ask();
    if (done(answer)) return answer;
    if (overdue(began, PATIENCE_MS)) throw new Error(`the last answer was ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const send = async (client: WebhookClient, endpoint_id: string, payload: object): Promise<string> => {
  const answer = await client.post('/v1/webhooks/send', { endpoint_id, payload });
  expect(answer.status).toBe(202);
  return answer.body.data.message_id as string;
};
const message = async (client: WebhookClient, id: string) => (await client.get(`/v1/messages/${id}`)).body.data as Record<string, any>;

describe('over HTTPS, with a private certificate authority,', () => {
  let authority: Authority;
  let database: TestDatabase;
  let receiver: Receiver;
  let served: ServedProcess;
  let client: WebhookClient;

  beforeAll(async () => {
    authority = new Authority();
    database = await createTestDatabase('sqlite');
    receiver = await Receiver.start(authority.tls);
    served = await ServedProcess.start({
      ...database.env,
      ...joined(ENV, { SIGNET_WEBHOOKS: `timeout=${TIMEOUT_SECONDS}s` }),
      NODE_EXTRA_CA_CERTS: authority.caFile,
    });
    client = await WebhookClient.of(await served.admin());
  });
  afterAll(async () => {
    await served.stop();
    await receiver.stop();
    await database.drop();
    authority.remove();
  });

  const slowBody: Reply = (_, response) => void response.writeHead(200).write('slow');
  const cases: [string, Reply, Record<string, unknown>][] = [
    ['200', 200, { status: 'succeeded', response_status: 200, last_error: null }],
    ['503', 503, { status: 'pending_retry', response_status: 503 }],
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '3600' } }, { status: 'pending_retry', response_status: 429 }],
    ['410', 410, { status: 'failed_permanent', response_status: 410 }],
    ['no answer', () => undefined, { status: 'pending_retry', response_status: null, last_error: `no answer within ${TIMEOUT_SECONDS} s` }],
    ['a connection that breaks', ({ socket }) => void socket.destroy(), { status: 'pending_retry', response_status: null }],
    ['a body that does not end', slowBody, { status: 'succeeded', response_status: 200 }],
    ['a redirect', { status: 302, headers: { location: 'https://example.com/' } }, { status: 'failed_permanent', response_status: 302 }],
  ];

  it('every kind of answer is recorded correctly, and every delivery can be verified', async () => {
    const secrets: string[] = [];
    const replies = new Map(cases.map(([name, reply]) => [`/${encodeURIComponent(name)}`, reply]));
    receiver.reply = (request, response) => Receiver.answer(replies.get(request.url!)!, request, response);
    const ids: string[] = [];
    for (const path of replies.keys()) {
      const endpoint = await client.endpoint({ url: receiver.origin + path });
      secrets.push(endpoint.signing_secret);
      ids.push(await send(client, endpoint.id, { path }));
    }
    for (const [i, [name, , shown]] of cases.entries()) {
      const now = await until(
        () => message(client, ids[i]!),
        ({ attempt_count }) => attempt_count > 0,
      );
      expect([name, now]).toEqual([name, expect.objectContaining(shown)]);
    }
    const [first] = receiver.deliveries;
    expect(verifyWebhook(first!, { dialect: 'standard', secrets }).ok).toBe(true);
    for (const delivery of receiver.deliveries) {
      expect(verifyWebhook(delivery, { dialect: 'standard', secrets, toleranceSeconds: 600 }).ok).toBe(true);
      expect(verifyWebhook(delivery, { dialect: 'x-webhook', secrets, toleranceSeconds: 600 }).ok).toBe(true);
    }
    const { data } = (await client.get('/v1/logs?status=succeeded')).body;
    const attempts = (await client.get(`/v1/messages/${data.at(-1).message_id}/attempts`)).body.data;
    expect(attempts[0]).toMatchObject({
      dns_ms: expect.any(Number),
      tcp_connect_ms: expect.any(Number),
      tls_handshake_ms: expect.any(Number),
    });
    const truncated = (await client.get(`/v1/messages/${data[0].message_id}/attempts`)).body.data;
    expect(truncated[0]).toMatchObject({ response_status: 200, response_body_truncated: true });
  });

  it('a certificate of another authority counts as no answer', async () => {
    const stranger = new Authority();
    const other = await Receiver.start(stranger.tls);
    try {
      const id = await send(client, (await client.endpoint({ url: `${other.origin}/x` })).id, {});
      const shown = await until(
        () => message(client, id),
        ({ attempt_count }) => attempt_count > 0,
      );
      expect(shown).toMatchObject({ status: 'pending_retry', last_error: expect.stringMatching(/^TLS failed/) });
      expect(other.deliveries).toEqual([]);
    } finally {
      await other.stop();
      stranger.remove();
    }
  });
});

onBothDatabases((name) => {
  let database: TestDatabase;
  let receiver: Receiver;
  const running: ServedProcess[] = [];

  beforeAll(async () => {
    database = await createTestDatabase(name);
    receiver = await Receiver.start();
  });
  afterAll(async () => {
    for (const served of running) await served.stop();
    await receiver.stop();
    await database.drop();
  });
  const start = async () => {
    // A killed process keeps its messages for twice this time plus 5 s.
    const served = await ServedProcess.start({ ...database.env, ...joined(ENV, { SIGNET_WEBHOOKS: 'timeout=10s' }) });
    running.push(served);
    return served;
  };

  const IDS = /"n":(\d+)/;
  const arrivals = () => {
    const counts = new Map<number, number>();
    for (const { body } of receiver.deliveries) {
      const n = Number(IDS.exec(body)![1]);
      counts.set(n, (counts.get(n) ?? 0) + 1);
    }
    return counts;
  };
  const metrics = async (client: WebhookClient) => (await client.get('/v1/metrics')).body.data as Record<string, number>;

  it('two processes share the work and deliver each message once', async () => {
    const [one, two] = [await start(), await start()];
    const client = await WebhookClient.of(await one.admin());
    const other = new WebhookClient(two.baseUrl, client.key);
    const endpoint = await client.endpoint({ url: `${receiver.origin}/shared` });
    await Promise.all(Array.from({ length: 200 }, (_, n) => send(n % 2 ? client : other, endpoint.id, { n })));
    await until(
      () => metrics(client),
      ({ succeeded }) => succeeded === 200,
    );
    expect([...arrivals().values()]).toEqual(Array.from({ length: 200 }, () => 1));
  });

  it('an accepted message is delivered, whenever its process is killed', async () => {
    const [, two] = running as [ServedProcess, ServedProcess];
    let [one] = running as [ServedProcess];
    const client = await WebhookClient.of(await two.admin());
    const endpoint = await client.endpoint({ url: `${receiver.origin}/killed` });
    receiver.reply = (_, response) => void setTimeout(() => response.end(), 20);
    const accepted: number[] = [];
    let n = 1000;
    for (let round = 0; round < 3; round++) {
      const at = new WebhookClient(one.baseUrl, client.key);
      const sending = Array.from({ length: 60 }, async () => {
        const mine = n++;
        // Without an answer, the message was not accepted.
        const answer = await at.post('/v1/webhooks/send', { endpoint_id: endpoint.id, payload: { n: mine } }).catch(() => undefined);
        if (answer?.status === 202) accepted.push(mine);
      });
      await receiver.arrived(receiver.deliveries.length + 1 + 10 * round);
      await one.stop('SIGKILL');
      await Promise.all(sending);
      one = await start();
    }
    expect(accepted.length).toBeGreaterThan(20);
    await until(
      () => metrics(client),
      ({ succeeded, total_messages }) => succeeded === total_messages,
    );
    const arrived = arrivals();
    expect(accepted.filter((each) => !arrived.has(each))).toEqual([]);
  });
});
