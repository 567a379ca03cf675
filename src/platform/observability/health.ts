import { Injectable } from '@nestjs/common';

type Check = () => Promise<void | 'degraded'>;
export type CheckResult = 'ok' | 'degraded' | 'failed';

/** A check failed for a reason that may be public. */
export class CheckFailed extends Error {}

/** Time limit of one check, so that probes are answered within a second. */
const CHECK_MS = 600;

interface Found {
  result: CheckResult;
  reason?: string;
}

/** Readiness checks. Each module registers its own. */
@Injectable()
export class Health {
  readonly #checks = new Map<string, Check>();
  readonly #underway = new Map<string, Promise<Found>>();
  #stopping = false;

  /** @param check rejects when its part of the service fails. With `degraded`, the part works with limitations and needs attention */
  add(name: string, check: Check): void {
    this.#checks.set(name, check);
  }

  /** Reports the service as not ready from now on, so that load balancers stop sending requests before the port closes. */
  stop(): void {
    this.#stopping = true;
  }

  /** Returns the result of every check; `degraded` counts as ready. The reasons contain no details, because probes are public. */
  async ready(): Promise<{ ready: boolean; checks: Record<string, CheckResult>; reasons: Record<string, string> }> {
    const results = await Promise.all([...this.#checks].map(async ([name, check]) => [name, await this.inTime(name, check)] as const));
    const ready = !this.#stopping && results.every(([, { result }]) => result !== 'failed');
    const checks = results.map(([name, { result }]) => [name, result] as const);
    return {
      ready,
      checks: Object.fromEntries([...checks, ...(this.#stopping ? [['stopping', 'failed'] as const] : [])]),
      reasons: Object.fromEntries(results.flatMap(([name, { reason }]) => (reason === undefined ? [] : [[name, reason]]))),
    };
  }

  /** Runs a check with a time limit. A check that exceeds it counts as failed, and later probes wait for the same run. */
  private async inTime(name: string, check: Check): Promise<Found> {
    const underway = this.#underway.get(name) ?? this.begin(name, check);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Found>((resolve) => (timer = setTimeout(() => resolve({ result: 'failed' }), CHECK_MS)));
    const result = await Promise.race([underway, late]);
    clearTimeout(timer);
    return result;
  }

  private begin(name: string, check: Check): Promise<Found> {
    const result = check().then(
      (found): Found => ({ result: found ?? 'ok' }),
      (error: unknown): Found => ({ result: 'failed', ...(error instanceof CheckFailed && { reason: error.message }) }),
    );
    this.#underway.set(name, result);
    void result.then(() => this.#underway.delete(name));
    return result;
  }
}
