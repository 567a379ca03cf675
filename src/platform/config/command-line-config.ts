import { Secret } from './secret.js';
import { Values } from './values.js';

/** The environment variables that are read by commands that call the service. */
export interface CommandLineConfig {
  readonly url: string | undefined;
  readonly profile: string;
  readonly project: string | undefined;
  /** Id or name of the gateway. */
  readonly gateway: string | undefined;
  readonly token: Secret | undefined;
  readonly apiKey: Secret | undefined;
  readonly accessKey: { readonly access: string; readonly secret: Secret } | undefined;
  /** The key with which `signet sign` and `signet verify` work. */
  readonly sign: {
    readonly type: string;
    readonly algorithm: string | undefined;
    readonly key: Secret | undefined;
    readonly secret: Secret | undefined;
  };
}

/**
 * Reads the environment of a command.
 * @param given the environment, which is not changed
 * @throws ConfigError naming every fault at once, including misspelled names of credentials
 */
export function readCommandLineConfig(given: Readonly<Record<string, string | undefined>>): CommandLineConfig {
  const values = new Values({ ...given }, 'command line');
  const { env, faults } = values;
  const text = (name: string) => env[name] || undefined;
  const secret = (name: string) => (env[name] ? new Secret(env[name]) : undefined);
  const access = text('SIGNET_ACCESS_KEY');
  const secretKey = secret('SIGNET_SECRET_KEY');
  if ((access === undefined) !== (secretKey === undefined)) faults.push('SIGNET_ACCESS_KEY and SIGNET_SECRET_KEY must be set together');
  const config: CommandLineConfig = {
    url: text('SIGNET_URL'),
    profile: values.text('SIGNET_PROFILE'),
    project: text('SIGNET_PROJECT'),
    gateway: text('SIGNET_GATEWAY'),
    token: secret('SIGNET_TOKEN'),
    apiKey: secret('SIGNET_API_KEY'),
    accessKey: access === undefined || secretKey === undefined ? undefined : { access, secret: secretKey },
    sign: {
      type: values.text('SIGNET_SIGN_TYPE'),
      algorithm: text('SIGNET_SIGN_ALGORITHM'),
      key: secret('SIGNET_SIGN_KEY'),
      secret: secret('SIGNET_SIGN_SECRET'),
    },
  };
  if ([config.token, config.apiKey, config.accessKey].filter((each) => each !== undefined).length > 1)
    faults.push('only one of SIGNET_TOKEN, SIGNET_API_KEY and SIGNET_ACCESS_KEY may be set');
  values.done();
  return config;
}
