import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates a folder and its missing parents, accessible to the owner only. Creates them one by one, because `mkdirSync` with `recursive`
 * loops for ever if the kernel returns ENOENT below an existing folder, as in /proc.
 * @throws NodeJS.ErrnoException when the folder cannot be created, is not a folder, or cannot be read and written
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let each = path; !existsSync(each); each = dirname(each)) missing.unshift(each);
  for (const each of missing) makeOne(each);
  if (!statSync(path).isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
}

function makeOne(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // EEXIST means that another process has created the folder.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
