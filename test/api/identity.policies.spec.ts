import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AccessAdminService } from '../../src/identity/iam/access-admin.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { OidcIssuer } from '../support/oidc-issuer.js';
import { type Answer, Client, TestService } from '../support/service.js';

/** Tokens of an external issuer with policies of this service: a role in a token is the name of a policy. */
onBothDatabases((name) => {
  let database: TestDatabase;
  let issuer: OidcIssuer;
  let embedded: TestService;
  let service: TestService;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    issuer = await OidcIssuer.start('ES256');
    embedded = await TestService.start(database);
    const access = embedded.app.get(AccessAdminService, { strict: false });
    const policy = (Effect: string, ...Action: string[]) => ({ Version: '1.1', Statement: [{ Effect, Action }] });
    await access.putPolicy(
      { name: 'lists' },
      { policy: policy('Allow', 'apig:instance:get', 'apig:instances:list', 'apig:signatureKey:list') },
    );
    await access.putPolicy({ name: 'no gateways' }, { policy: policy('Deny', 'apig:instances:create') });
    const path = join(database.dataDir, 'identity.json');
    const claims = { roles: ['roles'], project: 'project' };
    const oidc = { issuer: issuer.issuer, audience: issuer.audience, jwks_uri: issuer.jwksUri, algorithms: ['ES256'], claims };
    const roles = { auditor: ['lists'], editor: ['APIG FullAccess'], bound: ['APIG FullAccess', 'no gateways'], lost: ['gone'] };
    writeFileSync(path, JSON.stringify({ oidc, roles }));
    service = await TestService.start(database, { SIGNET_IDENTITY_FILE: path, SIGNET_ADMIN_PASSWORD: '', SIGNET_EMBEDDED_GATEWAY: '' });
  });
  afterAll(async () => {
    await service?.stop();
    await embedded?.stop();
    await issuer?.stop();
    await database.drop();
  });

  const as = (...roles: string[]) => new Client(service.baseUrl, 'shop', issuer.token({ project: 'shop', roles }));
  const gateways = '/v2/{project}/apigw/instances';
  const statuses = (...answers: Answer[]) => answers.map(({ status }) => status);

  it('a role does what the policy of its name allows, and a Deny wins', async () => {
    const [auditor, editor, bound] = [as('auditor'), as('editor'), as('editor', 'bound')];
    const gateway = await editor.gateway();
    const signs = `${gateways}/${gateway}/signs`;
    expect(statuses(await auditor.get(gateways), await auditor.get(signs), await auditor.post(signs, { name: 'key' }))).toEqual([
      200, 200, 403,
    ]);
    expect(statuses(await bound.post(signs, { name: 'key' }), await bound.post(gateways, {}))).toEqual([201, 403]);
    const { roles, permissions } = (await bound.get('/signet/v1/me/permissions')).body;
    expect(roles).toEqual(expect.arrayContaining(['APIG FullAccess', 'no gateways']));
    expect(permissions.find((each: { action: string }) => each.action === 'apig:instances:create')).toMatchObject({
      allowed: false,
      decided_by: { policy: 'no gateways', effect: 'Deny' },
    });
  });

  it('a role that stands for no policy allows nothing, and the operator is told', async () => {
    expect((await as('lost').get(gateways)).status).toBe(403);
    expect(service.logs.join('')).toContain('these roles grant and deny nothing, because no policy has their name: [\\"gone\\"]');
  });

  it('groups and policies cannot be changed here if another service manages the users', async () => {
    const admin = as('editor');
    expect(statuses(await admin.get('/v3/groups'), await admin.get('/v3.0/OS-ROLE/roles'))).toEqual([404, 404]);
  });
});
