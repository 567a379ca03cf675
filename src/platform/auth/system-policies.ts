import type { Effect, NamedPolicy } from './policy.js';

const policy = (name: string, ...statements: [Effect, string[]][]): NamedPolicy => ({
  name,
  document: { Version: '1.1', Statement: statements.map(([effect, actions]) => ({ Effect: effect, Action: actions })) },
});

/** The role that may administer its whole domain: its users, groups, policies, tokens and projects. */
export const ADMINISTRATOR = 'APIG Administrator';

/** The built-in policies (docs/contracts/apig.md §7.3). Names that begin with `APIG ` are reserved for them. */
export const SYSTEM_POLICIES: readonly NamedPolicy[] = [
  policy(ADMINISTRATOR, ['Allow', ['apig:*:*', 'signet:*:*', 'webhooks:*:*', 'iam:*:*']]),
  policy('APIG FullAccess', ['Allow', ['apig:*:*', 'signet:*:*', 'webhooks:*:*']]),
  policy('APIG ReadOnlyAccess', [
    'Allow',
    ['apig:*:get*', 'apig:*:list*', 'signet:*:get*', 'signet:*:list*', 'webhooks:*:get*', 'webhooks:*:list*'],
  ]),
];

export const SYSTEM_POLICY_NAMES = SYSTEM_POLICIES.map(({ name }) => name);

/** Whether a name is reserved for built-in policies, including future ones. */
export const isSystemName = (name: string): boolean => /^apig /i.test(name);
