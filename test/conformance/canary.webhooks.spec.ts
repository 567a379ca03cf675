import { expect, it } from '@jest/globals';
import { everythingStored, formsOf } from '../support/canary.js';
import { createTestDatabase, onBothDatabases } from '../support/databases.js';
import { TestService } from '../support/service.js';
import { newUrl, WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

onBothDatabases((name) => {
  it('a webhook secret, an API key and a header’s value appear in no log line, error, audit row, file or table of the database', async () => {
    const test = await createTestDatabase(name);
    const service = await TestService.start(test, { ...WEBHOOK_ENV, SIGNET_LOG_LEVEL: 'trace' });
    const errors: string[] = [];
    const secrets = new Set<string>();
    try {
      const admin = await service.client();
      const client = await WebhookClient.of(admin, { label: 'canary-label' });
      secrets.add(client.key);
      const refused = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
        const answer = await client.call(method, path, body, headers);
        expect([path, answer.status]).toEqual([path, Math.max(answer.status, 400)]);
        errors.push(answer.text, JSON.stringify([...answer.headers]));
      };
      for (const mode of ['live', 'test']) secrets.add((await client.post('/v1/api-keys', { mode })).body.data.key);
      const revoked = (await client.post('/v1/api-keys', {})).body.data;
      secrets.add(revoked.key);
      await client.delete(`/v1/api-keys/${revoked.key_id}`);
      await refused('GET', '/v1/endpoints', undefined, { authorization: `Bearer ${revoked.key}` });
      await refused('GET', `/v1/endpoints?limit=x&key=${client.key}`);

      const headers = { 'X-Receiver': 'canary-header-value-0123456789' };
      secrets.add(headers['X-Receiver']);
      const imported = `whsec_${Buffer.from('canary of an imported secret').toString('base64')}`;
      secrets.add(imported);
      for (let i = 0; i < 3; i++) {
        const endpoint = await client.endpoint({ headers });
        secrets.add(endpoint.signing_secret);
        const keys = `/signet/v1/endpoints/${endpoint.id}/signing-keys`;
        const second = [undefined, { secret: imported }, { type: 'ed25519' }][i];
        const added = second ? await client.post(keys, second) : await client.post(`/v1/endpoints/${endpoint.id}/signing-keys`);
        expect(added.status).toBe(201);
        if (added.body.data) secrets.add(added.body.data.signing_secret);
        await client.patch(`/v1/endpoints/${endpoint.id}`, { headers: { ...headers, 'X-Other': 'a' } });
        await refused('POST', keys, { secret: imported });
        await refused('POST', keys, { secret: imported, type: 'ed25519' });
        await refused('POST', keys, { secret: `${imported}!` });
        await refused('POST', keys, { secret: imported, overlap_seconds: -1 });
        await refused('POST', keys, `{"secret":"${imported}"`);
        await refused('POST', '/v1/endpoints', { url: endpoint.url, headers });
        await refused('POST', '/v1/endpoints', { url: newUrl(), headers: { ...headers, Host: 'x' } });
        await refused('PATCH', `/v1/endpoints/${endpoint.id}`, { headers: { 'X-Receiver': `${headers['X-Receiver']}\r\n` } });
        if (i === 1) await client.delete(`/v1/endpoints/${endpoint.id}`);
      }

      const stored = await everythingStored(test, service);
      const logs = service.logs.join('');
      expect(logs).toContain('/signing-keys');
      expect(secrets.size).toBe(10);
      for (const secret of secrets) {
        // The secret is also searched without its public prefix.
        for (const form of [...formsOf(secret), secret.replace(/^(?:whsec_|hb_live_|hb_test_)/, '')]) {
          for (const [where, text] of Object.entries({ logs, errors: errors.join(''), stored })) {
            expect([form.slice(0, 14), where, text.includes(form)]).toEqual([form.slice(0, 14), where, false]);
          }
        }
      }
      // This shows that the search works: it finds a value that is stored in plain text on purpose.
      expect(stored.includes('canary-label')).toBe(true);
    } finally {
      await service.stop();
      await test.drop();
    }
  });
});
