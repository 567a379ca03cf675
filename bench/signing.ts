// Measures sign() against the hash and the HMAC alone over the same bytes, interleaved in one process: bench:signing.
import { createHmac, hash, randomBytes } from 'node:crypto';
import { type KeyMaterial, sign, verifySignature } from 'signet-signing';

const SIZES = [200, 1024, 16 * 1024];
const ROUNDS = 41;
const TARGET_US = 6;

const key: KeyMaterial = { signType: 'hmac', signKey: 'bench-access-key', signSecret: 'BenchSecret0123456789abcdefghijklmnopqrstuv' };
const now = () => 1_767_225_600_000;
const target = { method: 'POST', url: '/v1/orders/4711/items?limit=20&sort=created', host: 'backend.internal:8080' };

/** µs a call, over enough calls to outweigh the clock. */
function time(calls: number, body: () => unknown): number {
  const start = performance.now();
  for (let i = 0; i < calls; i++) body();
  return ((performance.now() - start) * 1000) / calls;
}
const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const us = (value: number) => value.toFixed(2).padStart(9);

console.log('     body   hash+hmac      sign   difference    verify   (µs, median of the rounds)');
let missed = false;
for (const size of SIZES) {
  const body = randomBytes(size);
  const signed = sign({ ...target, body }, key, { now });
  const received = { ...target, body, headers: { host: target.host, ...signed } };
  const sides = {
    bare: () => [
      hash('sha256', body, 'hex'),
      createHmac('sha256', key.signSecret ?? '')
        .update(body)
        .digest('hex'),
    ],
    sign: () => sign({ ...target, body }, key, { now }),
    verify: () => verifySignature(received, { keys: [key], now }).ok || process.exit(1),
  };
  const calls = size > 4096 ? 1000 : 5000;
  const measured: Record<keyof typeof sides, number[]> = { bare: [], sign: [], verify: [] };
  for (let round = -5; round < ROUNDS; round++) {
    for (const side of ['bare', 'sign', 'verify'] as const) {
      const took = time(calls, sides[side]);
      if (round >= 0) measured[side].push(took);
    }
  }
  const [bare, signing, verifying] = [median(measured.bare), median(measured.sign), median(measured.verify)];
  console.log(`${String(size).padStart(9)}   ${us(bare)} ${us(signing)}    ${us(signing - bare)} ${us(verifying)}`);
  if (size === 1024) missed = signing - bare > TARGET_US;
}
console.log(`target at 1 KiB: at most ${TARGET_US} µs over hash + HMAC: ${missed ? 'MISSED' : 'met'}`);
process.exitCode = missed ? 1 : 0;
