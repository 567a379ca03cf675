import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readConfig } from '../../platform/config/config.js';
import { SQLITE_FILE } from '../../platform/database/open.js';
import { backUp, restoreBackup } from '../../platform/database/sqlite-file.js';
import { Pulse } from '../../platform/recovery/pulse.js';
import { withServices } from './context.js';

/** Copies the embedded database into a file while the service may run. */
export async function backup(file: string): Promise<void> {
  const config = readConfig(process.env);
  const { database, dataDir } = config;
  if (database)
    throw new Error(
      `the database ${database.database} is backed up with the server's own tools, for instance: mariadb-dump --single-transaction --host=${database.host} --port=${database.port} --user=${database.user} -p ${database.database} > ${file}`,
    );
  backUp(join(dataDir, SQLITE_FILE), resolve(file));
  console.log(
    `${resolve(file)} contains the current database. Its secrets cannot be read without the key-encryption keys; store those elsewhere.`,
  );
}

/** Restores a backup. If the server's own tools have restored the database, only records it. */
export async function restore(file: string | undefined): Promise<void> {
  const { database, dataDir } = readConfig({ ...process.env });
  if (!database) {
    if (file === undefined) throw new Error('name the backup: signet admin restore FILE');
    if (!existsSync(dataDir)) throw new Error(`there is no folder ${dataDir} (SIGNET_DATA_DIR)`);
    const target = join(dataDir, SQLITE_FILE);
    const kept = restoreBackup(resolve(file), target);
    console.log(
      `${target} now contains the backup ${resolve(file)}.${kept === undefined ? '' : ` The previous database is ${kept}.`}\n${NEXT}`,
    );
    return;
  }
  if (file !== undefined)
    throw new Error(
      `stop every process, load the dump with the server's own tools, for instance: mariadb --host=${database.host} --user=${database.user} -p ${database.database} < ${file}; then run: signet admin restore`,
    );
  await withServices(process.env, (services) => services.get(Pulse, { strict: false }).reportRestore());
  console.log(NEXT);
}

const NEXT =
  'From its next start on the service answers reads, hands out no keys and changes nothing, until you have decided about what was deleted since the backup: signet admin recovery status';
