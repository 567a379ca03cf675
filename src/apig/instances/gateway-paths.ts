/**
 * The service names in the paths of the nine operations: the name of APIG, and the name that an older SDK uses (docs/contracts/apig.md §0).
 */
const SERVICES = ['apigw', 'apic'];

/**
 * Returns the paths of a resource with both prefixes. One controller serves both, so that they cannot differ.
 * @param resource the rest of the path, e.g. `signs`
 */
export const atBothPrefixes = (resource: string): string[] =>
  SERVICES.map((service) => `/v2/:project_id/${service}/instances/:instance_id/${resource}`);
