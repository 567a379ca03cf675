import type { Config } from '../../platform/config/config.js';
import { type QuotaName, quotaOf } from '../instances/quotas.js';

/** The limits that `…/project/configs` shows. The transaction that would exceed a limit enforces it (docs/contracts/apig.md §3.2). */
export type Limits = (name: QuotaName) => number;

/** @param spec the edition of the gateway, which affects only the number of APIs */
export const limitsOf =
  (config: Config, spec = ''): Limits =>
  (name) =>
    quotaOf(name, { spec, config });
