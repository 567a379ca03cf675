import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';

const base = {
  rootDir: dirname(import.meta.dirname),
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
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
const project = (displayName, testMatch, extra = {}) => ({ ...base, displayName, testMatch: [`<rootDir>/${testMatch}`], ...extra });

/** @type {import('jest').Config} */
export default {
  projects: [
    project('unit', 'src/**/*.spec.ts'),
    project('architecture', 'test/architecture/**/*.spec.ts'),
    project('signing', 'test/signing/**/*.spec.ts'),
    project('api', 'test/api/**/*.spec.ts'),
    project('conformance', 'test/conformance/**/*.spec.ts'),
    project('system', 'test/system/**/*.spec.ts'),
  ],
  testTimeout: 120_000,
  // Much of a suite is waiting for processes and databases: three at a time, also on two processors, where Jest would take one.
  maxWorkers: Math.max(3, availableParallelism() - 1),
  coverageProvider: 'babel',
  collectCoverageFrom: ['src/**/*.ts', '!src/**/*.spec.ts'],
};
