import { useSyncExternalStore } from 'react';

/** Who is signed in, and for which project. Kept in memory and in `sessionStorage`: a reload keeps it, a closed tab does not. */
export interface Session {
  token: string;
  /** Unix time in milliseconds. */
  expiresAt: number;
  user: { id: string; name: string; domain: { id: string; name: string } };
  project: { id: string; name: string };
  /** The token was exchanged for one that was pasted, which signing out must not end. */
  pasted?: boolean | undefined;
}

const PLACE = 'signet.session';
const IDLE_MS = 30 * 60_000;

let current: Session | undefined = read();
let lastUse = performance.now();
const listeners = new Set<() => void>();

function read(): Session | undefined {
  const text = sessionStorage.getItem(PLACE);
  if (text === null) return undefined;
  try {
    const session = JSON.parse(text) as Session;
    return session.expiresAt > Date.now() ? session : undefined;
  } catch {
    return undefined;
  }
}

export const session = {
  get: (): Session | undefined => current,
  set(next: Session | undefined): void {
    current = next;
    lastUse = performance.now();
    if (next) sessionStorage.setItem(PLACE, JSON.stringify(next));
    else sessionStorage.removeItem(PLACE);
    for (const listener of listeners) listener();
  },
};

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useSession = (): Session | undefined => useSyncExternalStore(subscribe, () => current);

/** Ends the session after {@link IDLE_MS} without a key, a click or a touch, and when its token ends. */
export function watchIdle(onEnd: () => void): () => void {
  const touch = () => (lastUse = performance.now());
  const events = ['keydown', 'pointerdown', 'wheel', 'touchstart'] as const;
  for (const event of events) addEventListener(event, touch, { passive: true });
  const timer = setInterval(() => {
    if (current && (performance.now() - lastUse > IDLE_MS || current.expiresAt <= Date.now())) onEnd();
  }, 5000);
  return () => {
    clearInterval(timer);
    for (const event of events) removeEventListener(event, touch);
  };
}
