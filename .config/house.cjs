// Which rooms there are in src/ and who may import whom. A room may always import itself; from its own district also the rooms it names, from
// another district whatever its district may. Everything may import packages/, which import nothing of ours. The picture of docs/architecture.md shows the same, and test/architecture holds both to the code.

module.exports = {
  lib: {
    may: [],
    rooms: { receipts: [], protocol: ['receipts'] },
  },
  platform: {
    may: ['lib'],
    rooms: {
      config: [],
      common: [],
      observability: ['common'],
      database: ['config', 'common', 'observability'],
      recovery: ['config', 'common', 'observability', 'database'],
      vault: ['config', 'common', 'observability', 'database'],
      changes: ['config', 'common', 'database', 'recovery'],
      audit: ['config', 'common', 'database', 'changes'],
      receipts: ['config', 'common', 'database', 'recovery'],
      auth: ['config', 'common', 'database', 'vault'],
      edge: ['config', 'common', 'recovery'],
      openapi: ['config', 'common'],
    },
  },
  identity: {
    may: ['platform', 'lib'],
    rooms: { projects: [], iam: ['projects'], external: ['projects'] },
  },
  apig: {
    may: ['identity', 'platform', 'lib'],
    rooms: { instances: [], apis: ['instances'], signs: ['instances', 'apis'], bindings: ['instances', 'apis', 'signs'] },
  },
  webhooks: {
    may: ['identity', 'platform', 'lib'],
    rooms: {
      projects: [],
      'api-keys': [],
      'delivery-log': [],
      'signing-keys': ['api-keys', 'delivery-log'],
      endpoints: ['projects', 'api-keys', 'delivery-log', 'signing-keys'],
      delivery: ['delivery-log', 'signing-keys', 'endpoints'],
      messages: ['delivery-log', 'signing-keys', 'endpoints', 'delivery'],
    },
  },
  distribution: {
    may: ['apig', 'identity', 'platform', 'lib'],
    rooms: {
      credentials: [],
      snapshot: [],
      watch: ['credentials'],
      rotation: [],
      verifiers: ['credentials', 'watch', 'rotation'],
      sessions: ['credentials', 'snapshot', 'watch', 'verifiers'],
    },
  },
  gateway: {
    may: ['lib', 'platform/config', 'platform/common', 'platform/observability'],
    rooms: {
      http: [],
      'control-plane': [],
      keys: [],
      session: ['control-plane', 'keys'],
      observability: ['http', 'keys', 'session'],
      signing: ['http', 'keys', 'session', 'observability'],
      replication: ['control-plane', 'keys', 'session'],
      haproxy: ['http', 'keys', 'session', 'replication'],
      proxy: ['http', 'signing'],
      'sign-endpoint': ['http', 'signing'],
      backend: ['http', 'control-plane'],
    },
  },
};
