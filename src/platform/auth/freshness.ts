/**
 * How long authentication and authorization results are cached: revocations and changes apply at once in the process that made them, and
 * within this time in others. Also stated in docs/contract.md and docs/security.md.
 */
export const FRESH_MS = 30_000;

/** The same limit for machine credentials and access keys. It is shorter, because their look-up is a single statement. */
export const MACHINES_FRESH_MS = 5_000;
