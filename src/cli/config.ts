import { Command } from 'commander';
import { Values } from '../platform/config/values.js';
import { itemName, type Plane, SECTIONS, type Setting, type Variable, variablesOf } from '../platform/config/variables.js';

/** Reads the environment as a start would, and prints the value and source of each setting. @throws ConfigError as a start does */
async function check({ gateway }: { gateway: boolean }): Promise<void> {
  const plane: Plane = gateway ? 'gateway' : 'control plane';
  // The readers remove secrets from the environment.
  const { env, local } = new Values({ ...process.env }, plane);
  if (gateway) (await import('../platform/config/gateway-config.js')).readGatewayConfig({ ...process.env });
  else (await import('../platform/config/config.js')).readConfig({ ...process.env });
  for (const [name, variable] of variablesOf(plane)) {
    if (variable.items === undefined) console.log(`${name}=${effective(variable, env[name], local)}`);
    else console.log(name);
    for (const [item, setting] of Object.entries(variable.items ?? {}))
      console.log(`  ${item}=${effective(setting, env[itemName(name, item)], local)}`);
  }
}

function effective({ default: otherwise, local: inLocal, secret }: Variable, given: string | undefined, local: boolean): string {
  if (given) return `${secret ? '***' : given}  (environment)`;
  const value = (local ? inLocal : undefined) ?? otherwise;
  return value === undefined ? '  (not set)' : `${value}  (default)`;
}

/**
 * A line of an environment file: a setting with a default has it, others are commented out. Items whose default depends on the mode are
 * omitted.
 */
function written(name: string, { default: value, example: like = '', items }: Variable): string {
  if (items === undefined) return value === undefined ? `# ${name}=${like}` : `${name}=${value}`;
  const [first] = Object.values(items);
  // If the first item has no default, the variable has only examples.
  const all = first?.default === undefined;
  const shown = Object.entries(items).filter(([, setting]) => all || (setting.default !== undefined && setting.local === undefined));
  const text = shown.map(([item, setting]) => `${item}=${setting.default ?? setting.example ?? ''}`).join(',');
  return `${all ? '# ' : ''}${name}=${text}`;
}

const readers = (of: readonly Plane[]) => of.map((plane) => (plane === 'gateway' ? 'signet gateway' : 'signet serve'));

/** `.env.example`. */
function example(): string {
  const lines = SECTIONS.flatMap(({ title, of, variables }) => [
    '',
    `# --- ${title} (${readers(of).join(', ')}) ---`,
    ...Object.entries(variables).flatMap(([name, variable]) => [
      `# ${variable.what}`,
      ...Object.entries(variable.items ?? {}).map(([item, { what }]) => `#   ${item}: ${what}`),
      written(name, variable),
    ]),
  ]);
  return [
    '# Everything that Signet reads from its environment, with the defaults. Written by npm run config from src/platform/config/variables.ts.',
    '# An unknown SIGNET_* variable is an error; an empty value counts as not set. Variables that Kubernetes injects for a service named signet',
    '# (SIGNET_PORT=tcp://…, SIGNET_SERVICE_HOST, …) are ignored. The format of items, durations and sizes: docs/configuration.md.',
    ...lines,
    '',
  ].join('\n');
}

/** docs/configuration.md: the same as tables. */
function page(): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const defaults = ({ default: value, local }: Setting) =>
    value === undefined ? '–' : `\`${value}\`${local === undefined ? '' : `, local \`${local}\``}`;
  const row = (name: string, setting: Setting) => `| ${name} | ${defaults(setting)} | ${cell(setting.what)} |`;
  return [
    '# Configuration',
    '',
    'Everything that Signet reads from its environment. Written by `npm run config` from `src/platform/config/variables.ts`.',
    '',
    'An unknown `SIGNET_*` variable or an invalid value stops the start; all errors are reported together. An empty value counts as not set.',
    'A variable that was renamed or became an item also stops it, with one sentence that names the replacement.',
    '`signet config check` prints the value and source of each setting, secrets as `***`; `signet config check --gateway` does so for a gateway node.',
    '',
    'Some variables hold several **items**, in any order, separated by commas: `SIGNET_LIMITS="signs=500,body=4MiB"`. A missing item has its',
    'default. An unknown or repeated item stops the start. The tables show items below their variable, indented.',
    '',
    '- A **duration** is a number and `ms`, `s`, `m`, `h` or `d`: `500ms`, `90s`, `30d`. 0 needs no unit.',
    '- A **size** is a number and `KiB`, `MiB` or `GiB`, or a number of bytes: `12MiB`, `65536`.',
    '- A **rate** is a number, a slash and a duration: `600/60s` is 600 in 60 seconds. `off` is no limit.',
    '- An item has no comma. Lists are separate variables.',
    ...SECTIONS.flatMap(({ title, of, variables }) => [
      '',
      `## ${title}`,
      '',
      `Read by ${readers(of)
        .map((name) => `\`${name}\``)
        .join(' and ')}.`,
      '',
      '| variable | default | what |',
      '|---|---|---|',
      ...Object.entries(variables).flatMap(([name, variable]) => [
        row(`\`${name}\``, variable),
        ...Object.entries(variable.items ?? {}).map(([item, setting]) => row(`&emsp;\`${item}=\``, setting)),
      ]),
    ]),
    '',
  ].join('\n');
}

/** `signet config …`: the configuration from the environment. */
export function configCommand(): Command {
  const config = new Command('config').description('the configuration from the environment');
  config
    .command('check')
    .description('read the environment as a start would; print the value and source of each setting, secrets as ***')
    .option('--gateway', 'the configuration of signet gateway', false)
    .action(check);
  config
    .command('example')
    .description('print .env.example')
    .action(() => void process.stdout.write(example()));
  config
    .command('docs')
    .description('print docs/configuration.md')
    .action(() => void process.stdout.write(page()));
  return config;
}
