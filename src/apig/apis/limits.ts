import type { Config } from '../../platform/config/config.js';
import { type QuotaName, quotaOf } from '../instances/quotas.js';

/**
 * The limits that `…/project/configs` shows; the transaction that would exceed one enforces it (docs/contracts/apig.md §3.2).
 */
export type Limits = (name: QuotaName) => number;

/** @param spec the gateway's, which only the number of APIs depends on */
export const limitsOf =
  (config: Config, spec = ''): Limits =>
  (name) =>
    quotaOf(name, { spec, config });
