import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { GatewayPublication, GatewaySign, Snapshot } from '../../lib/protocol/protocol.js';
import { KeyTable } from './key-table.js';

const sign = (id: string, version = 1): GatewaySign => ({
  sign_id: id,
  sign_type: 'hmac',
  sign_algorithm: null,
  sign_key: `key_${id}`,
  sign_secret: `secret_${id}_${version}`,
  version,
});
const publication = (id: string, key: GatewaySign | null): GatewayPublication => ({
  publish_id: id,
  api_id: `api_${id}`,
  group_id: 'g',
  env_id: 'e',
  env_name: 'RELEASE',
  req_method: 'GET',
  req_uri: `/${id}`,
  match_mode: 'NORMAL',
  sign: key,
});
const snapshot = (publications: GatewayPublication[], partial = false): Snapshot => ({
  instance_id: 'i',
  epoch: 'e',
  revision: 1,
  partial,
  encoded_slashes: 'refuse',
  open_connections: 'keep',
  publications,
});
const route = (table: KeyTable, id: string) => table.match('RELEASE', 'GET', `/${id}`);

describe('the key table', () => {
  it('does not change when another table is derived from it', () => {
    const before = KeyTable.from(snapshot([publication('p', sign('s'))]));
    const after = before.withoutKeys(new Set(['s']));
    expect([route(before, 'p')?.key?.sign.sign_id, route(after, 'p')?.key]).toEqual(['s', undefined]);
  });

  it('records that a key was deleted until its API has another key or changes itself', () => {
    const gone = KeyTable.from(snapshot([publication('p', sign('s'))])).withoutKeys(new Set(['s']));
    expect(route(gone, 'p')?.keyDeleted).toBe(true);
    const again = KeyTable.from(snapshot([publication('p', null)]), gone);
    expect(route(again, 'p')?.keyDeleted).toBe(true);
    const asked = { publishIds: ['p'], signIds: [] };
    expect(route(again.withPart(snapshot([publication('p', null)], true), asked), 'p')?.keyDeleted).toBe(false);
    expect(route(KeyTable.from(snapshot([publication('p', sign('t'))]), gone), 'p')).toMatchObject({
      keyDeleted: false,
      key: { sign: { sign_id: 't' } },
    });
  });

  it('reuses the object of an unchanged key, and creates a new one for a new secret', () => {
    const one = KeyTable.from(snapshot([publication('p', sign('s')), publication('q', sign('s'))]));
    expect(route(one, 'p')?.key).toBe(route(one, 'q')?.key);
    const same = KeyTable.from(snapshot([publication('p', sign('s'))]), one);
    expect(route(same, 'p')?.key).toBe(route(one, 'p')?.key);
    const other = one.withPart(snapshot([publication('p', sign('s', 2)), publication('q', sign('s', 2))], true), {
      publishIds: [],
      signIds: ['s'],
    });
    expect(route(other, 'q')?.key?.material.signSecret).toBe('secret_s_2');
  });

  it('drops requested publications and keys that do not exist any more, and a key that an API does not use any more', () => {
    const before = KeyTable.from(snapshot([publication('p', sign('s')), publication('q', sign('s')), publication('r', sign('t'))]));
    const after = before.withPart(snapshot([publication('q', sign('s', 2))], true), { publishIds: ['r'], signIds: ['s'] });
    expect([route(after, 'r'), route(after, 'p')?.key, route(after, 'q')?.key?.sign.version]).toEqual([undefined, undefined, 2]);
  });

  const ids = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('bind' as const), publishId: ids, signId: fc.option(ids), version: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constant('delete key' as const), signId: ids }),
    fc.record({ kind: fc.constant('take offline' as const), publishId: ids }),
    fc.record({ kind: fc.constant('new secret' as const), signId: ids, version: fc.integer({ min: 4, max: 6 }) }),
  );

  it('equals a full snapshot after any sequence of changes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const truth = new Map<string, GatewaySign | null>();
        let table = KeyTable.EMPTY;
        for (const each of steps) {
          if (each.kind === 'bind') {
            const known = [...truth.values()].find((key) => key?.sign_id === each.signId);
            truth.set(each.publishId, each.signId === null ? null : (known ?? sign(each.signId, each.version)));
            const part = snapshot([publication(each.publishId, truth.get(each.publishId) ?? null)], true);
            table = table.withPart(part, { publishIds: [each.publishId], signIds: [] });
          } else if (each.kind === 'delete key') {
            for (const [id, key] of truth) if (key?.sign_id === each.signId) truth.set(id, null);
            table = table.withoutKeys(new Set([each.signId]));
          } else if (each.kind === 'take offline') {
            truth.delete(each.publishId);
            table = table.withoutPublications(new Set([each.publishId]));
          } else {
            for (const [id, key] of truth) if (key?.sign_id === each.signId) truth.set(id, sign(each.signId, each.version));
            const carriers = [...truth].filter(([, key]) => key?.sign_id === each.signId).map(([id, key]) => publication(id, key));
            table = table.withPart(snapshot(carriers, true), { publishIds: [], signIds: [each.signId] });
          }
          const whole = KeyTable.from(snapshot([...truth].map(([id, key]) => publication(id, key))));
          for (const id of ['a', 'b', 'c', 'd']) expect(route(table, id)?.key?.sign).toEqual(route(whole, id)?.key?.sign);
          expect(table.routes.length).toBe(whole.routes.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});
