import { Skeleton } from 'antd';
import { createBrowserRouter, useRouteError } from 'react-router';
import { Nothing } from '../parts/page.tsx';
import { Trouble } from '../parts/trouble.tsx';
import { useTranslation } from 'react-i18next';
import { Shell } from './Shell.tsx';

function NotFound() {
  const { t } = useTranslation();
  return <Nothing text={t('app.notFound')} />;
}

/** A page that failed, also one whose program could not be loaded because the service was updated meanwhile. */
function Failed() {
  return (
    <main style={{ padding: 24 }}>
      <Trouble error={useRouteError()} onRetry={() => location.reload()} />
    </main>
  );
}

const Loading = () => <Skeleton active style={{ padding: 24 }} />;

/** Every page is loaded with the first visit to it. */
export const router = createBrowserRouter(
  [
    {
      path: '/sign-in',
      ErrorBoundary: Failed,
      HydrateFallback: Loading,
      lazy: async () => ({ Component: (await import('../pages/sign-in/SignIn.tsx')).SignIn }),
    },
    {
      path: '/',
      Component: Shell,
      ErrorBoundary: Failed,
      HydrateFallback: Loading,
      children: [
        { index: true, lazy: async () => ({ Component: (await import('../pages/overview/Start.tsx')).Start }) },
        { path: 'gateways/:instance', lazy: async () => ({ Component: (await import('../pages/overview/Overview.tsx')).Overview }) },
        { path: 'gateways/:instance/keys', lazy: async () => ({ Component: (await import('../pages/keys/Keys.tsx')).Keys }) },
        { path: 'gateways/:instance/keys/:id', lazy: async () => ({ Component: (await import('../pages/key/Key.tsx')).Key }) },
        {
          path: 'gateways/:instance/keys/:id/delete',
          lazy: async () => ({ Component: (await import('../pages/deletion/Deletion.tsx')).Deletion }),
        },
        {
          path: 'gateways/:instance/receipts/:revision',
          lazy: async () => ({ Component: (await import('../pages/receipt/ReceiptPage.tsx')).ReceiptPage }),
        },
        { path: 'gateways/:instance/nodes', lazy: async () => ({ Component: (await import('../pages/nodes/Nodes.tsx')).Nodes }) },
        { path: 'gateways/:instance/apis', lazy: async () => ({ Component: (await import('../pages/apis/Apis.tsx')).Apis }) },
        { path: 'endpoints', lazy: async () => ({ Component: (await import('../pages/endpoints/Endpoints.tsx')).Endpoints }) },
        { path: 'endpoints/:id', lazy: async () => ({ Component: (await import('../pages/endpoint/Endpoint.tsx')).Endpoint }) },
        { path: 'audit', lazy: async () => ({ Component: (await import('../pages/audit/Audit.tsx')).Audit }) },
        { path: 'account', lazy: async () => ({ Component: (await import('../pages/account/Account.tsx')).Account }) },
        { path: '*', Component: NotFound },
      ],
    },
  ],
  { basename: '/console' },
);
