import { Command, InvalidArgumentError, Option } from 'commander';
import { ENVIRONMENT_NAME } from '../../gateway/http/admission.js';
import { apisix } from './apisix.js';
import { caddy } from './caddy.js';
import { envoy } from './envoy.js';
import { haproxy } from './haproxy.js';
import { haproxyLua } from './haproxy-lua.js';
import { nginx } from './nginx.js';
import type { GenOptions } from './options.js';
import { traefik } from './traefik.js';

const GENERATORS: Record<string, (options: GenOptions) => string> = { nginx, haproxy, caddy, envoy, apisix, traefik };

type Given = Omit<GenOptions, 'signers'> & { signer?: URL[]; lua?: boolean };

function httpUrl(value: string): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash && !url.username) return url;
  throw new InvalidArgumentError('It must be http://HOST:PORT or https://HOST:PORT.');
}

const httpUrls = (value: string, before: readonly URL[] = []) => [...before, httpUrl(value)];

const matching = (pattern: RegExp, words: string) => (value: string) => {
  if (pattern.test(value)) return value;
  throw new InvalidArgumentError(words);
};
const aPort = matching(/^([0-9.]+:|\[[0-9a-fA-F:]+\]:)?\d{1,5}$/, 'It must be a port or ADDRESS:PORT.');

function listenAddress(value: string): string {
  const port = Number(/\d+$/.exec(aPort(value))?.[0]);
  if (port >= 1 && port <= 65_535) return value;
  throw new InvalidArgumentError('The port must be 1 to 65535.');
}

const PATH = /^\/[A-Za-z0-9_./-]+$/;
const anAbsolutePath = matching(PATH, 'It must be an absolute path of letters, digits and _ . / - only.');

/** `signet gen nginx|haproxy|…`: configurations that the tests run with the real gateways (docs/gateways.md). */
export function genCommand(): Command {
  const gen = new Command('gen').description('print the configuration of a stock gateway that signs with the keys of Signet');
  for (const [name, generate] of Object.entries(GENERATORS)) {
    const command = gen
      .command(name)
      .description(`configuration for ${name}`)
      .requiredOption('--instance <id>', 'gateway whose keys sign', matching(/^[A-Za-z0-9_-]{1,64}$/, 'It must be the id of a gateway.'))
      .option('--signer <url>', 'where a signet gateway answers /sign (http://127.0.0.1:8711); several times for several', httpUrls)
      .option('--upstream <url>', 'the backend', httpUrl, new URL('http://127.0.0.1:8080'))
      .option('--listen <port>', 'port, or ADDRESS:PORT, to listen on', listenAddress, '8000');
    if (name === 'haproxy')
      command
        .option('--maps <folder>', 'folder of the map files and of signet.lua', anAbsolutePath, '/etc/haproxy/signet')
        .option('--socket <path>', 'admin socket', anAbsolutePath, '/run/haproxy/admin.sock')
        .option('--upstream-ca <file>', 'authority (PEM) of an https backend, instead of the system’s', anAbsolutePath)
        .option(
          '--large-body <policy>',
          'refuse or unsigned-payload: treatment of a body that does not fit into a buffer, or is chunked',
          matching(/^(refuse|unsigned-payload)$/, 'It must be refuse or unsigned-payload.'),
          'unsigned-payload',
        )
        .addOption(
          new Option('--environment <name>', 'environment of every request; default: X-Stage selects it')
            .env('SIGNET_GATEWAY_ENVIRONMENT')
            .argParser(matching(ENVIRONMENT_NAME, 'It must be the name of an environment: 3 to 64 letters, digits and _.')),
        )
        .option('--lua', 'print signet.lua instead', false);
    command.action(({ signer = [new URL('http://127.0.0.1:8711')], lua, ...rest }: Given) => {
      try {
        process.stdout.write(lua ? haproxyLua : generate({ ...rest, signers: signer }));
      } catch (error) {
        command.error(`error: ${(error as Error).message}`);
      }
    });
  }
  return gen;
}
