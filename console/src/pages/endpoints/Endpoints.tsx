import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Drawer, Flex, Form, Input, Tag } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api } from '../../api/client.ts';
import { useSession } from '../../app/session.ts';
import { MoreButton } from '../../parts/MoreButton.tsx';
import { DataTable } from '../../parts/DataTable.tsx';
import { CurlButton } from '../../parts/copy.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Nothing, Page } from '../../parts/page.tsx';
import { Code, Moment, Name } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';

/** The project's webhook endpoints. */
export function Endpoints() {
  const { t } = useTranslation();
  const session = useSession()!;
  const [creating, setCreating] = useState(false);
  const endpoints = useInfiniteQuery({
    queryKey: ['endpoints', session.project.id],
    initialPageParam: '',
    queryFn: async ({ signal, pageParam }) =>
      (await api.GET('/v1/endpoints', { signal, params: { query: { limit: 50, ...(pageParam !== '' && { cursor: pageParam }) } } })).data,
    getNextPageParam: ({ meta }) => meta.next_cursor ?? undefined,
  });
  return (
    <Page
      title={t('endpoints.title')}
      actions={
        <GuardedButton action="webhooks:endpoints:create" type="primary" onClick={() => setCreating(true)}>
          {t('endpoints.create')}
        </GuardedButton>
      }
    >
      <Trouble error={endpoints.error} onRetry={() => void endpoints.refetch()} />
      <DataTable
        rowKey="id"
        loading={endpoints.isFetching}
        dataSource={endpoints.data?.pages.flatMap(({ data }) => data) ?? []}
        pagination={false}
        locale={{ emptyText: endpoints.data ? <Nothing text={t('endpoints.empty')} advice={t('endpoints.emptyAdvice')} /> : ' ' }}
        columns={[
          {
            title: t('endpoints.url'),
            render: (_, { id, url }) => (
              <Link to={id}>
                <Name>{url}</Name>
              </Link>
            ),
          },
          { title: t('endpoints.description'), render: (_, { description }) => <Name>{description}</Name> },
          {
            title: t('common.state'),
            render: (_, { paused }) => (
              <Tag color={paused ? 'warning' : 'success'}>{t(paused ? 'endpoints.paused' : 'endpoints.active')}</Tag>
            ),
          },
          { title: t('common.created'), render: (_, { created_at }) => <Moment at={created_at} /> },
        ]}
      />
      <MoreButton list={endpoints} />
      <Drawer open={creating} onClose={() => setCreating(false)} title={t('endpoints.create')} size={480} destroyOnHidden>
        <NewEndpoint onDone={() => setCreating(false)} />
      </Drawer>
    </Page>
  );
}

function NewEndpoint({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [form] = Form.useForm<{ url: string; description?: string }>();
  const given = Form.useWatch([], form) as { url?: string; description?: string } | undefined;
  const create = useMutation({
    mutationFn: async (body: { url: string; description?: string }) => (await api.POST('/v1/endpoints', { body })).data.data,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['endpoints'] }),
  });
  if (create.data)
    return (
      <Flex vertical gap="middle">
        <Alert type="warning" showIcon title={t('endpoints.secretOnce')} />
        <Code label={t('keys.secret')} text={create.data.signing_secret} />
        <Flex gap="small" justify="end">
          <Button onClick={onDone}>{t('common.close')}</Button>
        </Flex>
      </Flex>
    );
  return (
    <Form form={form} layout="vertical" onFinish={(values) => create.mutate(values)}>
      <Form.Item name="url" label={t('endpoints.url')} rules={[{ required: true, message: t('common.required') }]}>
        <Input autoFocus placeholder="https://" />
      </Form.Item>
      <Form.Item name="description" label={t('endpoints.description')}>
        <Input />
      </Form.Item>
      <Trouble error={create.error} />
      <Flex gap="small" justify="end" wrap style={{ marginTop: 16 }}>
        <CurlButton call={{ method: 'POST', path: '/v1/endpoints', body: given ?? {} }} />
        <Button onClick={onDone}>{t('common.cancel')}</Button>
        <Button type="primary" htmlType="submit" loading={create.isPending}>
          {t('common.create')}
        </Button>
      </Flex>
    </Form>
  );
}
