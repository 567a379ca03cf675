/** The environment that every gateway has from its creation, with the same id in each (docs/contracts/apig.md §3.4). */
export const RELEASE = { id: 'DEFAULT_ENVIRONMENT_RELEASE_ID', name: 'RELEASE' };
