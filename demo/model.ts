import { FORMS, ID, type Kind, kindFields, stored, WRITTEN } from './contract.ts';
import type { Expected } from './expect.ts';

/** A key as the answer to its last write left it. */
export interface Key {
  id: string;
  name: string;
  sign_type: string;
  sign_key: string;
  sign_secret: string;
  sign_algorithm?: string;
  create_time: string;
  update_time: string;
}

/** An API in an environment. */
export interface Publication {
  publishId: string;
  api: { id: string; name: string; type: number; auth_type: string; req_uri: string; req_method: string; remark: string; tags: string[] };
  group: { id: string; name: string };
  environment: { id: string; name: string };
}

export interface Binding {
  id: string;
  key: Key;
  publication: Publication;
  binding_time: string;
}

const newestFirst = (a: { id: string }, b: { id: string }) => (a.id < b.id ? 1 : -1);

/** What a gateway must hold, kept from what was asked of it and never read back. */
export class Model {
  readonly keys = new Map<string, Key>();
  /** By publication: one key each. */
  readonly bindings = new Map<string, Binding>();
  /** Every record that was there once. */
  readonly removed: Binding[] = [];
  publications: Publication[] = [];

  bind(binding: Binding): void {
    const before = this.bindings.get(binding.publication.publishId);
    if (before?.id === binding.id) return;
    if (before) this.removed.push(before);
    this.bindings.set(binding.publication.publishId, binding);
  }

  unbind(binding: Binding): void {
    this.bindings.delete(binding.publication.publishId);
    this.removed.push(binding);
  }

  /** @returns how many bindings go with the key */
  deleteKey(key: Key): number {
    const gone = this.bindingsOf(key);
    for (const binding of gone) this.unbind(binding);
    this.keys.delete(key.id);
    return gone.length;
  }

  bindingsOf(key: Key): Binding[] {
    return [...this.bindings.values()].filter((binding) => binding.key.id === key.id).sort(newestFirst);
  }

  bindingsOfApi(apiId: string): Binding[] {
    return [...this.bindings.values()].filter(({ publication }) => publication.api.id === apiId).sort(newestFirst);
  }

  /** Publications that do not carry the key, newest first. */
  unboundOf(key: Key): Publication[] {
    return this.publications
      .filter(({ publishId }) => this.bindings.get(publishId)?.key.id !== key.id)
      .sort((a, b) => (a.publishId < b.publishId ? 1 : -1));
  }

  /** Rows of the key list (docs/contracts/apig.md §1.6). */
  signRows(keys: readonly Key[] = [...this.keys.values()]): Expected[] {
    return [...keys].sort(newestFirst).map((key) => ({
      ...key,
      create_time: stored(key.create_time),
      update_time: stored(key.update_time),
      bind_num: this.bindingsOf(key).length,
      ldapi_bind_num: 0,
    }));
  }

  /** A row of `unbinded-apis` (docs/contracts/apig.md §2.2). */
  unboundRow({ publishId, api, group, environment }: Publication): Expected {
    return {
      ...api,
      group_id: group.id,
      group_name: group.name,
      run_env_id: environment.id,
      run_env_name: environment.name,
      publish_id: publishId,
      signature_name: this.bindings.get(publishId)?.key.name ?? '',
    };
  }
}

/** A row of `binded-apis` (docs/contracts/apig.md §2.2 `SignApiBindingBase`). */
export const boundRow = ({ id, key, publication: { publishId, api, group, environment }, binding_time }: Binding) => ({
  id,
  publish_id: publishId,
  api_id: api.id,
  api_name: api.name,
  api_type: api.type,
  api_remark: api.remark,
  group_name: group.name,
  req_method: api.req_method,
  env_id: environment.id,
  env_name: environment.name,
  binding_time: stored(binding_time),
  sign_id: key.id,
  sign_name: key.name,
  tags: api.tags,
});

const secretFields = ({ sign_type, sign_key, sign_secret, sign_algorithm }: Key) => ({
  sign_type,
  sign_key,
  sign_secret,
  ...(sign_algorithm !== undefined && { sign_algorithm }),
});

/** A row of `binded-signs` (docs/contracts/apig.md §2.2 `SignApiBindingInfo`). */
export const boundSignRow = (binding: Binding) => ({ ...boundRow(binding), ...secretFields(binding.key) });

/** A row of the answer to bind: as above, with what the server makes up by pattern. */
export const boundAnswerRow = (key: Key, publication: Publication): Expected => ({
  ...boundRow({ id: '', key, publication, binding_time: '' }),
  id: ID,
  binding_time: WRITTEN,
  ...secretFields(key),
});

/** The answer to create (docs/contracts/apig.md §1.6): what was given comes back, the rest is of its kind's form. */
export const createdKey = (kind: Kind, given: { name: string; sign_key?: string; sign_secret?: string }): Expected => ({
  id: ID,
  name: given.name,
  sign_key: given.sign_key ?? FORMS[kind].key,
  sign_secret: given.sign_secret ?? FORMS[kind].secret,
  ...kindFields(kind),
  create_time: WRITTEN,
  update_time: WRITTEN,
});

/** A list answer (docs/contracts/apig.md §4.1). */
export const page = (array: string, rows: readonly Expected[], total = rows.length) => ({
  status: 200,
  body: { total, size: rows.length, [array]: rows } as Expected,
});
