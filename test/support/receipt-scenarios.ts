import { cpSync } from 'node:fs';
import { type Answer, Client } from './service.js';
import { TestSession } from './session.js';
import type { LeftOut } from './left-out.js';
import { hasNamed, isSilenceStored } from './probed-plane.js';
import { pause, until } from './until.js';
import { Backup } from './put-back.js';
import type { Ground, ProbedNode } from './receipt-ground.js';
import { binaryOf } from './stock-gateways.js';

interface Control {
  readonly leftOut: LeftOut;
  readonly by: 'control plane' | 'nodes';
  /**
   * The lease in seconds. It is longer than that of the scenario if the receipt does not wait for a lease without this rule, so that it
   * does not end too early on a busy machine.
   */
  readonly leaseSeconds?: number;
}

/** A fault around the end of one key. */
export interface Scenario {
  readonly name: string;
  /** The rules that it needs. Without any one of them, a probe finds a false receipt. */
  readonly controls: readonly Control[];
  readonly leaseSeconds: number;
  /** Whether it disturbs a control plane, or the database that all share. */
  readonly alone?: 'control plane' | 'database';
  /** Starts its nodes, and resolves when they sign. */
  prepare(ground: Ground): Promise<unknown>;
  /**
   * Causes the fault, ends the key, and probes after the receipt is complete. @param probes required number of requests per node that
   * began after the receipt
   */
  act(ground: Ground, probes: number): Promise<void>;
}

const hasHaproxy = binaryOf('haproxy') !== undefined || process.env['CI'] === 'true';
const HOUR = 3600;
const LONG = 60;
/** The number of requests that show that a disconnected node still signs. */
const SIGNED_ON = 10;
/** Receipts are checked once a second. */
const TOO_EARLY_MS = 2000;

const one = (ground: Ground): ProbedNode => ground.nodes[0]!;

/** Waits until the receipt is complete and each node has answered this many probes after it. */
async function proved(ground: Ground, receipt: string, probes: number, nodes: readonly ProbedNode[] = ground.nodes): Promise<void> {
  await until(() => ground.isComplete(receipt), `the receipt ${receipt}`);
  await Promise.all(nodes.map((node) => ground.probed(node, probes)));
}

/** A disconnected node signs until its lease ends, and the receipt must wait for it. */
async function signsOn({ probes }: ProbedNode): Promise<void> {
  const { signed } = probes;
  await until(() => probes.signed >= signed + SIGNED_ON || probes.key === undefined, 'a node that is cut off to sign');
}

/** Sends requests with another credential of the gateway. */
async function says(ground: Ground, token: string, path: string, body: unknown): Promise<Answer> {
  const client = new Client(ground.plane.served.baseUrl, ground.plane.projectId, '');
  return client.call('PUT', ground.own(path), body, { authorization: `Bearer ${token}` });
}

/** With another credential, reports that a process has applied everything, that it has left, and that it is dead. */
async function forged(ground: Ground, victim: string, name: string, revision: number): Promise<void> {
  const [token] = await ground.credential();
  const forger = new TestSession(ground.gateway, name);
  const succeeds = { session_id: victim, signature: new TestSession(ground.gateway, 'x').succeededBy(forger).signature };
  const registered = await says(ground, token, `/sessions/${forger.sessionId}`, { ...forger.registration(), succeeds });
  if (registered.status !== 200) throw new Error(`a registration was answered ${registered.status}`);
  forger.epoch = registered.body.epoch as string;
  forger.counter = 100_000;
  for (const leaving of [false, true]) await says(ground, token, `/sessions/${victim}/report`, forger.report(revision, { leaving }));
}

/** Connections to a worker before a reload. */
const KEPT = 40;

/** Reloads HAProxy. Each of some open connections can still carry one request to the previous worker. */
async function reloaded({ front, probes }: ProbedNode): Promise<void> {
  probes.keep(await front!.connected(KEPT));
  await front!.reload();
}

/** Waits until the node has polled the current worker. */
async function lookedAt({ front }: ProbedNode): Promise<void> {
  const { handed } = front!.admin;
  await until(() => front!.admin.handed >= handed + 2, 'a node to look at its HAProxy');
}

/** A restore that loses less than a second of answers is not detected. */
const MORE_THAN_A_SECOND = 3;
const beats = (ground: Ground) => Promise.all(ground.planes.map((plane) => plane.beats(MORE_THAN_A_SECOND)));

const HAPROXY: readonly Scenario[] = [
  {
    name: 'HAProxy is reloaded twice, and its admin socket fails meanwhile and when a key ends',
    controls: [{ leftOut: 'holdLostOnError', by: 'nodes' }],
    leaseSeconds: 60,
    prepare: async (ground) => ground.node({ front: await ground.front(true) }),
    async act(ground, probes) {
      const node = one(ground);
      const { admin } = node.front!;
      await reloaded(node);
      await lookedAt(node);
      admin.fail();
      await reloaded(node);
      admin.recover();
      await lookedAt(node);
      admin.fail();
      const receipt = await ground.end('delete');
      await until(() => admin.refused > 1, 'a node to fail to reach its HAProxy');
      admin.recover();
      await proved(ground, receipt, probes);
    },
  },
  {
    name: 'the agent of an HAProxy is killed, and another one starts while old workers end what they have',
    controls: [{ leftOut: 'freshAgentHoldsNothing', by: 'nodes' }],
    leaseSeconds: 60,
    prepare: async (ground) => ground.node({ front: await ground.front(false) }),
    async act(ground, probes) {
      const node = one(ground);
      await node.process.stop('SIGKILL');
      await reloaded(node);
      const receipt = await ground.end('delete');
      await ground.again(node);
      await proved(ground, receipt, probes);
    },
  },
];

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'keys end one after the other, and nothing is wrong',
    controls: [{ leftOut: 'receivedIsApplied', by: 'nodes' }],
    leaseSeconds: 60,
    prepare: (ground) => Promise.all([ground.node(), ground.node({ offset: HOUR })]),
    async act(ground, probes) {
      for (let round = 0; round < 5 && ground.violations.length === 0; round++) {
        if (round > 0) {
          await ground.newKey();
          await ground.signing();
        }
        await proved(ground, await ground.end(round % 2 === 0 ? 'unbind' : 'delete'), Math.ceil(probes / 5));
      }
    },
  },
  {
    name: 'a node is cut off, its wall clock goes back by an hour, and that of the control planes ahead by one',
    controls: [
      { leftOut: 'wallClockLease', by: 'nodes' },
      { leftOut: 'wallClockSilence', by: 'control plane', leaseSeconds: LONG },
    ],
    leaseSeconds: 4,
    prepare: (ground) => ground.node({ offset: HOUR }),
    async act(ground, probes) {
      const node = one(ground);
      node.network.cut();
      const receipt = await ground.end('delete');
      await signsOn(node);
      // A clock jump before a control plane begins to measure would also move the beginning.
      await until(() => isSilenceStored(ground.database, ground.gateway), 'silence to be measured');
      node.clock.set(node.clock.offset - HOUR);
      for (const { clock } of ground.planes) clock.set(clock.offset + HOUR);
      await proved(ground, receipt, probes);
    },
  },
  {
    name: 'two processes have one name, and one of them is cut off',
    controls: [{ leftOut: 'nameIsIdentity', by: 'control plane', leaseSeconds: LONG }],
    leaseSeconds: 2,
    async prepare(ground) {
      await ground.node({ name: 'twin' });
      await ground.node({ name: 'twin', offset: -HOUR });
    },
    async act(ground, probes) {
      const [cutOff, other] = ground.nodes as [ProbedNode, ProbedNode];
      cutOff.network.cut();
      const receipt = await ground.end('delete');
      await until(() => other.probes.key !== ground.key, 'the other one to have applied it');
      await proved(ground, receipt, probes);
    },
  },
  {
    name: 'somebody with a credential of the gateway speaks for a node that is cut off: it has everything, it leaves, it is dead',
    controls: [
      { leftOut: 'anyCredentialReports', by: 'control plane', leaseSeconds: LONG },
      { leftOut: 'successorWithoutProof', by: 'control plane', leaseSeconds: LONG },
    ],
    leaseSeconds: 2,
    prepare: (ground) => ground.node(),
    async act(ground, probes) {
      const node = one(ground);
      const victim = await ground.sessionOf(node);
      node.network.cut();
      const receipt = await ground.end('delete');
      await forged(ground, victim, node.name, Number(/receipts.(\d+)/.exec(receipt)?.[1]));
      await proved(ground, receipt, probes);
    },
  },
  {
    name: 'answers that bring the new table are lost',
    controls: [{ leftOut: 'anySnapshotExcuses', by: 'control plane' }],
    leaseSeconds: 60,
    prepare: (ground) => ground.node(),
    async act(ground, probes) {
      const node = one(ground);
      node.network.loseAnswersTo('/snapshot');
      const receipt = await ground.end('unbind');
      await until(() => ground.isComplete(receipt), 'a receipt that nobody has acknowledged', TOO_EARLY_MS).catch(() => undefined);
      if (await ground.isComplete(receipt)) await ground.probed(node, probes, TOO_EARLY_MS).catch(() => undefined);
      else await signsOn(node);
      if (ground.violations.length > 0) return;
      node.network.heal();
      await proved(ground, receipt, probes);
    },
  },
  {
    name: 'the credential of a node that is cut off is revoked',
    controls: [{ leftOut: 'revokedForgotten', by: 'control plane', leaseSeconds: LONG }],
    leaseSeconds: 2,
    prepare: (ground) => ground.node(),
    async act(ground, probes) {
      const node = one(ground);
      node.network.cut();
      await ground.revoke(ground.tokenId);
      await proved(ground, await ground.end('delete'), probes);
      node.network.heal();
      if (ground.violations.length === 0) await ground.probed(node, probes);
    },
  },
  {
    name: 'a node is stopped for longer than its lease, and goes on where it was',
    controls: [{ leftOut: 'signsWithoutLease', by: 'nodes' }],
    leaseSeconds: 2,
    prepare: (ground) => ground.node({ offset: -HOUR }),
    async act(ground, probes) {
      const node = one(ground);
      node.network.cut();
      node.process.child.kill('SIGSTOP');
      const receipt = await ground.end('delete');
      await until(() => ground.isComplete(receipt), `the receipt ${receipt}`);
      node.process.child.kill('SIGCONT');
      await ground.probed(node, probes);
    },
  },
  {
    name: 'a node is killed and started again in its folder',
    controls: [],
    leaseSeconds: 60,
    prepare: (ground) => ground.node(),
    async act(ground, probes) {
      const node = one(ground);
      await node.process.stop('SIGKILL');
      const receipt = await ground.end('delete');
      await ground.again(node);
      await proved(ground, receipt, probes);
    },
  },
  {
    name: 'a node starts in a copy of the folder of one that is cut off',
    controls: [{ leftOut: 'copiedFolder', by: 'nodes', leaseSeconds: LONG }],
    leaseSeconds: 4,
    prepare: (ground) => ground.node(),
    async act(ground, probes) {
      const node = one(ground);
      const copy = `${node.folder}-copy`;
      cpSync(node.folder, copy, { recursive: true });
      node.network.cut();
      const receipt = await ground.end('delete');
      await ground.node({ folder: copy });
      await proved(ground, receipt, probes, [node]);
    },
  },
  {
    name: 'answers of all kinds are lost again and again',
    controls: [],
    leaseSeconds: 4,
    prepare: (ground) => ground.node({ offset: HOUR }),
    async act(ground, probes) {
      const node = one(ground);
      const receipt = await ground.end('unbind');
      for (const text of ['/report', '/snapshot', '/watch', '/sessions', ' ']) {
        node.network.loseAnswersTo(text);
        await pause(150);
        node.network.heal();
        await pause(50);
      }
      await proved(ground, receipt, probes);
    },
  },
  {
    name: 'a control plane is killed and started again while a node is cut off',
    controls: [{ leftOut: 'receiptOverNodesOfNow', by: 'control plane', leaseSeconds: 8 }],
    leaseSeconds: 4,
    alone: 'control plane',
    prepare: (ground) => ground.node(),
    async act(ground, probes) {
      const node = one(ground);
      node.network.cut();
      const receipt = await ground.end('delete');
      await until(() => ground.isComplete(receipt), 'a receipt that nobody has acknowledged', TOO_EARLY_MS).catch(() => undefined);
      if (!(await ground.isComplete(receipt))) {
        await ground.plane.served.stop('SIGKILL');
        await ground.plane.serve();
      }
      await proved(ground, receipt, probes);
    },
  },
  {
    name: 'a backup of before the deletion is put back beneath control planes, and a node that has seen nothing starts',
    controls: [{ leftOut: 'pulseNotChecked', by: 'control plane' }],
    leaseSeconds: 60,
    alone: 'database',
    prepare: (ground) => ground.node(),
    async act(ground, probes) {
      const node = one(ground);
      const backup = Backup.of(ground.database, `backup-of-${ground.gateway}`);
      await beats(ground);
      await proved(ground, await ground.end('delete'), 1);
      await beats(ground);
      await backup.putBackBeneath();
      const fresh = await ground.node({ probe: '/healthz' });
      await Promise.all([node, fresh].map((each) => ground.probed(each, probes)));
      if (ground.violations.length > 0) return;
      await until(() => hasNamed(ground.database, ground.gateway), 'the key to be named');
      await ground.plane.command('admin', 'recovery', 'delete-again', '--by', 'alice');
      await until(() => fresh.process.ready(), 'the new node to have keys');
      await Promise.all([node, fresh].map((each) => ground.probed(each, probes)));
      await ground.plane.command('admin', 'recovery', 'vouch', '--by', 'alice');
      await ground.newKey();
      await ground.signing();
      await proved(ground, await ground.end('delete'), probes);
    },
  },
  ...(hasHaproxy ? HAPROXY : []),
];
