/** `signet-client/aksk`: signs with an access key (AK/SK, SDK-HMAC-SHA256). Needs Node's crypto: not for browsers. */
import { sign } from 'signet-signing';
import { type Credentials, visible } from './credentials.js';

export interface AccessKey {
  /** Access key (AK). */
  access: string;
  /** Secret key (SK). */
  secret: string;
  /** Of a temporary access key. */
  securityToken?: string;
  /** The project to act in, for paths that name none. */
  projectId?: string;
}

/**
 * The signature covers method, path, query, Host, date, body, project and security token. A proxy between client and service must change none
 * of them.
 * @throws TypeError when a part is not visible ASCII; the error does not have its value
 */
export function accessKey({ access, secret, securityToken, projectId }: AccessKey): Credentials {
  const key = { signType: 'hmac', signKey: visible('an access key', access), signSecret: visible('a secret key', secret) } as const;
  const further: Record<string, string> = {
    ...(projectId !== undefined && { 'X-Project-Id': visible('a project id', projectId) }),
    ...(securityToken !== undefined && { 'X-Security-Token': visible('a security token', securityToken) }),
  };
  return {
    headersFor({ method, url, body }) {
      const signed = sign(
        { method, url: url.pathname + url.search, host: url.host, signedHeaders: further, ...(body !== undefined && { body }) },
        key,
      );
      return { ...further, ...signed };
    },
  };
}
