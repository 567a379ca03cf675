import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import { dirname } from 'node:path';
import tseslint from 'typescript-eslint';

const forbidden = (object, property, message) => ({ object, property, message });

export default defineConfig([
  globalIgnores([
    '**/dist/',
    'coverage/',
    'node_modules/',
    'data/',
    '.config/',
    'packages/client/src/schema.ts',
    '**/*.js',
    '**/*.cjs',
    '**/*.mjs',
  ]),
  {
    files: ['**/*.{ts,tsx}'],
    extends: [js.configs.recommended, tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: dirname(import.meta.dirname) } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['src/**/*.ts', 'packages/*/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        forbidden('Math', 'random', 'Randomness comes from node:crypto.'),
        forbidden('Date', 'now', 'Time comes from platform/common/clock.ts.'),
        forbidden('process', 'env', 'The environment is read in platform/config/ only.'),
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: ['node:fs', 'node:fs/promises'].map((name) => ({
            name,
            importNames: ['mkdir', 'mkdirSync'],
            message: 'Folders are made by platform/config/folder.ts.',
          })),
        },
      ],
    },
  },
  {
    files: [
      'src/platform/config/**/*.ts',
      'src/platform/common/clock.ts',
      'packages/signing/src/clock.ts',
      'packages/signing/src/log.ts',
      'src/main*.ts',
      'src/cli.ts',
      'src/cli/**/*.ts',
    ],
    rules: { 'no-restricted-properties': 'off', 'no-console': 'off' },
  },
  { files: ['src/platform/config/folder.ts'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'demo/**/*.ts', '**/*.spec.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
    },
  },
]);
