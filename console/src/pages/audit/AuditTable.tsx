import { useInfiniteQuery } from '@tanstack/react-query';
import { Flex, Tag } from 'antd';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client.ts';
import { MoreButton } from '../../parts/MoreButton.tsx';
import { DataTable } from '../../parts/DataTable.tsx';
import { Moment, Name } from '../../parts/text.tsx';
import { Nothing } from '../../parts/page.tsx';
import { Trouble } from '../../parts/trouble.tsx';

export interface AuditFilter {
  instance_id?: string;
  resource_id?: string;
  action?: string;
  outcome?: 'success' | 'denied';
}

/** Rows of the audit trail, newest first, page after page on demand. */
export function AuditTable({ filter, empty }: { filter: AuditFilter; empty: string }) {
  const { t } = useTranslation();
  const rows = useInfiniteQuery({
    queryKey: ['audit', filter],
    initialPageParam: '',
    queryFn: async ({ signal, pageParam }) =>
      (
        await api.GET('/signet/v1/audit', {
          signal,
          params: { query: { ...filter, limit: 50, ...(pageParam !== '' && { cursor: pageParam }) } },
        })
      ).data as { events: Row[]; next_cursor: string | null },
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
  });
  const events = rows.data?.pages.flatMap((page) => page.events) ?? [];
  return (
    <Flex vertical gap="middle">
      <Trouble error={rows.error} onRetry={() => void rows.refetch()} />
      <DataTable<Row>
        size="small"
        rowKey={({ scope_id, seq }) => `${scope_id} ${seq}`}
        loading={rows.isFetching}
        dataSource={events}
        pagination={false}
        locale={{ emptyText: rows.data ? <Nothing text={empty} /> : ' ' }}
        expandable={{ expandedRowRender: (row) => <pre className="pre">{JSON.stringify(row, null, 2)}</pre> }}
        columns={[
          { title: t('audit.time'), render: (_, { time }) => <Moment at={time} /> },
          { title: t('audit.actor'), render: (_, { user_name }) => <Name>{user_name}</Name> },
          { title: t('audit.action'), dataIndex: 'action' },
          { title: t('audit.thing'), render: (_, { resource_name, resource_id }) => <Name>{resource_name ?? resource_id}</Name> },
          {
            title: t('audit.outcome'),
            render: (_, { outcome }) => <Tag color={outcome === 'denied' ? 'error' : 'default'}>{t(`audit.outcomes.${outcome}`)}</Tag>,
          },
          { title: t('audit.address'), dataIndex: 'source_address' },
        ]}
      />
      <MoreButton list={rows} />
    </Flex>
  );
}

interface Row {
  scope_id: string;
  seq: number;
  time: string;
  user_name: string;
  action: string;
  resource_name: string | null;
  resource_id: string;
  outcome: 'success' | 'denied';
  source_address: string;
}
