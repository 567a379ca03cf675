import {
  badField,
  badParameter,
  EXAMPLE_ID,
  FORMS,
  type Kind,
  KINDS,
  kindFields,
  missing,
  nameTaken,
  NO_CONTENT,
  signNotFound,
} from './contract.ts';
import { stored, typeUnsupported, unparsable, WRITTEN } from './contract.ts';
import type { Gateway } from './gateway.ts';
import { type Key, page } from './model.ts';
import type { Part } from './part.ts';

/** A key and a secret of each kind that only just keep its rules (docs/contracts/apig.md §1.3), the shortest and the longest. */
const EDGES: Record<Kind, readonly { sign_key: string; sign_secret: string }[]> = {
  hmac: [
    { sign_key: '0_-aZ901', sign_secret: '0_-!@#$%aZ901234' },
    { sign_key: `Z${'_'.repeat(31)}`, sign_secret: `z${'%'.repeat(63)}` },
  ],
  basic: [
    { sign_key: 'a_-0', sign_secret: '0_-!@#$%' },
    { sign_key: `Z${'-'.repeat(31)}`, sign_secret: `z${'!'.repeat(63)}` },
  ],
  public_key: [
    { sign_key: '/_-+/=aZ', sign_secret: '+_-!@#$%+/=aZ901' },
    { sign_key: `+${'/'.repeat(511)}`, sign_secret: `/${'='.repeat(2047)}` },
  ],
  'aes-128-cfb': [{ sign_key: '+_-!@#$%+/=aZ901', sign_secret: '/_-!@#$%+/=aZ901' }],
  'aes-256-cfb': [{ sign_key: `/${'='.repeat(31)}`, sign_secret: `0${'+'.repeat(15)}` }],
};

/** Bodies that break one rule, and the field that is named (docs/contracts/apig.md §1.2, §1.3). */
const BAD: readonly (readonly [field: string, body: object])[] = [
  ...['ab', '1abc', '_abc', 'a-b', 'a b', 'x'.repeat(65), 17, ['abc']].map((name) => ['name', { name }] as const),
  ...['rsa', 'HMAC', 7].map((sign_type) => ['sign_type', { name: 'bad_type', sign_type }] as const),
  ...['aes-256-gcm', 'AES-128-CFB', false].map(
    (sign_algorithm) => ['sign_algorithm', { name: 'bad_algorithm', sign_type: 'aes', sign_algorithm }] as const,
  ),
  ['sign_algorithm', { name: 'no_algorithm', sign_type: 'aes' }],
  ...KINDS.flatMap((kind) =>
    EDGES[kind]
      .slice(0, 1)
      .flatMap(({ sign_key, sign_secret }) => [
        ['sign_key', { name: 'short_key', ...kindFields(kind), sign_key: sign_key.slice(1) }] as const,
        ['sign_key', { name: 'bad_start', ...kindFields(kind), sign_key: `_${sign_key.slice(1)}` }] as const,
        ['sign_key', { name: 'bad_character', ...kindFields(kind), sign_key: `${sign_key.slice(0, -1)}~` }] as const,
        ['sign_key', { name: 'no_text', ...kindFields(kind), sign_key: 12345678 }] as const,
        ['sign_secret', { name: 'short_secret', ...kindFields(kind), sign_secret: sign_secret.slice(1) }] as const,
        ['sign_secret', { name: 'bad_start', ...kindFields(kind), sign_secret: `!${sign_secret.slice(1)}` }] as const,
        ['sign_secret', { name: 'bad_character', ...kindFields(kind), sign_secret: `${sign_secret.slice(0, -1)}~` }] as const,
      ]),
  ),
  ...KINDS.flatMap((kind) =>
    EDGES[kind]
      .slice(-1)
      .flatMap(({ sign_key, sign_secret }) => [
        ['sign_key', { name: 'long_key', ...kindFields(kind), sign_key: `${sign_key}a` }] as const,
        ['sign_secret', { name: 'long_secret', ...kindFields(kind), sign_secret: `${sign_secret}a` }] as const,
      ]),
  ),
];

/** Create, modify and list with every field and every error that can be provoked (docs/contracts/apig.md §1.2–§1.10). */
export const signOperations: Part = {
  title: 'Part 2a, keys: create, modify, list',
  async run({ gateway, api, progress }) {
    const { at, model } = gateway;
    progress.stage('create', 20 + BAD.length);
    const bare: Key = await api.post(at('/signs'), { name: 'bare' }, created('hmac', 'bare'));
    model.keys.set(bare.id, bare);
    await api.post(at('/signs'), { name: 'too_early', sign_type: 'public_key' }, typeUnsupported('public_key', gateway.id));
    await api.put(at(`/signs/${bare.id}`), { name: 'bare', sign_type: 'public_key' }, typeUnsupported('public_key', gateway.id));
    await gateway.enablePublicKeys();
    for (const kind of KINDS) {
      const name = `demo_${kind.replaceAll('-', '_')}`;
      await gateway.createKey(kind, { name: `${name}_generated` });
      for (const [i, given] of EDGES[kind].entries()) await gateway.createKey(kind, { name: `${name}_${i}`, ...given });
    }
    await gateway.createKey('hmac', { name: '签名密钥_1' });
    // Each half is generated on its own.
    await gateway.createKey('hmac', { name: 'only_key', sign_key: 'half_a_key' });
    await gateway.createKey('basic', { name: 'only_secret', sign_secret: 'half_a_secret' });
    for (const [field, body] of BAD) await api.post(at('/signs'), body, badField(field));
    await api.post(at('/signs'), {}, missing('name'));
    await api.post(at('/signs'), { name: 'bare' }, nameTaken);
    for (const text of ['{"name":', '[]', '"name"']) await api.expect('POST', at('/signs'), unparsable, { text });

    progress.stage('modify', 20 + BAD.length);
    await modify(gateway, bare);
    progress.stage('list', 30);
    await list(gateway);
    progress.stage('delete', model.keys.size);
    const count = model.keys.size;
    for (const key of [...model.keys.values()]) {
      await api.delete(at(`/signs/${key.id}`), NO_CONTENT);
      model.deleteKey(key);
    }
    await api.get(at('/signs'), page('signs', []));
    return `${count} keys of four types, ${2 * BAD.length} bodies refused field by field`;
  },
};

const created = (kind: Kind, name: string) => ({
  status: 201,
  body: {
    id: /^[0-9a-f]{32}$/,
    name,
    ...kindFields(kind),
    sign_key: FORMS[kind].key,
    sign_secret: FORMS[kind].secret,
    create_time: WRITTEN,
    update_time: WRITTEN,
  },
});

/**
 * Modify (docs/contracts/apig.md §1.5): the new values come back, the time of creation stays, what is omitted stays as long as the kind
 * does.
 */
async function modify({ api, at, model }: Gateway, key: Key): Promise<void> {
  const put = async (kind: Kind, body: { name: string; sign_key?: string; sign_secret?: string }, kept: Partial<Key> = {}) => {
    const after = await api.put(
      at(`/signs/${key.id}`),
      { ...body, ...('sign_key' in kept ? {} : kindFields(kind)) },
      {
        status: 200,
        body: {
          id: key.id,
          name: body.name,
          ...kindFields(kind),
          sign_key: body.sign_key ?? kept.sign_key ?? FORMS[kind].key,
          sign_secret: body.sign_secret ?? kept.sign_secret ?? FORMS[kind].secret,
          create_time: stored(key.create_time),
          update_time: WRITTEN,
        },
      },
    );
    model.keys.set(key.id, { ...after, create_time: key.create_time });
    await api.get(at(`/signs?id=${key.id}`), page('signs', model.signRows([model.keys.get(key.id) as Key])));
    return after as Key;
  };
  const renamed = await put('hmac', { name: 'bare_renamed' }, key);
  await put('hmac', { name: 'bare_renamed', sign_key: 'a_new_key_0' }, { sign_secret: renamed.sign_secret });
  for (const kind of KINDS) {
    for (const given of EDGES[kind]) await put(kind, { name: 'bare_changed', ...given });
  }
  await put('hmac', { name: 'bare', sign_key: 'a_new_key_1', sign_secret: 'a_new_secret_012' });
  const full = { sign_type: 'hmac' as const };
  for (const [field, body] of BAD) await api.put(at(`/signs/${key.id}`), { ...full, ...body }, badField(field));
  await api.put(at(`/signs/${key.id}`), { sign_type: 'hmac' }, missing('name'));
  await api.put(at(`/signs/${key.id}`), { name: 'only_key' }, nameTaken);
  await api.put(at(`/signs/${EXAMPLE_ID}`), { name: 'nobody' }, signNotFound(EXAMPLE_ID));
  await api.expect('PUT', at(`/signs/${key.id}`), unparsable, { text: '{"name"' });
  await api.get(at(`/signs?id=${key.id}`), page('signs', model.signRows([model.keys.get(key.id) as Key])));
}

/** List (docs/contracts/apig.md §1.7): filters, clamped paging, and the parameters it refuses. */
async function list({ api, at, model }: Gateway): Promise<void> {
  const all = model.signRows();
  const named = (part: string) => model.signRows([...model.keys.values()].filter(({ name }) => name.includes(part)));
  const rows = (from: number, to: number) => page('signs', all.slice(from, to), all.length);
  const some = [...model.keys.values()][2] as Key;
  await api.get(at('/signs'), rows(0, 20));
  await api.get(at('/signs?limit=500'), rows(0, 500));
  await api.get(at('/signs?limit=501&offset=-1'), rows(0, 500));
  await api.get(at('/signs?limit=3&offset=2'), rows(2, 5));
  await api.get(at(`/signs?limit=3&offset=${all.length - 1}`), rows(all.length - 1, all.length));
  await api.get(at(`/signs?offset=${all.length}`), rows(0, 0));
  await api.get(at('/signs?limit=0'), rows(0, 20));
  await api.get(at('/signs?limit=-5'), rows(0, 20));
  await api.get(at(`/signs?id=${some.id}`), page('signs', model.signRows([some])));
  await api.get(at(`/signs?id=${EXAMPLE_ID}`), page('signs', []));
  await api.get(at('/signs?name=_generated'), page('signs', named('_generated')));
  await api.get(at('/signs?name=GENERATED'), page('signs', []));
  await api.get(at('/signs?name=%25'), page('signs', []));
  await api.get(at(`/signs?name=${encodeURIComponent('签名')}`), page('signs', named('签名')));
  await api.get(at(`/signs?name=${some.name}&precise_search=name`), page('signs', model.signRows([some])));
  await api.get(at(`/signs?name=${some.name.slice(1)}&precise_search=name`), page('signs', []));
  await api.get(at('/signs?name=demo_&limit=2&offset=1'), page('signs', named('demo_').slice(1, 3), named('demo_').length));
  for (const value of ['x', '1.5', '1e2', '0x10']) {
    await api.get(at(`/signs?limit=${value}`), badParameter('limit'));
    await api.get(at(`/signs?offset=${value}`), badParameter('offset'));
  }
  for (const parameter of ['id', 'name', 'precise_search']) {
    await api.get(at(`/signs?${parameter}=a&${parameter}=b`), badParameter(parameter));
  }
}
