// The floor of delivering: bare undici that posts bodies with an HMAC in each dialect, 32 at once (the service's 128 to one endpoint
// would slow it down). It reads and stores nothing. POST /?n=1000 sends that many and responds once all are answered.
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { Pool } from 'undici';
import { v7 } from 'uuid';

const CONNECTIONS = 32;
const target = new URL(process.env['SENDER_TARGET'] ?? '');
const body = process.env['SENDER_BODY'] ?? '{}';
const secret = 'whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY';
const key = Buffer.from(secret.slice(6), 'base64');
const pool = new Pool(target.origin, { connections: CONNECTIONS, pipelining: 1 });

async function send(): Promise<void> {
  const id = v7();
  const timestamp = String(Math.floor(Date.now() / 1000));
  const hex = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  const base64 = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  const answer = await pool.request({
    method: 'POST',
    path: target.pathname,
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'floor',
      'x-webhook-id': id,
      'x-webhook-timestamp': timestamp,
      'x-webhook-signature': `sha256=${hex}`,
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${base64}`,
    },
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`the receiver answered ${answer.statusCode}`);
}

const server = createServer((request, response) => {
  const amount = Number(new URL(request.url ?? '', 'http://floor').searchParams.get('n') ?? 0);
  let left = amount;
  const worker = async () => {
    while (left-- > 0) await send();
  };
  void Promise.all(Array.from({ length: CONNECTIONS }, worker)).then(
    () => response.end(),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});

process.on('SIGTERM', () => process.exit(0));
server.listen(Number(process.env['SENDER_PORT']), '127.0.0.1');
