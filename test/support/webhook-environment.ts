import { createTestDatabase, type TestDatabase } from './databases.js';
import { joined } from './environment.js';
import { MovedClock } from './messages.js';
import { LOOPBACK_ENV, Receiver } from './receiver.js';
import { type Client, TestService } from './service.js';
import { type NewEndpoint, WebhookClient } from './webhooks.js';

/** A service with a local receiver and a manual clock. */
export class WebhookEnvironment {
  #paths = 0;

  private constructor(
    readonly database: TestDatabase,
    readonly service: TestService,
    readonly receiver: Receiver,
    readonly clock: MovedClock,
    /** A client with a token. */
    readonly admin: Client,
    /** A client with an API key of the same project. */
    readonly client: WebhookClient,
  ) {}

  static async open(name: 'sqlite' | 'mariadb', env: Record<string, string> = {}): Promise<WebhookEnvironment> {
    const database = await createTestDatabase(name);
    const receiver = await Receiver.start();
    const service = await TestService.start(database, joined(LOOPBACK_ENV, env));
    const admin = await service.client();
    const clock = new MovedClock(service);
    await clock.settled();
    return new WebhookEnvironment(database, service, receiver, clock, admin, await WebhookClient.of(admin));
  }

  async close(): Promise<void> {
    await this.service.stop();
    await this.receiver.stop();
    await this.database.drop();
  }

  /** Creates an endpoint at a unique path of the receiver. */
  async endpoint(input: Record<string, unknown> = {}): Promise<NewEndpoint & { path: string }> {
    const path = `/hook/${this.#paths++}`;
    return { ...(await this.client.endpoint({ url: this.receiver.origin + path, ...input })), path };
  }

  send = (body: unknown) => this.client.post('/v1/webhooks/send', body);

  /** Sends a message. @returns its id */
  async accepted(endpointId: string, input: Record<string, unknown> = {}): Promise<string> {
    const answer = await this.send({ endpoint_id: endpointId, payload: { event: 'order.created' }, ...input });
    if (answer.status !== 202) throw new Error(`the message was not accepted: ${answer.status} ${answer.text}`);
    return answer.body.data.message_id as string;
  }

  message = async (id: string) => (await this.client.get(`/v1/messages/${id}`)).body.data as Record<string, any>;
  attempts = async (id: string) => (await this.client.get(`/v1/messages/${id}/attempts`)).body.data as Record<string, any>[];
}
