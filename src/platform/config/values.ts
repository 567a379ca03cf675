import { withoutInjected } from './injected.js';
import { REMOVED } from './removed-variables.js';
import { defaultOf, itemName, type Plane, VARIABLES, variablesOf } from './variables.js';

export type Environment = Record<string, string | undefined>;

/** Reports all faults of the environment at once. */
export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`The configuration is invalid:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

const DURATIONS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZES = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;
export type DurationUnit = keyof typeof DURATIONS;

/** A number of requests per number of seconds. */
export interface Rate {
  readonly requests: number;
  readonly seconds: number;
}

/** The name as the operator wrote it: `SIGNET_LIMITS: signs`. */
export const said = (name: string) => name.replace('.', ': ');

/**
 * Reads values by their names, and collects the faults. An empty variable or item counts as not set. The item `signs=200` of
 * `SIGNET_LIMITS` is read by the name `SIGNET_LIMITS.signs`, like a separate variable.
 */
export class Values {
  readonly env: Environment;
  readonly faults: string[] = [];
  /** Whether this is a control plane in the local mode, in which some defaults differ. */
  readonly local: boolean;

  constructor(
    private readonly given: Environment,
    private readonly plane: Plane,
  ) {
    this.env = withoutInjected(given);
    this.local = plane === 'control plane' && (this.env['SIGNET_MODE'] || defaultOf('SIGNET_MODE', false)) === 'local';
    for (const [name, value] of Object.entries(this.env)) {
      const items = VARIABLES.get(name)?.items;
      if (items !== undefined) this.#readItems(name, value ?? '', Object.keys(items));
      // Ignores the variables of the other plane, because one file may serve both planes.
      if (!name.startsWith('SIGNET_') || VARIABLES.has(name)) continue;
      const instead = REMOVED[name];
      this.faults.push(
        instead === undefined ? `${name} is not a variable of Signet (see .env.example)` : `${name} was removed: ${instead}`,
      );
    }
  }

  /** @param fallback the default, if variables.ts has none because the default depends on another value */
  text(name: string, fallback?: string): string {
    return this.env[name] || (fallback ?? defaultOf(name, this.local));
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback?: T): T {
    const value = this.text(name, fallback) as T;
    if (!allowed.includes(value)) this.fault(name, `must be one of ${allowed.join(', ')}`);
    return value;
  }

  whole(name: string, min: number, max: number): number {
    const value = this.text(name);
    const number = /^\d{1,12}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= min && number <= max)) this.fault(name, `must be a whole number from ${min} to ${max}`);
    return number;
  }

  /**
   * Parses a duration such as `10s`, in ms, s, m, h or d; 0 needs no unit.
   * @param unit the unit of the result: `90s` is not a whole number of minutes @returns a number of `unit`
   */
  duration(name: string, unit: DurationUnit, min: string, max: string): number {
    const ms = millisecondsOf(this.text(name));
    const within = ms >= millisecondsOf(min) && ms <= millisecondsOf(max) && ms % DURATIONS[unit] === 0;
    if (!within)
      this.fault(name, `must be a duration from ${min} to ${max}, in ms, s, m, h or d${unit === 'ms' ? '' : `, a multiple of 1${unit}`}`);
    return ms / DURATIONS[unit];
  }

  /** Parses a size such as `12MiB`, in KiB, MiB or GiB, or a number of bytes. @returns bytes */
  size(name: string, min: string, max: string): number {
    const bytes = bytesOf(this.text(name));
    if (!(bytes >= bytesOf(min) && bytes <= bytesOf(max)))
      this.fault(name, `must be a size from ${min} to ${max}, in KiB, MiB or GiB, or in bytes`);
    return bytes;
  }

  /** Parses a rate such as `600/60s`. @returns undefined for `off` */
  rate(name: string): Rate | undefined {
    const value = this.text(name);
    if (value === 'off') return undefined;
    const [, requests = '', period = ''] = /^([1-9]\d{0,8})\/(\w+)$/.exec(value) ?? [];
    const ms = millisecondsOf(period);
    if (!(ms >= DURATIONS.s && ms <= DURATIONS.d && ms % DURATIONS.s === 0))
      this.fault(name, 'must be off, or a number and a duration of whole seconds, such as 600/60s; the maximum duration is one day');
    return Object.freeze({ requests: Number(requests), seconds: ms / DURATIONS.s });
  }

  /** Records a fault of a value. @param words the rule, as text that follows the value's name */
  fault(name: string, words: string): void {
    this.faults.push(`${said(name)} ${words}`);
  }

  /**
   * Ends the reading: removes the plane's secrets from the given environment.
   * @throws ConfigError naming every fault at once, if there is any
   */
  done(): void {
    if (this.faults.length > 0) throw new ConfigError(this.faults);
    for (const [name, { secret }] of variablesOf(this.plane)) if (secret && name.startsWith('SIGNET_')) delete this.given[name];
  }

  #readItems(variable: string, value: string, known: readonly string[]): void {
    for (const text of value.split(',').map((part) => part.trim())) {
      if (text === '') continue;
      const [, item, rest] = /^([a-z-]+)\s*=\s*(.*)$/s.exec(text) ?? [];
      if (item === undefined)
        this.fault(variable, `must be items of the form NAME=VALUE, separated by commas; the known ones are ${known.join(', ')}`);
      else if (!known.includes(item)) this.fault(variable, `has the unknown item ${item}; the known ones are ${known.join(', ')}`);
      else if (this.env[itemName(variable, item)] !== undefined) this.fault(variable, `has the item ${item} more than once`);
      else this.env[itemName(variable, item)] = rest;
    }
  }
}

function millisecondsOf(text: string): number {
  if (text === '0') return 0;
  const [, number, unit] = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text) ?? [];
  return number === undefined ? Number.NaN : Number(number) * DURATIONS[unit as DurationUnit];
}

function bytesOf(text: string): number {
  const [, number, unit] = /^(\d{1,12})(|KiB|MiB|GiB)$/.exec(text) ?? [];
  return number === undefined ? Number.NaN : Number(number) * SIZES[unit as keyof typeof SIZES];
}
