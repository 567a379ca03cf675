/** The environment that every gateway has from its creation on. Its id is the same in every gateway (docs/contracts/apig.md §3.4). */
export const RELEASE = { id: 'DEFAULT_ENVIRONMENT_RELEASE_ID', name: 'RELEASE' };
