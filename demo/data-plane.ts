import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { startDemoBackend } from '../dist/gateway/backend/demo-backend.js';
import type { Client } from './client.ts';
import { check, including } from './expect.ts';
import { GatewayNode, Nginx } from './gateway-node.ts';
import type { Gateway } from './gateway.ts';
import type { Key, Publication } from './model.ts';
import type { Part } from './part.ts';

const PROBES = 10_000;
const PROBES_IN_FLIGHT = 64;
/** The deletion goes out when this share of the probes has been answered. */
const SHARE_BEFORE = 0.4;
const BODY = JSON.stringify({ item: 1, note: 'signed with its body' });
const IN_STEP_MS = 10_000;

/** A gateway node signs, a backend verifies, and a deletion is proved by requests that are in flight around it. */
export const dataPlane: Part = {
  title: 'Part 4, the data plane: deletions proved',
  async run({ gateway, api, progress }) {
    const keys = new Map<string, Key>();
    // It goes on accepting a deleted key: whatever a gateway still signs with one is seen.
    const backend = await startDemoBackend(0, (id) => {
      const key = keys.get(id);
      return key && { id: key.id, signType: 'hmac', signKey: key.sign_key, signSecret: key.sign_secret };
    });
    let node: GatewayNode | undefined;
    let nginx: Nginx | undefined;
    try {
      progress.stage('a gateway node and a backend that verifies', 3);
      const made = await api.post(
        `/signet/v1/instances/${gateway.id}/gateway-tokens`,
        { role: 'gateway', name: 'demo' },
        { status: 201, body: including({ token: /^sgw_/ }) },
      );
      node = await GatewayNode.start(api.wire.baseUrl, gateway.id, made.token as string, backend.port);
      const publication = gateway.model.publications.find(
        ({ api: { req_method }, environment }) => req_method === 'POST' && environment.name === 'RELEASE',
      ) as Publication;
      const bound = async (name: string) => {
        const key = await gateway.createKey('hmac', { name });
        keys.set(key.sign_key, key);
        await gateway.bind(key, [publication]);
        return key;
      };
      const target = { gateway, api, path: publication.api.req_uri };

      progress.stage(`${PROBES} requests through the signing proxy around a deletion`, 3);
      const first = await around(await bound('data_plane'), { ...target, port: node.proxyPort, bodySigned: true });
      const told = [`signing proxy: ${first}`];

      nginx = await Nginx.start(gateway.id, node.signPort, backend.port);
      if (nginx) {
        progress.stage(`${PROBES} requests through stock nginx around a deletion`, 3);
        told.push(`stock nginx: ${await around(await bound('data_plane_nginx'), { ...target, port: nginx.port, bodySigned: false })}`);
      } else told.push('stock nginx: not installed');
      return told.join('\n  ');
    } finally {
      await nginx?.stop();
      await node?.stop();
      await backend.close();
    }
  },
};

interface Target {
  gateway: Gateway;
  api: Client;
  path: string;
  port: number;
  /** nginx's auth subrequest has no body to sign. */
  bodySigned: boolean;
}

interface Probe {
  began: number;
  status: number;
}

/**
 * Deletes a key while requests go through a gateway, and compares what became of them with the moment its receipt was complete.
 * @returns what was seen, in a line
 * @throws Difference when a request that began after that moment was signed
 */
async function around(key: Key, { gateway, api, path, port, bodySigned }: Target): Promise<string> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: PROBES_IN_FLIGHT });
  const send = async () => {
    const { statusCode, body } = await pool.request({ method: 'POST', path, body: BODY, headers: { 'content-type': 'application/json' } });
    return { status: statusCode, text: await body.text() };
  };
  try {
    await inStep(send);
    const signed = await send();
    const request = including({ method: 'POST', url: path, body_bytes: Buffer.byteLength(BODY) });
    check(`POST ${path} through the gateway`, including({ status: 200, ok: true, keyId: key.id, bodySigned, request }), {
      status: signed.status,
      ...(JSON.parse(signed.text) as object),
    });

    const probes: Probe[] = [];
    let left = PROBES;
    let deletion: Promise<Deleted> | undefined;
    const worker = async () => {
      while (left-- > 0) {
        const began = performance.now();
        probes.push({ began, status: (await send()).status });
        if (probes.length >= PROBES * SHARE_BEFORE) deletion ??= deleted(gateway, api, key);
      }
    };
    await Promise.all(Array.from({ length: PROBES_IN_FLIGHT }, worker));
    const { sent, complete } = await (deletion as Promise<Deleted>);
    const [before, after] = [probes.filter(({ began }) => began <= complete), probes.filter(({ began }) => began > complete)];
    const count = (of: readonly Probe[], status: number) => of.filter((each) => each.status === status).length;
    check('answers other than 200 and 403', 0, probes.length - count(probes, 200) - count(probes, 403));
    check('requests signed with the key that began after its receipt was complete', 0, count(after, 200));
    check('that both kinds of request were there', true, count(before, 200) > 0 && after.length > 0);
    check(`POST ${path} through the gateway, afterwards`, 403, (await send()).status);
    return `200${bodySigned ? ' with the body covered' : ''}, deleted, receipt complete in ${(complete - sent).toFixed(1)} ms, 403; of ${PROBES} requests ${count(probes, 200)} were signed, and of ${after.length} that began after the receipt none`;
  } finally {
    await pool.close();
  }
}

/** A bind tells nobody when gateways have it: the first signed answer does. */
async function inStep(send: () => Promise<{ status: number }>): Promise<void> {
  for (const end = performance.now() + IN_STEP_MS; performance.now() < end; await delay(5)) if ((await send()).status === 200) return;
  throw new Error('the gateway does not sign with a key that was bound ten seconds ago');
}

interface Deleted {
  sent: number;
  complete: number;
}

/** `DELETE …/signs/{id}` that answers when every gateway has acknowledged it, and the receipt that says so. */
async function deleted(gateway: Gateway, api: Client, key: Key): Promise<Deleted> {
  const sent = performance.now();
  const { status, headers } = await api.send('DELETE', gateway.at(`/signs/${key.id}`), undefined, { prefer: 'wait=10' });
  const complete = performance.now();
  check(`DELETE ${gateway.at(`/signs/${key.id}`)}, Prefer: wait=10`, 204, status);
  gateway.model.deleteKey(key);
  await api.get(String(headers['signet-receipt']), {
    status: 200,
    body: including({ complete: true, sessions: [including({ node_id: 'demo', state: 'acknowledged', acknowledged_at: /^\d{4}-/ })] }),
  });
  return { sent, complete };
}
