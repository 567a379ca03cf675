import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import type { HaproxyConfig } from '../../platform/config/gateway-config.js';
import type { Worker } from '../../lib/receipts/hold.js';

const TIMEOUT_MS = 2000;
/** Maximum length of a payload. A command and its payload must fit into HAProxy's buffer (tune.bufsize, 16 KiB by default). */
const PAYLOAD_CHARS = 12 * 1024;

/** The name of the stick table in which HAProxy counts its signatures for an instance. */
export const usageTable = (instanceId: string): string => `signet_usage_${instanceId}`;
const ENTRY = /^0x\S+: key=([^|\s]+)\|(\S+) .*\bgpc0=(\d+)/gm;

/** The number of signatures of a key for a publication since the worker has started. */
export interface HaproxyCount {
  publishId: string;
  signId: string;
  count: number;
}

export interface HaproxyInfo {
  worker: Worker;
  /** Whole seconds, rounded down. */
  uptimeSeconds: number;
  /** Whether the worker drains its connections and accepts no new ones. */
  stopping: boolean;
}

type Address = HaproxyConfig['socket'];
const PROMPT = '\n> ';

/** A connection to the admin socket, in interactive mode: all its commands go to the same worker, even if a reload starts another one. */
export class HaproxyAdminConnection {
  #answer = '';

  private constructor(private readonly socket: Socket) {}

  /** @throws Error with the code `ECONNREFUSED` when no process listens */
  static async open(address: Address): Promise<HaproxyAdminConnection> {
    const session = new HaproxyAdminConnection(await connected(address));
    await session.#command('prompt');
    return session;
  }

  close(): void {
    this.socket.destroy();
  }

  async info(): Promise<HaproxyInfo> {
    const answer = await this.#command('show info');
    const number = (name: string) => {
      const value = new RegExp(`^${name}: (\\d+)$`, 'm').exec(answer)?.[1];
      if (value === undefined) throw new Error(`HAProxy did not report its ${name}: version 2.6 or newer is required`);
      return Number(value);
    };
    return {
      worker: { pid: number('Pid'), start: number('Start_time_sec') },
      uptimeSeconds: number('Uptime_sec'),
      stopping: number('Stopping') !== 0,
    };
  }

  /** Replaces a map atomically. */
  async replace(map: string, lines: readonly string[]): Promise<void> {
    const version = /New version created: (\d+)/.exec(await this.#command(`prepare map ${map}`))?.[1];
    if (version === undefined) throw new Error(`HAProxy has no map ${map}`);
    for (const part of payloadChunks(lines)) await this.#runSilent(`add map @${version} ${map} <<\n${part}`);
    await this.#runSilent(`commit map @${version} ${map}`);
  }

  /** @returns undefined when the configuration has no such table */
  async counts(table: string): Promise<HaproxyCount[] | undefined> {
    const answer = await this.#command(`show table ${table}`);
    if (!answer.startsWith(`# table: ${table},`)) return undefined;
    return [...answer.matchAll(ENTRY)].map(([, signId = '', publishId = '', count]) => ({ publishId, signId, count: Number(count) }));
  }

  /**
   * Runs a command whose response is empty on success. The error omits the response, because it can quote a line of a map with a secret.
   */
  async #runSilent(command: string): Promise<void> {
    const answer = await this.#command(command);
    // HAProxy echoes a plus sign for each line of the payload.
    if (answer.replaceAll(/^(?:\+ )+/g, '').trim() !== '') throw new Error(`HAProxy rejected the command: ${command.split('\n', 1)[0]}`);
  }

  #command(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const { socket } = this;
      const done = (outcome: () => void) => {
        socket.removeListener('data', onData).removeListener('error', onError).removeListener('close', onClose);
        outcome();
      };
      const onData = (text: string) => {
        this.#answer += text;
        if (!this.#answer.endsWith(PROMPT)) return;
        const answer = this.#answer.slice(0, -PROMPT.length);
        this.#answer = '';
        done(() => resolve(answer));
      };
      const onError = (error: Error) => done(() => reject(error));
      const onClose = () => onError(new Error('HAProxy closed its admin socket'));
      socket.on('data', onData).on('error', onError).on('close', onClose);
      if (socket.destroyed) onClose();
      else socket.write(`${command}\n`);
    });
  }
}

/**
 * Returns the process ids of all workers of an HAProxy master, including those from before a reload.
 * @param address the address of the master's socket (`haproxy -W -S`)
 */
export async function listWorkers(address: Address): Promise<number[]> {
  const socket = await connected(address);
  let answer = '';
  socket.on('data', (text: string) => (answer += text));
  // The master closes its side of the connection after the response.
  socket.end('show proc\n');
  await once(socket, 'close');
  if (!answer.includes('# workers')) throw new Error("HAProxy's master did not list its workers");
  return [...answer.matchAll(/^(\d+)\s+worker\b/gm)].map(([, pid]) => Number(pid));
}

async function connected(address: Address): Promise<Socket> {
  const socket = connect(address as { path: string }).setEncoding('utf8');
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('HAProxy does not answer on its admin socket')));
  await once(socket, 'connect');
  // A pending command has its own handler. An error between two commands is reported by the next one.
  socket.on('error', () => undefined);
  return socket;
}

function payloadChunks(lines: readonly string[]): string[] {
  const parts: string[] = [];
  let part = '';
  for (const line of lines) {
    if (part.length + line.length > PAYLOAD_CHARS) {
      parts.push(part);
      part = '';
    }
    part += `${line}\n`;
  }
  return part === '' ? parts : [...parts, part];
}
