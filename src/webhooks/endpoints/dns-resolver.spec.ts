import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DnsResolver } from './dns-resolver.js';

/** A name server. It resolves `there.test` and `four.test`, does not answer for `silent.*`, and reports every other name as unknown. */
let server: Socket;
let servers: string[];
let folder: string;
let hostsFile: string;
const asked: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'signet-hosts-'));
  hostsFile = join(folder, 'hosts');
  writeFileSync(hostsFile, '# names\n10.0.0.1 own.test  Alias.test # more\n::1 own.test\nnonsense here.test\n');
  server = createSocket('udp4');
  server.on('message', (query, { port, address }) => {
    const { name, type } = questionOf(query);
    asked.push(`${name} ${type}`);
    if (name.startsWith('silent')) return;
    server.send(answerTo(query, ADDRESSES[`${name} ${type}`], name === 'four.test'), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  servers = [`127.0.0.1:${server.address().port}`];
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const A = 1;
const AAAA = 28;
const ADDRESSES: Record<string, number[]> = {
  [`there.test ${A}`]: [192, 0, 2, 7],
  [`there.test ${AAAA}`]: [0x20, 1, 0xd, 0xb8, ...Array.from({ length: 11 }, () => 0), 7],
  [`four.test ${A}`]: [192, 0, 2, 8],
};

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('ascii', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 };
}

/** A response as in RFC 1035 §4: the question, and then one record, no record for an existing name, or an unknown name. */
function answerTo(query: Buffer, address: number[] | undefined, exists: boolean): Buffer {
  const { type, end } = questionOf(query);
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(address || exists ? 0x8180 : 0x8183, 2);
  header.writeUInt16BE(address ? 1 : 0, 6);
  header.writeUInt16BE(0, 10);
  const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, address?.length ?? 0, ...(address ?? [])]);
  return Buffer.concat([header, query.subarray(12, end), ...(address ? [record] : [])]);
}

const resolver = (timeoutMs?: number) => new DnsResolver({ servers, hostsFile, ...(timeoutMs !== undefined && { timeoutMs }) });

it('the resolver finds every IPv4 and IPv6 address of a name', async () => {
  expect(await resolver().addresses('there.test')).toEqual(['192.0.2.7', '2001:db8::7']);
  expect(await resolver().addresses('There.TEST.')).toEqual(['192.0.2.7', '2001:db8::7']);
  expect(await resolver().addresses('four.test')).toEqual(['192.0.2.8']);
});

it('the resolver reads /etc/hosts first, even after the file changes, and resolves localhost', async () => {
  const own = resolver();
  asked.length = 0;
  expect(await own.addresses('OWN.test')).toEqual(['10.0.0.1', '::1']);
  expect(await own.addresses('alias.test')).toEqual(['10.0.0.1']);
  expect(await own.addresses('localhost')).toEqual(['127.0.0.1', '::1']);
  expect(asked).toEqual([]);
  writeFileSync(hostsFile, '10.0.0.22 own.test\n');
  expect(await own.addresses('own.test')).toEqual(['10.0.0.22']);
});

it('the resolver treats names as absolute and uses no search list', async () => {
  asked.length = 0;
  await expect(resolver().addresses('nowhere')).rejects.toThrow();
  expect(new Set(asked)).toEqual(new Set([`nowhere ${A}`, `nowhere ${AAAA}`]));
});

it('the resolver stops in time if no name server answers, and delays no file access meanwhile', async () => {
  const lookups = Array.from({ length: 32 }, (_, i) =>
    resolver(1500)
      .addresses(`silent-${i}.test`)
      .then(
        () => 'found',
        () => 'gave up',
      ),
  );
  const first = Promise.race(lookups);
  const file = readFile(hostsFile).then(() => 'file');
  expect(await Promise.race([first, file])).toBe('file');
  expect(new Set(await Promise.all(lookups))).toEqual(new Set(['gave up']));
}, 30_000);

it('the resolver sends one query for a name that is looked up several times at once', async () => {
  asked.length = 0;
  const own = resolver();
  await Promise.all(Array.from({ length: 20 }, () => own.addresses('there.test')));
  expect(asked.filter((question) => question === `there.test ${A}`)).toHaveLength(1);
});
