import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { ServedProcess, signet } from '../support/process.js';

describe('the gateway node beside the control plane', () => {
  let test: TestDatabase;
  let env: Record<string, string>;
  beforeEach(async () => {
    test = await createTestDatabase('sqlite');
    env = {
      ...test.env,
      SIGNET_EMBEDDED_GATEWAY: 'on',
      SIGNET_GATEWAY_PORT: '0',
      SIGNET_GATEWAY_SIGN_PORT: '0',
      SIGNET_DEMO_BACKEND_PORT: '0',
    };
  });
  afterEach(() => test.drop());

  /** The credentials of the demo gateway, seen by a control plane without an embedded node. */
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

  it('leaves no credential behind when it stops, and none of a node that was killed when it starts again', async () => {
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

  it.each(['SIGNET_DEMO_BACKEND_PORT', 'SIGNET_GATEWAY_PORT'])(
    'says which variable to set when the port of %s is taken',
    async (variable) => {
      const holder = createServer().listen(0, '127.0.0.1');
      await once(holder, 'listening');
      const { port } = holder.address() as { port: number };
      const served = await serving({ ...env, [variable]: String(port) });
      expect(served).toMatchObject({ code: 1, stderr: expect.stringContaining(`choose another with ${variable}`) });
      expect(served.stdout).not.toContain('export TOKEN=');
      holder.close();
    },
  );
});
