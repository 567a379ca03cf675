import { createVerifier, type KeyMaterial, MemoryReplayStore } from '../../../src/lib/signing/index.js';

/** Both secrets count while a key rotates; each request counts once. */
export function rotatingVerifier(live: KeyMaterial, next: KeyMaterial) {
  const keys = new Map([[live.signKey, [live, next]]]);
  return createVerifier({
    keys: async (accessId) => keys.get(accessId),
    skewSeconds: 300,
    replayStore: new MemoryReplayStore(),
  });
}
