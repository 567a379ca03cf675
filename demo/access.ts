import type { Answer } from './client.ts';
import { EXAMPLE_ID, forbidden, gatewayNotFound, tokenMissing, tokenWrong } from './contract.ts';
import type { Gateway } from './gateway.ts';
import type { Part } from './part.ts';

type Operation = readonly [method: string, path: string, body?: object];

/** The nine (docs/contracts/apig.md §0), each well-formed, on things that are not there. */
const OPERATIONS: readonly Operation[] = [
  ['POST', '/signs', { name: 'not_to_be_made' }],
  ['PUT', `/signs/${EXAMPLE_ID}`, { name: 'not_to_be_made' }],
  ['DELETE', `/signs/${EXAMPLE_ID}`],
  ['GET', '/signs'],
  ['POST', '/sign-bindings', { sign_id: EXAMPLE_ID, publish_ids: [EXAMPLE_ID] }],
  ['DELETE', `/sign-bindings/${EXAMPLE_ID}`],
  ['GET', `/sign-bindings/binded-apis?sign_id=${EXAMPLE_ID}`],
  ['GET', `/sign-bindings/unbinded-apis?sign_id=${EXAMPLE_ID}`],
  ['GET', `/sign-bindings/binded-signs?api_id=${EXAMPLE_ID}`],
];

/** Who may: the errors that all nine operations share (docs/contracts/apig.md §1.9, §2.5). */
export const access: Part = {
  title: 'Part 2c, access: 401, 403 and 404 of all nine',
  async run({ gateway, api, reader, progress }) {
    progress.stage('every operation', 6 * OPERATIONS.length);
    const each = async (client: typeof api, at: Gateway['at'], expected: Answer, operations = OPERATIONS) => {
      for (const [method, path, body] of operations) await client.expect(method, at(path), expected, { body });
    };
    await each(api.as('not-a-token'), gateway.at, tokenWrong);
    await each(api.as(''), gateway.at, tokenMissing);
    await each(api.as(undefined), gateway.at, tokenMissing);
    // A path of another project, whether or not there is one (docs/contracts/apig.md §6.1).
    await each(api, (path) => gateway.at(path).replace(api.projectId, EXAMPLE_ID), forbidden);
    const writes = OPERATIONS.filter(([method]) => method !== 'GET');
    if (reader) await each(reader, gateway.at, forbidden, writes);
    // A reader may read, secrets included (docs/contracts/apig.md §9.4 #13).
    if (reader) {
      const key = await gateway.createKey('hmac', { name: 'read_by_reader' });
      await reader.get(gateway.at('/signs'), { status: 200, body: { total: 1, size: 1, signs: gateway.model.signRows() } });
      await api.delete(gateway.at(`/signs/${key.id}`), { status: 204 });
      gateway.model.deleteKey(key);
    }
    await each(api, (path) => gateway.at(path).replace(gateway.id, EXAMPLE_ID), gatewayNotFound(EXAMPLE_ID));
    return reader ? 'all nine operations' : 'all nine operations; without a reader (--reader-token), who may only read was left out';
  },
};
