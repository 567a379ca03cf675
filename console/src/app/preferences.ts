import { useSyncExternalStore } from 'react';

export type Language = 'en' | 'zh';
export type Theme = 'light' | 'dark' | 'system';

/** What a person chose about the page itself. No secret: it survives the tab. */
export interface Preferences {
  language: Language;
  theme: Theme;
  /** The gateway that was looked at last, by project. */
  gateways: Record<string, string>;
}

const PLACE = 'signet.preferences';

function read(): Preferences {
  const chosen: Preferences = { language: navigator.language.startsWith('zh') ? 'zh' : 'en', theme: 'system', gateways: {} };
  try {
    return { ...chosen, ...(JSON.parse(localStorage.getItem(PLACE) ?? '{}') as Partial<Preferences>) };
  } catch {
    return chosen;
  }
}

let current = read();
const listeners = new Set<() => void>();

export const preferences = {
  get: (): Preferences => current,
  set(change: Partial<Preferences>): void {
    current = { ...current, ...change };
    localStorage.setItem(PLACE, JSON.stringify(current));
    for (const listener of listeners) listener();
  },
};

export const usePreferences = (): Preferences =>
  useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, preferences.get);

const dark = matchMedia('(prefers-color-scheme: dark)');

/** Whether the page is dark now: by choice, or by the system's setting. */
export function useDark(): boolean {
  const { theme } = usePreferences();
  const system = useSyncExternalStore(
    (listener) => {
      dark.addEventListener('change', listener);
      return () => dark.removeEventListener('change', listener);
    },
    () => dark.matches,
  );
  return theme === 'system' ? system : theme === 'dark';
}
