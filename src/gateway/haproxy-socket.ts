import { connect } from 'node:net';
import type { HaproxyConfig } from '../config/gateway-config.js';

const TIMEOUT_MS = 2000;
/** A command with its payload must fit into HAProxy's buffer (tune.bufsize, 16 KiB by default). */
const PAYLOAD_CHARS = 12 * 1024;

/** Where HAProxy counts what it signs. */
export const USAGE_TABLE = 'signet_usage';
const ENTRY = /^0x\S+: key=([^|\s]+)\|([^|\s]+)\|(\S+) .*\bgpc0=(\d+)/gm;

/** How often a key has signed for a publication since HAProxy counts. */
export interface HaproxyCount {
  publishId: string;
  signId: string;
  count: number;
}

/** HAProxy's command line on its admin socket: one command a connection, as its manual advises for programs. */
export class HaproxySocket {
  constructor(private readonly address: HaproxyConfig['socket']) {}

  /** The process id of the worker that answers: another one means that HAProxy was reloaded or restarted. */
  async pid(): Promise<number> {
    const pid = /^Pid: (\d+)$/m.exec(await this.#command('show info'))?.[1];
    if (pid === undefined) throw new Error('HAProxy did not tell its process id');
    return Number(pid);
  }

  /** Replaces a whole map in one step: no request sees half of it. */
  async replace(map: string, lines: readonly string[]): Promise<void> {
    const version = /New version created: (\d+)/.exec(await this.#command(`prepare map ${map}`))?.[1];
    if (version === undefined) throw new Error(`HAProxy has no map ${map}`);
    for (const part of inParts(lines)) await this.#silent(`add map @${version} ${map} <<\n${part}`);
    await this.#silent(`commit map @${version} ${map}`);
  }

  /** Undefined: its configuration has no such table. */
  async counts(): Promise<HaproxyCount[] | undefined> {
    const answer = await this.#command(`show table ${USAGE_TABLE}`);
    if (!answer.startsWith(`# table: ${USAGE_TABLE},`)) return undefined;
    return [...answer.matchAll(ENTRY)].map(([, , publishId = '', signId = '', count]) => ({ publishId, signId, count: Number(count) }));
  }

  /** Commands that say nothing when they have worked. Their words are not repeated, since they can quote a line of the map. */
  async #silent(command: string): Promise<void> {
    const answer = await this.#command(command);
    if (answer.trim() !== '') throw new Error(`HAProxy did not take: ${command.split('\n', 1)[0]}`);
  }

  #command(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(this.address as { path: string }, () => socket.write(`${command}\n`));
      socket.setEncoding('utf8').setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('HAProxy does not answer on its admin socket')));
      socket.on('data', (text: string) => (answer += text));
      socket.on('error', reject);
      socket.on('close', () => resolve(answer));
    });
  }
}

function inParts(lines: readonly string[]): string[] {
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
