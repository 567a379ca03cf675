import type { Config } from '../../platform/config/config.js';

/** @throws Error for the operator when an external identity service has the users and roles */
export function needEmbeddedIam({ identity }: Config): void {
  if (!identity) return;
  const keeper = identity.kind === 'keystone' ? `Keystone (${identity.url})` : `the issuer ${identity.issuer}`;
  throw new Error(`the embedded identity service is off (SIGNET_IDENTITY_FILE): ${keeper} manages users, roles and tokens`);
}
