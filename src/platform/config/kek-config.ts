import { resolve } from 'node:path';
import { Secret } from './secret.js';
import { said, type Values } from './values.js';
import { KEY_PROVIDERS, type KeyProviderName } from './variables.js';

/** The provider of the key-encryption key, and the settings of each configured provider. */
export interface KekConfig {
  /** The provider that wraps. All other configured providers only unwrap. */
  provider: KeyProviderName;
  file?: string;
  inline?: Secret;
  credentialsDirectory?: string;
  /** The transit engine of HashiCorp Vault or OpenBao. */
  vault?: { address: string; token?: Secret; tokenFile?: string; mount: string; key: string };
  awsKms?: { keyId: string; region?: string; endpoint?: string };
}

type ReadUrl = (name: string, protocols: readonly string[]) => URL | undefined;

/** Reads the settings of the key-encryption keys. Faults go to `values.faults`. @param url reads a URL variable */
export function readKek(values: Values, url: ReadUrl): KekConfig {
  const { env, faults } = values;
  const kek: KekConfig = {
    provider: values.oneOf('SIGNET_KEK_PROVIDER', KEY_PROVIDERS),
    ...(env['SIGNET_KEK_FILE'] && { file: resolve(env['SIGNET_KEK_FILE']) }),
    ...(env['SIGNET_KEK'] && { inline: new Secret(env['SIGNET_KEK']) }),
    ...(env['CREDENTIALS_DIRECTORY'] && { credentialsDirectory: env['CREDENTIALS_DIRECTORY'] }),
    ...readVault(values, url),
    ...readAwsKms(values, url),
  };
  if (kek.file && kek.inline) faults.push('only one of SIGNET_KEK_FILE and SIGNET_KEK may be set');
  if (kek.provider === 'vault' && !env['SIGNET_VAULT.address']) faults.push('SIGNET_KEK_PROVIDER=vault requires address in SIGNET_VAULT');
  if (kek.provider === 'aws-kms' && !env['SIGNET_AWS_KMS_KEY_ID'])
    faults.push('SIGNET_KEK_PROVIDER=aws-kms requires SIGNET_AWS_KMS_KEY_ID');
  return kek;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Reads a URL that must use TLS, because data keys are sent to it in clear text. */
function privateUrl(values: Values, name: string, url: ReadUrl): string | undefined {
  const parsed = url(name, ['http:', 'https:']);
  if (parsed?.protocol === 'http:' && !LOOPBACK.test(parsed.hostname)) values.fault(name, 'must be https (or http on loopback)');
  if (parsed && (parsed.username || parsed.search || parsed.hash)) values.fault(name, 'must not have a user, query or fragment');
  return parsed?.href.replace(/\/$/, '');
}

function readVault(values: Values, url: ReadUrl): Pick<KekConfig, 'vault'> {
  const { env, faults } = values;
  const { SIGNET_VAULT_TOKEN: token, SIGNET_VAULT_TOKEN_FILE: tokenFile } = env;
  const address = privateUrl(values, 'SIGNET_VAULT.address', url);
  if (!env['SIGNET_VAULT.address']) {
    for (const name of ['SIGNET_VAULT.key', 'SIGNET_VAULT.mount', 'SIGNET_VAULT_TOKEN', 'SIGNET_VAULT_TOKEN_FILE'])
      if (env[name]) faults.push(`${said(name)} requires address in SIGNET_VAULT`);
    return {};
  }
  const key = env['SIGNET_VAULT.key'] ?? '';
  const mount = values.text('SIGNET_VAULT.mount');
  if (!token === !tokenFile) faults.push('SIGNET_VAULT requires either SIGNET_VAULT_TOKEN or SIGNET_VAULT_TOKEN_FILE');
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(key)) values.fault('SIGNET_VAULT.key', 'must be the name of a transit key');
  if (!/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/.test(mount) || mount.length > 64)
    values.fault('SIGNET_VAULT.mount', 'must be a path without a slash at either end');
  return {
    vault: {
      address: address ?? '',
      mount,
      key,
      ...(token && { token: new Secret(token) }),
      ...(tokenFile && { tokenFile: resolve(tokenFile) }),
    },
  };
}

function readAwsKms(values: Values, url: ReadUrl): Pick<KekConfig, 'awsKms'> {
  const { SIGNET_AWS_KMS_KEY_ID: keyId, AWS_REGION: region } = values.env;
  if (!keyId) return {};
  const endpoint = privateUrl(values, 'AWS_ENDPOINT_URL_KMS', url);
  if (!/^[A-Za-z0-9:/_-]{1,256}$/.test(keyId)) values.fault('SIGNET_AWS_KMS_KEY_ID', 'must be the id, ARN or alias of a KMS key');
  return { awsKms: { keyId, ...(region && { region }), ...(endpoint && { endpoint }) } };
}
