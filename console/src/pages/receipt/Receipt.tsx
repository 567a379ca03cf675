import { CheckCircleFilled, ClockCircleOutlined, DownloadOutlined, ExclamationCircleFilled } from '@ant-design/icons';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Card, Flex, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { openSessions } from 'signet-client';
import { api } from '../../api/client.ts';
import { DataTable } from '../../parts/DataTable.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { usePreferences } from '../../app/preferences.ts';
import { Moment, Name } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';
import { useReceipt } from './receipt-query.ts';

/**
 * The proof, live: a row per node that turns from waiting to acknowledged with its milliseconds, the verifiers below, and at the end the
 * sentence that is true from then on. A silent node is named with since-when and what can be done.
 * @param deletion whether the write deleted a key
 */
export function Receipt({
  instance_id,
  revision,
  epoch,
  deletion,
}: {
  instance_id: string;
  revision: string;
  epoch: string | undefined;
  deletion: boolean;
}) {
  const { t } = useTranslation();
  const { language } = usePreferences();
  const { modal } = App.useApp();
  const queries = useQueryClient();
  const receipt = useReceipt(instance_id, revision, epoch);
  const vouch = useMutation({
    mutationFn: (session_id: string) =>
      api.DELETE('/signet/v1/instances/{instance_id}/sessions/{session_id}', { params: { path: { instance_id, session_id } } }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['receipt', instance_id, revision] }),
  });
  const { data } = receipt;
  if (!data) return receipt.error ? <Trouble error={receipt.error} onRetry={() => void receipt.refetch()} /> : <Card loading />;
  const msAfter = (at: string | null | undefined) => (at ? Date.parse(at) - Date.parse(data.created_at) : undefined);
  const waiting = openSessions(data).length;
  const silent = data.sessions.filter(({ state }) => state === 'silent');
  const took = msAfter(data.completed_at);
  const since =
    data.completed_at &&
    new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(data.completed_at));
  const download = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([JSON.stringify(data, null, 2)], { type: 'application/json' }));
    link.download = `receipt-${data.revision}.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <Flex vertical gap="middle">
      <div aria-live="polite">
        <Alert
          type={data.complete ? 'success' : silent.length > 0 ? 'warning' : 'info'}
          showIcon
          icon={data.complete ? <CheckCircleFilled /> : silent.length > 0 ? <ExclamationCircleFilled /> : <ClockCircleOutlined />}
          title={
            data.complete
              ? t(deletion ? 'receipt.complete' : 'receipt.completeOther', { time: since ?? '' })
              : t('receipt.waiting', { count: waiting })
          }
          description={data.complete && took !== undefined ? t('receipt.took', { ms: took }) : undefined}
        />
      </div>
      <Trouble error={vouch.error} />
      {silent.map(({ session_id, node_id, silent_seconds, lease_seconds }) => (
        <Alert
          key={session_id}
          type="warning"
          title={<Name>{node_id}</Name>}
          description={
            <>
              <div>{t('receipt.silentSince', { seconds: silent_seconds })}</div>
              <div>{lease_seconds === null ? t('receipt.choicesNoLease') : t('receipt.choices', { lease: lease_seconds })}</div>
            </>
          }
          action={
            <GuardedButton
              action="signet:nodes:delete"
              danger
              onClick={() =>
                void modal.confirm({
                  title: t('receipt.vouchQuestion'),
                  content: t('receipt.vouchText'),
                  okText: t('receipt.vouch'),
                  cancelText: t('common.cancel'),
                  onOk: () => vouch.mutateAsync(session_id).catch(() => undefined),
                })
              }
            >
              {t('receipt.vouch')}
            </GuardedButton>
          }
        />
      ))}
      <DataTable
        size="small"
        rowKey="session_id"
        dataSource={data.sessions}
        pagination={data.sessions.length > 20 ? { pageSize: 20, showSizeChanger: false } : false}
        locale={{ emptyText: t('receipt.noNodes') }}
        columns={[
          { title: t('receipt.node'), render: (_, { node_id }) => <Name>{node_id}</Name> },
          {
            title: t('common.state'),
            render: (_, { state }) => (
              <Tag color={state === 'silent' ? 'error' : state === 'pending' ? 'processing' : state === 'vouched' ? 'warning' : 'success'}>
                {t(`receipt.states.${state}`)}
              </Tag>
            ),
          },
          {
            title: t('receipt.answered'),
            align: 'end',
            render: (_, { acknowledged_at, ended_at }) => {
              const ms = msAfter(acknowledged_at ?? ended_at);
              return ms === undefined ? '…' : `${Math.max(0, ms)} ms`;
            },
          },
          { title: t('receipt.lastSeen'), render: (_, { last_seen_at }) => <Moment at={last_seen_at} /> },
        ]}
      />
      <Typography.Title level={2} style={{ fontSize: '1.1rem', margin: 0 }}>
        {t('receipt.verifiers')}
      </Typography.Title>
      <Typography.Text>{t(`receipt.verifierStates.${data.verifiers.state}`)}</Typography.Text>
      {data.verifiers.verifiers.length > 0 && (
        <DataTable
          size="small"
          rowKey="verifier_id"
          dataSource={data.verifiers.verifiers}
          pagination={false}
          columns={[
            { title: t('common.name'), render: (_, { name, process_id }) => <Name>{`${name} ${process_id}`}</Name> },
            {
              title: t('common.state'),
              render: (_, { state }) => (
                <Tag color={state === 'refuses' ? 'success' : 'warning'}>{t(`receipt.verifierState.${state}`)}</Tag>
              ),
            },
            { title: t('receipt.lastSeen'), render: (_, { last_seen_at }) => <Moment at={last_seen_at} /> },
          ]}
        />
      )}
      <Flex gap="small" align="center" wrap>
        <Button icon={<DownloadOutlined />} onClick={download}>
          {t('common.download')}
        </Button>
        <Typography.Text type="secondary">
          {t('receipt.revision')} <span className="mono">{data.revision}</span>
        </Typography.Text>
      </Flex>
    </Flex>
  );
}
