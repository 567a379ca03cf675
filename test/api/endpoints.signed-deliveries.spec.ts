import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { verifyWebhook } from '#signing/webhook.js';
import { onBothDatabases } from '../support/databases.js';
import type { Delivery } from '../support/receiver.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';

const HOUR_MS = 3_600_000;

onBothDatabases((name) => {
  let environment: WebhookEnvironment;
  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name);
  });
  afterAll(() => environment.close());

  const details = (id: string) => `/signet/v1/endpoints/${id}/signing-keys`;
  const delivered = async ({ id, path }: { id: string; path: string }): Promise<Delivery> => {
    await environment.accepted(id);
    await environment.clock.settled();
    return environment.receiver.at(path).at(-1)!;
  };
  const verified = (delivery: Delivery, secret: string, dialect: 'x-webhook' | 'standard' = 'standard') =>
    verifyWebhook(delivery, { dialect, secrets: [secret], now: environment.clock.now }).ok;

  it('a delivery is signed with an imported secret and with the old key, until the overlap is over', async () => {
    const endpoint = await environment.endpoint();
    const secret = `whsec_${Buffer.from('a secret that was made elsewhere').toString('base64')}`;
    expect((await environment.client.post(details(endpoint.id), { secret, overlap_seconds: 3600 })).status).toBe(201);
    const during = await delivered(endpoint);
    for (const dialect of ['standard', 'x-webhook'] as const)
      expect([secret, endpoint.signing_secret].map((each) => verified(during, each, dialect))).toEqual([true, true]);
    await environment.clock.advance(HOUR_MS);
    const after = await delivered(endpoint);
    for (const dialect of ['standard', 'x-webhook'] as const)
      expect([secret, endpoint.signing_secret].map((each) => verified(after, each, dialect))).toEqual([true, false]);
  });

  it('a delivery that only an ed25519 key signs is verified with its public key, and has no X-Webhook-Signature', async () => {
    const endpoint = await environment.endpoint();
    const { public_key } = (await environment.client.post(details(endpoint.id), { type: 'ed25519', overlap_seconds: 0 })).body;
    const delivery = await delivered(endpoint);
    expect([verified(delivery, public_key), verified(delivery, endpoint.signing_secret)]).toEqual([true, false]);
    expect(delivery.headers['x-webhook-signature']).toBeUndefined();
    expect(delivery.headers['webhook-signature']).toMatch(/^v1a,[A-Za-z0-9+/]{86}==$/);
  });

  it('a key shows to the minute when it last signed, and nothing if it has not signed', async () => {
    const endpoint = await environment.endpoint();
    const before = environment.clock.now();
    await delivered(endpoint);
    await environment.client.post(details(endpoint.id), {});
    const list = async () => (await environment.client.get(details(endpoint.id))).body.signing_keys as { last_used_at: string | null }[];
    while ((await list())[1]!.last_used_at === null);
    const [newer, older] = await list();
    expect(newer!.last_used_at).toBeNull();
    expect(Math.abs(Date.parse(older!.last_used_at!) - before)).toBeLessThan(60_000);
  });
});
