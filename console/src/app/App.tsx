import { App as AntApp, ConfigProvider } from 'antd';
import enUS from 'antd/locale/en_US';
import zhCN from 'antd/locale/zh_CN';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import i18next from 'i18next';
import { useEffect } from 'react';
import { RouterProvider } from 'react-router';
import { SignetError } from 'signet-client';
import '../i18n/index.ts';
import { useDark, usePreferences } from './preferences.ts';
import { router } from './router.tsx';
import { themeOf } from './theme.ts';
import { NONCE } from './trusted.ts';

/** The client waits out a busy service by itself; a page asks again only when nothing answered. */
const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => failures < 5 && error instanceof SignetError && (error.status === 0 || error.status === 503),
      retryDelay: (failures) => Math.min(1000 * 2 ** failures, 5000),
    },
    mutations: { retry: false },
  },
});

export function App() {
  const { language } = usePreferences();
  const dark = useDark();
  useEffect(() => {
    document.documentElement.lang = language;
    document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
    document.body.style.background = dark ? '#000' : '#f5f5f5';
    void i18next.changeLanguage(language);
  }, [language, dark]);
  return (
    <ConfigProvider csp={{ nonce: NONCE }} theme={themeOf(dark)} locale={language === 'zh' ? zhCN : enUS}>
      <AntApp component={false}>
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </AntApp>
    </ConfigProvider>
  );
}
