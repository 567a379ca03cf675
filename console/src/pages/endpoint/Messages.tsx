import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Card, Flex, Tag } from 'antd';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client.ts';
import { MoreButton } from '../../parts/MoreButton.tsx';
import { DataTable } from '../../parts/DataTable.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Nothing } from '../../parts/page.tsx';
import { Moment, Secondary } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';

const REFRESH_MS = 3000;
const COLOURS = {
  queued: 'processing',
  delivering: 'processing',
  succeeded: 'success',
  pending_retry: 'warning',
  failed_permanent: 'error',
  paused: 'default',
} as const;

/** Messages to an endpoint with their attempts; sends a test, sends a dead letter again. */
export function Messages({ id }: { id: string }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const queries = useQueryClient();
  const logs = useInfiniteQuery({
    queryKey: ['logs', id],
    initialPageParam: '',
    queryFn: async ({ signal, pageParam }) =>
      (
        await api.GET('/v1/logs', {
          signal,
          params: { query: { endpoint_id: id, limit: 20, ...(pageParam !== '' && { cursor: pageParam }) } },
        })
      ).data,
    getNextPageParam: ({ meta }) => meta.next_cursor ?? undefined,
    refetchInterval: REFRESH_MS,
  });
  const changed = () => queries.invalidateQueries({ queryKey: ['logs', id] });
  const send = useMutation({
    mutationFn: () => api.POST('/v1/webhooks/send', { body: { endpoint_id: id, payload: { type: 'console.test' } } }),
    onSuccess: () => void message.success(t('endpoints.sent')),
    onSettled: changed,
  });
  const replay = useMutation({
    mutationFn: (messageId: string) => api.POST('/v1/messages/{id}/replay', { params: { path: { id: messageId } } }),
    onSettled: changed,
  });
  return (
    <Card
      title={t('endpoints.messages')}
      extra={
        <GuardedButton action="webhooks:messages:send" loading={send.isPending} onClick={() => send.mutate()}>
          {t('endpoints.send')}
        </GuardedButton>
      }
    >
      <Flex vertical gap="middle">
        <Trouble error={logs.error ?? send.error ?? replay.error} />
        <DataTable
          size="small"
          rowKey="message_id"
          loading={logs.isPending}
          dataSource={logs.data?.pages.flatMap(({ data }) => data) ?? []}
          pagination={false}
          locale={{ emptyText: <Nothing text={t('endpoints.messagesEmpty')} /> }}
          expandable={{ expandedRowRender: ({ message_id }) => <Attempts id={message_id} /> }}
          columns={[
            { title: t('endpoints.message'), render: (_, { message_id }) => <span className="mono">{message_id}</span> },
            { title: t('common.state'), render: (_, { status }) => <Tag color={COLOURS[status]}>{t(`endpoints.statuses.${status}`)}</Tag> },
            { title: t('endpoints.attempts'), dataIndex: 'attempt_count', align: 'end' },
            {
              title: t('endpoints.answer'),
              render: (_, { response_status, last_error, response_latency_ms }) =>
                response_status === null ? <Secondary>{last_error}</Secondary> : `HTTP ${response_status} · ${response_latency_ms} ms`,
            },
            { title: t('common.created'), render: (_, { created_at }) => <Moment at={created_at} /> },
            {
              title: t('common.actions'),
              align: 'end',
              render: (_, { message_id, status }) =>
                status === 'failed_permanent' || status === 'succeeded' ? (
                  <GuardedButton
                    action="webhooks:messages:replay"
                    size="small"
                    loading={replay.isPending && replay.variables === message_id}
                    onClick={() => replay.mutate(message_id)}
                  >
                    {t('endpoints.replay')}
                  </GuardedButton>
                ) : null,
            },
          ]}
        />
        <MoreButton list={logs} />
      </Flex>
    </Card>
  );
}

function Attempts({ id }: { id: string }) {
  const { t } = useTranslation();
  const attempts = useQuery({
    queryKey: ['attempts', id],
    queryFn: async ({ signal }) => (await api.GET('/v1/messages/{id}/attempts', { signal, params: { path: { id } } })).data.data,
  });
  if (attempts.error) return <Trouble error={attempts.error} />;
  return (
    <pre className="pre" aria-label={t('endpoints.attempts')}>
      {JSON.stringify(attempts.data ?? [], null, 2)}
    </pre>
  );
}
