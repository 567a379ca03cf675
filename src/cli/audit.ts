import { Command, Option } from 'commander';
import type { ExportOptions } from './audit-actions.js';

const actions = () => import('./audit-actions.js');

/** `signet audit …`. */
export function auditCommand(): Command {
  const audit = new Command('audit').description('the audit trail');
  audit
    .command('verify')
    .description('walk every chain of the trail; exits with 1 when a row was changed, dropped or moved')
    .option('--against <file>', 'also against hashes kept elsewhere: what audit heads or audit export printed')
    .action(async (options: { against?: string }) => (await actions()).verify(options));
  audit
    .command('heads')
    .description('print the newest hash of every chain, to keep elsewhere: one JSON object a line')
    .action(async () => (await actions()).heads());
  audit
    .command('export')
    .description('print the events of every project, chain by chain: one JSON object a line')
    .addOption(new Option('--format <format>', 'our own fields, or CADF').choices(['jsonl', 'cadf']).default('jsonl'))
    .option('--project <id>', 'only of this project, by time')
    .option('--chain <id>', 'only this chain: an id of a gateway or project, signet.denied, signet.checkpoints')
    .option('--since <instant>', 'from this instant on, e.g. 2026-01-31T00:00:00Z')
    .option('--until <instant>', 'before this instant')
    .action(async (options: ExportOptions) => (await actions()).exportEvents(options));
  audit
    .command('prune')
    .description('delete older events and leave a checkpoint from which the rest can be verified')
    .requiredOption('--before <instant>', 'events before this instant go, e.g. 2026-01-31T00:00:00Z')
    .action(async (options: { before: string }) => (await actions()).prune(options));
  return audit;
}
