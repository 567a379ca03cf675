import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verifyWebhook, type WebhookDialect } from 'signet-signing';
import type { Answer, Client } from './client.ts';
import { check, type Expected, including } from './expect.ts';

/** What the server of this story needs: its receiver is on loopback, without TLS. */
export const WEBHOOK_ENVIRONMENT = { SIGNET_WEBHOOKS: 'http=allow', SIGNET_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' };

const DIALECTS: readonly WebhookDialect[] = ['x-webhook', 'standard'];
const ARRIVAL_MS = 30_000;

const meta = including({ request_id: /^req_/ });
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const SECRET = /^whsec_[A-Za-z0-9+/]{32}$/;
const SIGNING_KEY = /^sk_[a-f0-9]{32}$/;

interface Delivery {
  headers: IncomingHttpHeaders;
  body: string;
}

/** Gets webhooks on loopback and answers 200. */
class Receiver {
  readonly #server: HttpServer;
  readonly #arrived: Delivery[] = [];
  #wake: () => void = () => {};

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.#arrived.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
        response.end();
        this.#wake();
      });
    });
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** @throws Error when none comes */
  async next(): Promise<Delivery> {
    const end = performance.now() + ARRIVAL_MS;
    while (this.#arrived.length === 0) {
      if (performance.now() > end) throw new Error(`no delivery within ${ARRIVAL_MS / 1000} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wake = () => (clearTimeout(timer), resolve());
      });
    }
    return this.#arrived.shift() as Delivery;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/**
 * The life of an endpoint's keys, seen by its receiver: signed by one, by both, by the new one alone; the last one stays.
 * @param api with a token of the project
 * @param tell takes each step's line
 * @throws Difference
 */
export async function webhooks(api: Client, tell: (line: string) => void): Promise<void> {
  const receiver = await Receiver.start();
  try {
    const made = await api.post(
      '/v1/api-keys',
      { label: 'demo', mode: 'test' },
      { status: 201, body: including({ data: including({ key: /^hb_test_/ }), meta }) },
    );
    const headers = { authorization: `Bearer ${made.data.key as string}` };
    const call = (method: string, path: string, expected: Answer, body?: unknown) =>
      api.as(undefined).expect(method, path, expected, { body, headers });
    const answered = (status: number, data: Expected): Answer => ({ status, body: { data, meta } });
    tell('API key made; everything below is called with it');

    const endpoint = await call(
      'POST',
      '/v1/endpoints',
      answered(201, including({ url: receiver.url, signing_key_id: SIGNING_KEY, signing_secret: SECRET })),
      { url: receiver.url },
    );
    const { id, signing_key_id: oldKey, signing_secret: oldSecret } = endpoint.data as Record<string, string>;
    const keys = `/v1/endpoints/${id}/signing-keys`;
    tell(`endpoint ${id} created with one signing key; the secret is in this answer and nowhere else`);

    const deliver = async (order: number): Promise<Delivery> => {
      const payload = { event: 'order.created', order };
      const sent = await call('POST', '/v1/webhooks/send', answered(202, { message_id: /^[0-9a-f-]{36}$/, status: 'queued' }), {
        endpoint_id: id,
        payload,
      });
      const delivery = await receiver.next();
      check('the body that was delivered', JSON.stringify(payload), delivery.body);
      check(
        'the message id that was delivered',
        [sent.data.message_id, sent.data.message_id],
        [delivery.headers['webhook-id'], delivery.headers['x-webhook-id']],
      );
      return delivery;
    };
    const verify = (delivery: Delivery, secret: string | undefined) =>
      DIALECTS.map((dialect) => verifyWebhook(delivery, { dialect, secrets: [secret ?? ''] }).ok);

    check('the delivery under the only key, in both dialects', [true, true], verify(await deliver(1), oldSecret));
    tell('message 1 delivered: verified with the key, by X-Webhook-Signature and by webhook-signature');

    const added = await call(
      'POST',
      keys,
      answered(201, { id: SIGNING_KEY, signing_secret: SECRET, key_hint: /^.{4}$/, created_at: INSTANT }),
    );
    const { id: newKey, signing_secret: newSecret } = added.data as Record<string, string>;
    const both = await deliver(2);
    check('the delivery under the new key, while both live', [true, true], verify(both, newSecret));
    check('the delivery under the old key, while both live', [true, true], verify(both, oldSecret));
    tell('second key added; message 2 delivered: verified with either');

    await call('DELETE', `${keys}/${oldKey}`, { status: 204 });
    const alone = await deliver(3);
    check('the delivery under the new key, once the old one is deleted', [true, true], verify(alone, newSecret));
    check('the delivery under the deleted key', [false, false], verify(alone, oldSecret));
    tell('old key deleted (204); message 3 delivered: verified with the new key, refused with the old one');

    const refused = (code: string, message: string): Expected => ({ error: { code, message }, meta });
    await call('DELETE', `${keys}/${newKey}`, {
      status: 409,
      body: refused('CANNOT_DELETE_LAST_SIGNING_KEY', 'Cannot delete the last signing key'),
    });
    await call('DELETE', `${keys}/${oldKey}`, { status: 404, body: refused('NOT_FOUND', 'Signing key not found') });
    await call('GET', keys, answered(200, [including({ id: newKey ?? '' })]));
    check('the delivery after the refusal', [true, true], verify(await deliver(4), newSecret));
    tell('deleting the last key refused (409 CANNOT_DELETE_LAST_SIGNING_KEY): it is still there, and signs message 4');
    await call('DELETE', `/v1/endpoints/${id}`, answered(200, { deleted: true }));
  } finally {
    receiver.stop();
  }
}
