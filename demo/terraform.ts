import { NO_CONTENT } from './contract.ts';
import type { Gateway } from './gateway.ts';
import { boundAnswerRow, boundRow, createdKey, type Key, page, type Publication } from './model.ts';
import type { Part } from './part.ts';

const PAGE = 100;
/** What the provider sends with every request, and what only with writes of keys (docs/contracts/apig.md §6.6). */
const ALWAYS = { accept: 'application/json', 'user-agent': 'HashiCorp Terraform/1.9.0 golangsdk/2.0.0' };
const TYPE = { 'content-type': 'application/json' };
const OF_KEYS = { ...ALWAYS, ...TYPE, 'x-language': 'en-us' };

/** Go's JSON encoder ends with a newline. */
const encode = (value: unknown) => `${JSON.stringify(value)}\n`;

/** The calls of `huaweicloud_apig_signature` and `…_signature_associate`, in their order (docs/contracts/apig.md §2.6, §6.6). */
export const terraform: Part = {
  title: 'Part 3, Terraform: apply, refresh, destroy',
  async run({ gateway, progress }) {
    progress.stage('apply, refresh, destroy', 45);
    const wanted = gateway.model.publications.filter((_, i) => i % 26 === 0);
    const key = await createSignature(gateway);
    await readSignature(gateway, key);
    await associate(gateway, key, wanted);
    await readAssociation(gateway, key);
    // terraform plan: the same reads, and nothing to do.
    await readSignature(gateway, key);
    await readAssociation(gateway, key);
    await destroy(gateway, key);
    return `one key on ${wanted.length} publications, made and removed in the provider's call order`;
  },
};

async function createSignature({ api, at, model }: Gateway): Promise<Key> {
  const given = { name: 'tf_acc_test', sign_key: 'r4nd0mkey16chars', sign_secret: 'r4nd0msecret16ch' };
  const text = encode({ name: given.name, sign_type: 'basic', sign_key: given.sign_key, sign_secret: given.sign_secret });
  const key = (await api.expect(
    'POST',
    at('/signs'),
    { status: 201, body: createdKey('basic', given) },
    { text, headers: OF_KEYS },
  )) as Key;
  model.keys.set(key.id, key);
  return key;
}

async function readSignature({ api, at, model }: Gateway, key: Key): Promise<void> {
  const headers = ALWAYS;
  await api.expect('GET', at(`/signs?id=${key.id}`), page('signs', model.signRows([key])), { headers });
  await api.expect('GET', at(`/signs?id=${key.id}&offset=1`), page('signs', [], 1), { headers });
}

async function associate(gateway: Gateway, key: Key, wanted: readonly Publication[]): Promise<void> {
  const { api, at, model } = gateway;
  const text = encode({ sign_id: key.id, publish_ids: wanted.map(({ publishId }) => publishId) });
  const bound = { status: 201, body: { bindings: wanted.map((publication) => boundAnswerRow(key, publication)) } };
  gateway.bound(key, wanted, await api.expect('POST', at('/sign-bindings'), bound, { text, headers: { ...ALWAYS, ...TYPE } }));
  // The provider polls until none of what it asked for is in here: it must be so the first time.
  const unbound = model.unboundOf(key);
  for (let offset = 0; ; offset += PAGE) {
    const rows = unbound.slice(offset, offset + PAGE).map((each) => model.unboundRow(each));
    const at0 = Math.min(offset, unbound.length);
    const url = at(`/sign-bindings/unbinded-apis?sign_id=${key.id}&limit=${PAGE}&offset=${at0}`);
    await api.expect('GET', url, page('apis', rows, unbound.length), { headers: ALWAYS });
    if (rows.length === 0) break;
  }
}

async function readAssociation({ api, at, model }: Gateway, key: Key): Promise<void> {
  const rows = model.bindingsOf(key).map(boundRow);
  const [first, second] = [`limit=500&sign_id=${key.id}`, `limit=500&offset=500&sign_id=${key.id}`];
  await api.expect('GET', at(`/sign-bindings/binded-apis?${first}`), page('bindings', rows), { headers: ALWAYS });
  await api.expect('GET', at(`/sign-bindings/binded-apis?${second}`), page('bindings', [], rows.length), { headers: ALWAYS });
}

async function destroy(gateway: Gateway, key: Key): Promise<void> {
  const { api, at, model } = gateway;
  await readAssociation(gateway, key);
  for (const binding of model.bindingsOf(key)) {
    await api.expect('DELETE', at(`/sign-bindings/${binding.id}`), NO_CONTENT, { headers: ALWAYS });
    model.unbind(binding);
  }
  await readAssociation(gateway, key);
  // With a content type, but no body.
  await api.expect('DELETE', at(`/signs/${key.id}`), NO_CONTENT, { headers: OF_KEYS });
  model.deleteKey(key);
  // The acceptance tests' check that it was destroyed (docs/contracts/apig.md §9.2).
  await api.expect('GET', at(`/signs?id=${key.id}`), page('signs', []), { headers: ALWAYS });
}
