import { Presets, SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import type { KekStatus } from '../vault/kek-status.service.js';
import type { RewrapProgress, RewrapResult, RewrapStep } from '../vault/rewrap.service.js';

const HOUR_MS = 3_600_000;
/** Lines of progress where there is no terminal come no more often than this. */
const LINE_EVERY_MS = 1000;

const LABELS: Record<RewrapStep, string> = { 'data-keys': 'data keys', secrets: 'secrets' };

/** How far it is: a bar on a terminal, otherwise JSON lines. */
class Progress {
  readonly #bar = process.stdout.isTTY
    ? new SingleBar({ format: '{step} [{bar}] {value}/{total}', hideCursor: true, clearOnComplete: true }, Presets.shades_classic)
    : undefined;
  #step: RewrapStep | undefined;
  #line = '';
  #lineAt = -Infinity;

  show({ step, done, total }: RewrapProgress): void {
    const begins = step !== this.#step;
    this.#step = step;
    if (this.#bar) {
      if (begins) this.#bar.start(total, done, { step: LABELS[step] });
      else this.#bar.update(done, { step: LABELS[step] });
      return;
    }
    const line = JSON.stringify({ event: 'progress', step, done, total });
    if (line === this.#line || !(begins || done === total || performance.now() - this.#lineAt >= LINE_EVERY_MS)) return;
    this.#line = line;
    this.#lineAt = performance.now();
    console.log(line);
  }

  end(): void {
    this.#bar?.stop();
  }
}

/** Exits with 1 when a secret does not open where it stands. */
async function rewrap({ reseal, keyAgeHours }: { reseal: boolean; keyAgeHours: number }): Promise<void> {
  const [{ withServices }, { RewrapService }, { operatorWords }] = await Promise.all([
    import('./context.js'),
    import('../vault/rewrap.service.js'),
    import('../vault/key-provider.js'),
  ]);
  const progress = new Progress();
  const result = await withServices(process.env, (services) =>
    services
      .get(RewrapService, { strict: false })
      .run({ reseal, keyAgeMs: keyAgeHours * HOUR_MS, onProgress: (step) => progress.show(step) })
      .finally(() => progress.end())
      .catch((error: unknown) => {
        throw operatorWords(error);
      }),
  );
  for (const where of result.broken) console.error(`does not open: ${where}`);
  if (process.stdout.isTTY) tellResult(result, reseal);
  else console.log(JSON.stringify({ event: 'done', ...result, broken: result.broken.length }));
  if (result.broken.length > 0) process.exitCode = 1;
}

function tellResult({ rewrapped, rotated, resealed, left, destroyed, broken }: RewrapResult, reseal: boolean): void {
  console.log(`${rewrapped} data keys wrapped again, ${destroyed} older ones destroyed`);
  if (reseal) console.log(`${rotated} data keys made, ${resealed} secrets sealed again`);
  if (left > 0)
    console.log(
      `${left} secrets are under an older data key${reseal ? ': other processes use it for up to an hour; run this again after' : ''}`,
    );
  if (broken.length > 0) console.log(`${broken.length} secrets do not open where they stand`);
}

async function status({ json }: { json: boolean }): Promise<void> {
  const [{ withServices }, { KekStatusService }] = await Promise.all([import('./context.js'), import('../vault/kek-status.service.js')]);
  const found = await withServices(process.env, (services) => services.get(KekStatusService, { strict: false }).read());
  if (json) console.log(JSON.stringify(found));
  else tellStatus(found);
}

function tellStatus(found: KekStatus): void {
  const width = Math.max('root key'.length, ...found.root_keys.map(({ root_id }) => root_id.length));
  const line = (...[id, provider, dataKeys, state]: [string, string, string, string]) =>
    console.log(`${id.padEnd(width)}  ${provider.padEnd(8)}  ${dataKeys.padStart(9)}  ${state}`);
  line('root key', 'provider', 'data keys', 'state');
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
      'bring data keys under the newest key-encryption key and destroy those without use, beside running processes; may be killed and run again',
    )
    .option('--reseal', 'give every project a new data key and seal every secret again under it', false)
    .option('--key-age-hours <n>', 'with --reseal: projects whose data key is younger keep it', hours, 168)
    .addHelpText(
      'after',
      '\nA bar on a terminal, JSON lines otherwise. Exits with 1 when a secret does not open where it stands. docs/key-encryption.md',
    )
    .action(rewrap);
}

/** `signet kek …`: key-encryption keys. */
export function kekCommand(): Command {
  const kek = new Command('kek').description('key-encryption keys');
  kek
    .command('generate')
    .description('print one line for a key-encryption key file')
    .action(async () => void process.stdout.write((await import('../vault/key-encryption-keys.js')).generateLine()));
  kek
    .command('status')
    .description('list key-encryption keys, how many data keys each wraps, and which may be removed')
    .option('--json', 'one JSON object', false)
    .action(status);
  return kek;
}
