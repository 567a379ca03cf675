import type { Reads } from '../database/tx.js';
import { placeholders } from '../database/tx.js';
import type { NamedPolicy, PolicyDocument } from './policy.js';
import { SYSTEM_POLICIES } from './system-policies.js';

/** A policy that a domain has made for itself. */
export interface CustomPolicy extends NamedPolicy {
  id: string;
}

/**
 * Those of the names that are policies of the domain. A domain that this service does not keep, such as one of another issuer
 * of tokens, has the policies of the domain `default`.
 */
export async function customPolicies(reads: Reads, domainId: string, names: readonly string[]): Promise<CustomPolicy[]> {
  const wanted = names.filter((name) => !SYSTEM_POLICIES.some((policy) => policy.name === name));
  if (wanted.length === 0) return [];
  const rows = await reads.rows<{ id: string; name: string; document: string }>(
    `SELECT id, name, document FROM policies
     WHERE domain_id = COALESCE((SELECT id FROM domains WHERE id = ?), (SELECT id FROM domains WHERE name = 'default'))
       AND name IN (${placeholders(wanted)})`,
    [domainId, ...wanted],
  );
  return rows.map(({ id, name, document }) => ({ id, name, document: JSON.parse(document) as PolicyDocument }));
}

/** The policies that the names stand for, of the system and of the domain; names that stand for none are left out. */
export async function policiesOf(reads: Reads, domainId: string, names: readonly string[]): Promise<NamedPolicy[]> {
  const system = SYSTEM_POLICIES.filter(({ name }) => names.includes(name));
  return [...system, ...(await customPolicies(reads, domainId, names))];
}
