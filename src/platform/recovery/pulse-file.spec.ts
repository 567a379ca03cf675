import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPulseFile, type StoredPulse, writePulseFile } from './pulse-file.js';

const PULSE: StoredPulse = { planeId: 'a', databaseId: 'b', epoch: 'c', number: 1, longestLeaseSeconds: 30 };

describe('the pulse file', () => {
  let folder: string;
  let file: string;
  /** Whether a volume of one page could be mounted, which requires root. */
  let mounted: boolean;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'signet-pulse-'));
    file = join(folder, 'pulse');
    mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', folder]).status === 0;
  });
  afterEach(() => {
    if (mounted) spawnSync('umount', [folder]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('is replaced as a whole', async () => {
    await writePulseFile(file, PULSE);
    await writePulseFile(file, { ...PULSE, number: 2 });
    expect([readPulseFile(file), readdirSync(folder)]).toEqual([{ ...PULSE, number: 2 }, ['pulse']]);
  });

  it('stays unchanged if there is no space; the service is then unavailable and leaves no temporary file', async () => {
    if (!mounted) return expect(process.env['CI']).toBeUndefined();
    await writePulseFile(file, PULSE);
    writeFileSync(join(folder, 'ballast'), Buffer.alloc(4096));
    await expect(writePulseFile(file, { ...PULSE, number: 2 })).rejects.toMatchObject({ kind: 'unavailable', cause: { code: 'ENOSPC' } });
    expect([readPulseFile(file), readdirSync(folder).sort()]).toEqual([PULSE, ['ballast', 'pulse']]);
  });
});
