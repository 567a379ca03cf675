import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';

const base = {
  rootDir: dirname(import.meta.dirname),
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // Packages of this repository are tested as they stand, not as they were built last.
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^#signing/(.*)\\.js$': '<rootDir>/packages/signing/src/$1',
    '^signet-signing$': '<rootDir>/packages/signing/src/index',
    '^signet-signing/(\\w+)$': '<rootDir>/packages/signing/src/$1',
    '^signet-client$': '<rootDir>/packages/client/src/index',
    '^signet-client/(\\w+)$': '<rootDir>/packages/client/src/$1',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        module: { type: 'es6' },
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
          keepClassNames: true,
        },
      },
    ],
  },
  setupFiles: ['reflect-metadata'],
};
/** Suites that load the whole service share the packages of their process; what replaces modules and clocks has a realm of its own. */
const sharing = {
  testEnvironment: '<rootDir>/.config/one-realm-environment.js',
  runtime: '<rootDir>/.config/shared-packages-runtime.js',
  injectGlobals: false,
};
const project = (displayName, testMatch, extra = {}) => ({
  ...base,
  displayName,
  testMatch: [testMatch].flat().map((place) => `<rootDir>/${place}`),
  ...extra,
});

/** @type {import('jest').Config} */
export default {
  projects: [
    project('unit', ['src/**/*.spec.ts', 'packages/*/src/**/*.spec.ts']),
    project('architecture', 'test/architecture/**/*.spec.ts'),
    project('signing', 'test/signing/**/*.spec.ts'),
    project('languages', 'test/languages/**/*.spec.ts', sharing),
    project('protocol', 'test/protocol/**/*.spec.ts'),
    project('api', 'test/api/**/*.spec.ts', sharing),
    project('conformance', 'test/conformance/**/*.spec.ts', sharing),
    project('browser', 'test/browser/**/*.spec.ts', sharing),
    project('system', 'test/system/**/*.spec.ts', sharing),
  ],
  globalSetup: '<rootDir>/migrated-folder.js',
  globalTeardown: '<rootDir>/migrated-folder-gone.js',
  // For a test that hangs: progress-reporter.js names its file. A machine that runs much else takes many times as long for the others.
  testTimeout: 900_000,
  testSequencer: '<rootDir>/longest-first.js',
  reporters: ['default', '<rootDir>/progress-reporter.js'],
  // Much of a suite is waiting for processes and databases: three at a time, also on two processors, where Jest would take one.
  maxWorkers: Math.max(3, availableParallelism() - 1),
  coverageProvider: 'babel',
  collectCoverageFrom: ['{src,packages}/**/*.ts', '!**/*.spec.ts', '!**/dist/**'],
};
