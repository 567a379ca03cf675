// Measures the cost of authentication against the bare cryptographic primitive over the same bytes in the same run: bench:access.
import { createCipheriv, createDecipheriv, createHmac, createPublicKey, createSecretKey, hash, randomBytes, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { AppModule } from '../dist/app.module.js';
import { Identity } from '../dist/platform/auth/identity.js';
import { type Begun, SignedRequests } from '../dist/platform/auth/signed-requests.js';
import { TokenCache } from '../dist/platform/auth/token-cache.js';
import { readConfig } from '../dist/platform/config/config.js';
import { Database } from '../dist/platform/database/database.js';
import { AccessKeysService } from '../dist/identity/iam/access-keys.service.js';
import { IamAdminService } from '../dist/identity/iam/iam-admin.service.js';
import { formatSdkDate, sign } from 'signet-signing';
import { operator } from '../dist/identity/projects/operator.js';
import { aad as aadOf, fromColumn } from '../dist/platform/vault/sealed.js';
import { VaultService } from '../dist/platform/vault/vault.service.js';

const ROUNDS = 31;
const BODY = Buffer.from(JSON.stringify({ name: 'signature_demo', padding: randomBytes(500).toString('hex') }).slice(0, 1024));

interface Case {
  title: string;
  /** Calls in one measurement. */
  calls: number;
  bare: () => unknown;
  ours: () => unknown;
  /** Target in µs over the primitive; absent without a target. */
  target?: number;
}

const dataDir = mkdtempSync(join(tmpdir(), 'signet-bench-'));
const config = readConfig({
  SIGNET_DATA_DIR: dataDir,
  SIGNET_EMBEDDED_GATEWAY: 'off',
  SIGNET_ADMIN_PASSWORD: 'correct-horse-battery-staple',
});
const app = await NestFactory.createApplicationContext(await AppModule.for(config), { logger: false, abortOnError: false });
let missed = false;
try {
  console.log('                                      bare      ours   difference    target   (µs a call, median of the rounds)');
  for (const each of [...(await signatures()), ...(await tokens()), ...(await envelopes())]) await measure(each);
} finally {
  await app.close();
  rmSync(dataDir, { recursive: true, force: true });
}
process.exitCode = missed ? 1 : 0;

/** A POST of 1 KiB, signed in both forms; bare: the hash of the body, that of the canonical request, and the HMAC. */
async function signatures(): Promise<Case[]> {
  const { projectId } = await ofAdmin();
  const admin = await app.get(IamAdminService, { strict: false }).user({ name: 'admin' });
  const input = { credential: { user_id: admin.id } };
  const { credential } = await app.get(AccessKeysService, { strict: false }).create(input, operator('signet-cli'));
  const signed = app.get(SignedRequests, { strict: false });
  const host = '127.0.0.1:8700';
  const url = `/v2/${projectId}/apigw/instances/${'0'.repeat(32)}/signs?limit=20&offset=0`;
  const key = { signType: 'hmac', signKey: credential.access, signSecret: credential.secret } as const;
  const others = { accept: 'application/json', 'accept-encoding': 'gzip', connection: 'keep-alive', 'content-length': '1024' };
  const standard = {
    'content-type': 'application/json',
    'x-project-id': projectId,
    ...sign({ method: 'POST', url, host, body: BODY }, key),
  };
  const requestWith = (headers: Record<string, string>) =>
    ({ raw: { method: 'POST', url }, ip: '127.0.0.1', headers: { host, ...others, ...headers } }) as unknown as FastifyRequest;
  const request = requestWith(standard);
  const older = requestWith(derived(url, host, credential));
  // Excludes the look-up, which happens once in five seconds.
  for (const each of [request, older]) await signed.begin(each);
  const at = (each: FastifyRequest) => () => {
    const finish = (begun: Begun) => signed.finish(each, begun, BODY, projectId, true);
    const begun = signed.begin(each);
    return begun instanceof Promise ? begun.then(finish) : finish(begun);
  };
  const canonical = 'x'.repeat(420);
  const mac = () => createHmac('sha256', credential.secret).update(canonical).digest('hex');
  const bare = () => [hash('sha256', BODY, 'hex'), hash('sha256', canonical, 'hex'), mac()];

  return [
    { title: 'AK/SK, 1 KiB', calls: 2000, bare, ours: at(request), target: 40 },
    { title: 'AK/SK, 1 KiB, derived key', calls: 2000, bare, ours: at(older), target: 40 },
  ];
}

/** The older format; the library only implements its verification. */
function derived(url: string, host: string, { access, secret }: { access: string; secret: string }): Record<string, string> {
  const date = formatSdkDate(Date.now());
  const scope = `${date.slice(0, 8)}///sdk_request`;
  const [path, query] = url.split('?') as [string, string];
  const sorted = query.split('&').sort().join('&');
  const lines = ['POST', `${path}/`, sorted, `host:${host}\nx-sdk-date:${date}\n`, 'host;x-sdk-date', hash('sha256', BODY, 'hex')];
  const text = ['SDK-HMAC-SHA256', date, scope, hash('sha256', lines.join('\n'), 'hex')].join('\n');
  const next = (key: Buffer | string, data: string) => createHmac('sha256', key).update(data).digest();
  const key = scope.split('/').reduce<Buffer | string>(next, `SDK${secret}`);
  const signature = next(key, text).toString('hex');
  const authorization = `SDK-HMAC-SHA256 Credential=${access}/${scope}, SignedHeaders=host;x-sdk-date, Signature=${signature}`;
  return { 'x-sdk-date': date, authorization };
}

/** Warm: known for less than 30 s; bare: its hash and a look in a map. Cold: signature and database; bare: the signature. */
async function tokens(): Promise<Case[]> {
  const { token } = await ofAdmin();
  const [cache, identity] = [app.get(TokenCache, { strict: false }), app.get<Identity>(Identity, { strict: false })];
  const principal = await cache.authenticate(token);
  const known = new Map([[hash('sha256', token, 'base64url'), principal]]);
  const [head, payload, signature] = token.split('.') as [string, string, string];
  const [row] = await app.get(Database, { strict: false }).rows<{ spki: string }>('SELECT public_key AS spki FROM token_keys');
  const key = createPublicKey({ key: Buffer.from(row?.spki ?? '', 'base64'), format: 'der', type: 'spki' });
  const [text, bytes] = [Buffer.from(`${head}.${payload}`), Buffer.from(signature, 'base64url')];
  const bare = () => verify('sha256', text, { key, dsaEncoding: 'ieee-p1363' }, bytes);
  if (!bare()) throw new Error('the bare check does not verify');
  return [
    {
      title: 'token, warm',
      calls: 10_000,
      bare: () => known.get(hash('sha256', token, 'base64url')),
      ours: () => cache.authenticate(token),
      target: 5,
    },
    { title: 'token, cold', calls: 200, bare, ours: () => identity.authenticate(token) },
  ];
}

/** An encrypted 64-character secret; bare: AES-256-GCM over the same bytes with a key in memory. */
async function envelopes(): Promise<Case[]> {
  const { projectId } = await ofAdmin();
  const vault = app.get(VaultService, { strict: false });
  const place = { projectId, ownerId: '0'.repeat(32), field: 'signs.hmac', rowId: '0'.repeat(32), version: 1 };
  const secret = randomBytes(32).toString('hex');
  const sealed = (await vault.cipher(projectId)).seal(place, secret);
  const column = sealed as unknown as string;
  const projectCipher = await vault.withCipher(projectId, (open) => open);
  const [key, iv, aad] = [createSecretKey(randomBytes(32)), randomBytes(12), Buffer.from(JSON.stringify(aadOf(place)))];
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad);
  const body = Buffer.concat([cipher.update(secret), cipher.final()]);
  const tag = cipher.getAuthTag();
  const bare = () => {
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
    decipher.setAAD(aad);
    decipher.setAuthTag(tag);
    const plaintext = decipher.update(body);
    decipher.final();
    return plaintext;
  };
  if (projectCipher.open(place, fromColumn(column)) !== secret) throw new Error('the envelope does not open');
  return [
    { title: 'envelope, open', calls: 5000, bare, ours: () => projectCipher.open(place, fromColumn(column)), target: 15 },
    { title: 'sealed read', calls: 2000, bare, ours: () => vault.open(place, column), target: 15 },
  ];
}

function ofAdmin(): Promise<{ token: string; projectId: string }> {
  return app.get(IamAdminService, { strict: false }).issueToken('admin', 'default');
}

/** µs a call; both sides are awaited only if they have to be, as the guard does. */
async function time(calls: number, body: () => unknown): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < calls; i++) {
    const result = body();
    if (result instanceof Promise) await result;
  }
  return ((performance.now() - start) * 1000) / calls;
}

/** Interleaves both sides, so that fluctuations of the machine affect both. */
async function measure({ title, calls, bare, ours, target }: Case): Promise<void> {
  const measured = { bare: [] as number[], ours: [] as number[] };
  for (let round = -5; round < ROUNDS; round++) {
    const [floor, own] = [await time(calls, bare), await time(calls, ours)];
    if (round < 0) continue;
    measured.bare.push(floor);
    measured.ours.push(own);
  }
  const [floor, own] = [median(measured.bare), median(measured.ours)];
  const over = own - floor;
  const verdict = target === undefined ? '' : `${us(target)}   ${over <= target ? 'met' : 'MISSED'}`;
  missed ||= target !== undefined && over > target;
  console.log(`${title.padEnd(30)} ${us(floor)} ${us(own)}    ${us(over)} ${verdict}`);
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function us(value: number): string {
  return value.toFixed(2).padStart(9);
}
