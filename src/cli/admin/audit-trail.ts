import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createInterface as createPrompt } from 'node:readline/promises';
import { type ExportFormat, isInstant } from '../../platform/audit/audit.dto.js';
import { AuditEventsService } from '../../platform/audit/audit-events.service.js';
import { AuditTrailService, type RecordedHash } from '../../platform/audit/audit-trail.service.js';
import type { ChainFault } from '../../platform/audit/chain-walk.js';
import { lineOf } from '../../platform/audit/export.js';
import { RetentionService } from '../../platform/audit/retention.service.js';
import { operator } from '../../identity/projects/operator.js';
import { Database } from '../../platform/database/database.js';
import { withServices } from './context.js';
import { projectNamed } from './named.js';

/** Prints the verified chains and every fault; the exit code is 1 when there is one. */
export async function verify({ heads: file }: { heads?: string }): Promise<void> {
  const noted = file === undefined ? [] : await notedIn(file);
  const { chains, events, faults } = await withServices(process.env, (services) =>
    services.get(AuditTrailService, { strict: false }).verify(noted),
  );
  for (const fault of faults) console.error(worded(fault));
  console.log(`${events} events in ${chains} chains: ${faults.length === 0 ? 'intact' : `${faults.length} faults`}`);
  if (faults.length > 0) process.exitCode = 1;
}

export async function heads(): Promise<void> {
  const all = await withServices(process.env, (services) => services.get(AuditTrailService, { strict: false }).heads());
  for (const { scopeId, seq, hash } of all) console.log(JSON.stringify({ scope_id: scopeId, seq, hash }));
}

export interface ExportOptions {
  format: ExportFormat;
  project?: string;
  chain?: string;
  since?: string;
  until?: string;
}

export async function exportEvents(options: ExportOptions): Promise<void> {
  const filter = {
    ...(options.chain !== undefined && { scopeId: options.chain }),
    ...(options.since !== undefined && { since: instant('--since', options.since) }),
    ...(options.until !== undefined && { until: instant('--until', options.until) }),
  };
  await withServices(process.env, async (services) => {
    const { project } = options;
    const projectId = project === undefined ? undefined : await projectNamed(services.get(Database, { strict: false }), project);
    const events = services.get(AuditEventsService, { strict: false }).stream({ ...filter, ...(projectId !== undefined && { projectId }) });
    let found = false;
    const line = lineOf(options.format);
    for await (const event of events) {
      found = true;
      if (!process.stdout.write(line(event))) await once(process.stdout, 'drain');
    }
    if (!found) throw new Error('nothing found');
  });
}

export async function prune({ before, yes }: { before: string; yes: boolean }): Promise<void> {
  const instantMs = instant('--before', before);
  if (instantMs > new Date().getTime()) throw new Error('--before lies in the future: every event would be deleted');
  if (!yes && process.stdin.isTTY && !(await agreed(`Delete every event before ${before} for good?`))) return;
  const pruned = await withServices(process.env, (services) =>
    services.get(RetentionService, { strict: false }).prune(instantMs, operator('signet-cli')),
  );
  for (const { scopeId, faults } of pruned) {
    for (const fault of faults) console.error(worded(fault));
    if (faults.length > 0) console.error(`${scopeId}: not pruned, because its chain cannot be verified`);
  }
  const cut = pruned.filter(({ faults }) => faults.length === 0);
  console.log(`${cut.reduce((sum, { events }) => sum + events, 0)} events of ${cut.length} chains deleted`);
  if (cut.length < pruned.length) process.exitCode = 1;
}

async function agreed(question: string): Promise<boolean> {
  const terminal = createPrompt({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} [y/N] `)).trim().toLowerCase() === 'y';
  } finally {
    terminal.close();
  }
}

function worded({ scopeId, seq, fault, through, from }: ChainFault): string {
  const rows = through === undefined || through === seq ? `#${seq}` : `#${seq}-${through}`;
  return `${scopeId} ${rows}: ${fault}${from === undefined ? '' : ` from #${from}`}`;
}

function instant(option: string, text: string): number {
  if (!isInstant(text)) throw new Error(`${option} must be an instant in UTC, e.g. 2026-01-31T00:00:00Z`);
  return Date.parse(text);
}

async function notedIn(file: string): Promise<RecordedHash[]> {
  const noted: RecordedHash[] = [];
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    const { scope_id, seq, hash } = parsed(line);
    if (typeof scope_id !== 'string' || !Number.isSafeInteger(seq) || typeof hash !== 'string')
      throw new Error(`${file}: line ${noted.length + 1} has no scope_id, seq and hash`);
    noted.push({ scopeId: scope_id, seq: seq as number, hash });
  }
  return noted;
}

function parsed(line: string): { scope_id?: unknown; seq?: unknown; hash?: unknown } {
  try {
    return JSON.parse(line) as object;
  } catch {
    return {};
  }
}
