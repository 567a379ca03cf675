import { EXAMPLE_ID, forbidden, NO_CONTENT, signNotFound, tokenMissing, tokenWrong } from './contract.ts';
import { boundRow, page } from './model.ts';
import type { Part } from './part.ts';

/** "Deleting a Signature Key": DELETE /v2/{project_id}/apigw/instances/{instance_id}/signs/{sign_id}. */
export const seedPage: Part = {
  title: 'Part 1, the page: deleting a signature key',
  async run({ gateway, api, reader, progress }) {
    progress.stage('401, 403, 404, 204', 26);
    const { model, at } = gateway;
    const key = await gateway.createKey('hmac', { name: 'to_be_deleted' });
    const bystander = await gateway.createKey('hmac', { name: 'bystander' });
    const publications = model.publications.slice(0, 3);
    const kept = model.publications.slice(3, 5);
    await gateway.bind(key, publications);
    await gateway.bind(bystander, kept);
    const url = at(`/signs/${key.id}`);
    const untouched = async () => {
      await api.get(at(`/signs?id=${key.id}`), page('signs', model.signRows([key])));
      await api.get(at(`/sign-bindings/binded-apis?sign_id=${key.id}`), page('bindings', model.bindingsOf(key).map(boundRow)));
    };

    // 401 and 403: nothing happens to the key.
    await api.as('not-a-token').delete(url, tokenWrong);
    await api.as(undefined).delete(url, tokenMissing);
    await untouched();
    await reader?.delete(url, forbidden);
    await api.delete(url.replace(`/v2/${api.projectId}/`, `/v2/${EXAMPLE_ID}/`), forbidden);
    await untouched();

    // 404, in the page's own example.
    await api.delete(at(`/signs/${EXAMPLE_ID}`), signNotFound(EXAMPLE_ID));

    // 204: the key is invalid, and unbound from every API it was bound to.
    await api.delete(url, NO_CONTENT);
    const before = model.bindingsOf(key);
    const unbound = model.deleteKey(key);
    await api.get(at(`/signs?id=${key.id}`), page('signs', []));
    await api.get(at('/signs'), page('signs', model.signRows()));
    await api.get(at(`/sign-bindings/binded-apis?sign_id=${key.id}`), signNotFound(key.id));
    for (const { publication } of before)
      await api.get(at(`/sign-bindings/binded-signs?api_id=${publication.api.id}`), page('bindings', []));
    await api.delete(url, signNotFound(key.id));

    // Another key can have the publications, and the one beside kept its own.
    const next = await gateway.createKey('hmac', { name: 'to_be_deleted' });
    await gateway.bind(next, publications);
    await api.get(at(`/sign-bindings/binded-apis?sign_id=${bystander.id}`), page('bindings', model.bindingsOf(bystander).map(boundRow)));
    for (const each of [next, bystander]) {
      await api.delete(at(`/signs/${each.id}`), NO_CONTENT);
      model.deleteKey(each);
    }
    return `204, 401, 403 and 404 word for word; ${unbound} publications unbound`;
  },
};
