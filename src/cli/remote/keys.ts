import { Command, Option } from 'commander';
import { CONTRACT_SIGN_ALGORITHMS, CONTRACT_SIGN_TYPES, DEFAULT_SIGN_TYPE } from '#signing/algorithms.js';
import type { Io } from '../io.js';
import { running, seconds, withGateway, withWait, withYes } from './options.js';

const material = (command: Command): Command =>
  command
    .option('--key-file <file>', 'file with the key (sign_key) instead of a generated one; - is standard input')
    .option('--secret-file <file>', 'file with the secret instead of a generated one; - is standard input');

const publication = (command: Command): Command =>
  command
    .option('--api <name>', 'id or name of the API')
    .option('--env <name>', 'id or name of the environment, if the API is published in several');

/** `signet keys …`: signature keys of a gateway. */
export function keysCommand(io: Io): Command {
  const keys = new Command('keys').description('signature keys of a gateway, with which it signs requests to backends');
  const actions = () => import('./key-actions.js');
  const rotation = () => import('./key-rotation.js');

  withGateway(keys.command('list'))
    .description('list keys, without their secrets')
    .option('--name <text>', 'only keys with this text in their name')
    .action(running(io, async () => (await actions()).list));
  material(withGateway(keys.command('create <name>')))
    .description('create a key and print it with its secret')
    .addOption(new Option('--type <type>', 'how it signs').choices(CONTRACT_SIGN_TYPES).default(DEFAULT_SIGN_TYPE))
    .addOption(new Option('--algorithm <name>', 'cipher of an aes key').choices(CONTRACT_SIGN_ALGORITHMS))
    .action(running(io, async () => (await actions()).create));
  withGateway(keys.command('show <key>'))
    .description('show a key, by its name or id')
    .option('--reveal', 'with its secret; the audit trail records it')
    .action(running(io, async () => (await actions()).show));
  material(withWait(withGateway(keys.command('update <key>'))))
    .description('rename a key, or replace its key and secret at once (keys rotate does it with an overlap)')
    .option('--name <name>', 'new name')
    .addOption(new Option('--type <type>', 'how it signs').choices(CONTRACT_SIGN_TYPES))
    .addOption(new Option('--algorithm <name>', 'cipher of an aes key').choices(CONTRACT_SIGN_ALGORITHMS))
    .action(running(io, async () => (await actions()).update));
  publication(withWait(withGateway(keys.command('bind <key>'))))
    .description('sign the requests of a published API with a key; it replaces the key that the API has')
    .action(running(io, async () => (await actions()).bind));
  withYes(publication(withWait(withGateway(keys.command('unbind <key>')))))
    .description('no longer sign the requests of an API with a key')
    .option('--all', 'of every API')
    .action(running(io, async () => (await actions()).unbind));
  withGateway(keys.command('bindings <key>'))
    .description('list the APIs whose requests a key signs')
    .action(running(io, async () => (await actions()).bindings));
  withGateway(keys.command('impact <key>'))
    .description('show which APIs lose their signature if a key is deleted, and when it signed last')
    .action(running(io, async () => (await actions()).impact));
  withYes(withWait(withGateway(keys.command('delete <key>'))))
    .description('delete a key; with --wait, exit with 0 only when no gateway node signs with it any more')
    .action(running(io, async () => (await actions()).remove));

  withGateway(keys.command('rotate <key>'))
    .description('give a key a second secret, which verifiers accept before the gateway signs with it')
    .option('--key-file <file>', 'file with the new key; - is standard input')
    .option('--secret-file <file>', 'file with the new secret; - is standard input')
    .option('--overlap <seconds>', 'how long the old secret is accepted after the new one signs', seconds)
    .addOption(new Option('--promotion <when>', 'when the new secret signs').choices(['manual', 'scheduled', 'verified']))
    .option('--promote-at <instant>', 'for scheduled: when, in UTC, e.g. 2030-01-31T00:00:00Z')
    .action(running(io, async () => (await rotation()).rotate));
  withGateway(keys.command('rotation <key>'))
    .description('show the rotation of a key, and which verifiers hold both secrets')
    .action(running(io, async () => (await rotation()).show));
  withWait(withGateway(keys.command('promote <key>')))
    .description('sign with the new secret; the old one is accepted for the overlap')
    .option('--at <instant>', 'later, in UTC, e.g. 2030-01-31T00:00:00Z')
    .action(running(io, async () => (await rotation()).promote));
  withYes(withWait(withGateway(keys.command('retire <key>'))))
    .description('end the secret that no longer signs, before the overlap is over')
    .option('--force', 'even if it may still be in use')
    .action(running(io, async () => (await rotation()).retire));
  withYes(withWait(withGateway(keys.command('cancel-rotation <key>'))))
    .description('go one step back: drop the new secret, or sign with the old one again')
    .action(running(io, async () => (await rotation()).cancel));
  return keys;
}
