import { createRequire } from 'node:module';
import { ModuleMocker } from 'jest-mock';

const require = createRequire(import.meta.url);

/**
 * Spec files run in the realm of their process, one after the other: packages that a process loads once (shared-packages-runtime.js)
 * ask whether something is a Date or a Promise, and each realm has its own. What a file changes of the process, its globals, its
 * environment and its listeners, is put back when the file has ended.
 */
export default class OneRealmEnvironment {
  global = globalThis;
  moduleMocker = new ModuleMocker(globalThis);
  fakeTimers = null;
  fakeTimersModern = null;
  #putBack = remember();

  async setup() {}

  async teardown() {
    this.#putBack();
    // By class; the file's classes are gone. What TypeORM and class-validator note is a global, and went with the others.
    require('class-transformer/cjs/storage.js').defaultMetadataStorage.clear();
  }

  exportConditions() {
    return ['node', 'node-addons'];
  }

  /** Jest asks whether there is one; modules are linked without. */
  getVmContext() {
    return globalThis;
  }
}

/** @returns what puts the process back as it is now */
function remember() {
  const properties = [globalThis, process].map((object) => [object, propertiesOf(object)]);
  const env = { ...process.env };
  const listeners = new Map(process.eventNames().map((name) => [name, process.rawListeners(name)]));
  const folder = process.cwd();
  return () => {
    for (const [object, before] of properties) {
      for (const key of Reflect.ownKeys(object)) if (!before.has(key) && !isInner(key)) Reflect.deleteProperty(object, key);
      for (const [key, descriptor] of before) {
        const now = Reflect.getOwnPropertyDescriptor(object, key);
        if (!now || now.value !== descriptor.value || now.get !== descriptor.get) Reflect.defineProperty(object, key, descriptor);
      }
    }
    for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
    Object.assign(process.env, env);
    for (const name of process.eventNames())
      for (const listener of process.rawListeners(name))
        if (!listeners.get(name)?.includes(listener)) process.removeListener(name, listener);
    if (process.cwd() !== folder) process.chdir(folder);
  };
}

/** Without the process's own account of its listeners, which are removed one by one. */
const propertiesOf = (object) =>
  new Map(
    Reflect.ownKeys(object)
      .filter((key) => !isInner(key))
      .map((key) => [key, Reflect.getOwnPropertyDescriptor(object, key)]),
  );
const isInner = (key) => key === '_events' || key === '_eventsCount';
