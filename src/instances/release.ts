/** The environment every gateway has from its first moment, with the same id in each (apig §3.4). */
export const RELEASE = { id: 'DEFAULT_ENVIRONMENT_RELEASE_ID', name: 'RELEASE' };
