import type { Rows } from '../database/tx.js';
import { proof } from '../vault/mac-tables.js';
import type { RowMacs } from '../vault/row-macs.js';
import { placeholders } from '../database/tx.js';
import type { NamedPolicy, PolicyDocument } from './policy.js';
import { SYSTEM_POLICIES } from './system-policies.js';

/** A policy that a domain has created. */
export interface CustomPolicy extends NamedPolicy {
  id: string;
}

/**
 * Returns the custom policies of a domain that have one of the names. A domain that this service does not store, such as one of an external
 * issuer, has the policies of the domain `default`. Rows with an invalid MAC are ignored.
 */
export async function customPolicies(macs: RowMacs, reads: Rows, domainId: string, names: readonly string[]): Promise<CustomPolicy[]> {
  const wanted = names.filter((name) => !SYSTEM_POLICIES.some((policy) => policy.name === name));
  if (wanted.length === 0) return [];
  const rows = await reads.rows<{ id: string; name: string; document: string }>(
    `SELECT q.id, q.name, q.document, ${proof('policies', 'q')}, ${proof('domains', 'd')} FROM policies q JOIN domains d ON d.id = q.domain_id
     WHERE (d.id = ? OR (d.name = 'default' AND NOT EXISTS (SELECT 1 FROM domains own WHERE own.id = ?))) AND q.name IN (${placeholders(wanted)})`,
    [domainId, domainId, ...wanted],
  );
  const believed = await macs.verified(reads, rows, { q: 'policies', d: 'domains' });
  return believed.map(({ id, name, document }) => ({ id, name, document: JSON.parse(document) as PolicyDocument }));
}

/** Returns system and custom policies by name; unknown names are ignored. */
export async function policiesOf(macs: RowMacs, reads: Rows, domainId: string, names: readonly string[]): Promise<NamedPolicy[]> {
  const system = SYSTEM_POLICIES.filter(({ name }) => names.includes(name));
  return [...system, ...(await customPolicies(macs, reads, domainId, names))];
}
