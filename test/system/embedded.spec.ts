import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createEmptyDatabase, type TestDatabase } from '../support/databases.js';
import { joined } from '../support/environment.js';
import { ServedProcess, signet } from '../support/process.js';

describe('the embedded gateway node', () => {
  let test: TestDatabase;
  let env: Record<string, string>;
  beforeEach(async () => {
    test = await createEmptyDatabase('sqlite');
    env = {
      ...test.env,
      SIGNET_EMBEDDED_GATEWAY: 'on',
      SIGNET_GATEWAY_LISTEN: 'proxy=0,sign=0,demo-backend=0',
    };
  });
  afterEach(() => test.drop());

  /** Names of the demo gateway's credentials, as the given control plane lists them. */
  const credentials = async (served: ServedProcess) => {
    const admin = await served.admin();
    const instance = (await admin.get('/v2/{project}/apigw/instances')).body.instances[0].id as string;
    const { body } = await admin.get(`/signet/v1/instances/${instance}/gateway-tokens`);
    return (body.gateway_tokens as { name: string }[]).map(({ name }) => name).sort();
  };
  const serving = (variables: Record<string, string>) => signet(['serve'], { SIGNET_PORT: '0', ...variables });
  const welcomed = async (served: ServedProcess) => {
    while (!served.output.includes('export TOKEN=')) await once(served.child.stdout!, 'data');
    return served;
  };

  it('deletes its credentials when it stops, and at its next start if it was killed', async () => {
    const killed = await welcomed(await ServedProcess.start(env));
    expect(await credentials(killed)).toEqual(['embedded gateway', 'embedded verifier']);
    await killed.stop('SIGKILL');
    const again = await welcomed(await ServedProcess.start(env));
    expect(await credentials(again)).toEqual(['embedded gateway', 'embedded verifier']);
    expect(await again.stop()).toBe(0);
    const without = await ServedProcess.start(test.env);
    expect(await credentials(without)).toEqual([]);
    await without.stop();
  });

  it.each(['demo-backend', 'proxy'])('prints which setting to change if the port of %s is taken', async (item) => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    const served = await serving(joined(env, { SIGNET_GATEWAY_LISTEN: `${item}=${port}` }));
    expect(served).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`choose another with .*${item}.* in SIGNET_GATEWAY_LISTEN`)),
    });
    expect(served.stdout).not.toContain('export TOKEN=');
    holder.close();
  });
});
