// Who may import whom: the table of house.cjs. `cli` and the files directly in src/ may import anything, and nothing imports them.
const house = require('./house.cjs');

const specs = '\\.spec\\.ts$';
const row = '\\.entity\\.ts$';

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
      from: { path: '^(src|packages)/', pathNot: specs },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nothing-imports-the-top',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/cli/' },
      to: { path: '^src/([^/]+\\.ts$|cli/)' },
    },
    { name: 'no-barrels', severity: 'error', from: {}, to: { path: '^src/.*/index\\.ts$' } },
    {
      name: 'lib-is-pure',
      severity: 'error',
      from: { path: '^(src/lib|packages/[^/]+/src)/', pathNot: [specs, '^packages/signing/src/nest\\.ts$'] },
      to: { path: 'node_modules/(@nestjs|typeorm|mysql2|better-sqlite3|fastify|express)' },
    },
    {
      name: 'a-package-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^packages/([^/]+)/', pathNot: specs },
      to: { path: ['^(src|test|bench|demo)/', '^packages/'], pathNot: ['^packages/$1/', '^packages/signing/dist/index\\.'] },
    },
    // signet-signing/nest is a door of its own: no other reaches Nest through it, and the service has no use for it.
    { name: 'nothing-imports-the-nest-door', severity: 'error', from: {}, to: { path: '^packages/signing/(src|dist)/nest\\.' } },
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
    ...Object.entries(house).flatMap(([district, { may, rooms }]) => [
      {
        name: `${district}-imports`,
        severity: 'error',
        from: { path: `^src/${district}/` },
        to: { path: '^src/[^/]+/', pathNot: `^src/(${[district, ...may].join('|')})/` },
      },
      ...Object.entries(rooms).flatMap(([room, below]) => {
        const allowed = `^src/${district}/(${[room, ...below].join('|')})/`;
        const rule = (from, pathNot) => ({
          name: `${district}/${room}-imports`,
          severity: 'error',
          from: { path: `^src/${district}/${room}/`, ...from },
          to: { path: `^src/${district}/`, pathNot },
        });
        // A row may point at any row of its district: a foreign key has two ends.
        return [rule({ pathNot: row }, allowed), rule({ path: `^src/${district}/${room}/.*${row}` }, [allowed, row])];
      }),
    ]),
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^packages/[^/]+/dist/'] },
    exclude: { path: '^dist/' },
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
