import type { Database } from '../../platform/database/database.js';

/**
 * A project by its id, or by its name in a domain.
 * @returns its id
 * @throws Error for the operator when there is none
 */
export async function projectNamed(database: Database, project: string, domain = 'default'): Promise<string> {
  const sql = `SELECT p.id AS projectId FROM projects p JOIN domains d ON d.id = p.domain_id WHERE p.id = ? OR (p.name = ? AND d.name = ?)
    ORDER BY p.id = ? DESC`;
  const [found] = await database.rows<{ projectId: string }>(sql, [project, project, domain, project]);
  if (!found) throw new Error(`there is no project ${project} in the domain ${domain}`);
  return found.projectId;
}
