import { inspect } from 'node:util';

/** A secret that is shown as `***` in logs, JSON, templates and inspections. */
export class Secret<T = string> {
  #value: T | undefined;
  constructor(value: T) {
    this.#value = value;
  }
  /** @throws Error after {@link forget} */
  reveal(): T {
    if (this.#value === undefined) throw new Error('the secret was already forgotten: reveal it before forget()');
    return this.#value;
  }
  /** Discards the value. For secrets that are needed only once. */
  forget(): void {
    this.#value = undefined;
  }
  toString(): string {
    return '***';
  }
  toJSON(): string {
    return '***';
  }
  [inspect.custom](): string {
    return 'Secret(***)';
  }
}
