import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import Runtime from 'jest-runtime';
import OneRealmEnvironment from './one-realm-environment.js';

const require = createRequire(import.meta.url);
const isPackage = (path) => path.includes('/node_modules/');

/** The packages that this process has loaded, by the URL of their file, as modules that a spec file's graph can link to. */
const packages = new Map();

function packageAt(url) {
  let module = packages.get(url);
  if (!module) packages.set(url, (module = moduleOf(fileURLToPath(url))));
  return module;
}

/** What Node itself loads from this file: CommonJS has its exports, and all of them as the default. */
function moduleOf(path) {
  const loaded = require(path);
  const values = new Map(Object.keys(loaded).map((name) => [name, loaded[name]]));
  if (!isNamespace(loaded)) values.set('default', loaded).set('module.exports', loaded);
  const module = new vm.SyntheticModule(
    [...values.keys()],
    function () {
      for (const [name, value] of values) this.setExport(name, value);
    },
    { identifier: path },
  );
  void module.evaluate();
  return module;
}

const isNamespace = (loaded) => Object.prototype.toString.call(loaded) === '[object Module]';

/** The modules of one spec file: our own code is its own, packages are the process's. */
class Modules extends Map {
  get(key) {
    return super.get(key) ?? (key.startsWith('file:') && isPackage(key) ? packageAt(key) : undefined);
  }

  has(key) {
    return this.get(key) !== undefined;
  }
}

/**
 * Jest's runtime, with packages loaded once a process instead of once a spec file: nine tenths of what a file imports is Nest, TypeORM
 * and the like. It rests on three inner parts of Jest, which has no door for this: the registry of modules, the realm they are linked
 * in, and how Jest's own files are compiled. docs/adr/0058-packages-once-a-process.md says why.
 */
export default class SharedPackagesRuntime extends Runtime {
  constructor(...args) {
    super(...args);
    if (!(this._environment instanceof OneRealmEnvironment))
      throw new Error('packages are shared in one realm only: testEnvironment has to be one-realm-environment.js');
    this.registries.esModuleRegistry = new Modules();
    this.esmLoader.getContext = () => undefined;
    const { executor } = this;
    executor.compile = (source, filename) =>
      vm.compileFunction(source, executor.injectedModuleParameters, {
        filename,
        importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      });
  }

  /** The process is the real one here, and keeps its own. */
  installGetBuiltinModule() {}

  requireModule(from, name, options, isRequireActual) {
    if (name === undefined && isPackage(from) && !options?.isInternalModule) return require(from);
    return super.requireModule(from, name, options, isRequireActual);
  }
}
