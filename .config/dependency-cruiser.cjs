// Who may import whom: the table of docs/architecture.md, folder by folder. A folder may always import itself.
const base = ['common', 'config', 'observability', 'database'];
const platform = [...base, 'vault', 'changes', 'audit', 'auth'];
const may = {
  lib: [],
  config: [],
  common: ['config'],
  observability: ['config', 'common'],
  database: ['config', 'common', 'observability'],
  vault: base,
  changes: base,
  audit: [...base, 'changes'],
  auth: [...base, 'vault', 'lib'],
  edge: base,
  projects: platform,
  iam: [...base, 'vault', 'changes', 'audit', 'auth', 'edge', 'projects'],
  'external-iam': [...platform, 'projects'],
  instances: [...platform, 'projects'],
  apis: [...platform, 'instances'],
  signs: [...platform, 'instances', 'lib'],
  bindings: [...platform, 'instances', 'apis', 'signs', 'lib'],
  endpoints: [...platform, 'edge', 'projects', 'lib'],
  messages: [...platform, 'endpoints', 'lib'],
  distribution: [...platform, 'projects', 'instances', 'apis', 'signs', 'bindings', 'lib'],
  gateway: ['lib', 'config', 'common', 'observability'],
  // The OpenAPI document, made from what the controllers' decorators say: it knows no domain.
  openapi: ['config', 'common'],
  console: ['config', 'common'],
};
const specs = '\\.spec\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: { pathNot: '\\.entity\\.ts$' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-deps-in-src',
      severity: 'error',
      from: { path: '^src', pathNot: specs },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nothing-imports-the-top',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/cli/' },
      to: { path: '^src/[^/]+\\.ts$' },
    },
    { name: 'no-barrels', severity: 'error', from: {}, to: { path: '^src/.*/index\\.ts$', pathNot: '^src/lib/signing/index\\.ts$' } },
    {
      name: 'lib-is-pure',
      severity: 'error',
      from: { path: '^src/lib/', pathNot: [specs, '^src/lib/signing/nest\\.ts$'] },
      to: { path: 'node_modules/(@nestjs|typeorm|mysql2|better-sqlite3|fastify)' },
    },
    // signet/signing/nest is a door of its own: the library's main door must not reach Nest through it.
    { name: 'nothing-imports-the-nest-door', severity: 'error', from: { path: '^src/' }, to: { path: '^src/lib/signing/nest\\.ts$' } },
    {
      name: 'gateway-has-no-database',
      severity: 'error',
      from: { path: '^src/(gateway/|main\\.gateway)' },
      to: { path: 'node_modules/(typeorm|@nestjs/typeorm|mysql2|better-sqlite3)' },
    },
    {
      name: 'the-data-plane-reaches-no-database',
      severity: 'error',
      from: { path: '^src/main\\.gateway\\.ts$' },
      to: { path: 'node_modules/(typeorm|@nestjs/typeorm|mysql2|better-sqlite3)', reachable: true },
    },
    ...Object.entries(may).map(([folder, allowed]) => ({
      name: `${folder}-imports`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: '^src/[^/]+/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs'],
    },
  },
};
