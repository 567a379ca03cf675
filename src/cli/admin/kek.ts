import { Command, InvalidArgumentError } from 'commander';
import { HOUR_MS } from '../../platform/common/clock.js';
import type { KekStatus } from '../../platform/vault/kek-status.service.js';
import type { RewrapProgress, RewrapResult, RewrapStep } from '../../platform/vault/rewrap.service.js';

/** Minimum interval between progress lines without a terminal. */
const LINE_EVERY_MS = 1000;

const LABELS: Record<RewrapStep, string> = { 'data-keys': 'data keys', secrets: 'secrets' };

/** Progress: one line that is overwritten on a terminal, otherwise JSON lines. */
class Progress {
  #step: RewrapStep | undefined;
  #line = '';
  #lineAt = -Infinity;

  show({ step, done, total }: RewrapProgress): void {
    if (process.stdout.isTTY) {
      process.stdout.write(`${ERASED}${LABELS[step]} ${done}/${total}`);
      return;
    }
    const begins = step !== this.#step;
    this.#step = step;
    const line = JSON.stringify({ event: 'progress', step, done, total });
    if (line === this.#line || !(begins || done === total || performance.now() - this.#lineAt >= LINE_EVERY_MS)) return;
    this.#line = line;
    this.#lineAt = performance.now();
    console.log(line);
  }

  end(): void {
    if (process.stdout.isTTY) process.stdout.write(ERASED);
  }
}

/** Returns to the start of the line and erases it. */
const ERASED = '\r\x1b[2K';

/** Exits with 1 when a secret cannot be decrypted in its row, or a row's MAC is wrong. */
async function rewrap({ reseal, keyAgeHours }: { reseal: boolean; keyAgeHours: number }): Promise<void> {
  const [{ withServices }, { RewrapService }, { operatorError }] = await Promise.all([
    import('./context.js'),
    import('../../platform/vault/rewrap.service.js'),
    import('../../platform/vault/key-provider.js'),
  ]);
  const progress = new Progress();
  const result = await withServices(process.env, (services) =>
    services
      .get(RewrapService, { strict: false })
      .run({ reseal, keyAgeMs: keyAgeHours * HOUR_MS, onProgress: (step) => progress.show(step) })
      .finally(() => progress.end())
      .catch((error: unknown) => {
        throw operatorError(error);
      }),
  );
  for (const where of result.broken) console.error(`cannot be decrypted: ${where}`);
  for (const where of result.macs?.altered ?? []) console.error(`was altered: ${where}`);
  if (process.stdout.isTTY) tellResult(result, reseal);
  else {
    const { macs, ...rest } = result;
    const counted = macs && { macs: { ...macs, altered: macs.altered.length } };
    console.log(JSON.stringify({ event: 'done', ...rest, broken: result.broken.length, ...counted }));
  }
  if (result.broken.length > 0 || (result.macs?.altered.length ?? 0) > 0) process.exitCode = 1;
}

function tellResult({ rewrapped, rotated, resealed, left, destroyed, broken, macs }: RewrapResult, reseal: boolean): void {
  console.log(`${rewrapped} data keys wrapped again, ${destroyed} older ones destroyed`);
  if (reseal) console.log(`${rotated} data keys made, ${resealed} secrets sealed again`);
  if (macs) console.log(`${macs.made} identity keys made, ${macs.rewritten} rows brought under it, ${macs.destroyed} older ones destroyed`);
  if (left > 0)
    console.log(
      `${left} secrets are under an older data key${reseal ? ': other processes use it for up to an hour; run this again after' : ''}`,
    );
  if (broken.length > 0) console.log(`${broken.length} secrets cannot be decrypted`);
}

async function status({ json }: { json: boolean }): Promise<void> {
  const [{ withServices }, { KekStatusService }] = await Promise.all([
    import('./context.js'),
    import('../../platform/vault/kek-status.service.js'),
  ]);
  const found = await withServices(process.env, (services) => services.get(KekStatusService, { strict: false }).read());
  if (json) console.log(JSON.stringify(found));
  else tellStatus(found);
}

function tellStatus(found: KekStatus): void {
  const width = Math.max('kek'.length, ...found.root_keys.map(({ root_id }) => root_id.length));
  const line = (...[id, provider, dataKeys, state]: [string, string, string, string]) =>
    console.log(`${id.padEnd(width)}  ${provider.padEnd(8)}  ${dataKeys.padStart(9)}  ${state}`);
  line('kek', 'provider', 'data keys', 'state');
  for (const { root_id, provider, data_keys, state } of found.root_keys)
    line(root_id, provider ?? 'none', String(data_keys), state === 'removable' ? 'may be removed' : state);
  console.log(
    `${found.projects} projects, ${found.data_keys} data keys (${found.superseded_data_keys} superseded, ${found.due_data_keys} due), ` +
      `${found.secrets} secrets (${found.secrets_under_superseded} under superseded data keys)`,
  );
}

function hours(value: string): number {
  const number = /^\d{1,6}(\.\d{1,3})?$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) throw new InvalidArgumentError('It must be a number of hours.');
  return number;
}

export function rewrapCommand(): Command {
  return new Command('rewrap')
    .description(
      'wrap data keys with the newest key-encryption key and destroy unused ones; processes may be running; safe to interrupt and run again',
    )
    .option('--reseal', 'give every project a new data key and encrypt every secret again with it', false)
    .option('--key-age-hours <n>', 'with --reseal: skip projects whose data key is younger', hours, 168)
    .addHelpText(
      'after',
      '\nA line on a terminal, JSON lines otherwise. Exits with 1 when a secret cannot be decrypted. docs/key-encryption.md',
    )
    .action(rewrap);
}

/** `signet admin kek …`: key-encryption keys. */
export function kekCommand(): Command {
  const kek = new Command('kek').description('key-encryption keys');
  kek
    .command('generate')
    .description('create a key-encryption key: a new file with --out, otherwise print one line')
    .option('--out <file>', 'file to create, readable by its owner only; never overwrites one')
    .action(async ({ out }: { out?: string }) => {
      const { generateFile, generateLine } = await import('../../platform/vault/key-encryption-keys.js');
      if (out === undefined) process.stdout.write(generateLine());
      else generateFile(out);
    });
  kek
    .command('status')
    .description('list key-encryption keys, how many data keys each wraps, and which may be removed')
    .option('--json', 'one JSON object', false)
    .action(status);
  return kek;
}
