import {
  apiNotFound,
  badParameter,
  bindingNotFound,
  EXAMPLE_ID,
  kindFields,
  missing,
  NO_CONTENT,
  publicationNotFound,
} from './contract.ts';
import { signNotFound, stored, unparsable, WRITTEN } from './contract.ts';
import { including } from './expect.ts';
import type { Gateway } from './gateway.ts';
import { type Binding, boundAnswerRow, boundRow, boundSignRow, type Key, page, type Publication } from './model.ts';
import type { Part } from './part.ts';

/** Bind, unbind and the three lists with every field and every error that can be provoked (docs/contracts/apig.md §2.1–§2.5). */
export const bindingOperations: Part = {
  title: 'Part 2b, bindings: bind, unbind, three lists',
  async run({ gateway, api, progress }) {
    const { at, model } = gateway;
    progress.stage('bind', 20);
    const one = await gateway.createKey('aes-128-cfb', { name: 'key_one' });
    const two = await gateway.createKey('basic', { name: 'key_two', sign_key: 'user_two', sign_secret: 'password_of_two' });
    await bind(gateway, one, two);
    progress.stage('lists', 50);
    await boundApis(gateway, one);
    await unboundApis(gateway, one);
    await boundSigns(gateway, model.publications[0] as Publication, one);
    progress.stage('life-cycle', 25);
    await lifeCycle(gateway, one, two);
    progress.stage('unbind', 20);
    await unbind(gateway, one);
    for (const key of [one, two]) {
      await api.delete(at(`/signs/${key.id}`), NO_CONTENT);
      model.deleteKey(key);
    }
    for (const { id } of model.removed) await api.delete(at(`/sign-bindings/${id}`), bindingNotFound);
    return `bound, rebound, taken offline and unbound; ${model.removed.length} records gone for good`;
  },
};

/** Bind (docs/contracts/apig.md §2.3): several at once, twice the same, another key's, and all or nothing. */
async function bind(gateway: Gateway, one: Key, two: Key): Promise<void> {
  const { api, at, model } = gateway;
  const [a, b, c, d] = model.publications as [Publication, Publication, Publication, Publication];
  const [first] = (await gateway.bind(one, [a, b, c])) as [Binding];
  const again = { sign_id: one.id, publish_ids: [a.publishId, a.publishId] };
  // The same key again: the record stays as it is. A duplicate counts once.
  const unchanged = { ...boundSignRow(first), binding_time: first.binding_time };
  await api.post(at('/sign-bindings'), again, { status: 201, body: { bindings: [unchanged] } });
  // Another key: a new record with a new id; the old one is gone.
  await gateway.bind(two, [c, d]);
  const [replaced] = model.removed.slice(-1) as [Binding];
  await api.delete(at(`/sign-bindings/${replaced.id}`), bindingNotFound);
  await api.get(at('/signs'), page('signs', model.signRows()));

  const body = (publish_ids: unknown, sign_id: unknown = one.id) => ({ sign_id, publish_ids });
  await api.post(at('/sign-bindings'), body([d.publishId, EXAMPLE_ID]), publicationNotFound);
  await api.post(at('/sign-bindings'), body([d.publishId], EXAMPLE_ID), signNotFound(EXAMPLE_ID));
  await api.post(at('/sign-bindings'), body([d.publishId], 17), badParameter('sign_id'));
  await api.post(at('/sign-bindings'), body([d.publishId], ''), badParameter('sign_id'));
  for (const publish_ids of [[], 'x', {}, [17], Array(1001).fill(d.publishId)]) {
    await api.post(at('/sign-bindings'), body(publish_ids), badParameter('publish_ids'));
  }
  await api.post(at('/sign-bindings'), { publish_ids: [d.publishId] }, badParameter('sign_id'));
  await api.post(at('/sign-bindings'), { sign_id: one.id }, missing('publish_ids'));
  await api.expect('POST', at('/sign-bindings'), unparsable, { text: '{' });
  // Of all that, nothing was bound.
  await api.get(at('/signs'), page('signs', model.signRows()));
}

/** `binded-apis`: every filter, paging, and what it refuses. */
async function boundApis(gateway: Gateway, key: Key): Promise<void> {
  const { api, at, model } = gateway;
  await gateway.bind(key, model.publications.slice(30, 60));
  const all = model.bindingsOf(key);
  const url = (query: string) => at(`/sign-bindings/binded-apis?sign_id=${key.id}${query}`);
  const rows = (bindings: readonly Binding[], total = bindings.length) => page('bindings', bindings.map(boundRow), total);
  await api.get(url(''), rows(all.slice(0, 20), all.length));
  await gateway.expectList(`/sign-bindings/binded-apis?sign_id=${key.id}`, 'bindings', all.map(boundRow), 7);
  for (const [query, wanted] of filters(model.publications)) {
    await api.get(url(`&limit=500&${query}`), rows(all.filter(({ publication }) => wanted(publication))));
  }
  await refused(gateway, 'binded-apis');
}

/** `unbinded-apis`: the same; a publication that carries another key is there with that key's name. */
async function unboundApis(gateway: Gateway, key: Key): Promise<void> {
  const { api, at, model } = gateway;
  const all = model.unboundOf(key);
  const rows = (publications: readonly Publication[], total = publications.length) =>
    page(
      'apis',
      publications.map((each) => model.unboundRow(each)),
      total,
    );
  const url = (query: string) => at(`/sign-bindings/unbinded-apis?sign_id=${key.id}${query}`);
  await api.get(url(''), rows(all.slice(0, 20), all.length));
  await api.get(url('&limit=1000'), rows(all));
  await api.get(url(`&limit=10&offset=${all.length}`), rows([], all.length));
  for (const [query, wanted] of filters(model.publications)) await api.get(url(`&limit=500&${query}`), rows(all.filter(wanted)));
  await refused(gateway, 'unbinded-apis');
}

/** Filters that both lists know (docs/contracts/apig.md §2.1), each with what it lets through. */
function filters(publications: readonly Publication[]): (readonly [query: string, wanted: (publication: Publication) => boolean])[] {
  const [some, other] = [publications[1] as Publication, publications.at(-1) as Publication];
  const tagged = (tag: string) => (publication: Publication) => publication.api.tags.includes(tag);
  return [
    [`env_id=${some.environment.id}`, ({ environment }) => environment.id === some.environment.id],
    [`env_id=${other.environment.id}`, ({ environment }) => environment.id === other.environment.id],
    [`api_id=${some.api.id}`, ({ api }) => api.id === some.api.id],
    ['api_name=_000', ({ api }) => api.name.includes('_000')],
    ['api_name=nobody', () => false],
    [`group_id=${some.group.id}`, () => true],
    [`group_id=${EXAMPLE_ID}`, () => false],
    ['tags=orders', tagged('orders')],
    ['tags=eu,billing', (publication) => tagged('eu')(publication) || tagged('billing')(publication)],
    [`tags=${encodeURIComponent('#no_tags#')}`, ({ api }) => api.tags.length === 0],
    [
      `api_id=${some.api.id}&env_id=${other.environment.id}`,
      ({ api, environment }) => api.id === some.api.id && environment.id === other.environment.id,
    ],
  ];
}

async function refused({ api, at }: Gateway, list: string): Promise<void> {
  await api.get(at(`/sign-bindings/${list}?sign_id=${EXAMPLE_ID}`), signNotFound(EXAMPLE_ID));
  await api.get(at(`/sign-bindings/${list}`), badParameter('sign_id'));
  await api.get(at(`/sign-bindings/${list}?sign_id=${EXAMPLE_ID}&api_name=a&api_name=b`), badParameter('api_name'));
  await api.get(at(`/sign-bindings/${list}?sign_id=${EXAMPLE_ID}&limit=x`), badParameter('limit'));
}

/** `binded-signs`: the keys of an API, with their secrets. */
async function boundSigns({ api, at, model }: Gateway, { api: { id }, environment }: Publication, key: Key): Promise<void> {
  const all = model.bindingsOfApi(id);
  const url = (query: string) => at(`/sign-bindings/binded-signs?api_id=${id}${query}`);
  const rows = (bindings: readonly Binding[], total = bindings.length) => page('bindings', bindings.map(boundSignRow), total);
  await api.get(url(''), rows(all));
  await api.get(url('&limit=1&offset=1'), rows(all.slice(1, 2), all.length));
  await api.get(url(`&sign_id=${key.id}`), rows(all.filter((binding) => binding.key.id === key.id)));
  await api.get(url('&sign_name=_two'), rows(all.filter((binding) => binding.key.name.includes('_two'))));
  await api.get(url('&sign_name=unknown'), rows([]));
  await api.get(url(`&env_id=${environment.id}`), rows(all.filter(({ publication }) => publication.environment.id === environment.id)));
  await api.get(url('&api_name=a&api_name=b'), badParameter('api_name'));
  await api.get(url('&offset=x'), badParameter('offset'));
  await api.get(at('/sign-bindings/binded-signs'), missing('api_id'));
  await api.get(at(`/sign-bindings/binded-signs?api_id=${EXAMPLE_ID}`), apiNotFound(EXAMPLE_ID));
}

/** What bindings outlive: a new secret, and a time offline (docs/contracts/apig.md §2.4). */
async function lifeCycle(gateway: Gateway, one: Key, two: Key): Promise<void> {
  const { api, at, model } = gateway;
  const changed = { name: 'key_one', ...kindFields('aes-128-cfb'), sign_key: 'aes-key-16-chars', sign_secret: 'aes-iv--16-chars' };
  const body = { id: one.id, ...changed, create_time: stored(one.create_time), update_time: WRITTEN };
  const { update_time } = await api.put(at(`/signs/${one.id}`), changed, { status: 200, body });
  Object.assign(one, changed, { update_time });
  const publication = model.publications[0] as Publication;
  await api.get(
    at(`/sign-bindings/binded-signs?api_id=${publication.api.id}`),
    page('bindings', model.bindingsOfApi(publication.api.id).map(boundSignRow)),
  );

  const act = (action: string) =>
    api.post(
      at('/apis/action'),
      { action, env_id: publication.environment.id, api_id: publication.api.id },
      {
        status: 201,
        body: including({ publish_id: publication.publishId, api_id: publication.api.id, publish_time: WRITTEN }),
      },
    );
  const bound = at(`/sign-bindings/binded-apis?sign_id=${one.id}&api_id=${publication.api.id}`);
  const unbound = at(`/sign-bindings/unbinded-apis?sign_id=${two.id}&api_id=${publication.api.id}&env_id=${publication.environment.id}`);
  const rows = () =>
    page(
      'bindings',
      model
        .bindingsOf(one)
        .filter((each) => each.publication.api.id === publication.api.id)
        .map(boundRow),
    );
  await act('offline');
  await api.get(bound, rows());
  await api.get(unbound, page('apis', []));
  await api.post(at('/sign-bindings'), { sign_id: two.id, publish_ids: [publication.publishId] }, publicationNotFound);
  await act('online');
  await api.get(bound, rows());
  await api.get(unbound, page('apis', [model.unboundRow(publication)]));
}

/** Unbind (docs/contracts/apig.md §2.1): by the record's id, once. */
async function unbind({ api, at, model }: Gateway, key: Key): Promise<void> {
  const [binding, kept] = model.bindingsOf(key) as [Binding, Binding];
  await api.delete(at(`/sign-bindings/${binding.id}`), NO_CONTENT);
  model.unbind(binding);
  await api.delete(at(`/sign-bindings/${binding.id}`), bindingNotFound);
  await api.delete(at(`/sign-bindings/${EXAMPLE_ID}`), bindingNotFound);
  // The path names the record, not the key.
  await api.delete(at(`/sign-bindings/${key.id}`), bindingNotFound);
  await api.delete(at(`/sign-bindings/${encodeURIComponent('no id.')}`), badParameter('id'));
  await api.get(at(`/sign-bindings/binded-apis?sign_id=${key.id}&limit=500`), page('bindings', model.bindingsOf(key).map(boundRow)));
  const unbound = at(
    `/sign-bindings/unbinded-apis?sign_id=${key.id}&api_id=${binding.publication.api.id}&env_id=${binding.publication.environment.id}`,
  );
  await api.get(unbound, page('apis', [model.unboundRow(binding.publication)]));
  await api
    .post(
      at('/sign-bindings'),
      { sign_id: key.id, publish_ids: [kept.publication.publishId, binding.publication.publishId] },
      {
        status: 201,
        body: { bindings: [{ ...boundSignRow(kept), binding_time: kept.binding_time }, boundAnswerRow(key, binding.publication)] },
      },
    )
    .then(({ bindings }) => model.bind({ ...binding, id: bindings[1].id, binding_time: bindings[1].binding_time }));
}
