import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Backend, BACKENDS } from './backends.js';

const KEY = { signType: 'hmac', signKey: 'sdk-access-key', signSecret: 'SdkSecret-0123456789' } as const;

/** The unmodified client of Huawei Cloud, in a separate process. */
const CLIENT = `
  const { BasicCredentials } = require('@huaweicloud/huaweicloud-sdk-core');
  const { ClientBuilder } = require('@huaweicloud/huaweicloud-sdk-core/ClientBuilder');
  const [endpoint, ak, sk] = process.argv.slice(1);
  const credential = new BasicCredentials().withAk(ak).withSk(sk).withProjectId('p1');
  const client = new ClientBuilder((client) => client).withCredential(credential).withEndpoint(endpoint).build();
  const send = (method, url, queryParams, data) =>
    client.sendRequest({ method, url, contentType: 'application/json', queryParams, pathParams: {}, headers: {}, data });
  (async () => {
    const answers = [
      await send('GET', '/v2/p1/signs', { name: "a b/ü&+*'(!)", limit: 20 }),
      await send('POST', '/v2/p1/signs', {}, { name: '密钥 🔑' }),
      await send('DELETE', '/v2/p1/signs/1', {}),
    ];
    console.log('ANSWERS' + JSON.stringify(answers.map(({ httpStatusCode, signature }) => [httpStatusCode, signature.keyId, signature.bodySigned])));
  })().catch((error) => console.log('FAILED', error.httpStatusCode));
`;

let backend: Backend;
beforeAll(async () => {
  backend = await BACKENDS['Express']!([KEY]);
});
afterAll(() => backend.stop());

const run = (secret: string) =>
  new Promise<string>((resolve, reject) => {
    const args = ['-e', CLIENT, `http://127.0.0.1:${backend.port}`, KEY.signKey, secret];
    execFile(process.execPath, args, { env: { HOME: '/nonexistent' } }, (error, stdout) =>
      error ? reject(new Error(error.message)) : resolve(stdout),
    );
  });

it('a GET with an unusual query, a POST with a body and a DELETE of an unmodified client of Huawei Cloud are verified', async () => {
  const answers = /ANSWERS(.*)/.exec(await run(KEY.signSecret))?.[1];
  expect(JSON.parse(answers ?? '[]')).toEqual(Array.from({ length: 3 }, () => [200, KEY.signKey, true]));
});

it('the requests of an unmodified client of Huawei Cloud are refused if it has another secret', async () => {
  expect(await run('AnotherSecret-012345')).toContain('FAILED 401');
});
