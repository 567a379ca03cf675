import type { Write } from '../changes/changes.service.js';

/**
 * Gives the user each of these roles in the write's project, as part of that write.
 * @returns the roles that the user did not hold before. Nobody else can assign meanwhile: the write holds the project's lock
 */
export async function assignRoles(write: Write, userId: string, roles: readonly string[]): Promise<string[]> {
  const sql = 'SELECT role FROM role_assignments WHERE user_id = ? AND project_id = ?';
  const held = new Set((await write.rows<{ role: string }>(sql, [userId, write.projectId])).map(({ role }) => role));
  const added = [...new Set(roles)].filter((role) => !held.has(role));
  for (const role of added) {
    await write.run('INSERT INTO role_assignments (user_id, project_id, role) VALUES (?, ?, ?)', [userId, write.projectId, role]);
  }
  return added;
}
