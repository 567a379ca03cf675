/** The service names in the paths of the nine operations: APIG's own, and the one of an older SDK (docs/contracts/apig.md §0). */
const SERVICES = ['apigw', 'apic'];

/**
 * The paths of a resource at both prefixes. One controller serves both, so that they cannot differ.
 * @param resource the rest of the path, e.g. `signs`
 */
export const atBothPrefixes = (resource: string): string[] =>
  SERVICES.map((service) => `/v2/:project_id/${service}/instances/:instance_id/${resource}`);
