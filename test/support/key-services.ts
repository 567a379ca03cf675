import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The behaviour of a key service from now on. */
export type Behaviour = 'works' | 'refuses connections' | 'hangs' | 'answers 503' | 'answers no JSON' | 'denies' | 'ignores contexts';

const seal = (key: Buffer, aad: string, plaintext: Buffer): Buffer => {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(aad));
  return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
};
const open = (key: Buffer, aad: string, sealed: Buffer): Buffer | undefined => {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAAD(Buffer.from(aad));
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
  } catch {
    return undefined;
  }
};

interface Reply {
  status: number;
  body: unknown;
}

/** A server on loopback with the part of a key service's HTTP interface that Signet uses. */
abstract class KeyService {
  behaviour: Behaviour = 'works';
  /** Every plaintext in requests and answers, in base64. No log may contain one. */
  readonly plaintexts = new Set<string>();
  requests = 0;
  readonly #server: Server = createServer((request, response) => void this.serve(request, response));
  url = '';

  async start(): Promise<void> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (this.behaviour === 'hangs') return;
    if (this.behaviour === 'refuses connections') return void request.socket.destroy();
    const { status, body } =
      this.behaviour === 'answers 503' ? this.outage() : this.answer(request, JSON.parse(Buffer.concat(chunks).toString()) as never);
    response.writeHead(status, { 'content-type': request.headers['content-type'] ?? 'application/json' });
    response.end(this.behaviour === 'answers no JSON' ? '<html>proxy</html>' : JSON.stringify(body));
  }

  /** The data that is bound to a ciphertext. */
  protected bound(context: string): string {
    return this.behaviour === 'ignores contexts' ? '' : context;
  }

  protected abstract outage(): Reply;
  protected abstract answer(request: IncomingMessage, body: Record<string, never>): Reply;
}

/**
 * The transit engine of Vault and OpenBao, with encrypt, decrypt, key versions and `min_decryption_version`
 * (https://developer.hashicorp.com/vault/api-docs/secret/transit).
 */
export class TransitService extends KeyService {
  readonly token = `hvs.canary-${randomBytes(12).toString('hex')}`;
  readonly versions: Buffer[] = [randomBytes(32)];
  minDecryptionVersion = 1;

  rotate(): void {
    this.versions.push(randomBytes(32));
  }

  get env(): Record<string, string> {
    return {
      SIGNET_KEK_PROVIDER: 'vault',
      SIGNET_VAULT: `address=${this.url},key=signet`,
      SIGNET_VAULT_TOKEN: this.token,
    };
  }

  protected outage(): Reply {
    return { status: 503, body: { errors: ['Vault is sealed'] } };
  }

  protected answer(request: IncomingMessage, body: Record<string, string>): Reply {
    const failure = (status: number, ...errors: string[]): Reply => ({ status, body: { errors } });
    if (request.headers['x-vault-token'] !== this.token || this.behaviour === 'denies') return failure(403, 'permission denied');
    const data = (fields: object): Reply => ({
      status: 200,
      body: {
        request_id: randomBytes(16).toString('hex'),
        lease_id: '',
        renewable: false,
        lease_duration: 0,
        data: fields,
        wrap_info: null,
        warnings: null,
        auth: null,
      },
    });
    const aad = this.bound(body['associated_data'] ?? '');
    switch (`${request.method} ${request.url}`) {
      case 'POST /v1/transit/encrypt/signet': {
        this.plaintexts.add(body['plaintext']!);
        const version = this.versions.length;
        const sealed = seal(this.versions.at(-1)!, aad, Buffer.from(body['plaintext']!, 'base64'));
        return data({ ciphertext: `vault:v${version}:${sealed.toString('base64')}`, key_version: version });
      }
      case 'POST /v1/transit/decrypt/signet': {
        const [, version, sealed] = /^vault:v(\d+):(.+)$/.exec(body['ciphertext'] ?? '') ?? [];
        const key = this.versions[Number(version) - 1];
        if (!key || !sealed) return failure(400, 'invalid ciphertext: version is too new');
        if (Number(version) < this.minDecryptionVersion)
          return failure(400, 'ciphertext or signature version is disallowed by policy (too old)');
        const plaintext = open(key, aad, Buffer.from(sealed, 'base64'));
        if (!plaintext) return failure(400, 'invalid ciphertext: unable to decrypt');
        this.plaintexts.add(plaintext.toString('base64'));
        return data({ plaintext: plaintext.toString('base64') });
      }
      default:
        return failure(404);
    }
  }
}

/** The calls Encrypt and Decrypt of AWS KMS in JSON 1.1 (https://docs.aws.amazon.com/kms/latest/APIReference/). */
export class KmsService extends KeyService {
  readonly accessKey = { id: 'AKIACANARY0000000000', secret: `canary-${randomBytes(16).toString('hex')}` };
  readonly keys = new Map<string, Buffer>([['1234abcd-12ab-34cd-56ef-1234567890ab', randomBytes(32)]]);

  /** Moves the alias to another key. */
  rotate(): void {
    this.keys.set(`9999abcd-12ab-34cd-56ef-${randomBytes(6).toString('hex')}`, randomBytes(32));
  }

  get env(): Record<string, string> {
    return {
      SIGNET_KEK_PROVIDER: 'aws-kms',
      SIGNET_AWS_KMS_KEY_ID: 'alias/signet',
      AWS_REGION: 'eu-central-1',
      AWS_ENDPOINT_URL_KMS: this.url,
    };
  }

  /** Credentials for the SDK's default chain. */
  get credentials(): Record<string, string> {
    return { AWS_ACCESS_KEY_ID: this.accessKey.id, AWS_SECRET_ACCESS_KEY: this.accessKey.secret };
  }

  protected outage(): Reply {
    return { status: 500, body: { __type: 'KMSInternalException', message: 'internal' } };
  }

  protected answer(request: IncomingMessage, body: Record<string, unknown>): Reply {
    const failure = (name: string): Reply => ({ status: 400, body: { __type: name, message: name } });
    if (!request.headers.authorization?.startsWith(`AWS4-HMAC-SHA256 Credential=${this.accessKey.id}/`))
      return failure('IncompleteSignature');
    if (this.behaviour === 'denies') return failure('AccessDeniedException');
    if (request.headers['content-type'] !== 'application/x-amz-json-1.1') return failure('SerializationException');
    const given = String(body['KeyId']).replace(/^arn:aws:kms:[^:]+:\d+:key\//, '');
    const id = given === 'alias/signet' ? [...this.keys.keys()].at(-1)! : given;
    const key = this.keys.get(id);
    if (!key) return failure('NotFoundException');
    const arn = `arn:aws:kms:eu-central-1:111122223333:key/${id}`;
    const context = body['EncryptionContext'] as Record<string, string> | undefined;
    const aad = this.bound(JSON.stringify(Object.entries(context ?? {}).sort()));
    switch (request.headers['x-amz-target']) {
      case 'TrentService.Encrypt': {
        this.plaintexts.add(String(body['Plaintext']));
        // The ciphertext is as long as a real one with its metadata.
        const sealed = Buffer.concat([
          Buffer.alloc(92, 1),
          Buffer.from(id),
          seal(key, aad, Buffer.from(String(body['Plaintext']), 'base64')),
        ]);
        return { status: 200, body: { CiphertextBlob: sealed.toString('base64'), KeyId: arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' } };
      }
      case 'TrentService.Decrypt': {
        const blob = Buffer.from(String(body['CiphertextBlob']), 'base64');
        if (blob.subarray(92, 128).toString() !== id) return failure('IncorrectKeyException');
        const plaintext = open(key, aad, blob.subarray(128))?.toString('base64');
        if (!plaintext) return failure('InvalidCiphertextException');
        this.plaintexts.add(plaintext);
        return { status: 200, body: { Plaintext: plaintext, KeyId: arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' } };
      }
      default:
        return failure('UnknownOperationException');
    }
  }
}
