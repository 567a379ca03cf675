import type { Config } from '../config/config.js';

/** @throws Error for the operator when users and roles are kept by an external identity service */
export function needEmbeddedIam({ identity }: Config): void {
  if (!identity) return;
  const keeper = identity.kind === 'keystone' ? `Keystone (${identity.url})` : `the issuer ${identity.issuer}`;
  throw new Error(`the embedded identity service is off (SIGNET_IDENTITY_FILE): users, roles and tokens are kept by ${keeper}`);
}
