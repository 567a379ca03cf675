import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Card, Flex, Form, Input, Modal, Select, Tag } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client.ts';
import { usePlace } from '../../api/place.ts';
import { useNodes, useVerifiers } from '../../api/processes.ts';
import { DataTable } from '../../parts/DataTable.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Nothing, Page } from '../../parts/page.tsx';
import { Code, Moment, Name } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';

/** The processes that sign for a gateway, those that verify, and the credentials with which they come. */
export function Nodes() {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const { instance_id } = usePlace();
  const queries = useQueryClient();
  const [making, setMaking] = useState(false);
  const params = { path: { instance_id } };
  const nodes = useNodes(instance_id);
  const verifiers = useVerifiers(instance_id);
  const credentials = useQuery({
    queryKey: ['gateway-tokens', instance_id],
    queryFn: async ({ signal }) => (await api.GET('/signet/v1/instances/{instance_id}/gateway-tokens', { signal, params })).data,
  });
  const revoke = useMutation({
    mutationFn: (token_id: string) =>
      api.DELETE('/signet/v1/instances/{instance_id}/gateway-tokens/{token_id}', { params: { path: { instance_id, token_id } } }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['gateway-tokens', instance_id] }),
  });
  return (
    <Page title={t('gateways.title')}>
      <Card title={t('gateways.nodes')}>
        <Trouble error={nodes.error} onRetry={() => void nodes.refetch()} />
        <DataTable
          size="small"
          rowKey="session_id"
          loading={nodes.isPending}
          dataSource={nodes.data?.sessions ?? []}
          pagination={false}
          locale={{ emptyText: <Nothing text={t('gateways.nodesEmpty')} advice={t('gateways.nodesAdvice')} /> }}
          columns={[
            { title: t('gateways.node'), render: (_, { node_id }) => <Name>{node_id}</Name> },
            { title: t('gateways.revision'), dataIndex: 'applied_revision', align: 'end' },
            { title: t('gateways.version'), dataIndex: 'version' },
            { title: t('gateways.lastSeen'), render: (_, { last_seen_at }) => <Moment at={last_seen_at} /> },
            {
              title: t('gateways.lease'),
              render: (_, { lease_seconds }) => (lease_seconds === null ? t('common.none') : `${lease_seconds} s`),
            },
          ]}
        />
      </Card>
      <Card title={t('gateways.verifiers')}>
        <Trouble error={verifiers.error} />
        <DataTable
          size="small"
          rowKey="verifier_id"
          loading={verifiers.isPending}
          dataSource={verifiers.data?.verifiers ?? []}
          pagination={false}
          locale={{ emptyText: <Nothing text={t('gateways.verifiersEmpty')} /> }}
          columns={[
            { title: t('common.name'), render: (_, { name, process_id }) => <Name>{`${name} ${process_id}`}</Name> },
            { title: t('gateways.revision'), dataIndex: 'shown_revision', align: 'end' },
            { title: t('gateways.lastSeen'), render: (_, { last_seen_at }) => <Moment at={last_seen_at} /> },
          ]}
        />
      </Card>
      <Card
        title={t('gateways.credentials')}
        extra={
          <GuardedButton action="signet:gateways:create" type="primary" onClick={() => setMaking(true)}>
            {t('gateways.createCredential')}
          </GuardedButton>
        }
      >
        <Trouble error={credentials.error ?? revoke.error} />
        <DataTable
          size="small"
          rowKey="id"
          loading={credentials.isPending}
          dataSource={credentials.data?.gateway_tokens ?? []}
          pagination={false}
          locale={{ emptyText: <Nothing text={t('gateways.credentialsEmpty')} /> }}
          columns={[
            { title: t('common.name'), render: (_, { name }) => <Name>{name}</Name> },
            { title: t('gateways.role'), render: (_, { role }) => <Tag>{role}</Tag> },
            { title: t('gateways.sessions'), render: (_, { sessions, sessions_max }) => `${sessions} / ${sessions_max}`, align: 'end' },
            { title: t('common.created'), render: (_, { create_time }) => <Moment at={create_time} /> },
            { title: t('gateways.expires'), render: (_, { expires_at }) => <Moment at={expires_at} /> },
            {
              title: t('common.actions'),
              align: 'end',
              render: (_, { id, name }) => (
                <GuardedButton
                  action="signet:gateways:delete"
                  size="small"
                  danger
                  onClick={() =>
                    void modal.confirm({
                      title: t('gateways.revokeQuestion', { name }),
                      content: t('gateways.revokeText'),
                      okText: t('gateways.revoke'),
                      cancelText: t('common.cancel'),
                      onOk: () => revoke.mutateAsync(id).catch(() => undefined),
                    })
                  }
                >
                  {t('gateways.revoke')}
                </GuardedButton>
              ),
            },
          ]}
        />
      </Card>
      <NewCredential open={making} onDone={() => setMaking(false)} />
    </Page>
  );
}

function NewCredential({ open, onDone }: { open: boolean; onDone: () => void }) {
  const { t } = useTranslation();
  const { instance_id } = usePlace();
  const queries = useQueryClient();
  const [form] = Form.useForm<{ name: string; role: 'gateway' | 'verifier' }>();
  const make = useMutation({
    mutationFn: async (body: { name: string; role: 'gateway' | 'verifier' }) =>
      (await api.POST('/signet/v1/instances/{instance_id}/gateway-tokens', { params: { path: { instance_id } }, body })).data,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['gateway-tokens', instance_id] }),
  });
  const close = () => {
    make.reset();
    form.resetFields();
    onDone();
  };
  return (
    <Modal
      open={open}
      title={t('gateways.createCredential')}
      onCancel={close}
      destroyOnHidden
      footer={
        make.data ? (
          <Button type="primary" onClick={close}>
            {t('common.close')}
          </Button>
        ) : (
          <>
            <Button onClick={close}>{t('common.cancel')}</Button>
            <Button type="primary" loading={make.isPending} onClick={() => form.submit()}>
              {t('common.create')}
            </Button>
          </>
        )
      }
    >
      {make.data ? (
        <Flex vertical gap="middle">
          <Alert type="warning" showIcon title={t('gateways.tokenOnce')} />
          <Code label={t('gateways.createCredential')} text={make.data.token} />
        </Flex>
      ) : (
        <Form form={form} layout="vertical" initialValues={{ role: 'gateway' }} onFinish={(values) => make.mutate(values)}>
          <Trouble error={make.error} />
          <Form.Item name="name" label={t('common.name')} rules={[{ required: true, message: t('common.required') }]}>
            <Input autoFocus />
          </Form.Item>
          <Form.Item name="role" label={t('gateways.role')}>
            <Select options={(['gateway', 'verifier'] as const).map((value) => ({ value, label: t(`gateways.roles.${value}`) }))} />
          </Form.Item>
        </Form>
      )}
    </Modal>
  );
}
