import {
  ApiOutlined,
  AuditOutlined,
  ClusterOutlined,
  DashboardOutlined,
  KeyOutlined,
  MenuOutlined,
  SendOutlined,
  UserOutlined,
} from '@ant-design/icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Drawer, Dropdown, Flex, Grid, Layout, Menu, Select, Typography } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, Outlet, useLocation, useMatch, useNavigate } from 'react-router';
import { api } from '../api/client.ts';
import { type Language, preferences, type Theme, useDark, usePreferences } from './preferences.ts';
import { useSession, watchIdle } from './session.ts';
import { signOut } from './sign-out.ts';

/** The frame of every page: menu, gateway, language, theme and account. Without a session it leads to the sign-in, and back. */
export function Shell() {
  const session = useSession();
  const location = useLocation();
  useEffect(() => watchIdle(() => void signOut()), []);
  if (!session) return <Navigate to="/sign-in" replace state={{ from: location.pathname + location.search }} />;
  return <Frame key={session.project.id} />;
}

/** All gateways of the project: the picker shows them, and pages that are about one fall back to the last that was looked at. */
export function useGateways() {
  const session = useSession();
  return useQuery({
    queryKey: ['instances', session?.project.id],
    queryFn: async ({ signal }) =>
      (
        await api.GET('/v2/{project_id}/apigw/instances', {
          signal,
          params: { path: { project_id: session!.project.id }, query: { limit: 500 } },
        })
      ).data,
    enabled: session !== undefined,
  });
}

export function useGateway(): string | undefined {
  const matched = useMatch('/gateways/:instance/*')?.params.instance;
  const session = useSession();
  const { gateways: last } = usePreferences();
  const { data } = useGateways();
  const known = data?.instances.map(({ id }) => id) ?? [];
  const before = last[session?.project.id ?? ''];
  return matched ?? (before !== undefined && known.includes(before) ? before : known[0]);
}

function Frame() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const location = useLocation();
  const session = useSession()!;
  const queries = useQueryClient();
  const chosen = usePreferences();
  const dark = useDark();
  const wide = Grid.useBreakpoint().lg ?? true;
  const [open, setOpen] = useState(false);
  const { data: gateways } = useGateways();
  const gateway = useGateway();
  const matched = useMatch('/gateways/:instance/*')?.params.instance;
  useEffect(() => {
    if (matched !== undefined) preferences.set({ gateways: { ...preferences.get().gateways, [session.project.id]: matched } });
  }, [matched, session.project.id]);

  const at = gateway === undefined ? undefined : `/gateways/${gateway}`;
  const items = [
    { key: at ?? '/', icon: <DashboardOutlined />, label: t('menu.overview') },
    ...(at === undefined
      ? []
      : [
          { key: `${at}/keys`, icon: <KeyOutlined />, label: t('menu.keys') },
          { key: `${at}/nodes`, icon: <ClusterOutlined />, label: t('menu.gateways') },
          { key: `${at}/apis`, icon: <ApiOutlined />, label: t('menu.apis') },
        ]),
    { key: '/endpoints', icon: <SendOutlined />, label: t('menu.endpoints') },
    { key: '/audit', icon: <AuditOutlined />, label: t('menu.audit') },
  ];
  const selected = [...items].sort((a, b) => b.key.length - a.key.length).find(({ key }) => location.pathname.startsWith(key))?.key;
  const menu = (
    <Menu
      mode="inline"
      theme={dark ? 'dark' : 'light'}
      selectedKeys={selected === undefined ? [] : [selected]}
      items={items}
      onClick={({ key }) => {
        setOpen(false);
        void navigate(key);
      }}
      style={{ borderInlineEnd: 0 }}
    />
  );
  const leave = async () => {
    await signOut();
    queries.clear();
  };
  const account = {
    items: [
      { key: 'who', type: 'group' as const, label: `${session.user.name} · ${session.project.name}` },
      { key: 'account', label: t('account.title') },
      { key: 'project', label: t('signIn.chooseProject') },
      ...(['light', 'dark', 'system'] as const).map((theme) => ({
        key: `theme:${theme}`,
        label: t(theme === 'light' ? 'app.themeLight' : theme === 'dark' ? 'app.themeDark' : 'app.themeSystem'),
        disabled: chosen.theme === theme,
      })),
      { type: 'divider' as const },
      { key: 'out', label: t('app.signOut') },
    ],
    onClick: ({ key }: { key: string }) => {
      if (key === 'out') void leave();
      else if (key === 'account') void navigate('/account');
      else if (key === 'project') void navigate('/sign-in', { state: { projects: true } });
      else if (key.startsWith('theme:')) preferences.set({ theme: key.slice('theme:'.length) as Theme });
    },
  };
  return (
    <Layout style={{ minHeight: '100%' }}>
      <Layout.Header style={{ paddingInline: 16, display: 'flex', alignItems: 'center', gap: 12, background: '#001529' }}>
        {!wide && (
          <Button type="text" aria-label={t('app.menu')} icon={<MenuOutlined style={{ color: '#fff' }} />} onClick={() => setOpen(true)} />
        )}
        <Typography.Text strong style={{ color: '#fff', fontSize: 18 }}>
          {t('app.name')}
        </Typography.Text>
        <Flex gap={8} align="center" style={{ marginInlineStart: 'auto', minWidth: 0 }}>
          {gateways && gateways.instances.length > 0 && (
            <Select
              aria-label={t('app.gateway')}
              value={gateway ?? null}
              style={{ width: wide ? 220 : 120 }}
              options={gateways.instances.map(({ id, instance_name }) => ({ value: id, label: instance_name }))}
              onChange={(id) => void navigate(`/gateways/${id}`)}
            />
          )}
          <Select<Language>
            aria-label={t('app.language')}
            value={chosen.language}
            style={{ width: 100 }}
            options={[
              { value: 'en', label: 'English' },
              { value: 'zh', label: '中文' },
            ]}
            onChange={(language) => preferences.set({ language })}
          />
          <Dropdown menu={account} trigger={['click']}>
            <Button aria-label={t('app.account')} icon={<UserOutlined />} />
          </Dropdown>
        </Flex>
      </Layout.Header>
      <Layout>
        {wide ? (
          <Layout.Sider width={220} theme={dark ? 'dark' : 'light'}>
            <nav aria-label={t('app.menu')}>{menu}</nav>
          </Layout.Sider>
        ) : (
          <Drawer open={open} onClose={() => setOpen(false)} placement="left" size={260} title={t('app.menu')}>
            <nav aria-label={t('app.menu')}>{menu}</nav>
          </Drawer>
        )}
        <Layout.Content style={{ padding: wide ? 24 : 12, minWidth: 0 }}>
          <div id="content">
            <Outlet />
          </div>
        </Layout.Content>
      </Layout>
    </Layout>
  );
}
