import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Card, Descriptions, Flex, Modal, Skeleton, Tag } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { isNotFound } from 'signet-client';
import { api } from '../../api/client.ts';
import { DataTable } from '../../parts/DataTable.tsx';
import { CurlButton } from '../../parts/copy.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Nothing, Page } from '../../parts/page.tsx';
import { Code, Id, Moment, Name, Secondary } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';
import { Messages } from './Messages.tsx';

const KEYS_MAX = 2;

/** One webhook endpoint: its one or two signing keys, and what was delivered to it. */
export function Endpoint() {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const { id = '' } = useParams();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const params = { path: { id } };
  const endpoint = useQuery({
    queryKey: ['endpoint', id],
    queryFn: async ({ signal }) => (await api.GET('/v1/endpoints/{id}', { signal, params })).data.data,
  });
  const keys = useQuery({
    queryKey: ['signing-keys', id],
    queryFn: async ({ signal }) => (await api.GET('/v1/endpoints/{id}/signing-keys', { signal, params })).data.data,
  });
  const changed = () => queries.invalidateQueries({ queryKey: ['signing-keys', id] });
  const add = useMutation({
    mutationFn: async () => (await api.POST('/v1/endpoints/{id}/signing-keys', { params })).data.data,
    onSettled: changed,
  });
  const remove = useMutation({
    mutationFn: (keyId: string) => api.DELETE('/v1/endpoints/{id}/signing-keys/{keyId}', { params: { path: { id, keyId } } }),
    onSettled: changed,
  });
  const turn = useMutation({
    mutationFn: async (to: 'pause' | 'resume') => {
      await (to === 'pause' ? api.POST('/v1/endpoints/{id}/pause', { params }) : api.POST('/v1/endpoints/{id}/resume', { params }));
    },
    onSettled: () =>
      Promise.all([queries.invalidateQueries({ queryKey: ['endpoint', id] }), queries.invalidateQueries({ queryKey: ['endpoints'] })]),
  });
  const removeEndpoint = useMutation({
    mutationFn: () => api.DELETE('/v1/endpoints/{id}', { params }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['endpoints'] });
      void navigate('/endpoints');
    },
  });
  if (endpoint.isPending) return <Skeleton active />;
  if (endpoint.error) {
    const absent = isNotFound(endpoint.error);
    return (
      <Page title={t('endpoints.title')}>
        {absent ? <Nothing text={t('endpoints.absent')} /> : <Trouble error={endpoint.error} onRetry={() => void endpoint.refetch()} />}
      </Page>
    );
  }
  const { url, description, paused, created_at } = endpoint.data;
  const count = keys.data?.length ?? 0;
  return (
    <Page
      title={url}
      heading={<Name>{url}</Name>}
      actions={
        <>
          <GuardedButton
            action={paused ? 'webhooks:endpoints:resume' : 'webhooks:endpoints:pause'}
            loading={turn.isPending}
            onClick={() => turn.mutate(paused ? 'resume' : 'pause')}
          >
            {t(paused ? 'endpoints.resume' : 'endpoints.pause')}
          </GuardedButton>
          <GuardedButton
            action="webhooks:endpoints:delete"
            danger
            onClick={() =>
              void modal.confirm({
                title: t('endpoints.deleteQuestion'),
                content: t('endpoints.deleteText'),
                okText: t('common.delete'),
                cancelText: t('common.cancel'),
                onOk: () => removeEndpoint.mutateAsync().catch(() => undefined),
              })
            }
          >
            {t('common.delete')}
          </GuardedButton>
        </>
      }
    >
      <Trouble error={turn.error ?? removeEndpoint.error} />
      <Card>
        <Descriptions
          column={{ xs: 1, md: 2 }}
          items={[
            { key: 'id', label: t('common.id'), children: <Id>{id}</Id> },
            {
              key: 'state',
              label: t('common.state'),
              children: <Tag color={paused ? 'warning' : 'success'}>{t(paused ? 'endpoints.paused' : 'endpoints.active')}</Tag>,
            },
            { key: 'description', label: t('endpoints.description'), children: <Name>{description}</Name> },
            { key: 'created', label: t('common.created'), children: <Moment at={created_at} /> },
          ]}
        />
      </Card>
      <Card
        title={t('endpoints.keys')}
        extra={
          <Flex gap="small" wrap>
            <CurlButton call={{ method: 'POST', path: `/v1/endpoints/${id}/signing-keys` }} />
            <GuardedButton
              action="webhooks:signingKeys:create"
              type="primary"
              denied={count >= KEYS_MAX ? t('endpoints.two') : undefined}
              loading={add.isPending}
              onClick={() => add.mutate()}
            >
              {t('endpoints.addKey')}
            </GuardedButton>
          </Flex>
        }
      >
        <Flex vertical gap="middle">
          <Secondary>{t('endpoints.keysText')}</Secondary>
          <Trouble error={keys.error ?? add.error ?? remove.error} />
          <DataTable
            size="small"
            rowKey="id"
            loading={keys.isFetching}
            dataSource={keys.data ?? []}
            pagination={false}
            columns={[
              { title: t('endpoints.hint'), render: (_, { key_hint }) => <span className="mono">{key_hint}</span> },
              { title: t('common.id'), render: (_, key) => <Id>{key.id}</Id> },
              { title: t('common.created'), render: (_, key) => <Moment at={key.created_at} /> },
              {
                title: t('common.actions'),
                align: 'end',
                render: (_, key) => (
                  <GuardedButton
                    action="webhooks:signingKeys:delete"
                    size="small"
                    danger
                    denied={count < KEYS_MAX ? t('endpoints.last') : undefined}
                    onClick={() =>
                      void modal.confirm({
                        title: t('endpoints.deleteKeyQuestion', { hint: key.key_hint }),
                        content: t('endpoints.deleteKeyText'),
                        okText: t('common.delete'),
                        cancelText: t('common.cancel'),
                        onOk: () => remove.mutateAsync(key.id).catch(() => undefined),
                      })
                    }
                  >
                    {t('common.delete')}
                  </GuardedButton>
                ),
              },
            ]}
          />
        </Flex>
      </Card>
      <Messages id={id} />
      <Modal
        open={add.data !== undefined}
        title={t('endpoints.keys')}
        onCancel={() => add.reset()}
        footer={
          <Button type="primary" onClick={() => add.reset()}>
            {t('common.close')}
          </Button>
        }
      >
        <Flex vertical gap="middle">
          <Alert type="warning" showIcon title={t('endpoints.secretOnce')} />
          <Code label={t('keys.secret')} text={add.data?.signing_secret ?? ''} />
        </Flex>
      </Modal>
    </Page>
  );
}
