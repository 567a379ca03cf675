import { hash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AuditService } from '../../src/platform/audit/audit.service.js';
import { AuditTrailService } from '../../src/platform/audit/audit-trail.service.js';
import { ChangesService } from '../../src/platform/changes/changes.service.js';
import { newId } from '../../src/platform/common/ids.js';
import { inInstance } from '../../src/apig/instances/instance-scope.js';
import { operator } from '../../src/identity/projects/operator.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { TestService } from '../support/service.js';

/** The length of the longest list in a request, `publish_ids` of a binding. */
const LIST_MAX = 1000;

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('a write with the longest permitted lists is recorded, and the chain verifies', async () => {
    const client = await service.client();
    const scope = { projectId: client.projectId, instanceId: await client.gateway() };
    const ids = () => Array.from({ length: LIST_MAX }, () => newId());
    const [publishIds, bindingIds] = [ids(), ids()];
    const detail = { publish_ids: publishIds, binding_ids: bindingIds, remark: 'x'.repeat(255) };
    await service.app.get(ChangesService, { strict: false }).write(inInstance(scope), async (write) => {
      const entry = { action: 'AssociateSignatureKey' as const, resourceType: 'Signature', resourceId: newId(), detail };
      await service.app.get(AuditService, { strict: false }).record(write, operator('signet-cli'), entry);
      write.change('binding', newId(), 'created');
    });
    const { events } = (await client.get(`/signet/v1/audit?instance_id=${scope.instanceId}&action=AssociateSignatureKey`)).body;
    expect(events).toHaveLength(1);
    const { publish_ids, binding_ids, remark, ...counted } = events[0].detail as Record<string, unknown>;
    // One list is truncated, and its length and hash are stored with the remaining part.
    const [cut, whole, all] =
      'publish_ids_count' in counted ? [publish_ids, binding_ids, publishIds] : [binding_ids, publish_ids, bindingIds];
    expect([(whole as string[]).length, remark]).toEqual([LIST_MAX, detail.remark]);
    expect((cut as string[]).length).toBeLessThan(LIST_MAX);
    expect(Object.values(counted)).toEqual([LIST_MAX, hash('sha256', JSON.stringify(all), 'hex')]);
    expect((await service.app.get(AuditTrailService, { strict: false }).verify()).faults).toEqual([]);
  });
});
