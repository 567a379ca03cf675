import { cpSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { newSessionIdentity } from './session-identity.js';
import { StateFile } from './state-file.js';

const logger = pino({ level: 'silent' });
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signet-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const open = (at = folder) => StateFile.open(at, 'gateway1', logger);

describe('the state file of a node', () => {
  it('contains the keys of ended processes for the next one, and is readable by its owner only', () => {
    const identity = newSessionIdentity();
    const first = open()!;
    expect(first.predecessors).toEqual([]);
    first.add(identity);
    expect(statSync(join(folder, 'gateway1.state')).mode & 0o777).toBe(0o600);
    first.close();
    const second = open()!;
    expect(second.predecessors.map(({ sessionId, publicKey }) => [sessionId, publicKey])).toEqual([
      [identity.sessionId, identity.publicKey],
    ]);
    expect(second.predecessors[0]!.privateKey.equals(identity.privateKey)).toBe(true);
    second.remove(identity.sessionId);
    second.close();
    const third = open()!;
    expect(third.predecessors).toEqual([]);
    third.close();
  });

  it('is locked while its process runs', () => {
    const living = open()!;
    living.add(newSessionIdentity());
    expect(open()).toBeUndefined();
    living.add(newSessionIdentity());
    living.close();
    const next = open()!;
    expect(next.predecessors).toHaveLength(2);
    next.close();
  });

  it('proves nothing if it was copied, although it is not locked', () => {
    const living = open()!;
    living.add(newSessionIdentity());
    const copy = join(folder, 'copy');
    cpSync(join(folder, 'gateway1.state'), join(copy, 'gateway1.state'), { recursive: true });
    const thief = open(copy)!;
    expect(thief.predecessors).toEqual([]);
    thief.close();
    living.close();
  });

  it('keeps tombstones across restarts until they are removed', () => {
    const first = open()!;
    const one = { signId: 's', version: 1, publishId: null, revision: 5, epoch: 'e1' };
    const [other, later] = [
      { ...one, publishId: 'p' },
      { ...one, revision: 9 },
    ];
    first.save([one, other], [], 1000);
    first.save([one, other, later], ['e1'], 2000);
    first.close();
    const second = open()!;
    expect(second.tombstones).toMatchObject([one, other, later]);
    expect(second.restoredEpochs).toEqual(['e1']);
    expect(second.savedBefore(1500)).toMatchObject([one, other]);
    second.save([other, later], ['e1'], 3000);
    second.close();
    const third = open()!;
    expect(third.tombstones).toMatchObject([other, later]);
    expect(third.savedBefore(2500)).toHaveLength(2);
    third.close();
  });

  it('is not used in a folder that cannot be written, and the node continues without it', () => {
    expect(StateFile.open('/proc/nowhere', 'gateway1', logger)).toBeUndefined();
  });
});
