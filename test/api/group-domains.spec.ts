import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { invalid, missing, words } from '../support/apig-errors.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const UNKNOWN = '0123456789abcdef0123456789abcdef';
const NOT_THERE = words('APIG.3020', 'The URL domain does not exist.');
const TAKEN = words('APIG.3305', 'The URL domain name already exists.');

onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let counter = 0;
  const under = (id: string, path: string) => `/v2/{project}/apigw/instances/${id}${path}`;
  const at = (group: string, path = '') => under(gateway, `/api-groups/${group}/domains${path}`);
  const newGroup = async (): Promise<string> => (await client.post(under(gateway, '/api-groups'), { name: `group_${counter++}` })).body.id;
  const fresh = () => `d${counter++}.example`;
  const bind = async (group: string, body: object = {}): Promise<any> => {
    const answer = await client.post(at(group), { url_domain: fresh(), ...body });
    expect([answer.status, answer.body.error_msg]).toEqual([201, undefined]);
    return answer.body;
  };
  const domainsOf = async (group: string): Promise<any[]> => (await client.get(under(gateway, `/api-groups/${group}`))).body.url_domains;
  beforeAll(async () => {
    test = await createTestDatabase(engine);
    service = await TestService.start(test);
    client = await service.client({ project: 'home' });
    gateway = await client.gateway();
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe('POST …/domains', () => {
    it('answers 201 with the defaults, and every read of the group shows the domain', async () => {
      const group = await newGroup();
      const { status, body } = await client.post(at(group), { url_domain: 'Shop.example.' });
      const settings = {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        min_ssl_version: 'TLSv1.1',
        is_http_redirect_to_https: false,
        verified_client_certificate_enabled: false,
        ingress_http_port: 80,
        ingress_https_port: 443,
      };
      expect([status, body]).toEqual([201, { ...settings, url_domain: 'Shop.example.', status: 1 }]);
      const shown = [{ ...settings, id: body.id, domain: 'Shop.example.', cname_status: 1, ssl_id: '', ssl_name: '', ssl_infos: [] }];
      expect(await domainsOf(group)).toEqual(shown);
      const path = under(gateway, `/api-groups`);
      expect((await client.get(`${path}?id=${group}`)).body.groups[0].url_domains).toEqual(shown);
      expect((await client.put(`${path}/${group}`, { name: `renamed_${counter++}` })).body.url_domains).toEqual(shown);
    });

    it('answers 201 with all fields, and with zeros and empty texts, which count as left out', async () => {
      const group = await newGroup();
      const given = { min_ssl_version: 'TLSv1.2', is_http_redirect_to_https: true, ingress_http_port: -1, ingress_https_port: 49_151 };
      expect(await bind(group, { url_domain: '*.shop-1.example', ...given })).toMatchObject({ url_domain: '*.shop-1.example', ...given });
      expect(await bind(group, { min_ssl_version: '', ingress_http_port: 0, ingress_https_port: 0 })).toMatchObject({
        min_ssl_version: 'TLSv1.1',
        ingress_http_port: 80,
        ingress_https_port: 443,
      });
      expect(await domainsOf(group)).toHaveLength(2);
    });

    it.each([
      'localhost',
      'a b.example',
      'a_b.example',
      '-a.example',
      'a-.example',
      'a..example',
      '192.0.2.1',
      'a.example:80',
      'http://a.example',
      'a.*.example',
      '*.example..',
      `${'a'.repeat(64)}.example`,
      'ä.example',
      'a.example\n',
    ])('answers 400 APIG.2024 for %j', async (url_domain) => {
      const { status, body } = await client.post(at(await newGroup()), { url_domain });
      expect([status, body]).toEqual([400, words('APIG.2024', 'Invalid URL domain.')]);
    });

    it.each([
      ['url_domain', ''],
      ['url_domain', 'a'.repeat(256)],
      ['url_domain', 7],
      ['url_domain', ['a.example']],
      ['min_ssl_version', 'TLSv1.0'],
      ['min_ssl_version', 1],
      ['is_http_redirect_to_https', 'yes'],
      ...[-2, 1, 443, 1023, 49_152, 80.5, '80'].map((port) => ['ingress_http_port', port]),
      ...[-2, 1, 80, 1023, 49_152, 443.5, '443'].map((port) => ['ingress_https_port', port]),
    ] as [string, unknown][])('answers 400 APIG.2011, names %s for %j, and binds nothing', async (field, value) => {
      const group = await newGroup();
      const { status, body } = await client.post(at(group), { url_domain: fresh(), [field]: value });
      expect([status, body]).toEqual([400, invalid(field)]);
      expect(await domainsOf(group)).toEqual([]);
    });

    it('answers 400 APIG.2001 without a domain', async () => {
      expect((await client.post(at(await newGroup()), {})).body).toEqual(missing('url_domain'));
    });

    it('answers 400 APIG.3305 for a domain that any group of the gateway has, in any case, with or without a trailing dot', async () => {
      const [one, two] = [await newGroup(), await newGroup()];
      const { url_domain } = await bind(one);
      for (const [group, name] of [
        [one, url_domain],
        [two, url_domain],
        [two, url_domain.toUpperCase()],
        [two, `${url_domain}.`],
      ]) {
        const { status, body } = await client.post(at(group), { url_domain: name });
        expect([status, body]).toEqual([400, TAKEN]);
      }
      const other = await client.gateway();
      const theirs = (await client.post(under(other, '/api-groups'), { name: 'theirs' })).body.id;
      expect((await client.post(under(other, `/api-groups/${theirs}/domains`), { url_domain })).status).toBe(201);
    });

    it('answers 403 APIG.3108 beyond five domains', async () => {
      const group = await newGroup();
      for (let i = 0; i < 5; i++) await bind(group);
      const { status, body } = await client.post(at(group), { url_domain: fresh() });
      expect([status, body]).toEqual([403, words('APIG.3108', 'The number of domain names exceeds the maximum allowed limit.')]);
      expect(await domainsOf(group)).toHaveLength(5);
    });
  });

  describe('PUT …/domains/{domain_id}', () => {
    it('answers 201, changes the given settings, and keeps all others and the name', async () => {
      const group = await newGroup();
      const made = await bind(group, { ingress_https_port: 2000 });
      const change = { min_ssl_version: 'TLSv1.2', is_http_redirect_to_https: true, url_domain: 'other.example' };
      const { status, body } = await client.put(at(group, `/${made.id}`), change);
      expect([status, body]).toEqual([201, { ...made, min_ssl_version: 'TLSv1.2', is_http_redirect_to_https: true }]);
      expect((await client.put(at(group, `/${made.id}`), { is_http_redirect_to_https: false })).body).toEqual({
        ...made,
        min_ssl_version: 'TLSv1.2',
      });
      expect((await client.put(at(group, `/${made.id}`), { ingress_http_port: 22 })).body).toEqual(invalid('ingress_http_port'));
    });
  });

  describe('DELETE …/domains/{domain_id}', () => {
    it('answers 204, after which every operation answers 404 and the name is free', async () => {
      const group = await newGroup();
      const { id, url_domain } = await bind(group);
      const gone = await client.delete(at(group, `/${id}`));
      expect([gone.status, gone.text]).toEqual([204, '']);
      expect(await domainsOf(group)).toEqual([]);
      for (const answer of await every(at(group, `/${id}`))) expect([answer.status, answer.body]).toEqual([404, NOT_THERE]);
      await bind(await newGroup(), { url_domain });
    });

    it('has the same effect as the deletion of the group, which also frees the name', async () => {
      const group = await newGroup();
      const { url_domain } = await bind(group);
      expect((await client.delete(under(gateway, `/api-groups/${group}`))).status).toBe(204);
      await bind(await newGroup(), { url_domain });
    });
  });

  describe('POST …/certificates/attach and …/detach', () => {
    it('answer 204, and the group shows the certificate’s id between the two requests', async () => {
      const group = await newGroup();
      const { id } = await bind(group);
      const call = (verb: string, certificate: string, more: object = {}) =>
        client.post(at(group, `/${id}/certificates/${verb}`), { certificate_ids: [certificate], ...more });
      const attached = await call('attach', 'c-1', { verified_client_certificate_enabled: true });
      expect([attached.status, attached.text]).toEqual([204, '']);
      const shown = { ssl_id: 'c-1', ssl_infos: [{ ssl_id: 'c-1', ssl_name: '' }], verified_client_certificate_enabled: true };
      expect(await domainsOf(group)).toMatchObject([shown]);
      expect((await call('attach', 'c-1')).status).toBe(204);
      expect(await domainsOf(group)).toMatchObject([shown]);
      const second = await call('attach', 'c-2');
      expect([second.status, second.body]).toEqual([400, words('APIG.2051', 'A domain name cannot be bound with different certificates.')]);
      const unbound = words('APIG.3097', 'The binding record of this SSL certificate and domain name does not exist.');
      expect((await call('detach', 'c-2')).body).toEqual(unbound);
      expect((await call('detach', 'c-1')).status).toBe(204);
      expect(await domainsOf(group)).toMatchObject([{ ssl_id: '', ssl_infos: [], verified_client_certificate_enabled: false }]);
      expect((await call('detach', 'c-1')).body).toEqual(unbound);
    });

    it('store only the id of a certificate, never a certificate or a private key, and no route for certificates exists', async () => {
      const group = await newGroup();
      const { id } = await bind(group);
      const secret = { cert_content: 'PUBLIC-TEXT', private_key: 'PRIVATE-TEXT', name: 'cert' };
      const body = { certificate_ids: ['c-1'], ...secret };
      expect((await client.post(at(group, `/${id}/certificates/attach`), body)).status).toBe(204);
      for (const path of ['/v2/{project}/apigw/certificates', at(group, `/${id}/certificate`)]) {
        const { status, body: answer } = await client.post(path, secret);
        expect([status, answer.error_code]).toEqual([404, 'APIG.0101']);
      }
      const db = service.app.get(Database);
      const tables = db.dataSource.entityMetadatas.map(({ tableName }) => tableName);
      for (const table of tables) expect(JSON.stringify(await db.rows(`SELECT * FROM ${table}`))).not.toContain('PRIVATE-TEXT');
      expect(JSON.stringify(await db.rows('SELECT * FROM group_domains WHERE id = ?', [id]))).toContain('c-1');
    });

    it.each([[[]], [['a', 'b']], [['']], [['a b']], [['x'.repeat(65)]], [[7]], ['c-1']])(
      'answer 400 APIG.2011 naming certificate_ids for %j',
      async (certificate_ids) => {
        const group = await newGroup();
        const { id } = await bind(group);
        for (const verb of ['attach', 'detach'])
          expect((await client.post(at(group, `/${id}/certificates/${verb}`), { certificate_ids })).body).toEqual(
            invalid('certificate_ids'),
          );
        expect((await client.post(at(group, `/${id}/certificates/attach`), {})).body).toEqual(missing('certificate_ids'));
      },
    );
  });

  it('a domain of another group gets 400 APIG.3474, and a domain of another gateway gets 404 like an unknown one', async () => {
    const [one, two] = [await newGroup(), await newGroup()];
    const { id } = await bind(one);
    const wrongGroup = words(
      'APIG.3474',
      'The API group ID in the URL does not match the API group to which the URL domain has been bound.',
    );
    for (const answer of await every(at(two, `/${id}`))) expect([answer.status, answer.body]).toEqual([400, wrongGroup]);
    const other = await client.gateway();
    const theirs = (await client.post(under(other, '/api-groups'), { name: 'theirs' })).body.id;
    for (const each of [id, UNKNOWN])
      for (const answer of await every(under(other, `/api-groups/${theirs}/domains/${each}`)))
        expect([answer.status, answer.body]).toEqual([404, NOT_THERE]);
    for (const answer of [...(await every(at(UNKNOWN, `/${id}`))), await client.post(at(UNKNOWN), { url_domain: fresh() })])
      expect([answer.status, answer.body]).toEqual([404, words('APIG.3001', `API group ${UNKNOWN} does not exist`)]);
    const foreign = await service.client();
    for (const answer of await every(at(one, `/${id}`), foreign))
      expect([answer.status, answer.body]).toEqual([404, words('APIG.3030', `The instance does not exist;id:${gateway}`)]);
    expect(await domainsOf(one)).toMatchObject([{ id, ssl_infos: [] }]);
  });

  it('a reader gets 403 for changes, and sees the domains in the group', async () => {
    const group = await newGroup();
    const { id } = await bind(group);
    const reader = await service.client({ project: 'home', role: READ_ONLY });
    for (const answer of [...(await every(at(group, `/${id}`), reader)), await reader.post(at(group), { url_domain: fresh() })])
      expect(answer.body.error_code).toBe('APIG.1005');
    expect((await reader.get(under(gateway, `/api-groups/${group}`))).body.url_domains).toHaveLength(1);
  });

  it('every change writes one audit row and one change of the group', async () => {
    const group = await newGroup();
    const { id, url_domain } = await bind(group);
    const certificate = { certificate_ids: ['c-1'] };
    await client.put(at(group, `/${id}`), { min_ssl_version: 'TLSv1.2' });
    await client.post(at(group, `/${id}/certificates/attach`), certificate);
    await client.post(at(group, `/${id}/certificates/detach`), certificate);
    await client.delete(at(group, `/${id}`));
    const db = service.app.get(Database);
    const lines = await db.rows<any>('SELECT action, resource_type AS type, detail FROM audit_events WHERE resource_id = ? ORDER BY seq', [
      group,
    ]);
    expect(lines.map(({ action }) => action)).toEqual([
      'CreateApiGroup',
      'AssociateDomain',
      'UpdateDomain',
      'AssociateCertificate',
      'DisassociateCertificate',
      'DisassociateDomain',
    ]);
    for (const { type, detail } of lines.slice(1)) expect([type, JSON.parse(detail)]).toEqual(['ApiGroup', { domain_id: id, url_domain }]);
    const changes = await db.rows<any>('SELECT op FROM changes WHERE target_id = ? ORDER BY revision', [group]);
    expect(changes.map(({ op }) => op)).toEqual(['created', ...Array(5).fill('updated')]);
  });

  /** The operations on one domain. */
  const every = async (path: string, who = client) => [
    await who.put(path, { min_ssl_version: 'TLSv1.2' }),
    await who.post(`${path}/certificates/attach`, { certificate_ids: ['c-1'] }),
    await who.post(`${path}/certificates/detach`, { certificate_ids: ['c-1'] }),
    await who.delete(path),
  ];
});
