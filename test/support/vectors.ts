import { readFileSync } from 'node:fs';
import { type KeyMaterial, MemoryReplayStore, verifySignature, verifyWebhook, type WebhookDialect } from 'signet-signing';

export interface VectorRequest {
  method: string;
  target: string;
  headers: [string, string][];
  body: string;
}
export interface Vector {
  id: string;
  kind: 'gateway' | 'webhook';
  dialect?: WebhookDialect;
  keys: unknown[];
  now: number;
  options: Record<string, unknown>;
  before: VectorRequest[];
  request: VectorRequest;
  code: string | null;
}

const vectorsOf = (name: string) => (JSON.parse(readFileSync(`packages/vectors/${name}.json`, 'utf8')) as { vectors: Vector[] }).vectors;

/** The vectors of `packages/vectors`. */
export const VECTORS = [...vectorsOf('vectors'), ...vectorsOf('message-signatures')];

/** What `signet-signing` says of a vector; undefined if it cannot use the keys. */
export function byLibrary({ kind, dialect, keys, now, options, before, request }: Vector) {
  const received = ({ method, target, headers, body }: VectorRequest) => {
    const joined: Record<string, string> = {};
    for (const [name, value] of headers) {
      const lower = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
      joined[lower] = joined[lower] === undefined ? value : `${joined[lower]}, ${value}`;
    }
    return { method, url: target, headers: joined, body: Buffer.from(body, 'base64') };
  };
  const clock = { now: () => now * 1000 };
  try {
    if (kind === 'webhook') return verifyWebhook(received(request), { ...options, ...clock, dialect: dialect!, secrets: keys as string[] });
    const replayStore = new MemoryReplayStore();
    const verdicts = [...before, request].map((each) =>
      verifySignature(received(each), { ...options, ...clock, keys: keys as KeyMaterial[], replayStore }),
    );
    return verdicts.at(-1);
  } catch {
    return undefined;
  }
}
