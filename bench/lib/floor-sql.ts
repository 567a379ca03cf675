// The statements that src/apig/signs, src/platform/changes and src/platform/audit send for the four operations, word for word and in their order, but for
// the list's revision: the floor keeps no pages, and reads each anew. Where those change, these change with them.

const SELECT = `s.id, s.name, s.sign_type AS signType, s.sign_algorithm AS signAlgorithm, s.sign_key AS signKey,
  s.sign_secret AS sealedSecret, s.secret_version AS secretVersion, s.created_at AS createdAt, s.updated_at AS updatedAt`;

export const list = (conditions: string) =>
  `SELECT ${SELECT}, (SELECT COUNT(*) FROM sign_bindings b WHERE b.sign_id = s.id) AS bindNum,
     (SELECT COUNT(*) FROM signs s WHERE s.instance_id = ? ${conditions}) AS total
   FROM instances i JOIN signs s ON s.instance_id = i.id ${conditions} WHERE i.id = ? AND i.project_id = ?
   ORDER BY s.id DESC LIMIT ? OFFSET ?`;

export const BUMP = {
  sqlite:
    "UPDATE change_counters SET revision = revision + 1 WHERE scope_kind = 'instance' AND scope_id = ? AND project_id = ? RETURNING revision",
  mariadb:
    "UPDATE change_counters SET revision = LAST_INSERT_ID(revision + 1) WHERE scope_kind = 'instance' AND scope_id = ? AND project_id = ?",
};

export const QUOTA = 'SELECT COUNT(*) AS used FROM signs WHERE instance_id = ?';

export const INSERT_SIGN = `INSERT INTO signs (id, project_id, instance_id, name, sign_type, sign_algorithm, sign_key, sign_secret, secret_version, created_at, updated_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

export const FIND_SIGN = `SELECT s.name, (SELECT COUNT(*) FROM sign_bindings b WHERE b.sign_id = s.id) AS bound
  FROM signs s WHERE s.id = ? AND s.instance_id = ? AND s.project_id = ?`;

export const DELETE_SIGN = 'DELETE FROM signs WHERE id = ?';

export const PREVIOUS_HASH = 'SELECT hash FROM audit_events WHERE scope_id = ? AND seq = ?';

export const INSERT_AUDIT = `INSERT INTO audit_events (scope_id, seq, project_id, action, resource_type, resource_id, resource_name, detail, user_id, user_name, credential_hash, source_address, request_id, created_at, hash)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

export const INSERT_CHANGE =
  'INSERT INTO changes (scope_id, revision, ordinal, kind, target_id, op, write_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)';
