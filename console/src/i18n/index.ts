import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { preferences } from '../app/preferences.ts';
import { en } from './en.ts';
import { zh } from './zh.ts';

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'texts';
    resources: { texts: typeof en };
  }
}

await i18next.use(initReactI18next).init({
  lng: preferences.get().language,
  fallbackLng: false,
  defaultNS: 'texts',
  resources: { en: { texts: en }, zh: { texts: zh } },
  // React escapes what it shows.
  interpolation: { escapeValue: false },
});
