import { inParallel } from './client.ts';
import { bindingNotFound, ID, signNotFound } from './contract.ts';
import { check, type Expected, including } from './expect.ts';
import type { Gateway } from './gateway.ts';
import { boundRow, boundSignRow, type Key, page } from './model.ts';
import type { Progress } from './report.ts';

/** Keys whose `unbinded-apis` are read to the last row: some three thousand rows each. */
const READ_WHOLE = 3;

/** What is there before anything is deleted: every key with its count, and a quota that is used up. */
export async function proveBefore(gateway: Gateway, progress: Progress): Promise<void> {
  progress.stage('compared before', 5);
  await gateway.expectList('/signs', 'signs', gateway.model.signRows() as object[], 100);
  await quota(gateway, 200);
}

/** Nothing is left of the deleted keys: no row, no binding, no count; and the audit trail says how many there were. */
export async function proveGone(
  gateway: Gateway,
  deleted: readonly Key[],
  unbound: ReadonlyMap<string, number>,
  progress: Progress,
): Promise<void> {
  const { api, at, model } = gateway;
  progress.stage('deleted keys are gone', 2 * deleted.length + 2);
  await inParallel(deleted, async ({ id }) => {
    await api.get(at(`/signs?id=${id}`), page('signs', []));
    await api.get(at(`/sign-bindings/binded-apis?sign_id=${id}`), signNotFound(id));
  });
  await quota(gateway, model.keys.size);

  progress.stage(`${model.removed.length} binding records are gone`, model.removed.length);
  await inParallel(model.removed, ({ id }) => api.delete(at(`/sign-bindings/${id}`), bindingNotFound));

  progress.stage('the audit trail', 1);
  const events = await api.expect('GET', `/signet/v1/audit?instance_id=${gateway.id}&action=DeleteSignatureKey&limit=1000`, {
    status: 200,
    body: including({ next_cursor: null }),
  });
  const rows = events.events as { resource_id: string; detail: { unbound: number } }[];
  const byKey = (a: { resource_id: string }, b: { resource_id: string }) => (a.resource_id < b.resource_id ? -1 : 1);
  const expected = deleted.map(({ id, name }) => ({ resource_id: id, fields: event(gateway.id, id, name, unbound.get(id) ?? 0) }));
  check(
    'events of GET /signet/v1/audit?action=DeleteSignatureKey, by key',
    expected.sort(byKey).map(({ fields }) => fields),
    [...rows].sort(byKey),
  );
}

const event = (gatewayId: string, id: string, name: string, unbound: number): Expected =>
  including({
    scope_id: gatewayId,
    action: 'DeleteSignatureKey',
    resource_type: 'Signature',
    resource_id: id,
    resource_name: name,
    detail: { unbound },
    user_id: ID,
    hash: /^[0-9a-f]{64}$/,
  });

/** Everything else is as it was: every other key, every binding of it, every API, every free publication. */
export async function proveKept(gateway: Gateway, progress: Progress): Promise<void> {
  const { api, at, model } = gateway;
  const keys = [...model.keys.values()];
  progress.stage('every key', 6);
  await gateway.expectList('/signs', 'signs', model.signRows() as object[], 33);
  await api.get(at('/signs?limit=500'), page('signs', model.signRows()));

  progress.stage('every binding, from its key and from its API', keys.length + model.publications.length / 3);
  await inParallel(keys, (key) =>
    api.get(at(`/sign-bindings/binded-apis?sign_id=${key.id}&limit=500`), page('bindings', model.bindingsOf(key).map(boundRow))),
  );
  const apis = [...new Set(model.publications.map(({ api: { id } }) => id))];
  await inParallel(apis, (id) =>
    api.get(at(`/sign-bindings/binded-signs?api_id=${id}`), page('bindings', model.bindingsOfApi(id).map(boundSignRow))),
  );

  progress.stage('every publication that is not bound', keys.length + READ_WHOLE * 8);
  await inParallel(keys, (key) => {
    const unbound = model.unboundOf(key);
    const first = unbound.slice(0, 1).map((each) => model.unboundRow(each));
    return api.get(at(`/sign-bindings/unbinded-apis?sign_id=${key.id}&limit=1`), page('apis', first, unbound.length));
  });
  await inParallel(keys.slice(0, READ_WHOLE), (key) => {
    const rows = model.unboundOf(key).map((each) => model.unboundRow(each));
    return gateway.expectList(`/sign-bindings/unbinded-apis?sign_id=${key.id}`, 'apis', rows as object[], 500);
  });
  const [key] = keys;
  if (!key) return;
  // More than 500 are never in one page.
  const rows = model.unboundOf(key).map((each) => model.unboundRow(each));
  await api.get(at(`/sign-bindings/unbinded-apis?sign_id=${key.id}&limit=100000`), page('apis', rows.slice(0, 500), rows.length));
}

/** `SIGN_NUM_LIMIT` among the gateway's limits (docs/contracts/apig.md §3.2). */
async function quota({ api, at }: Gateway, used: number): Promise<void> {
  const { configs } = await api.get(at('/project/configs?limit=500'), { status: 200, body: including({}) });
  const limit = (configs as { config_name: string }[]).find(({ config_name }) => config_name === 'SIGN_NUM_LIMIT');
  check('SIGN_NUM_LIMIT of GET …/project/configs', including({ config_value: '200', used }), limit);
}
