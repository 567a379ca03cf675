/** Commands that were not below `signet admin` in 0.2; `true`, or the subcommands that were. The next release removes the old names. */
const MOVED: Readonly<Record<string, true | readonly string[]>> = {
  migrate: true,
  backup: true,
  restore: true,
  recovery: true,
  token: true,
  'gateway-token': true,
  'api-key': true,
  iam: true,
  'access-key': true,
  audit: ['verify', 'heads', 'export', 'prune'],
  kek: true,
  rewrap: true,
};

/**
 * Translates the name that a command had in 0.2.
 * @param args what follows `signet` @returns the arguments with the current name, and one line for the operator if it differs
 */
export function withNewName(args: readonly string[]): { args: readonly string[]; notice?: string } {
  const help = args[0] === 'help' ? ['help'] : [];
  const [name = '', verb = ''] = args.slice(help.length);
  const moved = Object.hasOwn(MOVED, name) ? MOVED[name] : undefined;
  if (moved === undefined || (moved !== true && !moved.includes(verb))) return { args };
  const old = moved === true ? name : `${name} ${verb}`;
  return {
    args: [...help, 'admin', ...args.slice(help.length)],
    notice: `signet ${old} is now signet admin ${old}; the next release removes the old name`,
  };
}
