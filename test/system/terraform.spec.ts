import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { freePort, ServedProcess, signet } from '../support/process.js';
import type { Pair } from '../support/raw-signer.js';
import { Client } from '../support/service.js';
import { GOLANGSDK, GOPHERTELEKOMCLOUD, Provider } from '../support/terraform.js';

const REGION = 'eu-de';
const EN_US = { 'X-Language': 'en-us' };
const JSON_TYPE = { 'Content-Type': 'application/json' };

/**
 * Replays the requests of both Terraform providers as recorded from their client libraries (docs/contracts/apig.md §2.6, §6.6, §6.7), with
 * the same headers, signatures and order. The providers' binaries themselves do not run here.
 */
onBothDatabases((name) => {
  let test: TestDatabase;
  let served: ServedProcess;
  let key: Pair;
  let project: string;
  let gateway: string;
  let publishIds: string[];

  beforeAll(async () => {
    test = await createTestDatabase(name);
    // The catalogue contains the address at which callers reach the service.
    served = await ServedProcess.start({ ...test.env, SIGNET_REGION: REGION, SIGNET_PORT: String(await freePort()) });
    const printed = await setUp();
    const [, access = '', secret = ''] = /access: (\S+)\nsecret: (\S+)/.exec(printed) ?? [];
    key = { access, secret };
    const [, generated = ''] = /password: (\S+)/.exec(printed) ?? [];
    identity.password.user.password = await Client.replacePassword(served.baseUrl, 'terraform', generated);
    const { body } = await login({ project: { name: REGION } });
    project = body.token.project.id;
    const client = new Client(served.baseUrl, project, await token({ project: { id: project } }));
    gateway = await client.gateway();
    const env = (await client.post(`/v2/${project}/apigw/instances/${gateway}/envs`, { name: 'test' })).body.id as string;
    const envIds = ['DEFAULT_ENVIRONMENT_RELEASE_ID', env];
    publishIds = [];
    for (let i = 0; i < 3; i++) publishIds.push(...(await client.publishedApi(gateway, { envIds })).publishIds);
  });
  afterAll(async () => {
    await served.stop();
    await test.drop();
  });

  /** Runs the commands of docs/terraform.md. @returns their output */
  async function setUp(): Promise<string> {
    const [, block = ''] = /```bash\n(signet admin iam project add[^`]+)```/.exec(readFileSync('docs/terraform.md', 'utf8')) ?? [];
    expect(block).toContain(`signet admin iam project add ${REGION}`);
    let printed = '';
    for (const [, command = ''] of block.matchAll(/^signet (.*?) *(?:#.*)?$/gm)) {
      const args = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
      const { code, stdout, stderr } = await signet(args, test.env);
      expect([command, code, stderr]).toEqual([command, 0, '']);
      printed += stdout;
    }
    return printed;
  }

  const identity = { methods: ['password'], password: { user: { name: 'terraform', password: '', domain: { name: 'default' } } } };
  const login = (scope: object, how: object = identity) =>
    new Provider(GOLANGSDK, undefined).request('POST', `${served.baseUrl}/v3/auth/tokens`, { body: { auth: { identity: how, scope } } });
  const token = async (scope: object, how?: object) => (await login(scope, how)).headers['x-subject-token'] as string;
  const authUrl = () => `${served.baseUrl}/v3`;

  describe('the provider huaweicloud', () => {
    /** Like golangsdk's pager, reads the next offset until a page is empty. */
    async function pages(provider: Provider, url: string, array: string, step: (rows: number) => number): Promise<any[]> {
      const rows = [];
      for (let offset = 0; ; ) {
        const target = new URL(url);
        if (offset > 0) target.searchParams.set('offset', String(offset));
        const page: any[] = (await provider.get(target.href))[array];
        expect(Array.isArray(page)).toBe(true);
        if (page.length === 0) return rows;
        rows.push(...page);
        offset += step(page.length);
      }
    }

    /** Creates, refreshes, changes and destroys a key and its association. */
    async function apply(provider: Provider): Promise<void> {
      const at = `${served.baseUrl}/v2/${project}/apigw/instances/${gateway}`;
      const readKey = (id: string) => pages(provider, `${at}/signs?id=${id}`, 'signs', (rows) => rows);
      const bound = (id: string) => pages(provider, `${at}/sign-bindings/binded-apis?limit=500&sign_id=${id}`, 'bindings', () => 500);
      const unbound = (id: string) => pages(provider, `${at}/sign-bindings/unbinded-apis?sign_id=${id}&limit=100`, 'apis', (rows) => rows);

      const gateways = await pages(
        provider,
        `${served.baseUrl}/v2/${project}/apigw/instances?limit=200&instance_id=${gateway}`,
        'instances',
        (n) => n,
      );
      expect(gateways.map(({ id }) => id)).toEqual([gateway]);

      const given = {
        name: 'tf_key',
        sign_type: 'hmac',
        sign_key: 'abcdefghijklmnop',
        sign_secret: 'ponmlkjihgfedcba',
      };
      const { id } = await provider.post(`${at}/signs`, given, { headers: EN_US });
      expect(await readKey(id)).toMatchObject([given]);

      const wanted = publishIds.slice(0, 2);
      await provider.post(`${at}/sign-bindings`, { sign_id: id, publish_ids: wanted });
      expect((await unbound(id)).filter(({ publish_id }) => wanted.includes(publish_id))).toEqual([]);
      expect((await bound(id)).map(({ publish_id }) => publish_id).sort()).toEqual([...wanted].sort());

      const changed = { ...given, name: 'tf_renamed', sign_key: given.sign_secret, sign_secret: given.sign_key };
      await provider.request('PUT', `${at}/signs/${id}`, { body: changed, headers: EN_US });
      expect(await readKey(id)).toMatchObject([changed]);

      // The association changes by one publication, and the provider removes before it adds.
      const unbind = async (publishId: string) => {
        for (const binding of await bound(id))
          if (binding.publish_id === publishId) await provider.request('DELETE', `${at}/sign-bindings/${binding.id}`);
        expect((await bound(id)).some(({ publish_id }) => publish_id === publishId)).toBe(false);
      };
      await unbind(wanted[0]!);
      await provider.post(`${at}/sign-bindings`, { sign_id: id, publish_ids: [publishIds[2]!] });
      expect((await bound(id)).map(({ publish_id }) => publish_id).sort()).toEqual([wanted[1]!, publishIds[2]!].sort());

      for (const publishId of [wanted[1]!, publishIds[2]!]) await unbind(publishId);
      await provider.request('DELETE', `${at}/signs/${id}`, { headers: { ...JSON_TYPE, ...EN_US } });
      expect(await readKey(id)).toEqual([]);
    }

    it('applies and destroys with an access key, after it has looked up project and domain', async () => {
      const provider = new Provider(GOLANGSDK, { key });
      const [found] = (await provider.get(`${authUrl()}/projects?name=${REGION}`)).projects;
      expect(found.id).toBe(project);
      provider.ids.project = found.id;
      const [named] = (await provider.get(`${authUrl()}/auth/domains`)).domains;
      expect(named.name).toBe('default');
      provider.ids.domain = named.id;
      expect((await provider.get(`${authUrl()}/auth/domains`)).domains).toHaveLength(1);
      await apply(provider);
    });

    it('sends no request to the identity service with an access key and all ids configured', async () => {
      const provider = new Provider(GOLANGSDK, { key }, { project });
      await apply(provider);
      expect(provider.sent.filter((request) => request.includes('/v3'))).toEqual([]);
    });

    it('applies and destroys with a temporary key, whose security token is not signed', async () => {
      const made = await new Provider(GOLANGSDK, { token: await token({ project: { id: project } }) }).post(
        `${served.baseUrl}/v3.0/OS-CREDENTIAL/securitytokens`,
        { auth: { identity: { methods: ['token'], token: { duration_seconds: 900 } } } },
      );
      const { access, secret, securitytoken } = made.credential;
      await apply(new Provider(GOLANGSDK, { key: { access, secret, securitytoken } }, { project }));
    });

    it('applies and destroys with user and password, with a token for the project and one for the domain', async () => {
      const [ofProject, ofDomain] = [await token({ project: { name: REGION } }), await token({ domain: { name: 'default' } })];
      const domains = new Provider(GOLANGSDK, { token: ofDomain });
      expect((await domains.get(`${authUrl()}/auth/domains`)).domains).toHaveLength(1);
      expect((await domains.get(`${authUrl()}/users?name=terraform`)).users).toMatchObject([{ name: 'terraform' }]);
      await apply(new Provider(GOLANGSDK, { token: ofProject }));
    });

    it('applies and destroys with a token, which it exchanges twice', async () => {
      const first = await token({ project: { name: REGION } });
      const how = { methods: ['token'], token: { id: first } };
      const [ofProject] = [await token({ project: { name: REGION } }, how), await token({ domain: { name: 'default' } }, how)];
      await apply(new Provider(GOLANGSDK, { token: ofProject }));
    });

    it('asks for the identity versions if auth_url does not end in /v3', async () => {
      const { versions } = await new Provider(GOLANGSDK, undefined).get(`${served.baseUrl}/`);
      const [{ id, status, links }] = versions.values;
      expect([id, status, links[0].href]).toEqual([expect.stringMatching(/^v3/), 'stable', `${served.baseUrl}/v3/`]);
      expect(await token({ project: { name: REGION } })).toBeTruthy();
    });

    it('reads a gateway with all requests of its resource, including those whose failure it would only log', async () => {
      const provider = new Provider(GOLANGSDK, { key }, { project });
      const at = `${served.baseUrl}/v2/${project}/apigw/instances/${gateway}`;
      expect(await provider.get(at)).toMatchObject({ id: gateway, status: 'Running' });
      for (const path of ['/extra-elbs', '/instance-tags', '/custom-ingress-ports?limit=500'])
        await provider.request('GET', at + path, { accepts: [200] });
    });
  });

  describe('the provider opentelekomcloud', () => {
    interface Catalog {
      catalog: { type: string; endpoints: { interface: string; region: string; url: string }[] }[];
    }
    /** The provider has no setting for APIG: it uses the entry `volumev2` of its region, with the first `evs` replaced. */
    const serviceUrl = ({ catalog }: Catalog) => {
      const endpoints = catalog.find(({ type }) => type === 'volumev2')?.endpoints ?? [];
      const found = endpoints.find(({ interface: kind, region }) => kind === 'public' && region === REGION);
      return `${found!.url}/`.replace('evs', 'apig');
    };

    /** This provider reads only the first page of lists, without paging parameters. */
    async function apply(provider: Provider, apigUrl: string): Promise<void> {
      const at = `${apigUrl}apigw/instances/${gateway}`;
      const bound = async (id: string) => (await provider.get(`${at}/sign-bindings/binded-apis?sign_id=${id}`)).bindings as any[];
      const given = {
        name: 'otc_key',
        sign_type: 'aes',
        sign_algorithm: 'aes-128-cfb',
        sign_key: 'abcdefghijklmnop',
        sign_secret: 'ponmlkjihgfedcba',
      };
      const { id } = await provider.post(`${at}/signs`, given);
      expect((await provider.get(`${at}/signs?id=${id}`)).signs).toMatchObject([given]);
      const renamed = { ...given, name: 'otc_renamed' };
      expect((await provider.request('PUT', `${at}/signs/${id}`, { body: renamed })).body.name).toBe('otc_renamed');
      const wanted = publishIds.slice(3, 5);
      const { bindings } = await provider.post(`${at}/sign-bindings`, { sign_id: id, publish_ids: wanted });
      expect(bindings).toHaveLength(2);
      const unbound = (await provider.get(`${at}/sign-bindings/unbinded-apis?sign_id=${id}`)).apis as any[];
      expect(unbound.filter(({ publish_id }) => wanted.includes(publish_id))).toEqual([]);
      for (const binding of await bound(id)) await provider.request('DELETE', `${at}/sign-bindings/${binding.id}`);
      expect(await bound(id)).toEqual([]);
      await provider.request('DELETE', `${at}/signs/${id}`);
      expect((await provider.get(`${at}/signs?id=${id}`)).signs).toEqual([]);
    }

    it('applies and destroys with an access key, after it has read project, domain and catalogue', async () => {
      const provider = new Provider(GOPHERTELEKOMCLOUD, { key });
      const projects = [1, 2].map(() => provider.get(`${authUrl()}/projects?name=${REGION}`));
      expect((await Promise.all(projects)).map(({ projects: [{ id }] }) => id)).toEqual([project, project]);
      provider.ids.project = project;
      const apigUrl = serviceUrl(await provider.get(`${authUrl()}/auth/catalog`));
      expect(apigUrl).toBe(`${served.baseUrl}/v2/${project}/`);

      const ofDomain = new Provider(GOPHERTELEKOMCLOUD, { key });
      for (let i = 0; i < 2; i++) expect((await ofDomain.get(`${authUrl()}/auth/domains?name=default`)).domains).toHaveLength(1);
      expect((await ofDomain.get(`${authUrl()}/auth/catalog`)).catalog.length).toBeGreaterThan(0);
      await apply(provider, apigUrl);
    });

    it('applies and destroys with an access key and a domain id in place of the project’s', async () => {
      const [{ id }] = (await new Provider(GOPHERTELEKOMCLOUD, { key }).get(`${authUrl()}/auth/domains?name=default`)).domains;
      await apply(new Provider(GOPHERTELEKOMCLOUD, { key }, { domain: id }), `${served.baseUrl}/v2/${project}/`);
    });

    it('applies and destroys with user and password, with two tokens, of which the first has the catalogue', async () => {
      const logIn = async (scope: object) =>
        new Provider(GOPHERTELEKOMCLOUD, undefined).request('POST', `${authUrl()}/auth/tokens`, { body: { auth: { identity, scope } } });
      const ofProject = await logIn({ project: { name: REGION, domain: { name: 'default' } } });
      await logIn({ domain: { name: 'default' } });
      const own = new Provider(GOPHERTELEKOMCLOUD, { token: ofProject.headers['x-subject-token'] as string });
      await apply(own, serviceUrl(ofProject.body.token));
    });

    it('applies and destroys with a token, which validates itself and whose answer has the catalogue', async () => {
      const own = await token({ project: { name: REGION } });
      const provider = new Provider(GOPHERTELEKOMCLOUD, { token: own });
      const answer = await provider.request('GET', `${authUrl()}/auth/tokens`, { unsigned: { 'X-Subject-Token': own } });
      await apply(provider, serviceUrl(answer.body.token));
    });

    it('gets every connection closed that it asks to close', async () => {
      const answer = await new Provider(GOPHERTELEKOMCLOUD, { key }).request('GET', `${authUrl()}/auth/domains`);
      expect(answer.headers.connection).toBe('close');
    });
  });

  it('both providers can exchange the publications of three associations at the same time, which then have two each', async () => {
    const provider = new Provider(GOLANGSDK, { key }, { project });
    const at = `${served.baseUrl}/v2/${project}/apigw/instances/${gateway}`;
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push((await provider.post(`${at}/signs`, { name: `rotated_${i}`, sign_type: 'basic' })).id);
    const associate = async (offset: number) => {
      const wanted = ids.map((_, i) => [0, 1].map((j) => publishIds[(2 * i + j + offset) % 6]!));
      const bound = async (id: string) => (await provider.get(`${at}/sign-bindings/binded-apis?limit=500&sign_id=${id}`)).bindings as any[];
      await Promise.all(
        ids.map(async (id, i) => {
          for (const binding of await bound(id))
            if (!wanted[i]!.includes(binding.publish_id))
              await provider.request('DELETE', `${at}/sign-bindings/${binding.id}`, { accepts: [204, 404] });
          await provider.post(`${at}/sign-bindings`, { sign_id: id, publish_ids: wanted[i] });
        }),
      );
      for (const [i, id] of ids.entries())
        expect((await bound(id)).map(({ publish_id }) => publish_id).sort()).toEqual([...wanted[i]!].sort());
    };
    await associate(0);
    await associate(1);
    for (const id of ids) await provider.request('DELETE', `${at}/signs/${id}`, { headers: { ...JSON_TYPE, ...EN_US } });
  });
});
