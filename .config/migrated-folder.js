import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Before a run: where test/support/migrated.ts keeps what the migrations make. */
export default function folderForRun() {
  process.env.TEST_MIGRATED_FOLDER = mkdtempSync(join(tmpdir(), 'signet-migrated-'));
}
