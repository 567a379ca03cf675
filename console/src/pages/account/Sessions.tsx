import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Button, Card, Flex, Popconfirm, Tag } from 'antd';
import { useTranslation } from 'react-i18next';
import { isNotFound } from 'signet-client';
import { api } from '../../api/client.ts';
import { useSession } from '../../app/session.ts';
import { DataTable } from '../../parts/DataTable.tsx';
import { MoreButton } from '../../parts/MoreButton.tsx';
import { Moment, Name, Secondary } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';

/** Where the person is signed in, and ending it. */
export function Sessions() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const queryKey = ['my-sessions', useSession()?.user.id];
  const list = useInfiniteQuery({
    queryKey,
    initialPageParam: '',
    queryFn: async ({ signal, pageParam }) =>
      (await api.GET('/signet/v1/me/sessions', { signal, params: { query: pageParam === '' ? {} : { cursor: pageParam } } })).data,
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
  });
  const end = useMutation({
    mutationFn: (session_id: string) => api.DELETE('/signet/v1/me/sessions/{session_id}', { params: { path: { session_id } } }),
    onSettled: () => queries.invalidateQueries({ queryKey }),
  });
  // With another identity service there are none here.
  const elsewhere = isNotFound(list.error);
  return (
    <Card title={t('account.sessions')}>
      <Flex vertical gap="middle">
        <Secondary>{elsewhere ? t('account.sessionsElsewhere') : t('account.sessionsText')}</Secondary>
        {!elsewhere && (
          <>
            <Trouble error={list.error ?? end.error} onRetry={() => void list.refetch()} />
            <DataTable
              size="small"
              rowKey="id"
              loading={list.isFetching}
              dataSource={list.data?.pages.flatMap(({ sessions }) => sessions) ?? []}
              pagination={false}
              locale={{ emptyText: ' ' }}
              columns={[
                { title: t('account.program'), render: (_, { user_agent }) => <Name>{programOf(user_agent)}</Name> },
                { title: t('account.address'), dataIndex: 'source_address' },
                { title: t('account.how'), render: (_, { methods }) => methods.join(', ') },
                { title: t('account.since'), render: (_, { created_at }) => <Moment at={created_at} /> },
                { title: t('account.lastUsed'), render: (_, { last_used_at }) => <Moment at={last_used_at} /> },
                { title: t('account.ends'), render: (_, { expires_at }) => <Moment at={expires_at} /> },
                {
                  title: t('common.actions'),
                  render: (_, { id, current }) =>
                    current ? (
                      <Tag color="processing">{t('account.current')}</Tag>
                    ) : (
                      <Popconfirm title={t('account.endConfirm')} okText={t('account.end')} onConfirm={() => end.mutate(id)}>
                        <Button danger loading={end.isPending && end.variables === id}>
                          {t('account.end')}
                        </Button>
                      </Popconfirm>
                    ),
                },
              ]}
            />
            <MoreButton list={list} />
          </>
        )}
      </Flex>
    </Card>
  );
}

/** Of a browser, its name, version and system: the parts of User-Agent that people know. Of other programs, what they call themselves. */
function programOf(userAgent: string): string {
  const browser = [/(Edg|OPR|Firefox|Chrome|Version)\/(\d+)/, /\(([^;)]+)/].map((part) => part.exec(userAgent));
  const [named, system] = browser;
  if (!userAgent.startsWith('Mozilla/') || !named) return userAgent || '–';
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', Version: 'Safari' };
  return [`${names[named[1]!] ?? named[1]} ${named[2]}`, system?.[1]].filter(Boolean).join(' · ');
}
