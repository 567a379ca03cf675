import { rmSync } from 'node:fs';

/** After a run, whatever became of it. */
export default function folderGone() {
  rmSync(process.env.TEST_MIGRATED_FOLDER, { recursive: true, force: true });
}
