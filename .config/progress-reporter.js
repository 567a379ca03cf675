/** Names each suite that has run for long while the others wait: what a run that is cut off did not finish. */
export default class ProgressReporter {
  #running = new Map();
  #timer;

  onRunStart() {
    this.#timer = setInterval(() => {
      const long = [...this.#running].filter(([, since]) => performance.now() - since > 90_000);
      for (const [path, since] of long) process.stderr.write(`RUNS ${path} (${((performance.now() - since) / 1000).toFixed(0)} s)\n`);
    }, 60_000).unref();
  }

  onTestFileStart({ path, context }) {
    this.#running.set(path.replace(`${context.config.rootDir}/`, ''), performance.now());
  }

  onTestFileResult({ path, context }) {
    this.#running.delete(path.replace(`${context.config.rootDir}/`, ''));
  }

  onRunComplete() {
    clearInterval(this.#timer);
  }
}
