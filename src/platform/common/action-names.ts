const INSTANCE = 'apig:instances:get';
const SIGNS = 'apig:signs:list';
const API = 'apig:apis:get';
const GROUP = 'apig:groups:get';

/**
 * The actions that each action depends on (docs/contracts/apig.md §7.1, §7.2, "Depends on"). The dependencies of `signet:` actions are
 * Signet's own.
 */
const DEPENDENCIES: Record<string, readonly string[]> = {
  'apig:apis:bindSigns': [API, SIGNS],
  'apig:apis:unbindSigns': [API, SIGNS],
  'apig:apis:listBindedSigns': [API],
  'apig:signs:listBindedApis': [SIGNS],
  'apig:signs:listUnbindedApis': [SIGNS],
  'apig:domains:create': [GROUP],
  'apig:domains:delete': [GROUP],
  'apig:domains:update': [GROUP],
  'apig:domains:updateSLDomainSetting': [GROUP],
  'apig:gatewayResponses:create': [GROUP],
  'apig:gatewayResponses:delete': [GROUP],
  'apig:gatewayResponses:get': [GROUP],
  'apig:gatewayResponses:list': [GROUP],
  'apig:gatewayResponses:update': [GROUP],
  'apig:apis:create': [GROUP],
  'apig:apis:delete': [GROUP],
  'apig:apis:get': [GROUP],
  'apig:apis:list': [GROUP],
  'apig:apis:update': [GROUP],
  'apig:apis:publish': [GROUP, 'apig:envs:list'],
  'apig:apis:offline': [GROUP, 'apig:envs:list'],
  // A machine credential can read every secret of the gateway.
  'signet:gateways:create': ['signet:signs:reveal'],
  'signet:gateways:renew': ['signet:signs:reveal'],
  'signet:signs:getImpact': [SIGNS],
  'signet:signs:reveal': [SIGNS],
  'signet:rotations:create': [SIGNS],
  'signet:rotations:get': [SIGNS],
  'signet:rotations:promote': [SIGNS],
  'signet:rotations:retire': [SIGNS],
  'signet:rotations:delete': [SIGNS],
};

/** Actions that do not concern one gateway. */
const OUTSIDE_OF_GATEWAYS = /^(apig:instances:|signet:audit:|iam:|webhooks:)/;
const IN_GATEWAYS = /^(apig|signet):/;

/** Returns the actions that a caller also needs for this one. Only the named dependencies count, not the dependencies of those. */
export function dependenciesOf(action: string): readonly string[] {
  if (!IN_GATEWAYS.test(action) || OUTSIDE_OF_GATEWAYS.test(action)) return DEPENDENCIES[action] ?? [];
  return [INSTANCE, ...(DEPENDENCIES[action] ?? [])];
}

/** Resource types in newer action names (docs/contracts/apig.md §7.2). Types without documentation follow the same rule: the singular. */
const NEWER_RESOURCES: Record<string, string> = {
  apis: 'api',
  domains: 'domain',
  envs: 'environment',
  features: 'feature',
  gatewayResponses: 'gatewayResponse',
  groups: 'group',
  instances: 'instance',
  instanceTags: 'instanceTag',
  signs: 'signatureKey',
  tags: 'tag',
  variables: 'variable',
  vpcChannels: 'vpcChannel',
};

const NEWER_OPERATIONS: Record<string, string> = {
  bindSigns: 'bindSignatureKey',
  unbindSigns: 'unbindSignatureKey',
  listBindedSigns: 'listBoundSignatureKey',
  listBindedApis: 'listBoundApi',
  listUnbindedApis: 'listUnboundApi',
};

/** Returns all names of an action: the classic one, and for `apig:` also the newer one, e.g. `apig:signatureKey:create`. */
export function aliasesOf(action: string): readonly string[] {
  const [service, resource = '', operation = ''] = action.split(':');
  const newer = NEWER_RESOURCES[resource];
  if (service !== 'apig' || newer === undefined) return [action];
  return [action, `apig:${newer}:${NEWER_OPERATIONS[operation] ?? operation}`];
}
