import { Command, InvalidArgumentError } from 'commander';
import { apisix } from './apisix.js';
import { caddy } from './caddy.js';
import { envoy } from './envoy.js';
import { haproxy, haproxyLua } from './haproxy.js';
import { nginx } from './nginx.js';
import type { GenOptions } from './options.js';
import { traefik } from './traefik.js';

export const GENERATORS: Record<string, (options: GenOptions) => string> = { nginx, haproxy, caddy, envoy, apisix, traefik };

function httpUrl(value: string): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash && !url.username) return url;
  throw new InvalidArgumentError('It must be http://HOST:PORT or https://HOST:PORT.');
}

const matching = (pattern: RegExp, words: string) => (value: string) => {
  if (pattern.test(value)) return value;
  throw new InvalidArgumentError(words);
};
const PATH = /^\/[A-Za-z0-9_./-]+$/;
const anAbsolutePath = matching(PATH, 'It must be an absolute path of letters, digits and _ . / - only.');

/** `signet gen nginx|haproxy|…`: configurations that the tests run with these very gateways (docs/gateways.md). */
export function genCommand(): Command {
  const gen = new Command('gen').description('print the configuration of a stock gateway that signs with the keys of Signet');
  for (const [name, generate] of Object.entries(GENERATORS)) {
    const command = gen
      .command(name)
      .description(`configuration for ${name}`)
      .requiredOption('--instance <id>', 'gateway whose keys sign', matching(/^[A-Za-z0-9_-]{1,64}$/, 'It must be the id of a gateway.'))
      .option('--signer <url>', 'where a signet gateway answers /sign', httpUrl, new URL('http://127.0.0.1:8711'))
      .option('--upstream <url>', 'the backend', httpUrl, new URL('http://127.0.0.1:8080'))
      .option(
        '--listen <port>',
        'port, or ADDRESS:PORT, to listen on',
        matching(/^([0-9.]+:|\[[0-9a-fA-F:]+\]:)?\d{1,5}$/, 'It must be a port or ADDRESS:PORT.'),
        '8000',
      );
    if (name === 'haproxy')
      command
        .option('--maps <folder>', 'folder of the map files and of signet.lua', anAbsolutePath, '/etc/haproxy/signet')
        .option('--socket <path>', 'admin socket', anAbsolutePath, '/run/haproxy/admin.sock')
        .option(
          '--large-body <policy>',
          'refuse or unsigned-payload: a body that does not fit into a buffer, or is chunked',
          matching(/^(refuse|unsigned-payload)$/, 'It must be refuse or unsigned-payload.'),
          'unsigned-payload',
        )
        .option('--lua', 'print signet.lua instead', false);
    command.action((options: GenOptions & { lua?: boolean }) => void process.stdout.write(options.lua ? haproxyLua : generate(options)));
  }
  return gen;
}
