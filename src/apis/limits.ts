import type { Config } from '../config/config.js';
import { type QuotaName, quotaOf } from '../instances/quotas.js';

/** The limits that `…/project/configs` shows, enforced by the transaction that would go past them (apig §3.2). */
export type Limits = (name: QuotaName) => number;

/** @param spec the gateway's, which only the number of APIs depends on */
export const limitsOf =
  (config: Config, spec = ''): Limits =>
  (name) =>
    quotaOf(name, { spec, config });
