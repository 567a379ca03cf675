/** What each role may do, as patterns over action names (apig §7.1–7.3); `*` matches within one part. */
const GRANTS: Record<string, readonly string[]> = {
  'APIG Administrator': ['apig:*:*', 'signet:*:*'],
  'APIG FullAccess': ['apig:*:*', 'signet:*:*'],
  'APIG ReadOnlyAccess': ['apig:*:get*', 'apig:*:list*', 'signet:*:get*', 'signet:*:list*'],
};

/** The roles a project can grant. */
export const ROLES = Object.keys(GRANTS);

const compiled = new Map(
  Object.entries(GRANTS).map(([role, patterns]) => [role, patterns.map((pattern) => new RegExp(`^${pattern.replaceAll('*', '[^:]*')}$`))]),
);

const decided = new Map<string, boolean>();

/** Whether any of the roles grants the action. Unknown roles grant nothing. */
export function allows(roles: readonly string[], action: string): boolean {
  const key = `${action}|${roles.join('|')}`;
  let answer = decided.get(key);
  if (answer === undefined) {
    answer = roles.some((role) => compiled.get(role)?.some((pattern) => pattern.test(action)));
    // Roles come from the database and actions from the code, so the pairs are few; an odd directory must not fill memory.
    if (decided.size > 10_000) decided.clear();
    decided.set(key, answer);
  }
  return answer;
}
