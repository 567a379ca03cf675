/** The contract's default numbers (apig §3.2), enforced inside the transaction that would go past them. */
export const GROUPS_MAX = 1500;
export const APIS_PER_GROUP_MAX = 1000;
export const ENVIRONMENTS_MAX = 10;
export const VPC_CHANNELS_MAX = 200;
export const VPC_CHANNEL_MEMBERS_MAX = 1000;
/** Frozen definitions kept of one API in one environment. */
export const VERSIONS_MAX = 10;
export const PARAMS_MAX = 50;
export const POLICIES_MAX = 5;
export const CONDITIONS_MAX = 5;

const APIS_BY_EDITION: Record<string, number> = { BASIC: 250, PROFESSIONAL: 800, ENTERPRISE: 2000 };
const APIS_PLATINUM = 8000;

/** APIs that a gateway of this edition holds; every edition above ENTERPRISE is a PLATINUM one. */
export const apisMax = (spec: string): number => APIS_BY_EDITION[spec] ?? APIS_PLATINUM;
