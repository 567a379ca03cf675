import { Command, Option } from 'commander';
import type { ExportOptions } from './audit-trail.js';

const actions = () => import('./audit-trail.js');

/** `signet audit …`. */
export function auditCommand(): Command {
  const audit = new Command('audit').description('the audit trail');
  audit
    .command('verify')
    .description('verify every chain of the trail; exits with 1 when a row was changed, deleted or moved')
    .option('--heads <file>', 'also compare with hashes stored elsewhere: the output of audit heads or audit export')
    .action(async (options: { heads?: string }) => (await actions()).verify(options));
  audit
    .command('heads')
    .description('print the newest hash of every chain, to keep elsewhere: one JSON object a line')
    .action(async () => (await actions()).heads());
  audit
    .command('export')
    .description('print the events of every project, chain by chain: one JSON object a line')
    .addOption(new Option('--format <format>', 'native fields, or CADF').choices(['jsonl', 'cadf']).default('jsonl'))
    .option('--project <project>', 'only this project, by time: its id, or its name in the domain default')
    .option('--chain <id>', 'only this chain: an id of a gateway or project, signet.denied, signet.checkpoints')
    .option('--since <instant>', 'from this instant on, e.g. 2026-01-31T00:00:00Z')
    .option('--until <instant>', 'before this instant')
    .action(async (options: ExportOptions) => (await actions()).exportEvents(options));
  audit
    .command('prune')
    .description('delete older events and leave a checkpoint from which the rest can be verified')
    .requiredOption('--before <instant>', 'delete events before this instant, e.g. 2026-01-31T00:00:00Z')
    .option('--yes', 'do not ask', false)
    .action(async (options: { before: string; yes: boolean }) => (await actions()).prune(options));
  return audit;
}
