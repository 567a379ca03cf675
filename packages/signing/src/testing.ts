/** `signet-signing/testing`: signs as a gateway does, for tests of a backend that has no gateway. */
import { randomBytes } from 'node:crypto';
import { DEFAULT_SIGN_TYPE, keyRules, type SignAlgorithm, type SignType } from './algorithms.js';
import type { RawBody } from './body.js';
import type { KeyMaterial } from './scheme.js';
import { sign, type SignOptions } from './sign.js';

/** Reported by the verifier for requests of a {@link TestSigner}. */
export const TEST_KEY_ID = 'test-key';

export interface TestRequest {
  /** Default: GET. */
  method?: string;
  /** The target to be sent: path and query, encoded. */
  url: string;
  /** The Host header to be sent, with the port if there is one. Default: localhost. */
  host?: string;
  body?: RawBody;
}

/** Signs requests with a key that exists in one test run only. Give the backend under test `key`, and nothing else. */
export class TestSigner {
  /** @param key default: a new one of the type `hmac` */
  constructor(readonly key: KeyMaterial = newKey()) {}

  /** A signer with a new key of a type. @param signAlgorithm the cipher of an `aes` key */
  static async of(signType: SignType, signAlgorithm: SignAlgorithm | null = null): Promise<TestSigner> {
    const { key, secret } = await keyRules(signType, signAlgorithm, { basicKeyLeadingDigit: false }).generate({});
    return new TestSigner({ id: TEST_KEY_ID, signType, signAlgorithm, signKey: key, signSecret: secret });
  }

  /**
   * The headers of a signed request, `host` included. To test a refusal, change the request after it was signed, or sign it with another
   * signer or another time.
   */
  headers({ method = 'GET', url, host = 'localhost', body = null }: TestRequest, options: SignOptions = {}): Record<string, string> {
    return { host, ...sign({ method, url, host, body }, this.key, options) };
  }

  /** `fetch` with a signed request. */
  fetch(url: string | URL, { method = 'GET', headers = {}, body }: TestFetch = {}): Promise<Response> {
    const { host, pathname, search } = new URL(url);
    const signed = this.headers({ method, url: pathname + search, host, body: body ?? null });
    return fetch(url, { method, headers: { ...headers, ...signed }, ...(body !== undefined && { body }) });
  }
}

export interface TestFetch {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
}

const newKey = (): KeyMaterial => ({
  id: TEST_KEY_ID,
  signType: DEFAULT_SIGN_TYPE,
  signKey: `test-${randomBytes(8).toString('hex')}`,
  signSecret: randomBytes(32).toString('hex'),
});
