import { Injectable } from '@nestjs/common';

type Check = () => Promise<void | 'degraded'>;
export type CheckResult = 'ok' | 'degraded' | 'failed';

/** What must work before traffic may come; each part of the service adds its own check. */
@Injectable()
export class Health {
  readonly #checks = new Map<string, Check>();
  #stopping = false;

  /** @param check rejects when its part does not work; `degraded`: it does, on what it has, and should be looked after */
  add(name: string, check: Check): void {
    this.#checks.set(name, check);
  }

  /** From here on the service is not ready, whatever its parts say: load balancers turn away before it closes. */
  stop(): void {
    this.#stopping = true;
  }

  /** Every part by name; `degraded` is ready. No reason is given, since anyone may ask. */
  async ready(): Promise<{ ready: boolean; checks: Record<string, CheckResult> }> {
    const results = await Promise.all(
      [...this.#checks].map(
        async ([name, check]) =>
          [
            name,
            await check().then(
              (result) => result ?? ('ok' as const),
              () => 'failed' as const,
            ),
          ] as const,
      ),
    );
    const ready = !this.#stopping && results.every(([, result]) => result !== 'failed');
    return { ready, checks: Object.fromEntries([...results, ...(this.#stopping ? [['stopping', 'failed'] as const] : [])]) };
  }
}
