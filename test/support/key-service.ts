import { expect } from '@jest/globals';
import type { KeyMaterial } from 'signet-signing';
import type { Receipt } from '../../src/lib/protocol/protocol.js';
import { createTestDatabase, type TestDatabase } from './databases.js';
import { Machine } from './machine.js';
import { type Client, TestService } from './service.js';
import { until } from './until.js';
import { VerifierProgram } from './verifier-program.js';

/** A program that reads SERVICE_URL, INSTANCE_ID, TOKEN and REPORT_ONLY, and answers a signed request with `signed with ID: BODY`. */
type Command = readonly string[];

/** A service whose keys a verifier's program fetches, and what every such program must do when a key is deleted. */
export class KeyService {
  private constructor(
    private readonly database: TestDatabase,
    private readonly service: TestService,
    private readonly client: Client,
  ) {}

  static async start(): Promise<KeyService> {
    const database = await createTestDatabase('sqlite');
    const service = await TestService.start(database);
    return new KeyService(database, service, await service.client());
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await this.database.drop();
  }

  /**
   * Expects that a deleted key is refused before its receipt says so, and that a process which ends is recorded as left.
   * @param asks whether the program fetches keys only while it is asked
   */
  async expectDeletionEndsAcceptance(command: Command, { asks = false } = {}): Promise<void> {
    const { instanceId, signId, backend, ask, deleted } = await this.#started(command);
    try {
      expect(await ask()).toEqual({ status: 200, text: `signed with ${signId}: body` });
      const path = await deleted();
      await until(async () => {
        if (asks) await ask();
        return (await this.#receipt(path)).refused_everywhere;
      }, 'the receipt says that the key is refused everywhere');
      expect(await ask()).toMatchObject({ status: 401, text: expect.stringContaining('"unknown_key"') });
      const name = { name: 'orders-backend', process_id: expect.stringMatching(/^[\w-]{16}$/) };
      expect((await this.#receipt(path)).verifiers).toMatchObject({
        state: 'complete',
        verifiers: [{ ...name, state: 'refuses', ending: null }],
      });
      const { verifiers } = (await this.client.get(`/signet/v1/instances/${instanceId}/verifiers`)).body;
      expect(verifiers).toMatchObject([{ ...name, max_age_seconds: 300 }]);
      expect(await backend.stop()).toBe(0);
      expect((await this.#receipt(path)).verifiers.verifiers).toMatchObject([{ ...name, ending: 'left' }]);
    } finally {
      await backend.stop();
    }
  }

  /** Expects that a process in report-only mode accepts a deleted key, and that no receipt says that it refuses it. */
  async expectReportOnlyClaimsNothing(command: Command): Promise<void> {
    const { backend, ask, deleted } = await this.#started(command, { REPORT_ONLY: 'yes' });
    try {
      const path = await deleted();
      expect(await ask()).toMatchObject({ status: 200 });
      const unknown = {
        refused_everywhere: false,
        verifiers: { state: 'behind', verifiers: [{ name: 'orders-backend', process_id: '', state: 'unknown' }] },
      };
      expect(await this.#receipt(path)).toMatchObject(unknown);
      expect(await backend.stop()).toBe(0);
      expect(await this.#receipt(path)).toMatchObject(unknown);
    } finally {
      await backend.stop();
    }
  }

  /** Starts the program with the keys of a new gateway, which has one key. */
  async #started(command: Command, env: Record<string, string> = {}) {
    const { client, service } = this;
    const instanceId = await client.gateway();
    const signs = `/v2/{project}/apigw/instances/${instanceId}/signs`;
    const { body: made } = await client.post(signs, { name: 'orders_key' });
    const key: KeyMaterial = { signType: 'hmac', signKey: made.sign_key, signSecret: made.sign_secret };
    const { token } = await Machine.of(client, instanceId, 'verifier');
    const settings = { SERVICE_URL: service.baseUrl, INSTANCE_ID: instanceId, TOKEN: token, ...env };
    const backend = await VerifierProgram.start(command, settings);
    return {
      instanceId,
      signId: made.id as string,
      backend,
      ask: () => backend.send({ target: '/a%2Fb', body: 'body', key }),
      deleted: async () => (await client.delete(`${signs}/${made.id}`)).headers.get('signet-receipt')!,
    };
  }

  async #receipt(path: string): Promise<Receipt> {
    return (await this.client.get(path)).body as Receipt;
  }
}
