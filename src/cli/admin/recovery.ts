import type { INestApplicationContext } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { Database } from '../../platform/database/database.js';
import { inInstance } from '../../apig/instances/instance-scope.js';
import type { Tombstone } from '../../lib/receipts/node.js';
import { isQuarantineOver, leaseEndMs } from '../../lib/receipts/protocol.js';
import { operator } from '../../identity/projects/operator.js';
import { receiptPath } from '../../platform/receipts/receipt-path.js';
import { Pulse } from '../../platform/recovery/pulse.js';
import { acceptTombstones, type NamedTombstone, tombstonesOfWhatIsBack } from '../../platform/recovery/tombstone-rows.js';
import { withServices } from './context.js';
import { type Deletion, deletionsIn, deleteOnceMore, type RecordedDeletion, type Repeated } from './deletions.js';

/** A tombstone's full name in commands and output. */
const nameOf = ({ signId, version, publishId, revision, epoch }: Tombstone): string =>
  [signId, version, revision, epoch, ...(publishId === null ? [] : [publishId])].join(':');

/** Prints whether the database was restored, which ended keys and resources exist again, and what receipts therefore wait for. */
export async function status({ audit }: { audit?: string }): Promise<void> {
  await withServices(process.env, async (services) => {
    const { epoch, held, quarantine } = await services.get(Pulse, { strict: false }).status();
    console.log(`epoch ${epoch}`);
    if (!quarantine) {
      console.log('The database was never found restored to an earlier state.');
      return;
    }
    console.log('The database was restored to an earlier state.');
    if (held === 1)
      console.log(
        'No decision yet: reads are answered, but no keys are sent to nodes and nothing can be changed until you run signet admin recovery accept or signet admin recovery delete-again.',
      );
    if (quarantine.vouchedBy !== null) console.log(`${quarantine.vouchedBy} has vouched that no process from before the restore signs.`);
    else if (!isQuarantineOver(quarantine)) {
      const left = leaseEndMs(quarantine.longestLeaseSeconds) - quarantine.elapsedMs;
      console.log(
        Number.isFinite(left)
          ? `Processes from before the restore may sign for ${Math.ceil(left / 1000)} s more, by the observation of the control planes: no receipt is complete until then, or until you vouch that none does (signet admin recovery vouch).`
          : 'A lease was unlimited, or the longest one is not known: no receipt is complete until you vouch that no process from before the restore signs (signet admin recovery vouch).',
      );
    }
    const { named, deleted } = await found(services, audit);
    if (held === 0) return;
    console.log(
      `At least these ended keys and resources exist again; nodes that have not reconnected${audit === undefined ? ', and the audit trail from before the restore (--audit FILE),' : ''} may know of more.`,
    );
    for (const tombstone of named)
      console.log(`${nameOf(tombstone)}  key ${tombstone.signName} of gateway ${tombstone.scopeId}, says ${tombstone.nodeId}`);
    for (const { resourceId, subject, time, userName } of deleted)
      console.log(`${resourceId}  ${subject}, deleted ${time} by ${userName}, says the audit trail`);
    if (named.length + deleted.length === 0) console.log('none');
  });
}

/**
 * Accepts the database as it is. Ended signatures of the earlier history that are named here in full may sign again; all others that
 * nodes remember stay ended.
 * @throws Error when there is no restore to decide about, or a name is not one that `status` prints
 */
export async function accept(names: readonly string[], { all, by }: { all: boolean; by: string }): Promise<void> {
  await withServices(process.env, async (services) => {
    const pulse = services.get(Pulse, { strict: false });
    await assertHeld(pulse);
    const { named } = await found(services);
    const unknown = names.filter((name) => !named.some((tombstone) => nameOf(tombstone) === name));
    if (unknown.length > 0) throw new Error(`no node has named ${unknown.join(', ')}: signet admin recovery status`);
    const accepted = all ? named : named.filter((tombstone) => names.includes(nameOf(tombstone)));
    pulse.recover();
    for (const [scopeId, tombstones] of Map.groupBy(accepted, (tombstone) => tombstone.scopeId)) {
      const [{ projectId }] = tombstones as [NamedTombstone];
      await services.get(ChangesService, { strict: false }).write(inInstance({ instanceId: scopeId, projectId }), async (write) => {
        await acceptTombstones(write, tombstones, by, write.now);
        const entry = { action: 'AcceptRestored' as const, resourceType: 'Instance', resourceId: scopeId };
        const detail = { by, tombstones: tombstones.map(nameOf) };
        await services.get(AuditService, { strict: false }).record(write, operator('signet-cli'), { ...entry, detail });
        write.change('recovery', scopeId, 'updated');
      });
    }
    await pulse.decide(by);
    for (const tombstone of accepted) console.log(`${nameOf(tombstone)} may sign again`);
    console.log(`${by} has accepted the restored database. All other signatures that nodes remember as ended stay ended.`);
  });
}

/**
 * Repeats the deletions that the restore undid, as far as nodes and an export of the audit trail know them, and resumes the service.
 * @throws Error when no restore awaits a decision
 */
export async function deleteAgain({ audit, by }: { audit?: string; by: string }): Promise<void> {
  await withServices(process.env, async (services) => {
    const pulse = services.get(Pulse, { strict: false });
    await assertHeld(pulse);
    const { named, deleted } = await found(services, audit);
    pulse.recover();
    const database = services.get(Database, { strict: false });
    const fromNodes = named.map(({ signId }): Deletion => ({ action: 'DeleteSignatureKey', resourceId: signId, withDescendants: false }));
    const repeated: Repeated[] = [];
    for (const deletion of [...deleted, ...fromNodes]) {
      const one = await deleteOnceMore(services, database, deletion, operator('signet-cli'));
      if (one) repeated.push(one);
    }
    await pulse.decide(by);
    for (const { line, committed } of repeated)
      if (committed) console.log(`${line}: ${receiptPath(committed.scope, committed.revision, pulse.epoch)}`);
    const paused = repeated.filter((one) => one.paused).length;
    const how = paused === 0 ? '' : `, ${paused} of them by pausing a webhook endpoint`;
    console.log(`${by} has decided: ${repeated.length} deletions are made again${how}, and the service goes on.`);
  });
}

/**
 * Records an operator's statement that no process with keys from before the restore signs any more: from then on receipts can be complete
 * again. @throws Error when there was no restore
 */
export async function vouch({ by }: { by: string }): Promise<void> {
  await withServices(process.env, async (services) => {
    await services.get(Pulse, { strict: false }).vouch(by);
    console.log(`${by} vouches that no process from before the restore signs: receipts can be complete again.`);
  });
}

async function assertHeld(pulse: Pulse): Promise<void> {
  if ((await pulse.status()).held === 0) throw new Error('there is nothing to decide: signet admin recovery status');
}

async function found(
  services: INestApplicationContext,
  audit?: string,
): Promise<{ named: readonly NamedTombstone[]; deleted: readonly RecordedDeletion[] }> {
  const database = services.get(Database, { strict: false });
  const named = await tombstonesOfWhatIsBack(database);
  const deleted = audit === undefined ? [] : await deletionsIn(audit, database);
  return { named, deleted };
}
