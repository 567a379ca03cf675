/**
 * Merges environments. The last value of a variable counts. For a variable with items, the last value of each item counts
 * (docs/configuration.md).
 */
export function joined(...environments: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of environments.flatMap((each) => Object.entries(each))) {
    const items = itemsOf(value);
    const before = items && itemsOf(env[name] ?? '');
    env[name] = before === undefined ? value : [...new Map([...before, ...items!])].map((item) => item.join('=')).join(',');
  }
  return env;
}

/** @returns undefined for a value without items */
function itemsOf(value: string): [item: string, value: string][] | undefined {
  const items = value.split(',').map((text) => /^([a-z-]+)=(.*)$/.exec(text));
  return items.every((match) => match !== null) ? items.map(([, item, text]) => [item!, text!]) : undefined;
}
