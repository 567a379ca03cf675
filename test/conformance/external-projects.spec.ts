import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { ID_PATTERN, newId, RESERVED_IDS } from '../../src/platform/common/ids.js';
import { Database } from '../../src/platform/database/database.js';
import { AuditTrailService } from '../../src/platform/audit/audit-trail.service.js';
import { ProjectsService } from '../../src/identity/projects/projects.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { TestService } from '../support/service.js';

onBothDatabases((name) => {
  let database: TestDatabase;
  let services: TestService[];

  beforeAll(async () => {
    database = await createTestDatabase(name);
    services = [await TestService.start(database), await TestService.start(database)];
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
    await database.drop();
  });
  const rows = (sql: string, ...values: string[]) => services[0]!.app.get(Database).rows<Record<string, unknown>>(sql, values);
  const ensure = (service: TestService, id: string) => service.app.get(ProjectsService).ensureExternal(id, 'keystone', 'Default/shop');

  it('a project of an external identity service is created once, even if several processes see it first at the same time', async () => {
    for (let round = 0; round < 10; round++) {
      const id = newId();
      await Promise.all(Array.from({ length: 8 }, (_, i) => ensure(services[i % 2]!, id)));
      expect(await rows('SELECT name, description FROM projects WHERE id = ?', id)).toEqual([{ name: id, description: 'Default/shop' }]);
      expect(await rows('SELECT revision FROM change_counters WHERE scope_id = ?', id)).toEqual([{ revision: 1 }]);
      expect(await rows('SELECT action FROM audit_events WHERE scope_id = ?', id)).toEqual([{ action: 'CreateProject' }]);
    }
    expect((await services[0]!.app.get(AuditTrailService).verify()).faults).toEqual([]);
  });

  it('a process that dies between the counter and the project does not prevent a later creation', async () => {
    const id = newId();
    await services[0]!.app
      .get(Database)
      .transaction((tx) =>
        tx.run("INSERT INTO change_counters (scope_kind, scope_id, project_id, revision) VALUES ('project', ?, ?, 0)", [id, id]),
      );
    await ensure(services[1]!, id);
    expect(await rows('SELECT id FROM projects WHERE id = ?', id)).toHaveLength(1);
  });

  it('the id of a gateway or of a domain is refused as a project id', async () => {
    const gateway = await (await services[0]!.client()).gateway();
    const domain = (await services[0]!.app.get(ProjectsService).ensureDomain('default')).id;
    for (const id of [gateway, domain]) {
      await expect(ensure(services[1]!, id)).rejects.toMatchObject({ kind: 'forbidden' });
      expect(await rows('SELECT id FROM projects WHERE id = ?', id)).toEqual([]);
    }
  });
});

it('the service’s own secrets in the vault have project ids that no external project can have', () => {
  const src = new URL('../../src/', import.meta.url);
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const boxes = files.flatMap((file) =>
    [...readFileSync(new URL(file, src), 'utf8').matchAll(/\bBOX = '([^']+)'/g)].map(([, box]) => box!),
  );
  expect(boxes.length).toBeGreaterThan(1);
  expect(boxes.filter((box) => ID_PATTERN.test(box) && !RESERVED_IDS.has(box))).toEqual([]);
});
