import { createPrivateKey } from 'node:crypto';
import { closeSync, openSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Logger } from 'pino';
import { makeFolder } from '../../platform/config/folder.js';
import { maySucceed, type StateFile as Place, type Tombstone } from '../../lib/receipts/node.js';
import type { SessionIdentity } from './session-identity.js';

/** Magic numbers of local file systems (statfs(2)). On other file systems, file locks may not be reliable. */
const LOCAL_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x01021994, // tmpfs
  0x794c7630, // overlayfs
  0x2fc12fc1, // zfs
  0xf2f52010, // f2fs
]);

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

interface IdentityRow {
  session_id: string;
  public_key: string;
  private_key: string;
  boot_id: string | null;
  device: string | null;
  inode: string | null;
}

interface TombstoneRow {
  sign_id: string;
  version: number;
  /** Empty: all publications. */
  publish_id: string;
  revision: number;
  epoch: string;
  /** When the tombstone was first saved, as Unix time in milliseconds. */
  kept_at: number;
}

/**
 * Stores the private keys of this node's sessions. With them the next process proves that this one has ended, and receipts do not wait for
 * the lease of this one. Keys, records and the lock are in one SQLite file, which is opened once. The kernel releases the exclusive lock
 * when the process ends in any way. A process that cannot get the lock, or finds another file than the recorded one, succeeds no session.
 *
 * The file also contains tombstones, which contain no secrets. A control plane needs them if its database is restored to a state without
 * them.
 *
 * Guarantees: Only one process at a time has the file, and a successor proves by it that its predecessor has ended.
 * Condition: The file is on a local file system, whose locks the kernel manages, and it is the recorded file.
 * Degrades: Otherwise the process succeeds no session, and receipts wait for the lease of the predecessor.
 */
export class StateFile {
  /** Sessions of processes that have ended, because the kernel has released their lock. */
  readonly predecessors: readonly SessionIdentity[];
  readonly #tombstones = new Map<string, Tombstone & { keptAt: number }>();
  readonly #restoredEpochs: Set<string>;

  private constructor(
    private readonly file: DatabaseSync,
    private readonly place: Place,
    rows: readonly IdentityRow[],
    networkFileSystem: boolean,
  ) {
    const dead = (row: IdentityRow) =>
      maySucceed({ bootId: row.boot_id ?? undefined, device: row.device ?? undefined, inode: row.inode ?? undefined }, place, {
        locked: true,
        networkFileSystem,
      });
    this.predecessors = rows.filter(dead).map((row) => ({
      sessionId: row.session_id,
      publicKey: row.public_key,
      privateKey: createPrivateKey(row.private_key),
    }));
    for (const row of file.prepare('SELECT * FROM tombstones ORDER BY rowid').all() as unknown as TombstoneRow[]) {
      const { sign_id: signId, version, publish_id: publishId, revision, epoch, kept_at: keptAt } = row;
      const tombstone = { signId, version, publishId: publishId === '' ? null : publishId, revision, epoch };
      this.#tombstones.set(nameOf(tombstone), { ...tombstone, keptAt });
    }
    const epochs = file.prepare('SELECT epoch FROM put_back').all() as unknown as { epoch: string }[];
    this.#restoredEpochs = new Set(epochs.map(({ epoch }) => epoch));
    file.exec('DELETE FROM identities');
    for (const identity of this.predecessors) this.add(identity);
  }

  /** @returns undefined when another process has the lock, or when the file cannot be used; receipts then wait for leases */
  static open(folder: string, instanceId: string, logger: Logger): StateFile | undefined {
    const path = join(folder, `${instanceId}.state`);
    try {
      makeFolder(folder);
      // Created before SQLite opens the file, because closing a second handle would release the POSIX locks of the process.
      closeSync(openSync(path, 'a', 0o600));
      const file = new DatabaseSync(path);
      try {
        file.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE');
        file.exec(`CREATE TABLE IF NOT EXISTS identities (session_id TEXT PRIMARY KEY, public_key TEXT NOT NULL, private_key TEXT NOT NULL,
          boot_id TEXT, device TEXT, inode TEXT);
          CREATE TABLE IF NOT EXISTS tombstones (sign_id TEXT, version INTEGER, publish_id TEXT, revision INTEGER, epoch TEXT,
          kept_at INTEGER, PRIMARY KEY (sign_id, version, publish_id, revision, epoch));
          CREATE TABLE IF NOT EXISTS put_back (epoch TEXT PRIMARY KEY); COMMIT`);
        const rows = file.prepare('SELECT * FROM identities ORDER BY rowid').all() as unknown as IdentityRow[];
        return new StateFile(file, placeOf(path), rows, !LOCAL_FILE_SYSTEMS.has(statfsSync(path).type));
      } catch (error) {
        file.close();
        throw error;
      }
    } catch (error) {
      logger.warn({ err: error, path }, 'the state folder cannot be used; receipts wait for the leases of earlier sessions');
      return undefined;
    }
  }

  /** Saves the key of a session, before the session is registered. */
  add({ sessionId, publicKey, privateKey }: SessionIdentity): void {
    const { bootId = null, device = null, inode = null } = this.place;
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    this.file.prepare('INSERT OR REPLACE INTO identities VALUES (?, ?, ?, ?, ?, ?)').run(sessionId, publicKey, pem, bootId, device, inode);
  }

  /** Removes a session whose end the control plane has accepted. */
  remove(sessionId: string): void {
    this.file.prepare('DELETE FROM identities WHERE session_id = ?').run(sessionId);
  }

  /** The saved tombstones, oldest first. */
  get tombstones(): readonly Tombstone[] {
    return [...this.#tombstones.values()];
  }

  /** Epochs of the database for which this node has detected a restore. */
  get restoredEpochs(): readonly string[] {
    return [...this.#restoredEpochs];
  }

  /** Returns the tombstones that were first saved before a certain time. @param before Unix time in milliseconds */
  savedBefore(before: number): readonly Tombstone[] {
    return [...this.#tombstones.values()].filter(({ keptAt }) => keptAt < before);
  }

  /** Replaces the tombstones, durably when it returns. @param now Unix time in milliseconds @throws when the write fails */
  save(tombstones: readonly Tombstone[], putBack: readonly string[], now: number): void {
    const wanted = new Set(tombstones.map(nameOf));
    const more = tombstones.filter((each) => !this.#tombstones.has(nameOf(each)));
    const gone = [...this.#tombstones].filter(([name]) => !wanted.has(name));
    const epochs = putBack.filter((epoch) => !this.#restoredEpochs.has(epoch));
    if (more.length + gone.length + epochs.length === 0) return;
    const add = this.file.prepare('INSERT INTO tombstones VALUES (?, ?, ?, ?, ?, ?)');
    const remove = this.file.prepare(
      'DELETE FROM tombstones WHERE sign_id = ? AND version = ? AND publish_id = ? AND revision = ? AND epoch = ?',
    );
    const remember = this.file.prepare('INSERT INTO put_back VALUES (?)');
    this.file.exec('BEGIN');
    try {
      for (const [, each] of gone) remove.run(...valuesOf(each));
      for (const each of more) add.run(...valuesOf(each), now);
      for (const epoch of epochs) remember.run(epoch);
      this.file.exec('COMMIT');
    } catch (error) {
      this.file.exec('ROLLBACK');
      throw error;
    }
    for (const [name] of gone) this.#tombstones.delete(name);
    for (const each of more) this.#tombstones.set(nameOf(each), { ...each, keptAt: now });
    for (const epoch of epochs) this.#restoredEpochs.add(epoch);
  }

  close(): void {
    this.file.close();
  }
}

const valuesOf = ({ signId, version, publishId, revision, epoch }: Tombstone) =>
  [signId, version, publishId ?? '', revision, epoch] as const;

const nameOf = (tombstone: Tombstone) => valuesOf(tombstone).join(' ');

/** Uses the path instead of a handle, because closing a second handle would release the lock. */
function placeOf(path: string): Place {
  const { dev, ino } = statSync(path, { bigint: true });
  return { bootId: bootId(), device: String(dev), inode: String(ino) };
}

function bootId(): string | undefined {
  try {
    return readFileSync(BOOT_ID, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
