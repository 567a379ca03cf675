/**
 * How long results of authentication and authorization are cached. Revocations and changes apply at once in the process that made them, and
 * within this time in all others. docs/contract.md and docs/security.md also state this time.
 */
export const FRESH_MS = 30_000;

/** The same limit for machine credentials and access keys. It is shorter, because their look-up is a single statement. */
export const MACHINES_FRESH_MS = 5_000;
