import { createVerifier, type KeyMaterial, MemoryReplayStore } from 'signet-signing';

/** Both secrets are accepted during a rotation, and each request once. */
export function rotatingVerifier(live: KeyMaterial, next: KeyMaterial) {
  const keys = new Map([[live.signKey, [live, next]]]);
  return createVerifier({
    keys: async (accessId) => keys.get(accessId),
    skewSeconds: 300,
    replayStore: new MemoryReplayStore(),
  });
}
